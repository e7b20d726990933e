//! Lanes: the real handler, called by a model of the queue as AWS calls it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

mod model;
mod world;

use std::time::{Duration, Instant};

use segue_segment::Destination;
use segue_state::{Progress, Status, keys};
use wiremock::ResponseTemplate;
use world::{CALL, REQUESTS, SPAN, World};

fn throttled() -> ResponseTemplate {
    ResponseTemplate::new(429).insert_header("retry-after", "600")
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(200)
}

#[tokio::test]
async fn a_throttled_account_does_not_slow_its_neighbour() {
    let world = World::new().await;
    world.account("busy", (0..12).map(|_| throttled()).chain([ok()])).await;
    world.account("healthy", [ok()]).await;
    let (busy, healthy) = (world.export("busy", "busy").await, world.export("healthy", "healthy").await);
    let slow = world.run(&busy, 12, 3).await;
    let quick = world.run(&healthy, 12, 3).await;
    let finished = world.play().await;

    let at = |group: &str| finished.iter().rposition(|done| done.group == group).unwrap();
    assert!(at("healthy") < at("busy"), "the healthy account waited for the other: {finished:?}");
    let healthy = world.summary(&quick).await;
    assert_eq!((healthy.status, healthy.counts.accepted, healthy.retries), (Status::Completed, 12, 0));
    assert!(finished.iter().filter(|done| done.group == "healthy").all(|done| done.received == 1));
    assert_eq!(world.summary(&slow).await.status, Status::Completed);
    assert!(finished.iter().any(|done| done.group == "busy" && done.received > 3), "nothing was handed back");
}

#[tokio::test]
async fn accounts_are_worked_on_side_by_side_and_each_by_one_invocation() {
    const EACH: Duration = Duration::from_millis(120);
    let world = World::new().await;
    for account in ["one", "two", "three"] {
        world.account(account, [ok().set_delay(EACH)]).await;
        let export = world.export(account, account).await;
        world.run(&export, 4 * CALL, CALL).await;
    }
    let finished = world.play().await;
    assert_eq!(finished.len(), 12);
    let overlap = |a: &model::Done, b: &model::Done| a.began < b.ended && b.began < a.ended;
    let pairs =
        || finished.iter().enumerate().flat_map(|(n, a)| finished[n + 1..].iter().map(move |b| (a, b)));
    assert!(pairs().any(|(a, b)| a.group != b.group && overlap(a, b)), "accounts wait for one another");
    assert!(!pairs().any(|(a, b)| a.group == b.group && overlap(a, b)), "two invocations in one lane");
}

#[tokio::test]
async fn two_connections_to_one_account_share_its_lane_and_its_budget() {
    let world = World::new().await;
    world.account("shared", [ok()]).await;
    let (first, second) = (world.export("first", "shared").await, world.export("second", "shared").await);
    let runs = [world.run(&first, 5 * CALL, CALL).await, world.run(&second, 5 * CALL, CALL).await];
    let finished = world.play().await;
    assert!(finished.iter().all(|done| done.group == "shared"));
    for run in &runs {
        assert_eq!(world.summary(run).await.counts.accepted, 5 * CALL);
    }
    within_the_limit(&world.arrivals("shared"), 10);
}

/// No span of the window has more requests than its limit. Arrivals may lie a little closer than the sendings.
fn within_the_limit(arrivals: &[Instant], expected: usize) {
    assert_eq!(arrivals.len(), expected);
    for span in arrivals.windows(REQUESTS + 1) {
        let took = span[REQUESTS] - span[0];
        assert!(took + Duration::from_millis(40) >= SPAN, "{} requests in {took:?}", span.len());
    }
}

#[tokio::test]
async fn a_new_process_keeps_to_what_the_one_before_has_spent() {
    let world = World::new().await;
    world.account("a", [ok()]).await;
    let export = world.export("a", "a").await;
    let spent = REQUESTS as u64 * CALL;
    // Each chunk is worked on by a process of its own, with nothing in common but the state bucket.
    world.run(&export, 3 * spent, spent).await;
    world.play().await;
    within_the_limit(&world.arrivals("a"), 3 * REQUESTS);
    let lane = world.state.lane(Destination::Mailchimp, "a").await.unwrap();
    assert!(!lane.sent_ms["push"].is_empty());
    assert!(world.bucket.keys().contains(&keys::lane(Destination::Mailchimp, "a")));
}

#[tokio::test]
async fn hand_backs_by_the_queue_are_no_attempts() {
    let world = World::new().await;
    world.account("a", (0..20).map(|_| throttled()).chain([ok()])).await;
    let export = world.export("a", "a").await;
    let run = world.run(&export, CALL, CALL).await;
    let finished = world.play().await;
    assert_eq!(finished.last().unwrap().received, 21);
    let summary = world.summary(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.failed),
        (Status::Completed, CALL, 0)
    );
}

#[tokio::test]
async fn chunks_of_a_lane_keep_their_order() {
    let world = World::new().await;
    world.account("a", [throttled(), ok(), throttled(), ok()]).await;
    let export = world.export("a", "a").await;
    let first = world.run(&export, 3 * CALL, CALL).await;
    let second = world.run(&export, 2 * CALL, CALL).await;
    let finished = world.play().await;
    let order: Vec<_> = finished.iter().map(|done| (done.run.clone(), done.chunk)).collect();
    let expected =
        [(first.id.clone(), 0), (first.id.clone(), 1), (first.id, 2), (second.id.clone(), 0), (second.id, 1)];
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_message_that_can_never_be_done_does_not_block_its_lane() {
    let world = World::new().await;
    world.account("a", [ok()]).await;
    let export = world.export("a", "a").await;
    world.send("a", "no message of ours", "odd").await;
    let run = world.run(&export, CALL, CALL).await;
    world.play().await;
    assert_eq!(world.summary(&run).await.status, Status::Completed);
    assert_eq!(world.dead_letters(), ["no message of ours"]);
}

#[tokio::test]
async fn an_outage_of_the_state_bucket_is_no_crash_of_the_chunk() {
    let world = World::new().await;
    world.account("a", [ok()]).await;
    let export = world.export("a", "a").await;
    let run = world.run(&export, CALL, CALL).await;
    // The lane's document can't be written: it fails after the marker that an invocation is at work.
    world.fail_writes("lanes/", 5);
    world.play().await;
    let summary = world.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, CALL), "{}", summary.message);
}

#[tokio::test]
async fn an_outage_while_a_receipt_is_written_is_no_crash_of_the_chunk() {
    let world = World::new().await;
    world.account("a", [ok()]).await;
    let export = world.export("a", "a").await;
    let run = world.run(&export, CALL, CALL).await;
    world.fail_writes(&keys::receipts(&run.export, &run.id), 5);
    world.play().await;
    assert_eq!(world.summary(&run).await.status, Status::Completed);
    assert!(world.state.read::<Progress>(&keys::progress(&run.export, &run.id, 0)).await.unwrap().is_none());
}
