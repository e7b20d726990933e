//! Mailchimp's asynchronous batches: calls that are made later, and the archive of what came of them.
use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::mailchimp::{LIST, member};
use crate::{Bench, read};

/// The files of a gzipped tar, folders left out.
fn files(archive: &[u8]) -> BTreeMap<String, Value> {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(archive).read_to_end(&mut tar).unwrap();
    assert_eq!(tar.len() % 512, 0);
    let (mut found, mut at) = (BTreeMap::new(), 0);
    while tar[at] != 0 {
        assert_eq!(&tar[at + 257..at + 262], b"ustar");
        let text = |from: usize, to: usize| {
            String::from_utf8_lossy(&tar[at + from..at + to]).trim_end_matches('\0').to_owned()
        };
        let size = usize::from_str_radix(&text(124, 136), 8).unwrap();
        if &text(156, 157) == "0" {
            let content = serde_json::from_slice(&tar[at + 512..at + 512 + size]).unwrap();
            found.insert(text(0, 100), content);
        }
        at += 512 + size.next_multiple_of(512);
    }
    found
}

impl Bench {
    /// Runs a batch to its end; gives it, and its results by operation.
    async fn batched(&self, operations: &[Value]) -> (Value, BTreeMap<String, Value>) {
        let body = json!({ "operations": operations });
        let (status, batch) = self.mailchimp(Method::POST, "/batches", Some(body)).await;
        assert_eq!(status, 200, "{batch}");
        let path = format!("/batches/{}", batch["id"].as_str().unwrap());
        let mut batch = batch;
        while batch["status"] != "finished" {
            tokio::time::sleep(Duration::from_millis(20)).await;
            (_, batch) = self.mailchimp(Method::GET, &path, None).await;
        }
        let archive = self.client.get(batch["response_body_url"].as_str().unwrap()).send().await.unwrap();
        let results = files(&archive.bytes().await.unwrap()).into_values().flat_map(|file| {
            file.as_array()
                .unwrap()
                .clone()
                .into_iter()
                .map(|result| (result["operation_id"].as_str().unwrap().to_owned(), result))
        });
        (batch, results.collect())
    }
}

fn put(hash: &str, id: &str, body: &Value) -> Value {
    json!({ "method": "PUT", "path": format!("/lists/{LIST}/members/{hash}"), "operation_id": id,
        "params": { "skip_merge_validation": "false" }, "body": body.to_string() })
}

#[tokio::test]
async fn a_batch_of_calls_runs_later_and_leaves_an_archive() {
    let bench = Bench::seeded(json!({ "mailchimp": { "batch_ms": 300 } })).await;
    let operations = json!({ "operations": [
        { "method": "POST", "path": format!("/lists/{LIST}/members"), "operation_id": "one",
          "body": member("a@example.com").to_string() },
        { "method": "GET", "path": "/lists/nowhere", "operation_id": "two" },
    ] });
    let (status, batch) = bench.mailchimp(Method::POST, "/batches", Some(operations)).await;
    assert_eq!((status, &batch["status"], &batch["total_operations"]), (200, &json!("pending"), &json!(2)));
    assert_eq!(
        (&batch["response_body_url"], bench.status_of("a@example.com")),
        (&json!(""), "nobody".into())
    );
    tokio::time::sleep(Duration::from_millis(350)).await;
    let path = format!("/batches/{}", batch["id"].as_str().unwrap());
    let (_, batch) = bench.mailchimp(Method::GET, &path, None).await;
    assert_eq!((&batch["status"], &batch["errored_operations"]), (&json!("finished"), &json!(1)));
    assert_eq!(bench.status_of("a@example.com"), "subscribed");
    // Without any credential: the link is one.
    let archive = bench.client.get(batch["response_body_url"].as_str().unwrap()).send().await.unwrap();
    let files = files(&archive.bytes().await.unwrap());
    let results = files.values().next().unwrap();
    assert_eq!((&results[1]["operation_id"], &results[1]["status_code"]), (&json!("one"), &json!(200)));
    assert_eq!(results[0]["status_code"], 404);
    let answer: Value = serde_json::from_str(results[1]["response"].as_str().unwrap()).unwrap();
    assert_eq!(answer["email_address"], "a@example.com");
}

#[tokio::test]
async fn the_results_of_a_thousand_operations_are_in_several_files_and_in_no_order() {
    let bench = Bench::seeded(json!({ "mailchimp": { "batch_ms": 0 } })).await;
    let ping = |id: usize| json!({ "method": "GET", "path": "/ping", "operation_id": id.to_string() });
    let operations: Vec<Value> = (0..1000).map(ping).collect();
    let (batch, results) = bench.batched(&operations).await;
    assert_eq!((&batch["finished_operations"], results.len()), (&json!(1000), 1000));
    let archive = bench.client.get(batch["response_body_url"].as_str().unwrap()).send().await.unwrap();
    let files = files(&archive.bytes().await.unwrap());
    assert_eq!((files.len(), &files["./00000000.json"][0]["operation_id"]), (4, &json!("999")));
    let many: Vec<Value> = (0..1001).map(ping).collect();
    let (status, _) = bench.mailchimp(Method::POST, "/batches", Some(json!({ "operations": many }))).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_five_hundred_and_first_open_batch_is_one_too_many() {
    let bench = Bench::seeded(json!({ "mailchimp": { "batch_ms": 60_000 } })).await;
    let body = json!({ "operations": [{ "method": "GET", "path": "/ping" }] });
    for number in 1..=501 {
        let (status, answer) = bench.mailchimp(Method::POST, "/batches", Some(body.clone())).await;
        assert_eq!(status, if number <= 500 { 200 } else { 429 }, "{answer}");
    }
}

#[tokio::test]
async fn a_put_of_somebody_who_is_there_changes_the_names_and_never_the_status() {
    let statuses =
        ["subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived", "deleted"];
    let contact = |status: &&str| {
        json!({ "email_address": format!("{status}@example.com"), "status": status, "by": "self",
            "merge_fields": { "FNAME": "Old" } })
    };
    let contacts: Vec<Value> = statuses.iter().map(contact).collect();
    let bench = Bench::seeded(json!({ "mailchimp": { "batch_ms": 0, "contacts": contacts } })).await;
    let name_by_address = |email: &str| email.replace('@', "%40");
    let operations: Vec<Value> = statuses
        .iter()
        .chain(&["new", "fake"])
        .map(|name| {
            let email = format!("{name}@example.com");
            let body = json!({ "email_address": email, "status_if_new": "subscribed",
                "merge_fields": { "FNAME": "New" } });
            put(&name_by_address(&email), name, &body)
        })
        .collect();
    let (_, results) = bench.batched(&operations).await;
    for name in statuses {
        let gone = name == "deleted";
        assert_eq!(results[name]["status_code"], if gone { 400 } else { 200 }, "{name}");
        assert_eq!(bench.status_of(&format!("{name}@example.com")), if gone { "nobody" } else { name });
    }
    assert_eq!(results["new"]["status_code"], 200);
    assert_eq!(
        (bench.status_of("new@example.com"), &results["fake"]["status_code"]),
        ("subscribed".into(), &json!(400))
    );
    let audience = &bench.sandbox.audiences().mailchimp[LIST];
    assert_eq!(audience.len(), 7);
    assert!(audience.iter().all(|member| member.merge_fields["FNAME"] == "New"));
}

#[tokio::test]
async fn a_missing_required_field_is_an_operation_s_own_error() {
    let fields = json!([{ "tag": "FNAME", "required": true }]);
    let seed = json!({ "batch_ms": 0, "lists": [{ "id": LIST, "merge_fields": fields }] });
    let bench = Bench::seeded(json!({ "mailchimp": seed })).await;
    let body = json!({ "email_address": "a@example.com", "status_if_new": "subscribed" });
    let mut skipping = put("a%40example.com", "skipping", &body);
    skipping["params"]["skip_merge_validation"] = json!("true");
    let (_, results) = bench.batched(&[put("a%40example.com", "plain", &body)]).await;
    assert_eq!(results["plain"]["status_code"], 400);
    let (_, results) = bench.batched(&[skipping]).await;
    assert_eq!(results["skipping"]["status_code"], 200);
}

#[tokio::test]
async fn tags_are_put_on_contacts_by_a_batch_and_their_status_stays() {
    let contacts =
        json!([{ "email_address": "archived@example.com", "status": "archived", "tags": ["old"] }]);
    let bench = Bench::seeded(json!({ "mailchimp": { "batch_ms": 0, "contacts": contacts } })).await;
    let tag = |hash: &str, id: &str| {
        let body = json!({ "tags": [{ "name": "segue", "status": "active" }] });
        json!({ "method": "POST", "path": format!("/lists/{LIST}/members/{hash}/tags"), "operation_id": id,
            "body": body.to_string() })
    };
    let nobody = "0".repeat(32);
    let (batch, results) = bench.batched(&[tag("archived%40example.com", "1t"), tag(&nobody, "2t")]).await;
    assert_eq!((&results["1t"]["status_code"], &results["1t"]["response"]), (&json!(204), &json!("")));
    assert_eq!((&results["2t"]["status_code"], &batch["errored_operations"]), (&json!(404), &json!(1)));
    let found = &bench.sandbox.audiences().mailchimp[LIST][0];
    assert_eq!(
        (&found.tags[..], found.status.as_str()),
        (&["old".to_owned(), "segue".to_owned()][..], "archived")
    );
}

#[tokio::test]
async fn an_operation_may_fail_on_the_server_s_side() {
    let bench = Bench::seeded(json!({ "mailchimp": { "batch_ms": 0, "fail_operations": 1 } })).await;
    let body =
        |name: &str| json!({ "email_address": format!("{name}@example.com"), "status_if_new": "subscribed" });
    let operations = ["a", "b"].map(|name| put(&format!("{name}%40example.com"), name, &body(name)));
    let (_, results) = bench.batched(&operations).await;
    assert_eq!((&results["a"]["status_code"], &results["b"]["status_code"]), (&json!(500), &json!(200)));
    assert_eq!(bench.status_of("a@example.com"), "nobody");
}

#[tokio::test]
async fn a_query_is_no_part_of_an_operation_s_path() {
    let bench = Bench::seeded(json!({ "mailchimp": { "batch_ms": 0 } })).await;
    let body = json!({ "email_address": "a@example.com", "status_if_new": "subscribed" });
    let mut wrong = put("a%40example.com", "1", &body);
    wrong["path"] = json!(format!("/lists/{LIST}/members/a%40example.com?skip_merge_validation=true"));
    assert_eq!(bench.batched(&[wrong]).await.1["1"]["status_code"], 404);
    assert_eq!(bench.status_of("a@example.com"), "nobody");
}

#[tokio::test]
async fn batches_are_their_accounts_own() {
    let account = json!({ "account_id": "other", "api_key": "other-us19" });
    let bench = Bench::seeded(json!({ "mailchimp": { "accounts": [account] } })).await;
    let body = json!({ "operations": [{ "method": "GET", "path": "/ping" }] });
    let (_, batch) = bench.mailchimp(Method::POST, "/batches", Some(body)).await;
    let url = format!("{}/batches/{}", bench.sandbox.mailchimp_base(), batch["id"].as_str().unwrap());
    assert_eq!(read(bench.client.get(url).bearer_auth("other-us19")).await.0, 404);
}
