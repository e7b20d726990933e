//! Klaviyo's fixed windows, an endpoint each.
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::Bench;
use crate::klaviyo::{LIST, profile};

#[tokio::test]
async fn the_window_says_when_to_come_back() {
    let bench = Bench::new().await;
    let path = "/api/profile-bulk-import-jobs/nope";
    for _ in 0..10 {
        assert_eq!(bench.klaviyo(Method::GET, path, None).await.0, 404);
    }
    let answer = bench.klaviyo_request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(crate::header(&answer, "retry-after"), Some("1"));
    assert_eq!(crate::header(&answer, "ratelimit-remaining"), None);
    let body = crate::body(answer).await;
    let error = &body["errors"][0];
    assert_eq!(
        (&error["code"], &error["detail"]),
        (&json!("throttled"), &json!("Request was throttled. Expected available in 1 second."))
    );
    // Another endpoint has a budget of its own.
    assert_eq!(bench.import(&[profile(json!({ "email": "a@example.com" }))]).await.0, 202);
    tokio::time::sleep(Duration::from_millis(1010)).await;
    assert_eq!(bench.klaviyo(Method::GET, path, None).await.0, 404);
}

#[tokio::test]
async fn the_minute_counts_too() {
    let bench = Bench::new().await;
    let path = format!("/api/lists/{LIST}?additional-fields[list]=profile_count");
    assert_eq!(bench.klaviyo(Method::GET, &path, None).await.1["data"]["attributes"]["profile_count"], 0);
    assert_eq!(bench.klaviyo(Method::GET, &path, None).await.0, 429);
    let plain = format!("/api/lists/{LIST}");
    let mut statuses = Vec::new();
    for _ in 0..74 {
        statuses.push(bench.klaviyo(Method::GET, &plain, None).await.0);
    }
    assert!(statuses.iter().all(|status| *status == 200));
}

#[tokio::test]
async fn accounts_may_be_asked_once_a_second() {
    let bench = Bench::new().await;
    assert_eq!(bench.klaviyo(Method::GET, "/api/accounts", None).await.0, 200);
    assert_eq!(bench.klaviyo(Method::GET, "/api/accounts", None).await.0, 429);
    bench.sandbox.seed_json(json!({ "limits": false })).unwrap();
    assert_eq!(bench.klaviyo(Method::GET, "/api/accounts", None).await.0, 200);
}

#[tokio::test]
async fn a_full_import_of_ten_thousand_is_taken_quickly() {
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 0 } })).await;
    let person = |at: usize| json!({ "email": format!("p{at}@example.com"), "first_name": "Jane", "last_name": "Doe" });
    let profiles: Vec<_> = (0..10_000).map(|at| profile(person(at))).collect();
    let started = std::time::Instant::now();
    assert_eq!(bench.import(&profiles).await.0, 202);
    assert_eq!(bench.emails().len(), 10_000);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
