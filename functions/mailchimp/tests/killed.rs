//! A function that is killed before or after any of its requests to AWS: the end is the same as without.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[path = "../../../tests/support/killed_lane.rs"]
mod killed_lane;
#[path = "../../../tests/support/killing.rs"]
mod killing;
#[allow(dead_code, reason = "only a part of the bench is used here")]
#[path = "../../../tests/support/lane.rs"]
mod lane;

use killed_lane::{check_end, play_and_kill};
use lane::Bench;
use mailchimp::Mailchimp;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Kills at each request in turn, of which there must be more than `least`.
async fn at_every_moment(server: &MockServer, least: u64, change: impl Fn(&mut Bench)) {
    for moment in 0.. {
        let uri = server.uri();
        let make = move || Box::new(Mailchimp::at(uri.clone(), uri.clone())) as _;
        let mut bench = Bench::new(make, r#"{"api_key":"0-us1"}"#).await;
        change(&mut bench);
        let run = bench.run(3, 2).await;
        let killed = play_and_kill(&mut bench, &run, moment).await;
        check_end(&bench, &run, moment).await;
        if !killed {
            assert!(moment > least, "only {moment} moments");
            return;
        }
    }
}

#[tokio::test]
async fn a_kill_at_any_request_changes_nothing() {
    let server = MockServer::start().await;
    let takes_all = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let created = body["members"].as_array().unwrap().len();
        let counts = json!({"errors": [], "error_count": 0, "total_created": created, "total_updated": 0});
        ResponseTemplate::new(200).set_body_json(counts)
    };
    Mock::given(method("POST")).respond_with(takes_all).mount(&server).await;
    // The look-ups: an audience without required fields, which nobody has left.
    let found = json!({"id": "AUD1", "name": "VIP", "merge_fields": [], "members": [], "total_items": 0});
    let look_ups = Mock::given(method("GET"));
    look_ups.respond_with(ResponseTemplate::new(200).set_body_json(found)).mount(&server).await;
    at_every_moment(&server, 30, |_| {}).await;
}

#[tokio::test]
async fn a_kill_at_any_request_changes_nothing_where_batches_are_followed() {
    let server = MockServer::start().await;
    let started = json!({"id": "8b", "status": "pending"});
    Mock::given(method("POST"))
        .and(path("/batches"))
        .respond_with(ResponseTemplate::new(200).set_body_json(started))
        .mount(&server)
        .await;
    // Every answer to a look-up, with one contact who left, and to a look at a batch.
    let found = json!({"merge_fields": [], "members": [{"id": "0".repeat(32)}], "total_items": 1,
                       "id": "8b", "status": "finished", "errored_operations": 0});
    let looks = Mock::given(method("GET"));
    looks.respond_with(ResponseTemplate::new(200).set_body_json(found)).mount(&server).await;
    at_every_moment(&server, 40, |bench| bench.change_export(&json!({"existing_contacts": "update"}))).await;
}
