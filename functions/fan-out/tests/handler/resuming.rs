//! The resumer: what got stuck goes on, or ends.

use std::time::Duration;

use jiff::Timestamp;
use segue_platform::Objects;
use segue_segment::Destination::Klaviyo;
use segue_state::{CallRecord, Outcome, Progress, Receipt, Role, Run, Status, keys};
use serde_json::{Value, json};

use crate::bench::{AN_HOUR, Bench, name};

const FILE: &str = "email,first_name\na@example.com,A\nb@example.com,B\n";

/// A run that was sealed and whose messages are lost.
async fn sealed() -> (Bench, Run) {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    bench.drop(FILE).await;
    let _ = bench.queue.take();
    let run = bench.run(Klaviyo).await;
    (bench, run)
}

/// A run whose fan-out was killed before it sealed.
async fn unsealed() -> (Bench, Run) {
    let (bench, run) = sealed().await;
    bench.bucket.delete(&keys::sealed(&name(Klaviyo), &run.run)).await.unwrap();
    (bench, run)
}

async fn ago(bench: &Bench, run: &Run, seconds: i64) {
    let since = Timestamp::now() - Duration::from_secs(seconds.unsigned_abs());
    bench.edit(&keys::open(&name(Klaviyo), &run.run), |open| open["since"] = json!(since)).await;
    let key = keys::sealed(&name(Klaviyo), &run.run);
    if bench.bucket.get(&key).await.unwrap().is_some() {
        bench.edit(&key, |sealed| sealed["sealed_at"] = json!(since)).await;
    }
}

async fn past_its_deadline(bench: &Bench, run: &Run) {
    let past = Timestamp::now() - Duration::from_secs(1);
    bench.edit(&keys::sealed(&name(Klaviyo), &run.run), |sealed| sealed["deadline"] = json!(past)).await;
}

async fn receipt(bench: &Bench, run: &Run) -> Receipt {
    bench.app.state.receipt(&name(Klaviyo), &run.run, 0).await.unwrap().unwrap().body
}

async fn delivered(bench: &Bench, run: &Run) {
    let now = Timestamp::now();
    let receipt = json!({"chunk": 0, "generation": 0, "outcome": "delivered", "profiles": 2, "accepted": 2,
        "already_there": 0, "rejected": 0, "rejected_by_reason": {}, "unknown": 0, "failed": 0, "cancelled": 0,
        "api_calls": 1, "retries": 0, "started_at": now, "finished_at": now});
    let key = keys::receipt(&name(Klaviyo), &run.run, 0);
    bench.bucket.put(&key, receipt.to_string().into()).await.unwrap();
}

#[tokio::test]
async fn a_young_run_is_left_alone() {
    for (bench, _) in [sealed().await, unsealed().await] {
        bench.resume(AN_HOUR).await;
        assert!(bench.queue.take().is_empty() && bench.invoke.take().is_empty());
    }
}

#[tokio::test]
async fn an_unsealed_run_is_staged_again_by_an_invocation_of_its_own() {
    let (bench, run) = unsealed().await;
    ago(&bench, &run, 2 * 3600).await;
    bench.resume(AN_HOUR).await;
    let payloads = bench.invoke.take();
    assert_eq!(payloads.len(), 1);
    bench.resume(AN_HOUR).await;
    assert!(bench.invoke.take().is_empty(), "the attempt gets its time");

    bench.handle(&serde_json::from_str::<Value>(&payloads[0]).unwrap()).await;
    assert_eq!(bench.messages().len(), 1);
    assert_eq!(bench.sealed(Klaviyo).await.unwrap().profiles, 2);
}

#[tokio::test]
async fn staging_uses_the_configuration_that_the_run_was_opened_with() {
    let (bench, run) = unsealed().await;
    bench.export(Klaviyo, |export| export.fields.first_name = None).await;
    bench.handle(&json!({"request": "restage", "export": name(Klaviyo), "run": run.run})).await;
    assert_eq!(bench.staged(Klaviyo).await[0].2.as_deref(), Some("A"));
}

#[tokio::test]
async fn after_three_more_tries_an_unsealed_run_has_failed() {
    let (bench, run) = unsealed().await;
    for _ in 0..3 {
        ago(&bench, &run, 2 * 3600).await;
        bench.resume(AN_HOUR).await;
        assert_eq!(bench.invoke.take().len(), 1);
    }
    ago(&bench, &run, 2 * 3600).await;
    bench.resume(AN_HOUR).await;
    assert!(bench.invoke.take().is_empty());
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Failed);
    assert!(summary.message.contains("3 more tries"), "{}", summary.message);
    assert!(bench.app.state.open_runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_given_up_is_not_delivered_by_an_attempt_that_comes_late() {
    let (bench, run) = unsealed().await;
    bench.edit(&keys::open(&name(Klaviyo), &run.run), |open| open["stagings"] = json!(3)).await;
    ago(&bench, &run, 2 * 3600).await;
    bench.resume(AN_HOUR).await;
    bench.handle(&json!({"request": "restage", "export": name(Klaviyo), "run": run.run})).await;
    assert!(bench.queue.take().is_empty());
    assert_eq!(bench.summary(Klaviyo).await.status, Status::Failed);
}

#[tokio::test]
async fn chunks_without_receipt_or_progress_are_queued_once_in_an_hour() {
    let (bench, run) = sealed().await;
    ago(&bench, &run, 2 * 3600).await;
    bench.resume(AN_HOUR).await;
    let messages = bench.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].1.chunk, messages[0].1.generation), (0, 0));
    bench.resume(AN_HOUR).await;
    assert!(bench.queue.take().is_empty(), "it waits in its lane now");
    ago(&bench, &run, 2 * 3600).await;
    bench.resume(AN_HOUR).await;
    assert_eq!(bench.messages().len(), 1);
}

#[tokio::test]
async fn a_chunk_that_is_worked_on_is_not_queued() {
    let (bench, run) = sealed().await;
    ago(&bench, &run, 2 * 3600).await;
    let progress = Progress::new(0, Timestamp::now());
    bench.app.state.put(&keys::progress(&name(Klaviyo), &run.run, 0), &progress).await.unwrap();
    bench.resume(AN_HOUR).await;
    assert!(bench.queue.take().is_empty());
}

#[tokio::test]
async fn a_run_with_all_its_receipts_gets_its_summary() {
    let (bench, run) = sealed().await;
    delivered(&bench, &run).await;
    for _ in 0..2 {
        bench.resume(AN_HOUR).await;
        let summary = bench.summary(Klaviyo).await;
        assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 2));
    }
    assert!(bench.app.state.open_runs().await.unwrap().is_empty());
    assert!(bench.queue.take().is_empty());
}

#[tokio::test]
async fn past_its_deadline_a_run_has_failed_receipts_and_a_summary() {
    let (bench, run) = sealed().await;
    past_its_deadline(&bench, &run).await;
    bench.resume(AN_HOUR).await;
    let receipt = receipt(&bench, &run).await;
    assert_eq!((receipt.outcome, receipt.failed), (Outcome::Failed, 2));
    let summary = bench.summary(Klaviyo).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(summary.message.contains("segue run retry"), "{}", summary.message);
    assert!(bench.queue.take().is_empty());
    assert_eq!(bench.keys("chunks/").len(), 1, "a retry needs the profiles");
}

#[tokio::test]
async fn past_its_deadline_what_is_known_of_a_chunk_is_kept() {
    let (bench, run) = sealed().await;
    let rejected = serde_json::from_value(json!([{"part": 0, "row": 2, "reason": "refused"}])).unwrap();
    let mut progress = Progress::new(0, Timestamp::now());
    progress
        .calls
        .insert(0, CallRecord::Done { accepted: 0, already_there: 0, unknown: 0, rejected, failed: 0 });
    bench.app.state.put(&keys::progress(&name(Klaviyo), &run.run, 0), &progress).await.unwrap();
    past_its_deadline(&bench, &run).await;
    bench.resume(AN_HOUR).await;
    let receipt = receipt(&bench, &run).await;
    assert_eq!((receipt.rejected, receipt.failed), (1, 1));
    let page = bench.bucket.get(&keys::rejected_chunk(&name(Klaviyo), &run.run, 0)).await.unwrap();
    assert_eq!(page.unwrap().bytes, "{\"part\":0,\"row\":2,\"reason\":\"refused\"}\n");
}

#[tokio::test]
async fn past_its_deadline_a_receipt_that_is_there_stays() {
    let (bench, run) = sealed().await;
    delivered(&bench, &run).await;
    past_its_deadline(&bench, &run).await;
    bench.resume(AN_HOUR).await;
    assert_eq!(receipt(&bench, &run).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn a_retry_whose_message_was_lost_is_queued_with_its_generation() {
    let (bench, run) = sealed().await;
    past_its_deadline(&bench, &run).await;
    bench.resume(AN_HOUR).await;
    let later = Timestamp::now() + Duration::from_hours(24);
    segue_state::finish::retry(&bench.app.state, &run, later).await.unwrap();
    ago(&bench, &run, 2 * 3600).await;
    bench.resume(AN_HOUR).await;
    let messages = bench.messages();
    assert_eq!(messages.iter().map(|(_, m)| (m.chunk, m.generation)).collect::<Vec<_>>(), [(0, 1)]);
}

#[tokio::test]
async fn a_marker_without_a_run_goes_away() {
    let (bench, run) = sealed().await;
    bench.bucket.delete(&keys::run(&name(Klaviyo), &run.run)).await.unwrap();
    bench.resume(AN_HOUR).await;
    assert_eq!(bench.app.state.open_runs().await.unwrap().len(), 1, "its opening may be under way");
    ago(&bench, &run, 2 * 3600).await;
    bench.resume(AN_HOUR).await;
    assert!(bench.app.state.open_runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn one_broken_run_does_not_keep_the_others_waiting() {
    let (bench, run) = sealed().await;
    ago(&bench, &run, 2 * 3600).await;
    // Comes first in the listing.
    bench.bucket.put("open/a-broken/20261122T163512Z-x", "{".into()).await.unwrap();
    let event = json!({"request": "resume", "stuck_after_seconds": AN_HOUR});
    let deadline = segue_platform::Deadline::after(Duration::from_mins(1));
    assert!(
        fan_out::handle(&bench.app, &event, Role::Administrators, deadline).await.is_err(),
        "somebody has to know"
    );
    assert_eq!(bench.messages().len(), 1);
}
