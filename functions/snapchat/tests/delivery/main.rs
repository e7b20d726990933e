//! Chunks to a scripted Snapchat: each status and each oddity that the API is known for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../../tests/support/lane.rs"]
mod lane;
mod messages;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/script.rs"]
mod script;
mod tokens;

use std::time::Duration;

use segue_state::{Outcome, Status};
use serde_json::{Value, json};
use snapchat::Snapchat;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use lane::{Bench, MINUTES, Played};
use script::{json_answer, script, text_answer};

const USERS: &str = "/v1/segments/AUD1/users";
const GOOD: &str = r#"{"client_id":"id","client_secret":"hush","refresh_token":"first"}"#;

struct Snap {
    server: MockServer,
    bench: Bench,
}

impl Snap {
    /// With these answers to pushes, and a token endpoint that is in order.
    async fn new(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        Self::with_tokens([token("one"), token("two"), token("three")], answers).await
    }

    async fn with_tokens(
        tokens: impl IntoIterator<Item = ResponseTemplate>,
        answers: impl IntoIterator<Item = ResponseTemplate>,
    ) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST")).and(path("/token")).respond_with(script(tokens)).mount(&server).await;
        Mock::given(method("POST")).and(path(USERS)).respond_with(script(answers)).mount(&server).await;
        customer_list(&server).await;
        let (base, token_url) = (format!("{}/v1", server.uri()), format!("{}/token", server.uri()));
        let make = move || Box::new(Snapchat::at(base.clone(), token_url.clone())) as _;
        Self { bench: Bench::new(make, GOOD).await, server }
    }

    async fn requests(&self, path: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|request| request.url.path() == path).collect()
    }

    async fn pushes(&self) -> usize {
        self.requests(USERS).await.len()
    }

    async fn tokens(&self) -> usize {
        self.requests("/token").await.len()
    }
}

/// The audience is there, and it is one that can be filled.
async fn customer_list(server: &MockServer) {
    let segment = json!({"id": "AUD1", "source_type": "FIRST_PARTY"});
    let body = json!({"request_status": "SUCCESS", "segments": [{"sub_request_status": "SUCCESS", "segment": segment}]});
    let look_up = Mock::given(method("GET")).and(path("/v1/segments/AUD1"));
    look_up.respond_with(json_answer(200, &body)).mount(server).await;
}

fn token(text: &str) -> ResponseTemplate {
    json_answer(200, &json!({"access_token": text, "token_type": "Bearer", "expires_in": 3600}))
}

/// How many people a push has.
fn hashes(push: &Request) -> usize {
    let body: Value = push.body_json().unwrap();
    body["users"][0]["data"].as_array().unwrap().len()
}

fn took(count: u64) -> ResponseTemplate {
    json_answer(200, &took_body("SUCCESS", count))
}

fn took_body(word: &str, count: u64) -> Value {
    json!({"request_status": word, "request_id": "57c4",
           "users": [{"sub_request_status": word, "user": {"number_uploaded_users": count}}]})
}

#[tokio::test]
async fn a_chunk_goes_out_in_one_call_with_a_token_that_was_exchanged() {
    let snap = Snap::new([took(3)]).await;
    let run = snap.bench.run(3, 300_000).await;
    assert_eq!(snap.bench.deliver(&run, 0).await, Played::Done);

    let push = &snap.requests(USERS).await[0];
    assert_eq!(push.headers["authorization"], "Bearer one");
    let body: Value = push.body_json().unwrap();
    assert_eq!(body["users"][0]["schema"], json!(["EMAIL_SHA256"]));
    assert_eq!(hashes(push), 3);
    let form = String::from_utf8(snap.requests("/token").await[0].body.clone()).unwrap();
    assert_eq!(form, "grant_type=refresh_token&refresh_token=first&client_id=id&client_secret=hush");
    let summary = snap.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.api_calls), (Status::Completed, 3, 2));
    assert!(!snap.bench.is_staged(&run, 0), "delivered profiles are kept");
}

#[tokio::test]
async fn a_token_is_used_for_many_messages() {
    let snap = Snap::new([took(1)]).await;
    let run = snap.bench.run(3, 1).await;
    assert_eq!(snap.bench.play_out(&run).await.status, Status::Completed);
    assert_eq!((snap.tokens().await, snap.pushes().await), (1, 3));
}

#[tokio::test]
async fn a_call_has_a_hundred_thousand_identifiers_at_the_most() {
    let snap = Snap::new([took(0)]).await;
    let counts = |request: &Request| took(hashes(request) as u64);
    Mock::given(path(USERS)).respond_with(counts).with_priority(1).mount(&snap.server).await;
    let run = snap.bench.run(200_001, 300_000).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.chunks, summary.api_calls), (200_001, 1, 4));
    assert!(snap.requests(USERS).await.iter().all(|push| hashes(push) <= 100_000));
}

#[tokio::test]
async fn no_permission_fails_the_run_at_once() {
    let body = json!({"request_status": "ERROR", "request_id": "98e2", "error_code": "E3002",
                      "debug_message": "Caller does not have permission", "display_message": "We're sorry"});
    let snap = Snap::new([json_answer(403, &body)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed, snap.pushes().await), (Status::Failed, 2, 1));
    assert!(summary.message.contains("may not write to this audience"), "{}", summary.message);
}

#[tokio::test]
async fn an_unknown_audience_fails_the_run_at_once_and_says_what_to_check() {
    let snap = Snap::new([json_answer(404, &json!({"request_status": "ERROR"}))]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, snap.pushes().await), (Status::Failed, 1));
    assert!(summary.message.contains("audience_id"), "{}", summary.message);
}

#[tokio::test]
async fn a_malformed_call_is_made_once_more_with_a_new_token_and_fails_the_run_without_the_vendors_text() {
    let body = json!({"request_status": "ERROR", "debug_message": "person-1@example.com is odd"});
    let snap = Snap::new([json_answer(400, &body)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, snap.pushes().await), (Status::Failed, 2));
    assert!(summary.message.contains("HTTP 400"), "{}", summary.message);
    assert!(!snap.bench.everything_recorded().await.contains("person-1"));
}

#[tokio::test]
async fn throttling_without_a_hint_is_waited_out() {
    let snap = Snap::new([text_answer(429, ""), text_answer(429, "slow down"), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 2));
    assert_eq!((summary.api_calls, summary.retries), (4, 2));
}

#[tokio::test]
async fn a_server_error_is_waited_out() {
    let snap = Snap::new([text_answer(500, "oops"), text_answer(502, "<html>"), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    assert_eq!(snap.bench.play_out(&run).await.status, Status::Completed);
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let snap = Snap::new([took(2)]).await;
    let breaks = Mock::given(path(USERS))
        .respond_with_err(|_: &Request| std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        .up_to_n_times(1)
        .with_priority(1);
    breaks.mount(&snap.server).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 2));
    assert_eq!(
        (summary.api_calls, summary.retries),
        (2, 1),
        "a request without an answer is no answered one"
    );
}

#[tokio::test]
async fn a_slow_answer_is_left_to_another_invocation_and_is_no_crash() {
    let snap = Snap::new([took(2).set_delay(Duration::from_secs(20)), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    snap.bench.deliver_again(&run, 0, Duration::from_millis(10_700)).await.pause();
    let progress = snap.bench.progress(&run, 0).await;
    assert_eq!((progress.running, progress.crashes, progress.pauses), (false, 0, 1));
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(snap.bench.summary(&run).await.counts.accepted, 2);
}

#[tokio::test]
async fn what_is_missing_from_the_count_is_unknown() {
    let snap = Snap::new([took(3)]).await;
    let run = snap.bench.run(5, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.unknown), (3, 2));
    assert_eq!(summary.status, Status::Completed);
}

#[tokio::test]
async fn a_count_that_is_too_high_makes_no_more_rows_than_were_sent() {
    let snap = Snap::new([took(9)]).await;
    let run = snap.bench.run(5, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.unknown), (5, 0));
}

#[tokio::test]
async fn a_success_that_is_no_json_is_asked_for_again() {
    let snap = Snap::new([text_answer(200, "<html>gateway</html>"), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.unknown, summary.retries), (2, 0, 1));
}

#[tokio::test]
async fn the_case_of_the_status_words_does_not_matter() {
    let snap = Snap::new([json_answer(200, &took_body("success", 2))]).await;
    let run = snap.bench.run(2, 10).await;
    assert_eq!(snap.bench.play_out(&run).await.counts.accepted, 2);
}

#[tokio::test]
async fn a_failed_sub_request_within_a_success_is_a_failure() {
    let body = json!({"request_status": "SUCCESS",
                      "users": [{"sub_request_status": "ERROR", "sub_request_error_reason": "person-1@example.com"}]});
    let snap = Snap::new([json_answer(200, &body)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(!snap.bench.everything_recorded().await.contains("person-1"));
}

#[tokio::test]
async fn a_pause_beyond_the_invocation_is_handed_to_the_queue_and_is_no_attempt() {
    let throttled = text_answer(429, "").insert_header("retry-after", "40");
    let snap = Snap::new([throttled, took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let pause = snap.bench.deliver_again(&run, 0, Duration::from_secs(30)).await.pause();
    assert!((Duration::from_secs(40)..Duration::from_secs(42)).contains(&pause), "{pause:?}");
    let progress = snap.bench.progress(&run, 0).await;
    assert_eq!((progress.pauses, progress.crashes, progress.running), (1, 0, false));
    assert!(!snap.bench.has_receipt(&run, 0).await);

    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    let receipt = snap.bench.receipt(&run, 0).await;
    assert_eq!((receipt.outcome, receipt.accepted, receipt.api_calls), (Outcome::Delivered, 2, 3));
}

#[tokio::test]
async fn an_absurd_retry_after_does_no_harm() {
    let absurd = text_answer(429, "").insert_header("retry-after", "18446744073709551615");
    let snap = Snap::new([absurd, took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    snap.bench.deliver(&run, 0).await.pause();
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
}
