//! Chunks to a scripted Klaviyo: each status and each oddity that the API is known for, jobs followed to their end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../tests/support/lane.rs"]
mod lane;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../tests/support/script.rs"]
mod script;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use klaviyo::Klaviyo;
use lane::{ACCOUNT, Bench, EXPORT, MINUTES, Played, QUEUE, TIMER, email, message};
use script::{json_answer, script, text_answer};
use segue_platform::Outgoing;
use segue_state::{CallRecord, Outcome, Progress, RunId, Status, finish};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

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

fn started(job: &str, profiles: u64) -> CallRecord {
    CallRecord::Started { job: job.into(), profiles, rejected: Vec::new(), at: Timestamp::now() }
}

async fn leave(klav: &Klav, run: &RunId, running: bool, calls: impl IntoIterator<Item = CallRecord>) {
    let mut progress = Progress { running, ..Progress::new(0, Timestamp::now()) };
    progress.calls = (0..).zip(calls).collect();
    klav.bench.set_progress(run, 0, &progress).await;
}

#[tokio::test]
async fn a_job_is_followed_by_messages_until_it_is_complete() {
    let klav = Klav::new(accepted("J1")).await;
    let run = klav.bench.run(3, 50_000).await;
    assert_eq!(klav.bench.deliver(&run, 0).await, Played::Done);
    assert!(!klav.bench.has_receipt(&run, 0).await, "nobody knows yet what became of it");

    let (queue, timer) = klav.waiting();
    assert_eq!(queue, TIMER);
    assert!(timer.group.is_none() && timer.once.is_none(), "the timer is no FIFO queue");
    assert!(timer.delay >= Duration::from_secs(1));
    assert_eq!(klav.bench.play(&timer.body, TIMER, 1, MINUTES).await, Played::Done);
    let (_, follow) = klav.waiting();
    assert_eq!(follow.group, Some(format!("{ACCOUNT}/follow")));

    assert_eq!(klav.bench.play(&follow.body, QUEUE, 1, MINUTES).await, Played::Done);
    let summary = klav.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 3));
    assert!(!klav.bench.is_staged(&run, 0));
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
async fn a_job_that_is_not_finished_is_looked_at_later_and_later() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(script([job("queued", 0), job("processing", 0), job("complete", 0)]), 1).await;
    let run = klav.bench.run(3, 10).await;
    klav.bench.deliver(&run, 0).await;
    let mut delays = Vec::new();
    while !klav.bench.has_receipt(&run, 0).await {
        let (_, timer) = klav.waiting();
        delays.push(timer.delay);
        klav.bench.play(&timer.body, TIMER, 1, MINUTES).await;
        let (_, follow) = klav.waiting();
        assert_eq!(klav.bench.play(&follow.body, QUEUE, 1, MINUTES).await, Played::Done);
    }
    assert_eq!(delays.len(), 3);
    assert!(delays.is_sorted() && delays[0] < delays[2], "{delays:?}");
    assert_eq!(klav.bench.summary(&run).await.counts.accepted, 3);
}

#[tokio::test]
async fn a_timer_message_that_comes_twice_becomes_one_follow_up() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("processing", 0), 1).await;
    let run = klav.bench.run(1, 10).await;
    klav.bench.deliver(&run, 0).await;
    let (_, first) = klav.follow_up().await;
    assert!(first.once.is_some());
    klav.bench.play(&first.body, QUEUE, 1, MINUTES).await;
    let (_, second) = klav.follow_up().await;
    assert_ne!(first.once, second.once, "the queue would drop the second look");
}

#[tokio::test]
async fn the_timer_takes_follow_ups_only() {
    let klav = Klav::new(accepted("J1")).await;
    let run = klav.bench.run(1, 10).await;
    assert_eq!(klav.bench.play(&message(&run, 0).body(), TIMER, 1, MINUTES).await, Played::Done);
    assert_eq!(klav.bench.dead_letters().len(), 1);
    assert_eq!(klav.imports().await, 0);
}

#[tokio::test]
async fn import_errors_are_read_to_their_last_page() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("complete", 5), 1).await;
    let pages = [
        (None, vec![1, 2], Some("two")),
        (Some("two"), vec![3, 4], Some("three")),
        (Some("three"), vec![5], None),
    ];
    for (cursor, rows, next) in pages {
        let errors: Vec<Value> = rows.into_iter().map(import_error).collect();
        let asked =
            Mock::given(path(format!("{JOBS}/J1/import-errors"))).and(query_param("page[size]", "100"));
        let asked = match cursor {
            Some(cursor) => asked.and(query_param("page[cursor]", cursor)),
            None => asked.and(query_param_is_missing("page[cursor]")),
        };
        asked.respond_with(page(&errors, next)).expect(1).with_priority(1).mount(&klav.server).await;
    }
    let run = klav.bench.run(8, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.rejected), (Status::Completed, 3, 5));
    let rows: Vec<u64> = klav.bench.rejected(&run, 0).await.into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, [1, 2, 3, 4, 5]);
    assert!(!klav.bench.everything_recorded().await.contains("person-"), "a vendor's text was kept");
}

async fn with_errors(klav: &Klav, errors: &[Value]) {
    let asked = Mock::given(path_regex("/import-errors$"));
    asked.respond_with(page(errors, None)).with_priority(1).mount(&klav.server).await;
}

#[tokio::test]
async fn failures_that_are_counted_and_not_listed_are_rejected_too() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("complete", 4), 1).await;
    with_errors(&klav, &[import_error(2)]).await;
    let run = klav.bench.run(6, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (2, 4));
    assert_eq!(klav.bench.rejected(&run, 0).await.iter().filter(|(row, _)| *row == 0).count(), 3);
}

#[tokio::test]
async fn failures_that_are_listed_and_not_counted_are_rejected_too() {
    let klav = Klav::new(accepted("J1")).await;
    with_errors(&klav, &[import_error(2), import_error(2), import_error(3)]).await;
    let run = klav.bench.run(6, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (4, 2));
}

#[tokio::test]
async fn a_job_that_was_cancelled_leaves_its_rows_unknown() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("cancelled", 0), 1).await;
    let run = klav.bench.run(3, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.unknown, summary.counts.accepted), (Status::Completed, 3, 0));
}

#[tokio::test]
async fn a_job_that_is_not_known_any_more_leaves_its_rows_unknown() {
    let klav = Klav::new(accepted("J1")).await;
    let gone = json!({"errors": [{"code": "not_found", "detail": "Invalid job id"}]});
    klav.jobs_are(json_answer(404, &gone), 1).await;
    let run = klav.bench.run(3, 10).await;
    assert_eq!(klav.bench.play_out(&run).await.counts.unknown, 3);
}

#[tokio::test]
async fn rows_that_a_400_names_are_left_out_and_the_others_sent() {
    let klav = Klav::new(script([named(&[1, 3]), accepted("J1")])).await;
    let run = klav.bench.run(5, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.rejected), (Status::Completed, 3, 2));
    let imports = klav.requests("POST").await;
    assert_eq!(imported(&imports[1]), [email(1), email(3), email(5)]);
    let refused = "address_refused".to_owned();
    assert_eq!(klav.bench.rejected(&run, 0).await, [(2, refused.clone()), (4, refused)]);
    assert!(!klav.bench.everything_recorded().await.contains("person-"), "a vendor's text was kept");
}

#[tokio::test]
async fn rows_that_are_named_bit_by_bit_are_left_out_one_after_the_other() {
    // Each index counts within what is left.
    let klav = Klav::new(script([named(&[0]), named(&[0]), named(&[2]), accepted("J1")])).await;
    let run = klav.bench.run(5, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (2, 3));
    assert_eq!(imported(&klav.requests("POST").await[3]), [email(3), email(4)]);
}

#[tokio::test]
async fn a_call_whose_rows_are_all_named_has_its_outcome_without_a_job() {
    let klav = Klav::new(named(&[0, 1])).await;
    let run = klav.bench.run(2, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.rejected, klav.imports().await), (Status::Completed, 2, 1));
}

#[tokio::test]
async fn errors_of_a_job_are_mapped_to_rows_although_others_were_left_out() {
    let klav = Klav::new(script([named(&[0]), accepted("J1")])).await;
    klav.jobs_are(job("complete", 1), 1).await;
    with_errors(&klav, &[import_error(3)]).await;
    let run = klav.bench.run(4, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (2, 2));
    let rows: Vec<u64> = klav.bench.rejected(&run, 0).await.into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, [1, 3]);
}

#[tokio::test]
async fn a_400_that_names_rows_for_ever_comes_to_an_end() {
    let klav = Klav::new(named(&[999])).await;
    let run = klav.bench.run(3, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 3));
    assert!(klav.imports().await < 10);
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
    for (status, words) in
        [(403, "may not write"), (410, "upgrade Segue"), (413, "HTTP 413"), (422, "HTTP 422")]
    {
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
async fn a_job_waits_for_a_reconnect_when_the_key_dies_while_it_is_followed() {
    let klav = Klav::new(accepted("J1")).await;
    let refused = text_answer(401, "");
    klav.jobs_are(script([refused.clone(), refused, job("complete", 0)]), 1).await;
    let run = klav.bench.run(3, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 3));
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
async fn a_job_that_was_started_before_a_crash_is_followed_and_not_started_again() {
    let klav = Klav::new(accepted("NEW")).await;
    let run = klav.bench.run(3, 10).await;
    leave(&klav, &run, true, [started("OLD", 3)]).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, klav.imports().await), (Status::Completed, 3, 0));
    assert!(klav.requests("GET").await.iter().all(|request| request.url.path().contains("/OLD")));
}

#[tokio::test]
async fn a_crash_before_the_jobs_marker_starts_it_again_and_counts_once() {
    let klav = Klav::new(accepted("J1")).await;
    let run = klav.bench.run(3, 10).await;
    leave(&klav, &run, true, [CallRecord::Intended]).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.read), (Status::Completed, 3, 3));
    assert_eq!(klav.imports().await, 1);
}

#[tokio::test]
async fn an_add_message_that_comes_again_while_the_job_runs_only_sets_the_timer() {
    let klav = Klav::new(accepted("J1")).await;
    let run = klav.bench.run(3, 10).await;
    klav.bench.deliver(&run, 0).await;
    assert_eq!(klav.waiting().0, TIMER);
    assert_eq!(klav.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(klav.waiting().0, TIMER);
    assert_eq!(klav.imports().await, 1);
}

#[tokio::test]
async fn a_follow_up_that_comes_after_the_end_changes_nothing() {
    let klav = Klav::new(accepted("J1")).await;
    let run = klav.bench.run(3, 10).await;
    klav.bench.deliver(&run, 0).await;
    let (_, follow) = klav.follow_up().await;
    klav.bench.play(&follow.body, QUEUE, 1, MINUTES).await;
    let (before, requests) = (klav.bench.summary(&run).await, klav.requests("GET").await.len());
    assert_eq!(klav.bench.play(&follow.body, QUEUE, 2, MINUTES).await, Played::Done);
    assert_eq!(klav.bench.summary(&run).await, before);
    assert_eq!(klav.requests("GET").await.len(), requests);
    assert!(klav.bench.queue.take().is_empty());
}

#[tokio::test]
async fn a_run_that_was_cancelled_still_has_its_started_jobs_counted() {
    let klav = Klav::new(accepted("NEW")).await;
    let run = klav.bench.run(10_004, 50_000).await;
    leave(&klav, &run, false, [started("OLD", 10_000), CallRecord::Intended]).await;
    klav.bench.cancel(&run).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.cancelled),
        (Status::Cancelled, 10_000, 4)
    );
    assert_eq!(klav.imports().await, 0);
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
async fn one_refused_call_fails_its_rows_only_and_a_retry_makes_that_one_again() {
    let klav = Klav::new(script([accepted("J1"), json_answer(413, &json!({})), accepted("J2")])).await;
    let run = klav.bench.run(10_004, 50_000).await;
    leave(&klav, &run, false, [started("J1", 10_000)]).await;
    // The first answer goes to the call of the four, whose job is followed beside the old one.
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 10_004));

    let run = klav.bench.run(10_004, 50_000).await;
    leave(&klav, &run, false, [started("J1", 10_000)]).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.failed),
        (Status::Partial, 10_000, 4)
    );
    let doc = klav.bench.state.run(EXPORT, &run).await.unwrap().unwrap();
    let messages =
        finish::retry(&klav.bench.state, &doc, Timestamp::now() + Duration::from_mins(1)).await.unwrap();
    klav.bench.drain(vec![(QUEUE.to_owned(), messages[0].body(), 1)]).await;
    let summary = klav.bench.summary(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.failed),
        (Status::Completed, 10_004, 0)
    );
    assert_eq!(klav.imports().await, 3);
}

#[tokio::test]
async fn a_job_that_is_not_finished_by_the_runs_deadline_is_unknown() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("processing", 0), 1).await;
    let run = klav.bench.run_for(3, 10, Duration::from_millis(600)).await;
    klav.bench.deliver(&run, 0).await;
    let (_, follow) = klav.follow_up().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(klav.bench.play(&follow.body, QUEUE, 1, MINUTES).await, Played::Done);
    let receipt = klav.bench.receipt(&run, 0).await;
    assert_eq!((receipt.outcome, receipt.unknown), (Outcome::Delivered, 3));
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
