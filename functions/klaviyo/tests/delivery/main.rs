//! Chunks to a scripted Klaviyo: each status and each oddity that the API is known for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

mod jobs;
#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../../tests/support/lane.rs"]
mod lane;
mod rows;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/script.rs"]
mod script;

use std::time::{Duration, Instant};

use klaviyo::Klaviyo;
use segue_platform::Outgoing;
use segue_state::Status;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use lane::{Bench, MINUTES, Played, QUEUE, TIMER, email};
use script::{json_answer, script, text_answer};

const JOBS: &str = "/api/profile-bulk-import-jobs";
const KEY: &str = r#"{"private_key":"pk_hush"}"#;

struct Klav {
    server: MockServer,
    bench: Bench,
}

impl Klav {
    /// With these answers to imports; jobs are complete and without errors unless a test says otherwise.
    async fn new(imports: impl Respond + 'static) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST")).and(path(JOBS)).respond_with(imports).mount(&server).await;
        let uri = server.uri();
        let bench = Bench::new(move || Box::new(Klaviyo::at(uri.clone())) as _, KEY).await;
        let klav = Self { server, bench };
        klav.jobs_are(job("complete", 0), 9).await;
        let errors = Mock::given(method("GET")).and(path_regex("/import-errors$"));
        errors.respond_with(page(&[], None)).with_priority(9).mount(&klav.server).await;
        klav
    }

    async fn jobs_are(&self, answers: impl Respond + 'static, priority: u8) {
        let jobs = Mock::given(method("GET")).and(path_regex("^/api/profile-bulk-import-jobs/[^/]+$"));
        jobs.respond_with(answers).with_priority(priority).mount(&self.server).await;
    }

    async fn requests(&self, verb: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|request| request.method.as_str() == verb).collect()
    }

    async fn imports(&self) -> usize {
        self.requests("POST").await.len()
    }

    /// The one message that waits, taken out of the queue.
    fn waiting(&self) -> (String, Outgoing) {
        let mut sent = self.bench.queue.take();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// Plays the timer's message, and hands out the follow-up that it becomes.
    async fn follow_up(&self) -> (String, Outgoing) {
        let (queue, timer) = self.waiting();
        assert_eq!(queue, TIMER);
        assert_eq!(self.bench.play(&timer.body, TIMER, 1, MINUTES).await, Played::Done);
        let (queue, follow) = self.waiting();
        assert_eq!(queue, QUEUE);
        (queue, follow)
    }
}

fn accepted(id: &str) -> ResponseTemplate {
    let body =
        json!({"data": {"type": "profile-bulk-import-job", "id": id, "attributes": {"status": "queued"}}});
    json_answer(202, &body)
}

fn job(status: &str, failed: u64) -> ResponseTemplate {
    let attributes = json!({"status": status, "failed_count": failed});
    json_answer(
        200,
        &json!({"data": {"type": "profile-bulk-import-job", "id": "J", "attributes": attributes}}),
    )
}

fn import_error(row: u64) -> Value {
    json!({"type": "import-error", "id": format!("e{row}"), "attributes": {
        "code": "invalid", "title": "Invalid", "detail": format!("{} is odd", email(row)),
        "source": {"pointer": "/data/attributes/email"},
        "original_payload": {"type": "profile", "attributes": {"email": email(row)}}}})
}

fn page(errors: &[Value], cursor: Option<&str>) -> ResponseTemplate {
    let next = cursor.map(|cursor| format!("https://a.klaviyo.com/x?page%5Bcursor%5D={cursor}"));
    json_answer(200, &json!({"data": errors, "links": {"next": next}}))
}

/// A 400 that names rows by their index in the call.
fn named(indexes: &[usize]) -> ResponseTemplate {
    let error = |index: &usize| {
        json!({"id": "u", "status": 400, "code": "invalid", "title": "Invalid input.",
               "detail": format!("{} is invalid", email(*index as u64 + 1)),
               "source": {"pointer": format!("/data/attributes/profiles/data/{index}/attributes/email")}})
    };
    json_answer(400, &json!({"errors": indexes.iter().map(error).collect::<Vec<_>>()}))
}

fn imported(request: &Request) -> Vec<String> {
    let body: Value = request.body_json().unwrap();
    let profiles = body["data"]["attributes"]["profiles"]["data"].as_array().unwrap();
    profiles.iter().map(|profile| profile["attributes"]["email"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_request_has_the_key_and_the_revision() {
    let klav = Klav::new(accepted("J1")).await;
    let run = klav.bench.run(1, 10).await;
    klav.bench.play_out(&run).await;
    for request in klav.server.received_requests().await.unwrap() {
        assert_eq!(request.headers["authorization"], "Klaviyo-API-Key pk_hush");
        assert_eq!(request.headers["revision"], klaviyo::REVISION);
    }
}

#[tokio::test]
async fn an_unknown_list_fails_the_run_at_once_and_says_what_to_check() {
    let body = json!({"errors": [{"id": "u", "status": 400, "code": "invalid", "title": "Invalid input.",
        "detail": "List ID AUD1 does not exist.", "source": {"pointer": "/data"}, "links": [], "meta": {}}]});
    let klav = Klav::new(json_answer(400, &body)).await;
    let run = klav.bench.run(3, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, klav.imports().await), (Status::Failed, 1));
    assert!(summary.message.contains("audience_id"), "{}", summary.message);
}

#[tokio::test]
async fn what_can_not_be_helped_fails_the_run_at_once() {
    for (status, words) in [(403, "may not write"), (410, "upgrade Segue"), (422, "HTTP 422")] {
        let klav = Klav::new(json_answer(status, &json!({"errors": [{"detail": email(1)}]}))).await;
        let run = klav.bench.run(3, 10).await;
        let summary = klav.bench.play_out(&run).await;
        assert_eq!((summary.status, klav.imports().await), (Status::Failed, 1), "{status}");
        assert!(summary.message.contains(words), "{status}: {}", summary.message);
        assert!(!klav.bench.everything_recorded().await.contains("person-1"));
    }
}

#[tokio::test]
async fn a_key_that_is_refused_twice_fails_the_run_and_asks_for_a_reconnect() {
    let klav = Klav::new(json_answer(401, &json!({"errors": [{"code": "authentication_failed"}]}))).await;
    let run = klav.bench.run(3, 10).await;
    assert_eq!(klav.bench.play_out(&run).await.status, Status::Failed);
    assert!(klav.bench.health().await.unwrap().contains("reconnect"));
}

#[tokio::test]
async fn a_retry_after_is_honoured() {
    let throttled = text_answer(429, "").insert_header("retry-after", "1");
    let klav = Klav::new(script([throttled.clone(), accepted("J1")])).await;
    klav.jobs_are(script([throttled, job("complete", 0)]), 1).await;
    let run = klav.bench.run(3, 10).await;
    let before = Instant::now();
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.retries), (Status::Completed, 3, 2));
    assert!(before.elapsed() >= Duration::from_secs(2), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_retry_after_beyond_the_invocation_goes_to_the_queue() {
    let throttled = text_answer(429, "").insert_header("retry-after", "50");
    let klav = Klav::new(script([throttled, accepted("J1")])).await;
    let run = klav.bench.run(3, 10).await;
    let pause = klav.bench.deliver_again(&run, 0, Duration::from_secs(40)).await.pause();
    assert!((Duration::from_secs(50)..Duration::from_secs(52)).contains(&pause), "{pause:?}");
    assert_eq!(klav.bench.play_out(&run).await.counts.accepted, 3);
}

#[tokio::test]
async fn troubles_of_the_server_are_waited_out_on_both_ways() {
    let klav = Klav::new(script([text_answer(500, ""), text_answer(202, "<html>"), accepted("J1")])).await;
    klav.jobs_are(script([text_answer(503, ""), text_answer(200, "<html>"), job("complete", 0)]), 1).await;
    let run = klav.bench.run(3, 10).await;
    assert_eq!(klav.bench.play_out(&run).await.counts.accepted, 3);
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_its_first_call_sends_nothing() {
    let klav = Klav::new(accepted("J1")).await;
    let run = klav.bench.run(3, 10).await;
    klav.bench.cancel(&run).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.cancelled, klav.imports().await), (Status::Cancelled, 3, 0));
}

#[tokio::test]
async fn a_malformed_secret_fails_the_run_and_names_the_field_but_no_value() {
    for (secret, words) in [(r#"{"private_keys":"canary"}"#, "`private_key`"), ("canary", "no JSON object")] {
        let klav = Klav::new(accepted("J1")).await;
        klav.bench.set_secret(secret).await;
        let run = klav.bench.run(2, 10).await;
        let summary = klav.bench.play_out(&run).await;
        assert_eq!(summary.status, Status::Failed);
        assert!(summary.message.contains(words), "{}", summary.message);
        assert!(!klav.bench.everything_recorded().await.contains("canary"));
    }
}
