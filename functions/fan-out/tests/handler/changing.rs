//! A drop that changes while it is read: that is a refusal, and never half a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fan_out::App;
use segue_platform::memory::{Asked, Before, MemoryBucket, Watched};
use segue_platform::{Objects, StoreError};
use segue_segment::Destination::Klaviyo;
use segue_state::Status;
use serde_json::json;

use crate::bench::Bench;

/// Does something to an object before its n-th range is read.
struct Changing {
    segments: Arc<MemoryBucket>,
    at: u64,
    reads: AtomicU64,
    to: Option<Bytes>,
    /// Reads that are under way, and the most that ever were.
    under_way: AtomicU64,
    most: Arc<AtomicU64>,
}

impl Changing {
    fn new(segments: Arc<MemoryBucket>, at: u64, to: Option<Bytes>) -> Self {
        Self {
            segments,
            at,
            reads: AtomicU64::new(0),
            to,
            under_way: AtomicU64::new(0),
            most: Arc::default(),
        }
    }
}

#[async_trait]
impl Before for Changing {
    async fn before(&self, asked: Asked, key: &str) -> Result<(), StoreError> {
        if asked != Asked::Read {
            return Ok(());
        }
        if self.reads.fetch_add(1, Ordering::SeqCst) == self.at {
            match &self.to {
                Some(bytes) => self.segments.put(key, bytes.clone()).await?,
                None => self.segments.delete(key).await?,
            }
        }
        self.most.fetch_max(self.under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

fn over(bench: &Bench, changing: Changing) -> App {
    App {
        config: bench.app.config.clone(),
        state: bench.app.state.clone(),
        segments: Arc::new(Watched::new(bench.segments.clone(), changing)),
        queue: bench.queue.clone(),
        invoke: bench.invoke.clone(),
    }
}

async fn refused(bench: &Bench) -> String {
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused, "{}", summary.message);
    assert!(bench.queue.take().is_empty() && bench.keys("chunks/").is_empty());
    summary.message
}

#[tokio::test]
async fn a_large_file_that_changes_or_vanishes_in_the_middle_is_refused() {
    let text = format!("email,first_name\n{}", "somebody@example.com,Somebody\n".repeat(1 << 20));
    for to in [None, Some(Bytes::from(text.clone().replace("somebody", "somebyte")))] {
        for at in [0, 2] {
            let mut bench = Bench::new().await;
            bench.only(&[Klaviyo]).await;
            let event = bench.put("segments/vip/a.csv", &text).await;
            bench.app = over(&bench, Changing::new(bench.segments.clone(), at, to.clone()));
            bench.handle(&event).await;
            assert!(refused(&bench).await.contains("was replaced or removed"));
        }
    }
}

#[tokio::test]
async fn a_large_file_is_read_by_a_few_requests_at_once() {
    let mut bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    let text = format!("email,first_name\n{}", "somebody@example.com,Somebody\n".repeat(2 << 20));
    let event = bench.put("segments/vip/a.csv", &text).await;
    let segments = Changing::new(bench.segments.clone(), u64::MAX, None);
    let most = segments.most.clone();
    bench.app = over(&bench, segments);
    bench.handle(&event).await;
    assert_eq!(bench.sealed(Klaviyo).await.unwrap().read, 2 << 20);
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_file_that_is_not_as_large_as_it_was_said_to_be_is_refused() {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    let mut event = bench.put("segments/vip/a.csv", "email,first_name\na@example.com,A\n").await;
    event["detail"]["object"]["size"] = json!(5);
    bench.handle(&event).await;
    let message = refused(&bench).await;
    assert!(message.contains("a.csv has 33 bytes and was said to have 5"), "{message}");
}
