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
use klaviyo::Klaviyo;
use lane::Bench;
use serde_json::json;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn a_kill_at_any_request_changes_nothing_but_the_number_of_jobs() {
    let server = MockServer::start().await;
    let answer = |status, body| ResponseTemplate::new(status).set_body_json(body);
    let imports = Mock::given(method("POST"));
    imports.respond_with(answer(202, json!({"data": {"id": "J"}}))).mount(&server).await;
    let errors = Mock::given(path_regex("/import-errors$"));
    errors.respond_with(answer(200, json!({"data": [], "links": {}}))).mount(&server).await;
    let complete = json!({"data": {"attributes": {"status": "complete", "failed_count": 0}}});
    Mock::given(method("GET")).respond_with(answer(200, complete)).mount(&server).await;

    let mut imports_before = 0;
    for moment in 0.. {
        let uri = server.uri();
        let make = move || Box::new(Klaviyo::at(uri.clone())) as _;
        let mut bench = Bench::new(make, r#"{"private_key":"pk"}"#).await;
        let run = bench.run(3, 2).await;
        let killed = play_and_kill(&mut bench, &run, moment).await;
        check_end(&bench, &run, moment).await;
        let requests = server.received_requests().await.unwrap();
        let imports = requests.iter().filter(|request| request.method.as_str() == "POST").count();
        assert!((2..=3).contains(&(imports - imports_before)), "one job more at the most");
        imports_before = imports;
        if !killed {
            assert!(moment > 60, "only {moment} moments");
            return;
        }
    }
}
