//! Messages and what comes in between: hand-backs, crashes, the kill switch, newer releases, retries.

use std::time::Duration;

use segue_platform::Objects;
use segue_state::{Role, SharedWith, Status, keys};
use serde_json::json;

use crate::lane::{CONNECTION, DEAD_LETTERS, EXPORT, MINUTES, Played, QUEUE, message};
use crate::script::{json_answer, text_answer};
use crate::{Snap, took};

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
        ("export disabled", "is paused"),
        ("export removed", "does not exist any more"),
        ("export detached", "is detached from any connection"),
        ("connection disabled", "is disabled"),
        ("connection removed", "does not exist"),
        ("consent withdrawn", "consented"),
        ("connected to another account", "belongs to another account now"),
        ("cancelled", "cancelled by arn:aws:iam::1:user/o"),
    ] {
        bench.configure(|_| {}, |_| {}).await;
        let run = bench.run(2, 10).await;
        match switch {
            "export disabled" => bench.configure(|_| {}, |export| export.enabled = false).await,
            "export detached" => bench.configure(|_| {}, |export| export.connection.clear()).await,
            "export removed" => {
                bench.bucket.delete(&keys::export(Role::Administrators, EXPORT)).await.unwrap();
            }
            "connection disabled" => bench.configure(|connection| connection.enabled = false, |_| {}).await,
            "connection removed" => bench.bucket.delete(&keys::connection(CONNECTION)).await.unwrap(),
            "connected to another account" => {
                let other = segue_state::config::Account { id: "account-2".to_owned(), name: None };
                bench.configure(|connection| connection.account = Some(other), |_| {}).await;
            }
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
async fn an_export_that_somebody_else_replaced_holds_up_nobody_and_sends_nothing() {
    let snap = Snap::new([took(2)]).await;
    let bench = &snap.bench;
    bench.configure(|connection| connection.shared_with = SharedWith::Contributors, |_| {}).await;
    let theirs = keys::export(Role::Contributors, EXPORT);
    let mut sound =
        bench.bucket.get(&keys::export(Role::Administrators, EXPORT)).await.unwrap().unwrap().bytes;
    bench.bucket.delete(&keys::export(Role::Administrators, EXPORT)).await.unwrap();
    let heavy = json!({"id": EXPORT, "display_name": "x".repeat(65 * 1024)}).to_string();
    for (opened_as, replaced_by, words) in [
        ("contributors", json!({"version": 99}).to_string().into(), "can't be read any more"),
        ("contributors", heavy.into(), "can't be read any more"),
        // The id of an administrators' export that was removed, taken by somebody else.
        ("administrators", std::mem::take(&mut sound), "does not exist any more"),
    ] {
        let run = bench.run(2, 10).await;
        let mut record: segue_state::Run = bench.state.run(EXPORT, &run).await.unwrap().unwrap();
        record.role = serde_json::from_value(json!(opened_as)).unwrap();
        bench.state.put(&keys::run(EXPORT, &run), &record).await.unwrap();
        bench.bucket.put(&theirs, replaced_by).await.unwrap();
        assert_eq!(bench.deliver(&run, 0).await, Played::Done, "{words}");
        let summary = bench.summary(&run).await;
        assert_eq!((summary.status, summary.counts.cancelled), (Status::Cancelled, 2), "{words}");
        assert!(summary.message.contains(words), "{}", summary.message);
    }
    assert_eq!(snap.pushes().await, 0);
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
