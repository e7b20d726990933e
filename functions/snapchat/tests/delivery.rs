//! Chunks to a scripted Snapchat: each status and each oddity that the API is known for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../tests/support/lane.rs"]
mod lane;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../tests/support/script.rs"]
mod script;

use std::time::Duration;

use lane::{Bench, CONNECTION, DEAD_LETTERS, EXPORT, MINUTES, Played, QUEUE, SECRET, message};
use script::{json_answer, script, text_answer};
use secrecy::ExposeSecret;
use segue_platform::{Objects, Secrets};
use segue_state::{Outcome, Role, Status, keys};
use serde_json::{Value, json};
use snapchat::Snapchat;
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

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

fn token(text: &str) -> ResponseTemplate {
    json_answer(200, &json!({"access_token": text, "token_type": "Bearer", "expires_in": 3600}))
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
    assert_eq!(body["users"][0]["data"].as_array().unwrap().len(), 3);
    let form = String::from_utf8(snap.requests("/token").await[0].body.clone()).unwrap();
    assert_eq!(form, "grant_type=refresh_token&refresh_token=first&client_id=id&client_secret=hush");
    let summary = snap.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.api_calls), (Status::Completed, 3, 1));
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
    let snap = Snap::new([took(100_000), took(100_000), took(1)]).await;
    let run = snap.bench.run(200_001, 300_000).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.chunks, summary.api_calls), (200_001, 1, 3));
    for push in snap.requests(USERS).await {
        let body: Value = push.body_json().unwrap();
        assert!(body["users"][0]["data"].as_array().unwrap().len() <= 100_000);
    }
}

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_the_call_made_again() {
    let snap = Snap::new([text_answer(401, "unauthorized"), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.retries), (Status::Completed, 2, 1));
    let bearers: Vec<_> =
        snap.requests(USERS).await.iter().map(|push| push.headers["authorization"].clone()).collect();
    assert_eq!(bearers, ["Bearer one", "Bearer two"]);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_fails_the_run_and_asks_for_a_reconnect() {
    let snap = Snap::new([text_answer(401, "unauthorized")]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(snap.bench.health().await.unwrap().contains("reconnect"));
    assert_eq!(snap.pushes().await, 2);
    assert!(snap.bench.is_staged(&run, 0), "a failed chunk is needed for its retry");
}

#[tokio::test]
async fn a_dead_refresh_token_fails_the_run_and_asks_for_a_reconnect() {
    let dead =
        json_answer(400, &json!({"error": "invalid_grant", "error_description": "for jo@example.com"}));
    let snap = Snap::with_tokens([dead], [took(1)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(summary.message.contains("invalid_grant") && summary.message.contains("reconnect"));
    assert!(snap.bench.health().await.unwrap().contains("reconnect"));
    assert_eq!((snap.tokens().await, snap.pushes().await), (1, 0));
    assert!(!snap.bench.everything_recorded().await.contains("jo@example.com"));
}

#[tokio::test]
async fn a_reconnect_that_came_while_the_old_token_was_found_dead_is_used() {
    let server = MockServer::start().await;
    let (base, token_url) = (format!("{}/v1", server.uri()), format!("{}/token", server.uri()));
    let bench = Bench::new(move || Box::new(Snapchat::at(base.clone(), token_url.clone())) as _, GOOD).await;
    // Slow enough for the operator to come in between.
    let dead = json_answer(400, &json!({"error": "invalid_grant"})).set_delay(Duration::from_millis(400));
    let asks = |text| Mock::given(method("POST")).and(path("/token")).and(body_string_contains(text));
    asks("refresh_token=first").respond_with(dead).expect(1).mount(&server).await;
    asks("refresh_token=second").respond_with(token("two")).expect(1).mount(&server).await;
    let users = Mock::given(path(USERS)).and(header("authorization", "Bearer two"));
    users.respond_with(took(2)).expect(1).mount(&server).await;

    let run = bench.run(2, 10).await;
    let reconnect = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.set_secret(&GOOD.replace("first", "second")).await;
    };
    let (played, ()) = tokio::join!(bench.deliver(&run, 0), reconnect);
    assert_eq!(played, Played::Done);
    assert_eq!(bench.summary(&run).await.status, Status::Completed);
    assert_eq!(bench.health().await, None);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_stored_and_the_rest_of_the_secret_kept() {
    let rotated = json!({"access_token": "one", "expires_in": 3600, "refresh_token": "second"});
    let snap = Snap::with_tokens([json_answer(200, &rotated)], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    assert_eq!(snap.bench.play_out(&run).await.status, Status::Completed);
    let stored = snap.bench.secrets.get(SECRET).await.unwrap();
    let stored: Value = serde_json::from_str(stored.text.expose_secret()).unwrap();
    assert_eq!(stored["refresh_token"], "second");
    assert_eq!((&stored["client_id"], &stored["client_secret"]), (&json!("id"), &json!("hush")));
}

#[tokio::test]
async fn a_rotated_token_never_takes_the_place_of_an_operators_reconnect() {
    let rotated = json!({"access_token": "one", "expires_in": 3600, "refresh_token": "second"});
    let slow = json_answer(200, &rotated).set_delay(Duration::from_millis(400));
    let snap = Snap::with_tokens([slow], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    let reconnect = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        snap.bench.set_secret(&GOOD.replace("first", "operators")).await;
    };
    let (played, ()) = tokio::join!(snap.bench.deliver(&run, 0), reconnect);
    assert_eq!(played, Played::Done);
    let stored = snap.bench.secrets.get(SECRET).await.unwrap();
    assert!(stored.text.expose_secret().contains("operators"));
}

#[tokio::test]
async fn a_busy_token_endpoint_is_asked_again() {
    let snap =
        Snap::with_tokens([text_answer(429, ""), text_answer(503, "busy"), token("one")], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    assert_eq!(snap.bench.deliver(&run, 0).await, Played::Done);
    assert_eq!((snap.tokens().await, snap.pushes().await), (3, 1));
}

#[tokio::test]
async fn a_token_endpoint_that_hangs_is_no_crash() {
    let hangs = token("one").set_delay(Duration::from_secs(15));
    let snap = Snap::with_tokens([hangs, token("two")], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    // What is kept back to record the end is ten seconds.
    snap.bench.deliver_again(&run, 0, Duration::from_millis(10_600)).await.pause();
    let progress = snap.bench.progress(&run, 0).await;
    assert_eq!((progress.pauses, progress.running, progress.crashes), (1, false, 0));
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(snap.bench.summary(&run).await.status, Status::Completed);
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
async fn a_malformed_call_fails_the_run_at_once_without_the_vendors_text() {
    let body = json!({"request_status": "ERROR", "debug_message": "person-1@example.com is odd"});
    let snap = Snap::new([json_answer(400, &body)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, snap.pushes().await), (Status::Failed, 1));
    assert!(summary.message.contains("HTTP 400"), "{}", summary.message);
    assert!(!snap.bench.everything_recorded().await.contains("person-1"));
}

#[tokio::test]
async fn throttling_without_a_hint_is_waited_out() {
    let snap = Snap::new([text_answer(429, ""), text_answer(429, "slow down"), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 2));
    assert_eq!((summary.api_calls, summary.retries), (3, 2));
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
        (1, 1),
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
    assert_eq!((receipt.outcome, receipt.accepted, receipt.api_calls), (Outcome::Delivered, 2, 2));
}

#[tokio::test]
async fn an_absurd_retry_after_does_no_harm() {
    let absurd = text_answer(429, "").insert_header("retry-after", "18446744073709551615");
    let snap = Snap::new([absurd, took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    snap.bench.deliver(&run, 0).await.pause();
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
}

#[tokio::test]
async fn twenty_hand_backs_of_a_healthy_chunk_do_not_fail_it() {
    let throttled = (0..20).map(|_| text_answer(429, "").insert_header("retry-after", "600"));
    let snap = Snap::new(throttled.chain([took(2)])).await;
    let run = snap.bench.run(2, 10).await;
    for _ in 0..20 {
        snap.bench.deliver_again(&run, 0, Duration::from_secs(30)).await.pause();
    }
    assert_eq!(snap.bench.progress(&run, 0).await.pauses, 20);
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(snap.bench.summary(&run).await.status, Status::Completed);
}

#[tokio::test]
async fn three_crashes_fail_a_chunk_and_two_do_not() {
    let snap = Snap::new([took(2)]).await;
    for (crashes, status) in [(1, Status::Completed), (2, Status::Failed)] {
        let run = snap.bench.run(2, 10).await;
        let now = jiff::Timestamp::now();
        // As an invocation leaves it that was killed.
        let killed = segue_state::Progress { running: true, crashes, ..segue_state::Progress::new(0, now) };
        snap.bench.set_progress(&run, 0, &killed).await;
        assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
        let summary = snap.bench.summary(&run).await;
        assert_eq!(summary.status, status, "{}", summary.message);
    }
    assert_eq!(snap.pushes().await, 1);
}

#[tokio::test]
async fn past_the_runs_deadline_a_chunk_has_failed_with_the_last_trouble() {
    let throttled = text_answer(429, "").insert_header("retry-after", "600");
    let snap = Snap::new([throttled]).await;
    let run = snap.bench.run_for(2, 10, Duration::from_millis(700)).await;
    let pause = snap.bench.deliver(&run, 0).await.pause();
    assert!(pause <= Duration::from_secs(2), "{pause:?} is beyond the deadline");
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    let summary = snap.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(summary.message.contains("deadline") && summary.message.contains("not available"));
}

#[tokio::test]
async fn what_was_switched_off_before_the_message_came_is_not_sent() {
    let snap = Snap::new([took(2)]).await;
    let bench = &snap.bench;
    for (switch, words) in [
        ("export disabled", "is disabled"),
        ("export removed", "does not exist any more"),
        ("connection disabled", "is disabled"),
        ("connection removed", "does not exist"),
        ("consent withdrawn", "consented"),
        ("cancelled", "cancelled by arn:aws:iam::1:user/o"),
    ] {
        bench.configure(|_| {}, |_| {}).await;
        let run = bench.run(2, 10).await;
        match switch {
            "export disabled" => bench.configure(|_| {}, |export| export.enabled = false).await,
            "export removed" => {
                bench.bucket.delete(&keys::export(Role::Administrators, EXPORT)).await.unwrap();
            }
            "connection disabled" => bench.configure(|connection| connection.enabled = false, |_| {}).await,
            "connection removed" => bench.bucket.delete(&keys::connection(CONNECTION)).await.unwrap(),
            "consent withdrawn" => bench.configure(|connection| connection.consent = None, |_| {}).await,
            _ => bench.cancel(&run).await,
        }
        assert_eq!(bench.deliver(&run, 0).await, Played::Done, "{switch}");
        let summary = bench.summary(&run).await;
        assert_eq!((summary.status, summary.counts.cancelled), (Status::Cancelled, 2), "{switch}");
        assert!(summary.message.contains(words), "{switch}: {}", summary.message);
        assert!(!bench.is_staged(&run, 0), "{switch}: profiles that nobody may send are kept");
    }
    assert_eq!((snap.pushes().await, snap.tokens().await), (0, 0));
}

#[tokio::test]
async fn a_secret_that_is_missing_fails_the_run_and_is_named() {
    let snap = Snap::new([took(2)]).await;
    snap.bench.configure(|connection| connection.secret = "stack/elsewhere".to_owned(), |_| {}).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(summary.message.contains("`stack/elsewhere` does not exist"), "{}", summary.message);
}

#[tokio::test]
async fn a_malformed_secret_fails_the_run_and_names_the_field_but_no_value() {
    for (secret, words) in [
        (r#"{"client_id":"canary","refresh_token":"canary"}"#, "`client_secret`"),
        (r#"{"client_id":"canary","client_secret":7,"refresh_token":"canary"}"#, "`client_secret`"),
        (r#"{"client_id":"canary","client_secret":"canary","refresh_token":""}"#, "`refresh_token`"),
        ("canary", "no JSON object"),
    ] {
        let snap = Snap::new([took(2)]).await;
        snap.bench.set_secret(secret).await;
        let run = snap.bench.run(2, 10).await;
        let summary = snap.bench.play_out(&run).await;
        assert_eq!(summary.status, Status::Failed);
        assert!(summary.message.contains(words), "{}", summary.message);
        assert!(!snap.bench.everything_recorded().await.contains("canary"));
    }
}

#[tokio::test]
async fn a_message_of_a_newer_release_goes_back_to_the_queue_untouched() {
    let snap = Snap::new([took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let newer = message(&run, 0).body().replace("\"version\":1", "\"version\":2");
    for received in 1..9 {
        snap.bench.play(&newer, QUEUE, received, MINUTES).await.pause();
    }
    assert!(!snap.bench.has_receipt(&run, 0).await);
    assert_eq!(snap.pushes().await, 0);
    assert!(snap.bench.dead_letters().is_empty());
}

#[tokio::test]
async fn a_document_of_a_newer_release_sends_the_message_back_and_is_no_crash() {
    let snap = Snap::new([took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let key = keys::connection(CONNECTION);
    let connection = snap.bench.bucket.get(&key).await.unwrap().unwrap().bytes;
    let newer = String::from_utf8(connection.to_vec()).unwrap().replace("\"version\":1", "\"version\":2");
    snap.bench.bucket.put(&key, newer.into()).await.unwrap();
    for _ in 0..5 {
        snap.bench.deliver(&run, 0).await.pause();
    }
    snap.bench.bucket.put(&key, connection).await.unwrap();
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(snap.bench.summary(&run).await.status, Status::Completed);
}

#[tokio::test]
async fn a_message_that_can_not_be_parsed_is_dead_lettered_at_once() {
    let snap = Snap::new([took(2)]).await;
    for body in ["", "{", "[]", r#"{"version":1}"#] {
        assert_eq!(snap.bench.play(body, QUEUE, 1, MINUTES).await, Played::Done);
        let letters = snap.bench.queue.take();
        assert_eq!(letters.len(), 1, "{body}");
        assert_eq!(letters[0].0, DEAD_LETTERS);
        assert!(letters[0].1.group.is_some() && letters[0].1.once.is_some(), "the queue is a FIFO queue");
    }
}

#[tokio::test]
async fn a_message_of_a_run_that_does_not_exist_is_dead_lettered_at_once() {
    let snap = Snap::new([took(2)]).await;
    let unknown = segue_state::RunId::parse("20261122T163512Z-nobody").unwrap();
    assert_eq!(snap.bench.deliver(&unknown, 0).await, Played::Done);
    assert_eq!(snap.bench.dead_letters().len(), 1);
    let run = snap.bench.run(2, 10).await;
    assert_eq!(snap.bench.deliver(&run, 7).await, Played::Done);
    assert_eq!(snap.bench.dead_letters().len(), 1, "a chunk that does not exist");
    assert_eq!(snap.pushes().await, 0);
}

#[tokio::test]
async fn a_message_whose_chunk_has_a_final_receipt_makes_no_call_but_finishes_the_run() {
    let snap = Snap::new([took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    assert_eq!(snap.bench.deliver(&run, 0).await, Played::Done);
    // As if the invocation had been cut off right after its receipt.
    snap.bench.bucket.delete(&keys::summary(EXPORT, &run)).await.unwrap();
    snap.bench
        .bucket
        .put(&keys::open(EXPORT, &run), r#"{"since":"2026-11-22T16:35:12Z","stagings":0}"#.into())
        .await
        .unwrap();
    snap.bench.bucket.put(&keys::chunk(EXPORT, &run, "attempt", 0), "people".into()).await.unwrap();

    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(snap.bench.summary(&run).await.status, Status::Completed);
    assert_eq!(snap.pushes().await, 1);
    assert!(!snap.bench.is_staged(&run, 0), "profiles are left behind");
    assert!(snap.bench.state.open_runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_is_hidden_for_no_longer_than_its_invocation_may_live() {
    let snap = Snap::new([took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    snap.bench.deliver_again(&run, 0, Duration::from_mins(1)).await;
    let hidden = snap.bench.queue.hidden()[0].1;
    assert!((Duration::from_secs(85)..=Duration::from_secs(90)).contains(&hidden), "{hidden:?}");
}

#[tokio::test]
async fn a_retry_replaces_the_failed_receipt_and_mends_the_summary() {
    let snap = Snap::new([json_answer(404, &json!({})), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    assert_eq!(snap.bench.play_out(&run).await.status, Status::Failed);
    let doc = snap.bench.state.run(EXPORT, &run).await.unwrap().unwrap();
    let later = jiff::Timestamp::now() + Duration::from_hours(1);
    let messages = segue_state::finish::retry(&snap.bench.state, &doc, later).await.unwrap();
    assert_eq!(messages.len(), 1);
    for _ in 0..2 {
        assert_eq!(snap.bench.play(&messages[0].body(), QUEUE, 1, MINUTES).await, Played::Done);
    }
    let summary = snap.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.failed), (Status::Completed, 2, 0));
    assert_eq!(snap.pushes().await, 2);
}
