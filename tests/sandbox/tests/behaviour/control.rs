//! The control API: seeding, resetting, looking.
use reqwest::Method;
use serde_json::json;

use crate::Bench;
use crate::klaviyo::profile;

#[tokio::test]
async fn audiences_and_stats_are_shown_as_documented() {
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 0 } })).await;
    let empty = json!({
        "snapchat": { "5677923948298240": [], "5677923948298241": [] },
        "mailchimp": { "a1b2c3d4e5": [] },
        "klaviyo": { "YafG4m": [] },
    });
    assert_eq!(bench.control("GET", "/sandbox/audiences", None).await, (200, empty));
    let jane = json!({ "email_address": "jane@example.com", "status": "subscribed", "merge_fields": { "FNAME": "Jane" } });
    bench.subscribe("", json!({ "members": [jane] })).await;
    bench.import(&[profile(json!({ "email": "jane@example.com", "first_name": "Jane" }))]).await;
    let (_, audiences) = bench.control("GET", "/sandbox/audiences", None).await;
    let jane = json!({ "email_address": "jane@example.com", "status": "subscribed", "merge_fields": { "FNAME": "Jane" }, "tags": [] });
    assert_eq!(audiences["mailchimp"]["a1b2c3d4e5"], json!([jane]));
    let jane = json!({ "email": "jane@example.com", "first_name": "Jane", "last_name": null });
    assert_eq!(audiences["klaviyo"]["YafG4m"], json!([jane]));
    let (_, stats) = bench.control("GET", "/sandbox/stats", None).await;
    assert_eq!(stats["mailchimp"]["endpoints"]["POST /3.0/lists/{id}"]["200"], 1);
    assert_eq!(stats["klaviyo"]["endpoints"]["POST /api/profile-bulk-import-jobs"]["202"], 1);
}

#[tokio::test]
async fn a_seed_adds_accounts_that_see_only_their_own() {
    let seed = json!({
        "mailchimp": {
            "accounts": [{ "account_id": "second", "api_key": "second-us19" }],
            "lists": [{ "id": "f6f7f8f9f0", "account_id": "second" }],
        },
        "snapchat": { "segments": [{ "id": "77", "hashes": ["0".repeat(64)] }] },
    });
    let bench = Bench::new().await;
    assert_eq!(bench.control("POST", "/sandbox/seed", Some(seed)).await.0, 200);
    let get = |path: &str| {
        let url = bench.sandbox.mailchimp_base() + path;
        crate::read(bench.client.get(url).bearer_auth("second-us19"))
    };
    assert_eq!(get("/lists/f6f7f8f9f0").await.0, 200);
    assert_eq!(get("/lists/a1b2c3d4e5").await.0, 404);
    assert_eq!(bench.mailchimp(Method::GET, "/lists/f6f7f8f9f0", None).await.0, 404);
    assert_eq!(bench.sandbox.audiences().snapchat["77"].len(), 1);
    assert_eq!(bench.control("POST", "/sandbox/reset", None).await.0, 200);
    assert_eq!(get("/lists/f6f7f8f9f0").await.0, 401);
    assert!(!bench.sandbox.audiences().snapchat.contains_key("77"));
}

#[tokio::test]
async fn a_misspelt_seed_is_refused() {
    let bench = Bench::new().await;
    for wrong in [
        json!({ "snapchatt": {} }),
        json!({ "klaviyo": { "jobms": 1 } }),
        json!({ "mailchimp": { "contacts": [{ "email_address": "a@b.de", "status": "happy" }] } }),
    ] {
        assert_eq!(bench.control("POST", "/sandbox/seed", Some(wrong)).await.0, 400);
    }
    assert_eq!(bench.control("GET", "/sandbox/health", None).await, (200, json!({ "ok": true })));
}

#[tokio::test]
async fn a_dropped_sandbox_stops_listening() {
    let bench = Bench::new().await;
    let url = bench.url("/sandbox/health");
    let Bench { sandbox, client } = bench;
    drop(sandbox);
    assert!(client.get(url).send().await.is_err());
}
