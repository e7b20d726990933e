//! Two invocations on one event, side by side at every step: the end is the same as with one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fan_out::{App, handle};
use segue_platform::memory::{Asked, Before, Watched};
use segue_platform::{Deadline, StoreError};
use segue_segment::Destination::{self, Klaviyo};
use segue_state::{Role, State};

use crate::bench::Bench;

/// Lets others go first at each request, so that two invocations take turns.
struct OthersFirst;

#[async_trait]
impl Before for OthersFirst {
    async fn before(&self, _: Asked, _: &str) -> Result<(), StoreError> {
        for _ in 0..fastrand::u32(0..4) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

async fn twice(bench: &mut Bench, file: &str) {
    bench.app = App {
        config: bench.app.config.clone(),
        state: State::new(Arc::new(Watched::new(bench.bucket.clone(), OthersFirst))),
        segments: Arc::new(Watched::new(bench.segments.clone(), OthersFirst)),
        queue: bench.queue.clone(),
        invoke: bench.invoke.clone(),
    };
    let event = bench.put("segments/vip/a.csv", file).await;
    let (role, deadline) = (Role::Administrators, Deadline::after(Duration::from_mins(10)));
    let (one, other) =
        tokio::join!(handle(&bench.app, &event, role, deadline), handle(&bench.app, &event, role, deadline));
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn of_two_attempts_one_seals_and_the_other_takes_its_chunks_away() {
    for seed in 0..50 {
        fastrand::seed(seed);
        let mut bench = Bench::new().await;
        twice(
            &mut bench,
            "email,first_name\na@example.com,A\nnobody,\nb@example.com,B\nc@example.com,C\nd@example.com,D\n",
        )
        .await;
        let mut once: Vec<_> =
            bench.queue.take().into_iter().filter_map(|(_, message)| message.once).collect();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), 3, "the queue keeps one message a chunk");
        for destination in Destination::ALL {
            assert_eq!(bench.sealed(destination).await.unwrap().profiles, 4);
            assert_eq!(bench.staged(destination).await.len(), 4);
        }
        assert_eq!(bench.keys("chunks/").len(), 3, "seed {seed}: {:?}", bench.keys("chunks/"));
        let pages = bench.bucket.keys().into_iter().filter(|key| key.contains("/rejected/")).count();
        assert_eq!(pages, 3, "seed {seed}: a loser's pages are left");
    }
}

#[tokio::test]
async fn of_two_attempts_that_are_refused_one_says_why() {
    for seed in 0..50 {
        fastrand::seed(seed);
        let mut bench = Bench::new().await;
        twice(&mut bench, "email,first_name\na@example.com,A\nx,\ny,\n").await;
        assert!(bench.summary(Klaviyo).await.message.contains("2 of 3 rows"));
        assert!(bench.keys("chunks/").is_empty() && bench.queue.take().is_empty());
        assert!(bench.app.state.open_runs().await.unwrap().is_empty(), "seed {seed}");
    }
}
