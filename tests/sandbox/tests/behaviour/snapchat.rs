//! Snapchat: tokens, segments, users, the averages.
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Bench, read};

const LIST: &str = "5677923948298240";

pub(crate) fn hash(email: &str) -> String {
    Sha256::digest(email.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

pub(crate) fn users(hashes: &[String]) -> Value {
    let data: Vec<[&String; 1]> = hashes.iter().map(|hash| [hash]).collect();
    json!({ "users": [{ "schema": ["EMAIL_SHA256"], "data": data }] })
}

impl Bench {
    pub(crate) async fn refresh(&self, refresh_token: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", "sandbox-client"),
            ("client_secret", "sandbox-secret"),
        ];
        read(self.client.post(self.sandbox.snapchat_token_url()).form(&form)).await
    }

    pub(crate) async fn snapchat_token(&self) -> String {
        let (status, body) = self.refresh("sandbox-refresh").await;
        assert_eq!(status, 200);
        body["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn snapchat(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let request = self.client.request(method, self.sandbox.snapchat_base() + path).bearer_auth(token);
        read(if let Some(body) = body { request.json(&body) } else { request }).await
    }

    pub(crate) async fn upload(&self, token: &str, hashes: &[String]) -> (u16, Value) {
        self.snapchat(token, Method::POST, &format!("/segments/{LIST}/users"), Some(users(hashes))).await
    }
}

#[tokio::test]
async fn users_are_added_removed_and_counted() {
    let bench = Bench::new().await;
    let token = bench.snapchat_token().await;
    let hashes: Vec<String> = ["jane.doe@example.com", "b@example.com"].map(hash).into();
    assert_eq!(hashes[0], "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d");
    let (status, body) = bench.upload(&token, &hashes).await;
    assert_eq!((status, &body["request_status"]), (200, &json!("SUCCESS")));
    assert_eq!(body["users"][0]["sub_request_status"], "SUCCESS");
    assert_eq!(body["users"][0]["user"]["number_uploaded_users"], 2);
    let mut sorted = hashes.clone();
    sorted.sort_unstable();
    assert_eq!(bench.sandbox.audiences().snapchat[LIST], sorted);

    bench.upload(&token, &hashes).await;
    let counted = bench.sandbox.stats().snapchat;
    assert_eq!((counted.rows, counted.repeats), (4, 2));

    let path = format!("/segments/{LIST}/users");
    let (status, _) = bench.snapchat(&token, Method::DELETE, &path, Some(users(&hashes[..1]))).await;
    assert_eq!((status, bench.sandbox.audiences().snapchat[LIST].clone()), (200, vec![hashes[1].clone()]));
    let (status, body) =
        bench.snapchat(&token, Method::DELETE, &format!("/segments/{LIST}/all_users"), None).await;
    assert_eq!((status, &body["segments"][0]["segment"]["id"]), (200, &json!(LIST)));
    assert!(bench.sandbox.audiences().snapchat[LIST].is_empty());
}

#[tokio::test]
async fn anything_but_lower_case_hashes_of_addresses_is_refused() {
    let bench = Bench::seeded(json!({ "limits": false })).await;
    let token = bench.snapchat_token().await;
    let good = hash("a@example.com");
    let wrong = [
        users(&[good.to_uppercase()]),
        users(&["jane.doe@example.com".into()]),
        users(&[]),
        json!({ "users": [{ "schema": ["PHONE_SHA256"], "data": [[good]] }] }),
        json!({ "users": [{ "schema": ["EMAIL_SHA256"], "data": [[good, good]] }] }),
        json!({ "users": [{ "schema": ["EMAIL_SHA256"], "data": [good] }] }),
        json!({ "users": [{ "schema": ["EMAIL_SHA256"], "data": [[good]], "email": "a@example.com" }] }),
        json!({ "users": [users(&[])["users"][0], users(&[])["users"][0]] }),
        json!({ "data": users(std::slice::from_ref(&good)) }),
    ];
    for body in wrong {
        let path = format!("/segments/{LIST}/users");
        let (status, answer) = bench.snapchat(&token, Method::POST, &path, Some(body.clone())).await;
        assert_eq!((status, &answer["request_status"]), (400, &json!("ERROR")), "{body}");
        assert!(answer["error_code"].is_string() && answer["debug_message"].is_string());
    }
    assert!(bench.sandbox.audiences().snapchat[LIST].is_empty());
}

#[tokio::test]
async fn a_hundred_thousand_identifiers_fit_and_one_more_does_not() {
    let bench = Bench::new().await;
    let token = bench.snapchat_token().await;
    let hashes: Vec<String> = (0..100_001).map(|number| format!("{number:064x}")).collect();
    let started = std::time::Instant::now();
    let (status, body) = bench.upload(&token, &hashes[..100_000]).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((status, &body["users"][0]["user"]["number_uploaded_users"]), (200, &json!(100_000)));
    assert_eq!(bench.upload(&token, &hashes).await.0, 400);
}

#[tokio::test]
async fn segments_that_are_not_the_callers_customer_lists_are_refused() {
    let bench = Bench::new().await;
    let token = bench.snapchat_token().await;
    let path = |id: &str| format!("/segments/{id}/users");
    let body = users(&[hash("a@example.com")]);
    let (status, answer) =
        bench.snapchat(&token, Method::POST, &path("5600000000000403"), Some(body.clone())).await;
    assert_eq!((status, &answer["error_code"]), (403, &json!("E3002")));
    assert_eq!(answer["debug_message"], "Caller does not have permission");
    assert_eq!(bench.snapchat(&token, Method::POST, &path("1"), Some(body.clone())).await.0, 404);
    assert_eq!(bench.snapchat(&token, Method::POST, &path("5677923948298241"), Some(body)).await.0, 400);
    let (_, answer) = bench.snapchat(&token, Method::GET, "/segments/5677923948298241", None).await;
    assert_eq!(answer["segments"][0]["segment"]["source_type"], "ENGAGEMENT");
}

#[tokio::test]
async fn the_account_is_found_step_by_step() {
    let bench = Bench::new().await;
    let token = bench.snapchat_token().await;
    let (_, me) = bench.snapchat(&token, Method::GET, "/me", None).await;
    let (_, organizations) = bench.snapchat(&token, Method::GET, "/me/organizations", None).await;
    let organization = organizations["organizations"][0]["organization"]["id"].as_str().unwrap();
    assert_eq!(me["me"]["organization_id"], organization);
    let path = format!("/organizations/{organization}/adaccounts");
    let (_, accounts) = bench.snapchat(&token, Method::GET, &path, None).await;
    let account = accounts["adaccounts"][0]["adaccount"]["id"].as_str().unwrap();
    let path = format!("/adaccounts/{account}/segments");
    let (_, segments) = bench.snapchat(&token, Method::GET, &path, None).await;
    assert_eq!(segments["segments"].as_array().unwrap().len(), 2);
    let new =
        json!({ "segments": [{ "name": "New", "source_type": "FIRST_PARTY", "ad_account_id": account }] });
    let (status, made) = bench.snapchat(&token, Method::POST, &path, Some(new)).await;
    let segment = &made["segments"][0]["segment"];
    assert_eq!((status, segment.get("upload_status")), (200, None));
    let path = format!("/segments/{}", segment["id"].as_str().unwrap());
    assert_eq!(bench.snapchat(&token, Method::DELETE, &path, None).await.0, 200);
    assert_eq!(bench.snapchat(&token, Method::GET, &path, None).await.0, 404);
}

#[tokio::test]
async fn a_bad_token_is_told_in_one_word() {
    let bench = Bench::new().await;
    let answer =
        bench.client.get(bench.sandbox.snapchat_base() + "/me").bearer_auth("nonsense").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.text().await.unwrap(), "unauthorized");
}

#[tokio::test]
async fn tokens_expire_and_refresh_tokens_rotate() {
    let bench = Bench::seeded(json!({ "snapchat": { "expires_in": 1, "rotation": true } })).await;
    let (_, first) = bench.refresh("sandbox-refresh").await;
    assert_eq!((&first["expires_in"], &first["token_type"]), (&json!(1), &json!("Bearer")));
    let token = first["access_token"].as_str().unwrap();
    assert_eq!(bench.snapchat(token, Method::GET, "/me", None).await.0, 200);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(bench.snapchat(token, Method::GET, "/me", None).await.0, 401);
    let (status, dead) = bench.refresh("sandbox-refresh").await;
    assert_eq!((status, &dead["error"]), (400, &json!("invalid_grant")));
    let (status, _) = bench.refresh(first["refresh_token"].as_str().unwrap()).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn without_rotation_the_old_refresh_token_stays_good() {
    let bench = Bench::new().await;
    assert_eq!(bench.refresh("sandbox-refresh").await.1["refresh_token"], "sandbox-refresh");
    bench.sandbox.seed_json(json!({ "snapchat": { "omit_refresh_token": true } })).unwrap();
    assert_eq!(bench.refresh("sandbox-refresh").await.1.get("refresh_token"), None);
    let token = bench.snapchat_token().await;
    bench.sandbox.seed_json(json!({ "snapchat": { "expire_tokens": true } })).unwrap();
    assert_eq!(bench.snapchat(&token, Method::GET, "/me", None).await.0, 401);
}

#[tokio::test]
async fn more_than_ten_requests_a_second_are_too_many_for_a_token() {
    let bench = Bench::new().await;
    let token = bench.snapchat_token().await;
    let mut throttled = 0;
    for _ in 0..30 {
        let answer =
            bench.client.get(bench.sandbox.snapchat_base() + "/me").bearer_auth(&token).send().await.unwrap();
        if answer.status() == 429 {
            assert_eq!(crate::header(&answer, "retry-after"), None);
            throttled += 1;
        }
    }
    assert!((10..=20).contains(&throttled), "{throttled}");
    assert_eq!(bench.sandbox.stats().snapchat.throttled, throttled);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.snapchat(&token, Method::GET, "/me", None).await.0, 200);
}

#[tokio::test]
async fn all_tokens_of_an_app_share_twenty_a_second() {
    let bench = Bench::new().await;
    let mut answered = 0;
    for _ in 0..4 {
        let token = bench.snapchat_token().await;
        for _ in 0..10 {
            answered += u32::from(bench.snapchat(&token, Method::GET, "/me", None).await.0 == 200);
        }
    }
    assert!((20..36).contains(&answered), "{answered}");
}

#[tokio::test]
async fn an_undercount_leaves_the_last_ones_out() {
    let bench = Bench::seeded(json!({ "snapchat": { "undercount": 3 } })).await;
    let token = bench.snapchat_token().await;
    let hashes: Vec<String> = (0..10).map(|number| format!("{number:064x}")).collect();
    let (_, body) = bench.upload(&token, &hashes).await;
    assert_eq!(body["users"][0]["user"]["number_uploaded_users"], 7);
    assert_eq!(bench.sandbox.audiences().snapchat[LIST], hashes[..7]);
}
