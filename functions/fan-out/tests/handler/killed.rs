//! fan-out killed before or after any of its requests to AWS: the end is the same as without.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fan_out::{App, handle};
use segue_platform::Deadline;
use segue_segment::Destination::{self, Klaviyo, Snapchat};
use segue_state::{Role, State};
use serde_json::Value;

use crate::bench::Bench;
use crate::killing::{Killing, Switch};

const FILE: &str =
    "email,first_name\na@example.com,A\nnobody,\nb@example.com,B\nc@example.com,C\nd@example.com,D\n";
const KEPT: [Destination; 2] = [Snapchat, Klaviyo];

/// fan-out over edges that kill it at `moment`: the event, and whether it was killed.
async fn killed_at(moment: u64) -> (Bench, Value, bool) {
    let bench = Bench::new().await;
    bench.only(&KEPT).await;
    let event = bench.put("segments/vip/a.csv", FILE).await;
    let switch = Switch::at(moment);
    let app = App {
        config: bench.app.config.clone(),
        state: State::new(Arc::new(Killing { inner: bench.bucket.clone(), switch: switch.clone() })),
        segments: Arc::new(Killing { inner: bench.segments.clone(), switch: switch.clone() }),
        queue: Arc::new(Killing { inner: bench.queue.clone(), switch: switch.clone() }),
        invoke: bench.invoke.clone(),
    };
    let killed = tokio::select! {
        done = handle(&app, &event, Role::Administrators, Deadline::after(Duration::from_mins(10))) => {
            done.unwrap();
            false
        }
        () = switch.killed() => true,
    };
    (bench, event, killed)
}

/// Each run is sealed once, staged once, and has each of its messages.
fn check(bench: &Bench, runs: usize, moment: u64) {
    let sent = bench.queue.take();
    let once: BTreeSet<_> = sent.into_iter().map(|(_, message)| message.once.unwrap()).collect();
    assert_eq!(once.len(), runs, "killed at {moment}");
    assert_eq!(bench.keys("chunks/").len(), runs, "killed at {moment}");
    assert_eq!(bench.keys("open/").len(), runs, "killed at {moment}");
    let pages = bench.bucket.keys().into_iter().filter(|key| key.contains("/rejected/")).count();
    assert_eq!(pages, runs, "killed at {moment}: pages of a lost attempt");
    assert_eq!(bench.keys("exports/").len(), runs, "killed at {moment}: heads");
}

#[tokio::test]
async fn the_event_that_lambda_repeats_brings_it_to_the_same_end() {
    for moment in 0.. {
        let (bench, event, killed) = killed_at(moment).await;
        if killed {
            bench.handle(&event).await;
        }
        check(&bench, KEPT.len(), moment);
        for destination in KEPT {
            assert_eq!(bench.sealed(destination).await.unwrap().profiles, 4);
            assert_eq!(bench.staged(destination).await.len(), 4, "killed at {moment}");
        }
        if !killed {
            assert!(moment > 40, "only {moment} moments");
            return;
        }
    }
}

#[tokio::test]
async fn the_resumer_alone_brings_every_run_that_was_opened_to_the_same_end() {
    for moment in 0.. {
        let (bench, _, killed) = killed_at(moment).await;
        for _ in 0..3 {
            bench.resume(0).await;
            for payload in bench.invoke.take() {
                bench.handle(&serde_json::from_str(&payload).unwrap()).await;
            }
        }
        // One that was not recorded yet is left to the event.
        let opened = bench.keys("runs/").into_iter().filter(|key| key.ends_with("/run.json")).count();
        check(&bench, opened, moment);
        if !killed {
            return;
        }
    }
}
