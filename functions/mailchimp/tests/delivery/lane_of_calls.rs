//! Many calls of a chunk: side by side, handed back in the middle, cancelled, failed and made again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use segue_state::receipt::{Rest, conclude};
use segue_state::{Outcome, Progress, Status, finish, keys};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, Request, Respond, ResponseTemplate};

use crate::lane::{EXPORT, MINUTES, Played, QUEUE, email};
use crate::script::{at_once, json_answer, script, text_answer};
use crate::{Chimp, LIST, LOOK_UPS, batch, exists, members, takes_all};

#[tokio::test]
async fn never_more_than_nine_calls_are_under_way_at_once() {
    const EACH: Duration = Duration::from_millis(200);
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = arrivals.clone();
    let chimp = Chimp::new(move |request: &Request| {
        noted.lock().unwrap().push(Instant::now());
        takes_all(request).set_delay(EACH)
    })
    .await;
    let run = chimp.bench.run(15_000, 45_000).await;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 15_000);
    let most = at_once(&arrivals.lock().unwrap(), EACH);
    assert!((2..=9).contains(&most), "{most} at once");
}

#[tokio::test]
async fn a_share_of_the_budget_is_a_share_of_the_connections() {
    const EACH: Duration = Duration::from_millis(100);
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = arrivals.clone();
    let chimp = Chimp::new(move |request: &Request| {
        noted.lock().unwrap().push(Instant::now());
        takes_all(request).set_delay(EACH)
    })
    .await;
    chimp.bench.configure(|connection| connection.budget_share = 25, |_| {}).await;
    let run = chimp.bench.run(5_000, 45_000).await;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 5_000);
    assert!(at_once(&arrivals.lock().unwrap(), EACH) <= 2);
}

/// Takes everybody, except that the call with row 501 gets `other`.
async fn with_second_call(other: impl Respond + 'static) -> Chimp {
    let chimp = Chimp::new(takes_all).await;
    let second = Mock::given(path(LIST)).and(body_string_contains(email(501)));
    second.respond_with(other).with_priority(1).mount(&chimp.server).await;
    chimp
}

#[tokio::test]
async fn calls_that_went_through_before_a_hand_back_are_not_made_again() {
    let throttled = text_answer(429, "").insert_header("retry-after", "100");
    let chimp = with_second_call(script([throttled, batch(500, &[])])).await;
    let run = chimp.bench.run(1200, 45_000).await;
    chimp.bench.deliver_again(&run, 0, Duration::from_secs(30)).await.pause();
    assert_eq!(chimp.pushes().await.len(), 3);
    assert_eq!(chimp.bench.progress(&run, 0).await.calls.len(), 2);
    assert_eq!(chimp.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(chimp.pushes().await.len(), 4);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!((summary.counts.accepted, summary.api_calls), (1200, LOOK_UPS + 4));
}

#[tokio::test]
async fn a_call_that_fails_for_good_leaves_the_others_delivered_and_a_retry_makes_only_that_one() {
    let chimp = with_second_call(script([
        json_answer(405, &json!({"title": "Method Not Allowed"})),
        batch(500, &[]),
    ]))
    .await;
    let run = chimp.bench.run(1200, 45_000).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.failed), (Status::Partial, 700, 500));

    let doc = chimp.bench.state.run(EXPORT, &run).await.unwrap().unwrap();
    let later = Timestamp::now() + Duration::from_hours(1);
    let messages = finish::retry(&chimp.bench.state, &doc, later).await.unwrap();
    assert_eq!(chimp.bench.play(&messages[0].body(), QUEUE, 1, MINUTES).await, Played::Done);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.failed),
        (Status::Completed, 1200, 0)
    );
    assert_eq!(chimp.pushes().await.len(), 4);
}

#[tokio::test]
async fn what_a_crash_repeats_is_counted_once() {
    let there: Vec<Value> = (1..=3).map(exists).collect();
    let chimp = Chimp::new(batch(0, &there)).await;
    let run = chimp.bench.run(3, 10).await;
    let killed = Progress { running: true, ..Progress::new(0, Timestamp::now()) };
    chimp.bench.set_progress(&run, 0, &killed).await;
    assert_eq!(chimp.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.read), (Status::Completed, 3, 3));
}

#[tokio::test]
async fn a_run_that_is_cancelled_in_the_middle_of_a_chunk_stops_before_its_next_group_of_calls() {
    let chimp =
        Chimp::new(|request: &Request| takes_all(request).set_delay(Duration::from_millis(1100))).await;
    // One connection, so that calls come one after the other.
    chimp.bench.configure(|connection| connection.budget_share = 12, |_| {}).await;
    let run = chimp.bench.run(5000, 45_000).await;
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        chimp.bench.cancel(&run).await;
    };
    let (played, ()) = tokio::join!(chimp.bench.deliver(&run, 0), cancel);
    assert_eq!(played, Played::Done);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!(summary.status, Status::Cancelled);
    assert!(chimp.pushes().await.len() <= 3, "{} calls", chimp.pushes().await.len());
    assert_eq!(summary.counts.accepted + summary.counts.cancelled, 5000);
    assert_eq!(chimp.bench.receipt(&run, 0).await.outcome, Outcome::Cancelled);
}

/// Takes as many batches as it has been allowed, and is busy otherwise.
struct Allowed(Arc<Mutex<usize>>);

impl Respond for Allowed {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut left = self.0.lock().unwrap();
        if *left == 0 {
            return text_answer(503, "busy").insert_header("retry-after", "100");
        }
        *left -= 1;
        batch(members(request).len(), &[])
    }
}

#[tokio::test]
async fn pauses_grow_only_while_nothing_is_delivered() {
    let left = Arc::new(Mutex::new(1));
    let chimp = Chimp::new(Allowed(left.clone())).await;
    let run = chimp.bench.run(1_200, 1_200).await;
    let mut fruitless = Vec::new();
    for allowed in [1, 0, 0, 1] {
        *left.lock().unwrap() = allowed;
        chimp.bench.deliver_again(&run, 0, Duration::from_mins(1)).await.pause();
        let progress = chimp.bench.progress(&run, 0).await;
        fruitless.push((progress.pauses, progress.fruitless));
    }
    assert_eq!(fruitless, [(1, 1), (2, 2), (3, 3), (4, 1)]);
    *left.lock().unwrap() = 9;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 1_200);
}

#[tokio::test]
async fn what_is_delivered_after_the_chunk_was_given_up_counts_as_delivered() {
    let slow = batch(3, &[]).set_delay(Duration::from_millis(600));
    let chimp = Chimp::new(slow).await;
    let run = chimp.bench.run(3, 10).await;
    // The resumer concludes it at the deadline, in the very moment in which an invocation delivers it.
    let given_up = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let progress = Progress::new(0, Timestamp::now());
        let (receipt, _) = conclude(0, 3, &progress, Rest::Failed, Some("the run's deadline passed".into()));
        chimp.bench.state.create(&keys::receipt(EXPORT, &run, 0), &receipt).await.unwrap();
        let (run, sealed) =
            (chimp.bench.state.run(EXPORT, &run).await, chimp.bench.state.sealed(EXPORT, &run).await);
        finish::finish(&chimp.bench.state, &run.unwrap().unwrap(), &sealed.unwrap().unwrap()).await.unwrap();
    };
    tokio::join!(chimp.bench.deliver(&run, 0), given_up);
    assert_eq!(chimp.bench.receipt(&run, 0).await.outcome, Outcome::Delivered);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 3));
}
