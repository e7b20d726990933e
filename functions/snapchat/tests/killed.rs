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
use serde_json::{Value, json};
use snapchat::Snapchat;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

#[tokio::test]
async fn a_kill_at_any_request_changes_nothing() {
    let server = MockServer::start().await;
    let token = json!({"access_token": "t", "expires_in": 3600});
    let tokens = Mock::given(path("/token"));
    tokens.respond_with(ResponseTemplate::new(200).set_body_json(token)).mount(&server).await;
    let list =
        json!([{"sub_request_status": "SUCCESS", "segment": {"id": "AUD1", "source_type": "FIRST_PARTY"}}]);
    let found = json!({"request_status": "SUCCESS", "segments": list});
    let look_up = Mock::given(path("/segments/AUD1"));
    look_up.respond_with(ResponseTemplate::new(200).set_body_json(found)).mount(&server).await;
    let takes_all = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let count = body["users"][0]["data"].as_array().unwrap().len();
        let users = json!([{"sub_request_status": "SUCCESS", "user": {"number_uploaded_users": count}}]);
        ResponseTemplate::new(200).set_body_json(json!({"request_status": "SUCCESS", "users": users}))
    };
    Mock::given(path("/segments/AUD1/users")).respond_with(takes_all).mount(&server).await;
    let secret = r#"{"client_id":"c","client_secret":"s","refresh_token":"r"}"#;
    for moment in 0.. {
        let (base, token_url) = (server.uri(), format!("{}/token", server.uri()));
        let make = move || Box::new(Snapchat::at(base.clone(), token_url.clone())) as _;
        let mut bench = Bench::new(make, secret).await;
        let run = bench.run(3, 2).await;
        let killed = play_and_kill(&mut bench, &run, moment).await;
        check_end(&bench, &run, moment).await;
        if !killed {
            assert!(moment > 30, "only {moment} moments");
            return;
        }
    }
}
