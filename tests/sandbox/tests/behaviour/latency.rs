//! Latency: every endpoint takes its time, whatever it answers.
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Bench;

const LATENCY: Duration = Duration::from_millis(120);

#[tokio::test]
async fn every_endpoint_takes_its_time() {
    let each = json!({ "snapchat": 120, "mailchimp": 120, "klaviyo": 120 });
    let bench = Bench::seeded(json!({ "limits": false, "latency_ms": each })).await;
    let paths = [
        ("POST", "/snapchat/login/oauth2/access_token"),
        ("GET", "/snapchat/v1/segments/5677923948298240"),
        ("POST", "/snapchat/v1/segments/5677923948298240/users"),
        ("GET", "/mailchimp/oauth2/metadata"),
        ("GET", "/mailchimp/archive/none/results.tar.gz"),
        ("GET", "/mailchimp/3.0/lists/a1b2c3d4e5/members"),
        ("POST", "/mailchimp/3.0/batches"),
        ("GET", "/klaviyo/api/accounts"),
        ("POST", "/klaviyo/api/profile-bulk-import-jobs"),
        ("GET", "/klaviyo/api/profile-bulk-import-jobs/none/import-errors"),
    ];
    for (method, path) in paths {
        let before = Instant::now();
        bench.client.request(method.parse().unwrap(), bench.url(path)).send().await.unwrap();
        assert!(before.elapsed() >= LATENCY, "{path} took {:?}", before.elapsed());
    }
    let before = Instant::now();
    bench.control("GET", "/sandbox/health", None).await;
    assert!(before.elapsed() < LATENCY, "the control API has none");
}
