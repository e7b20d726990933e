//! Retrying runs.

use segue_platform::memory::MemoryQueue;
use segue_state::{Outcome, keys};

use super::super::tests::{answered, configured, sealed};
use super::*;
use crate::prompt::tests::Scripted;

const RUN: &str = "20261122T163512Z-a";

fn args() -> Args {
    Args { meant: MeantExpressly::latest("e"), force: false }
}

fn stack() -> Stack {
    Stack::of("segue", &[("KlaviyoQueueUrl", "https://queue/klaviyo.fifo")])
}

#[tokio::test]
async fn failed_chunks_go_to_the_runs_lane_with_a_new_generation() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Delivered).await;
    answered(&state, &run, 1, Outcome::Failed).await;
    let before = Timestamp::now();
    for _ in 0..2 {
        let retried = again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.unwrap();
        assert_eq!(retried.chunks, [1]);
        let time = retried.deadline.unwrap().duration_since(before);
        assert!(time >= SignedDuration::from_hours(24) && time < SignedDuration::from_hours(25));
        let sent = queue.take();
        assert_eq!((sent.len(), sent[0].0.as_str()), (1, "https://queue/klaviyo.fifo"));
        let message = &sent[0].1;
        assert_eq!(message.group.as_deref(), Some("acct"));
        assert_eq!(message.once.as_deref(), Some("e/20261122T163512Z-a/1/1"));
        assert!(message.body.contains(r#""generation":1"#), "{}", message.body);
    }
}

#[tokio::test]
async fn nothing_is_sent_if_nothing_has_failed() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Delivered).await;
    let retried = again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.unwrap();
    assert!(retried.chunks.is_empty() && retried.deadline.is_none() && queue.take().is_empty());
}

#[tokio::test]
async fn what_may_not_be_sent_now_is_not_retried() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Failed).await;
    state.objects().delete(&keys::connection("c")).await.unwrap();
    let gone = again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.unwrap_err();
    assert!(gone.to_string().contains("the connection `c` does not exist"), "{gone}");
    assert!(queue.take().is_empty());
    let missing = Args { meant: MeantExpressly::of("e", "20260101T000000Z-x"), ..args() };
    assert!(again(&stack(), &state, &queue, &missing, &mut Scripted::default()).await.is_err());
}

#[tokio::test]
async fn it_warns_if_a_newer_drop_was_sent_since_and_asks_where_it_can() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Failed).await;
    let newest = sealed(&state, "20261123T163512Z-b").await;
    state.advance_head("e", &newest).await.unwrap();
    let older = Args { meant: MeantExpressly::of("e", RUN), ..args() };

    let mut refuses = Scripted::answering(&["no"]);
    assert!(again(&stack(), &state, &queue, &older, &mut refuses).await.is_err());
    assert!(queue.take().is_empty(), "nothing is sent before the answer");
    assert!(refuses.heard[0].contains("by the run 20261123T163512Z-b"), "{:?}", refuses.heard);

    let mut nobody = Scripted::default();
    let refused = again(&stack(), &state, &queue, &older, &mut nobody).await.unwrap_err();
    assert_eq!((refused.status(), nobody.heard.len(), queue.take().len()), (2, 1, 0));
    assert!(refused.to_string().contains("say --force"), "{refused}");
    let forced = Args { force: true, ..older };
    let retried = again(&stack(), &state, &queue, &forced, &mut nobody).await.unwrap();
    assert_eq!((retried.newer[0].segment.as_str(), queue.take().len()), ("vip", 1));
    assert_eq!(nobody.heard.len(), 2, "a script is warned, and not asked");
}

#[tokio::test]
async fn of_an_export_that_leads_elsewhere_by_now_that_is_said() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Failed).await;
    let key = keys::export(segue_state::Role::Administrators, "e");
    let found = state.read::<Export>(&key).await.unwrap().unwrap();
    let moved = Export { audience_id: "b".into(), ..found.body };
    assert!(state.replace(&key, &moved, &found.etag).await.unwrap());
    let mut person = Scripted::default();
    again(&stack(), &state, &queue, &args(), &mut person).await.unwrap();
    insta::assert_snapshot!(person.heard.join("\n"), @"warning: what is retried goes to the audience a over `c`, as the run did; `e` leads to b over `c` now: to send there, start a new run with: segue run start e");
    assert_eq!(queue.take().len(), 1);
}

/// The functions would cancel what failed, for good.
#[tokio::test]
async fn of_a_connection_that_leads_to_another_account_by_now_nothing_is_retried() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Failed).await;
    let found = state.read::<segue_state::Connection>(&keys::connection("c")).await.unwrap().unwrap();
    let mut other = found.body;
    other.account.as_mut().unwrap().id = "other".into();
    assert!(state.replace(&keys::connection("c"), &other, &found.etag).await.unwrap());
    let refused = again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.unwrap_err();
    assert!(refused.to_string().contains("`c` belongs to another account now; start a new run"), "{refused}");
    assert!(queue.take().is_empty());
}

#[tokio::test]
async fn what_has_expired_is_told_and_if_nothing_else_is_left_refused() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    for chunk in 0..2 {
        answered(&state, &run, chunk, Outcome::Failed).await;
    }
    state.objects().delete(&keys::chunk("e", &run.run, "a", 0)).await.unwrap();
    let mut nobody = Scripted::default();
    let retried = again(&stack(), &state, &queue, &args(), &mut nobody).await.unwrap();
    assert_eq!((retried.chunks.len(), queue.take().len()), (2, 2), "one of them can still be sent");
    insta::assert_snapshot!(nobody.heard[0], @"warning: 1 chunk of the run 20261122T163512Z-a of `e` that failed cannot be sent again, since what is staged is kept for seven days; start a new run with: segue run start e");

    state.objects().delete(&keys::chunk("e", &run.run, "a", 1)).await.unwrap();
    let refused = again(&stack(), &state, &queue, &args(), &mut nobody).await.unwrap_err();
    insta::assert_snapshot!(refused.to_string(), @r"
    error: 2 chunks of the run 20261122T163512Z-a of `e` that failed cannot be sent again, since what is staged is kept for seven days
    hint: start a new run with: segue run start e
    ");
    assert!(queue.take().is_empty());
}

async fn cancelled(state: &State, run: &Run) {
    let cancel = segue_state::Cancel { by: "arn:ann".into(), at: Timestamp::UNIX_EPOCH, reason: None };
    state.create(&keys::cancel("e", &run.run), &cancel).await.unwrap();
}

#[tokio::test]
async fn a_run_that_ended_before_its_cancelling_counted_is_retried() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Delivered).await;
    answered(&state, &run, 1, Outcome::Failed).await;
    cancelled(&state, &run).await;
    let retried = again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.unwrap();
    assert_eq!((retried.chunks.as_slice(), queue.take().len()), ([1].as_slice(), 1));
    assert!(state.cancel("e", &run.run).await.unwrap().is_none(), "it would stop the retry");

    // From here on it is under way, and can be cancelled.
    cancelled(&state, &run).await;
    assert!(again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.is_err());
    assert!(state.cancel("e", &run.run).await.unwrap().is_some() && queue.take().is_empty());
}

#[tokio::test]
async fn what_was_cancelled_in_time_stays_so() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Failed).await;
    cancelled(&state, &run).await;
    answered(&state, &run, 1, Outcome::Cancelled).await;
    assert!(again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.is_err());
    assert!(state.cancel("e", &run.run).await.unwrap().is_some() && queue.take().is_empty());
}

#[tokio::test]
async fn a_cancelled_run_is_not_retried() {
    let (state, queue) = (configured().await, MemoryQueue::default());
    let run = sealed(&state, RUN).await;
    answered(&state, &run, 0, Outcome::Failed).await;
    cancelled(&state, &run).await;
    let refused = again(&stack(), &state, &queue, &args(), &mut Scripted::default()).await.unwrap_err();
    assert!(refused.to_string().contains("the run was cancelled by arn:ann"), "{refused}");
    assert!(queue.take().is_empty());
}
