//! The record of requests: complete, valid under load, without credentials.
use std::path::Path;

use reqwest::Method;
use sandbox::{Options, Recorded, Sandbox};
use serde_json::{Value, json};

use crate::Bench;
use crate::mailchimp::member;
use crate::snapchat::hash;

async fn recording_to(folder: &Path) -> Bench {
    let options = Options { record: Some(folder.to_owned()), ..Options::default() };
    Bench { sandbox: Sandbox::start_with(options).await.unwrap(), client: reqwest::Client::new() }
}

fn lines(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("requests.ndjson")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_request_is_recorded_and_no_credential_is() {
    let folder = tempfile::tempdir().unwrap();
    let bench = recording_to(folder.path()).await;
    let token = bench.snapchat_token().await;
    bench.upload(&token, &[hash("a@example.com")]).await;
    bench.mailchimp(Method::GET, "/ping", None).await;
    let pretty = "{\n  \"members\": []\n}";
    let url = bench.sandbox.mailchimp_base() + "/lists/a1b2c3d4e5?skip_merge_validation=true";
    crate::read(bench.client.post(url).bearer_auth("sandbox-oauth").body(pretty)).await;
    bench.klaviyo(Method::GET, "/api/lists", None).await;

    let text = std::fs::read_to_string(folder.path().join("requests.ndjson")).unwrap();
    for secret in
        ["sandbox-secret", "sandbox-refresh", &token, "sandbox-oauth", "sandboxkey", "pk_sandbox", "YW55b25l"]
    {
        assert!(!text.contains(secret), "{secret}");
    }
    let lines = lines(folder.path());
    let seen: Vec<(&str, &str, i64)> = lines
        .iter()
        .map(|line| {
            (
                line["destination"].as_str().unwrap(),
                line["path"].as_str().unwrap(),
                line["status"].as_i64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("snapchat", "/snapchat/login/oauth2/access_token", 200),
        ("snapchat", "/snapchat/v1/segments/5677923948298240/users", 200),
        ("mailchimp", "/mailchimp/3.0/ping", 200),
        ("mailchimp", "/mailchimp/3.0/lists/a1b2c3d4e5", 200),
        ("klaviyo", "/klaviyo/api/lists", 200),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        lines[0]["body"],
        "grant_type=refresh_token&refresh_token=[cut]&client_id=[cut]&client_secret=[cut]"
    );
    assert_eq!(lines[1]["body"]["users"][0]["data"][0][0], hash("a@example.com"));
    assert_eq!(lines[2]["body"], Value::Null);
    assert_eq!(
        (&lines[3]["body"], &lines[3]["query"]),
        (&json!({ "members": [] }), &json!("skip_merge_validation=true"))
    );
    assert_eq!(
        (&lines[4]["headers"]["revision"], lines[4]["headers"].get("authorization")),
        (&json!("2026-07-15"), None)
    );

    let typed: Vec<Recorded> = bench.sandbox.requests();
    let typed: Vec<Value> = typed.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
    assert_eq!(typed, lines);
}

#[tokio::test]
async fn lines_stay_whole_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let bench = recording_to(folder.path()).await;
    bench.sandbox.seed_json(json!({ "limits": false })).unwrap();
    let send = |task: usize| {
        let url = bench.sandbox.mailchimp_base() + "/lists/a1b2c3d4e5";
        let members: Vec<Value> = (0..200).map(|row| member(&format!("p{task}x{row}@example.com"))).collect();
        let request =
            bench.client.post(url).bearer_auth("sandbox-oauth").json(&json!({ "members": members }));
        tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
    };
    let tasks: Vec<_> = (0..40).map(send).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    let lines = lines(folder.path());
    assert_eq!(lines.len(), 40);
    assert_eq!(
        lines.iter().map(|line| line["body"]["members"].as_array().unwrap().len()).sum::<usize>(),
        8000
    );
    assert_eq!(bench.sandbox.audiences().mailchimp["a1b2c3d4e5"].len(), 8000);
}

#[tokio::test]
async fn a_second_start_appends() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        recording_to(folder.path()).await.mailchimp(Method::GET, "/ping", None).await;
    }
    assert_eq!(lines(folder.path()).len(), 2);
}
