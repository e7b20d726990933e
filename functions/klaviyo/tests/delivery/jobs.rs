//! Jobs followed to their end, by messages, whatever comes in between.

use std::time::Duration;

use jiff::Timestamp;
use segue_state::{CallRecord, Outcome, Progress, RunId, Status, finish};
use serde_json::json;

use crate::lane::{ACCOUNT, EXPORT, MINUTES, Played, QUEUE, TIMER, message};
use crate::script::{json_answer, script, text_answer};
use crate::{Klav, accepted, job};

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
async fn one_refused_call_fails_its_rows_only_and_a_retry_makes_that_one_again() {
    let klav = Klav::new(script([accepted("J1"), json_answer(403, &json!({})), accepted("J2")])).await;
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
