//! Klaviyo's fixed windows, an endpoint each; and what it refuses or leaves undone without saying why.
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

#[tokio::test]
async fn a_refusal_may_not_say_whose_it_is() {
    let rules = json!([{ "local_prefix": "odd" }]);
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 0, "refuse_silently": rules } })).await;
    let people = |names: &[&str]| {
        names
            .iter()
            .map(|name| profile(json!({ "email": format!("{name}@example.com") })))
            .collect::<Vec<_>>()
    };
    let (status, body) = bench.import(&people(&["a", "odd", "b"])).await;
    let error = &body["errors"][0];
    assert_eq!((status, body["errors"].as_array().unwrap().len()), (400, 1));
    assert_eq!(
        (&error["code"], &error["source"]["pointer"], &error["detail"]),
        (&json!("invalid"), &json!("/data/attributes/profiles/data"), &json!("Invalid input."))
    );
    assert!(bench.emails().is_empty());
    assert_eq!(bench.import(&people(&["odd"])).await.0, 400);
    assert_eq!(bench.import(&people(&["a", "b"])).await.0, 202);
    assert_eq!(bench.emails().len(), 2);
}

#[tokio::test]
async fn a_job_may_never_end() {
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 0, "stall_jobs": 1 } })).await;
    let (_, stalled) = bench.import(&[profile(json!({ "email": "a@example.com" }))]).await;
    let (_, other) = bench.import(&[profile(json!({ "email": "b@example.com" }))]).await;
    for (job, expected) in [(&stalled, "processing"), (&other, "complete")] {
        let path = format!("/api/profile-bulk-import-jobs/{}", job["data"]["id"].as_str().unwrap());
        let (_, job) = bench.klaviyo(Method::GET, &path, None).await;
        assert_eq!(job["data"]["attributes"]["status"], expected);
    }
    assert_eq!(bench.emails(), ["b@example.com"]);
    bench.sandbox.seed_json(json!({ "klaviyo": { "forget_jobs": true } })).unwrap();
    for (job, expected) in [(&stalled, 200), (&other, 404)] {
        let path = format!("/api/profile-bulk-import-jobs/{}", job["data"]["id"].as_str().unwrap());
        assert_eq!(bench.klaviyo(Method::GET, &path, None).await.0, expected);
    }
}
