//! Pacing: an account's rate limits, kept by the one invocation that owns its lane.
//!
//! A limit of `n` requests in a window is kept in any span of that length, wherever the destination's own window
//! begins: a request waits until the one `n` places before it is older than the window. A token bucket would let
//! almost twice as many through around a boundary.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segue_platform::clock::now_ms;
use segue_state::LaneRecord;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::destination::{Budget, Window};

/// Two requests may arrive closer to one another than they were sent.
const MARGIN_MS: u64 = 50;
/// A first request arrives that much later, since its connection has to be opened: what follows it must not catch up.
const COLD_MS: u64 = 150;

/// The lane of an account.
pub(crate) struct Lane {
    connections: Semaphore,
    share: u8,
    budget: Budget,
    spent: Mutex<Spent>,
    /// A request was answered, so that connections are open.
    warm: AtomicBool,
}

struct Spent {
    sent_ms: BTreeMap<String, Vec<u64>>,
    held_until_ms: u64,
    job_ms: Option<u64>,
}

impl Lane {
    pub(crate) fn new(budget: Budget, share: u8, record: LaneRecord) -> Self {
        let connections = (budget.connections * usize::from(share) / 100).max(1);
        Self {
            connections: Semaphore::new(connections),
            share,
            budget,
            spent: Mutex::new(Spent {
                sent_ms: record.sent_ms,
                held_until_ms: record.held_until_ms,
                job_ms: record.job_ms,
            }),
            warm: AtomicBool::new(false),
        }
    }

    /// Waits for a connection, for `limit` at the most. It is in use until what is answered here is dropped.
    pub(crate) async fn connection(&self, limit: Duration) -> Option<SemaphorePermit<'_>> {
        timeout(limit, self.connections.acquire()).await.ok()?.ok()
    }

    /// Counts a request to this endpoint as sent now.
    ///
    /// # Errors
    /// How long it has to wait, if no request may be sent now; nothing is counted then.
    pub(crate) async fn take(&self, endpoint: &str) -> Result<(), Duration> {
        let mut spent = self.spent.lock().await;
        let now = now_ms();
        let free = self.free_at(&spent, endpoint).max(spent.held_until_ms);
        if free > now {
            return Err(Duration::from_millis(free - now));
        }
        let late = if self.warm.load(Ordering::Relaxed) { 0 } else { COLD_MS };
        spent.note(endpoint, now + late, longest(self.windows(endpoint)));
        Ok(())
    }

    /// A request was answered: connections are open from now on.
    pub(crate) fn answered(&self) {
        self.warm.store(true, Ordering::Relaxed);
    }

    /// The invocation before this one crashed, and what it sent was not recorded: it is taken to have sent each of
    /// its `calls` just now, to every endpoint.
    pub(crate) async fn crashed(&self, calls: usize) {
        let mut spent = self.spent.lock().await;
        let now = now_ms();
        for (endpoint, windows) in self.budget.endpoints {
            (0..calls).for_each(|_| spent.note(endpoint, now, longest(windows)));
        }
    }

    /// Lets nothing through for so long: the destination asked for it.
    pub(crate) async fn hold(&self, time: Duration) {
        let mut spent = self.spent.lock().await;
        let until = now_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2);
        spent.held_until_ms = spent.held_until_ms.max(until);
    }

    /// Notes how long a job took.
    pub(crate) async fn job_took(&self, time: Duration) {
        self.spent.lock().await.job_ms = Some(millis(time));
    }

    /// How long the account's latest job took, if one has ended.
    pub(crate) async fn job_time(&self) -> Option<Duration> {
        self.spent.lock().await.job_ms.map(Duration::from_millis)
    }

    /// What was spent, for the next process.
    pub(crate) async fn record(&self) -> LaneRecord {
        let spent = self.spent.lock().await;
        LaneRecord {
            sent_ms: spent.sent_ms.clone(),
            held_until_ms: spent.held_until_ms,
            job_ms: spent.job_ms,
        }
    }

    fn windows(&self, endpoint: &str) -> &'static [Window] {
        self.budget.endpoints.iter().find(|(name, _)| *name == endpoint).map_or(&[], |(_, windows)| windows)
    }

    /// The moment at which no window forbids a request any more.
    fn free_at(&self, spent: &Spent, endpoint: &str) -> u64 {
        let Some(sent) = spent.sent_ms.get(endpoint) else { return 0 };
        let free_of = |window: &Window| {
            let requests = (window.requests * u32::from(self.share) / 100).max(1) as usize;
            let Some(before) = sent.len().checked_sub(requests) else { return 0 };
            sent[before] + millis(window.per) + MARGIN_MS
        };
        self.windows(endpoint).iter().map(free_of).max().unwrap_or(0)
    }
}

impl Spent {
    fn note(&mut self, endpoint: &str, now: u64, window: Duration) {
        if window.is_zero() {
            return;
        }
        let sent = self.sent_ms.entry(endpoint.to_owned()).or_default();
        let oldest = now.saturating_sub(millis(window) + MARGIN_MS);
        sent.retain(|&moment| moment > oldest);
        sent.push(now);
    }
}

fn longest(windows: &[Window]) -> Duration {
    windows.iter().map(|window| window.per).max().unwrap_or_default()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const WINDOWS: &[Window] = &[
        Window { requests: 4, per: Duration::from_millis(200) },
        Window { requests: 6, per: Duration::from_mins(10) },
    ];
    const BUDGET: Budget = Budget { endpoints: &[("push", WINDOWS)], connections: 2 };

    /// As an attempt does it: waits, unless it takes longer than `limit` milliseconds.
    async fn admitted(lane: &Lane, limit: u64) -> bool {
        let limit = Duration::from_millis(limit);
        let Some(_connection) = lane.connection(limit).await else { return false };
        loop {
            match lane.take("push").await {
                Ok(()) => return true,
                Err(wait) if wait > limit => return false,
                Err(wait) => sleep(wait).await,
            }
        }
    }

    #[tokio::test]
    async fn no_span_of_a_window_has_more_than_its_limit() {
        let lane = Lane::new(BUDGET, 100, LaneRecord::default());
        for _ in 0..6 {
            assert!(admitted(&lane, 1000).await);
        }
        let sent = lane.record().await.sent_ms["push"].clone();
        for five in sent.windows(5) {
            assert!(five[4] - five[0] >= 200, "{sent:?}");
        }
        assert!(!admitted(&lane, 1000).await, "a seventh within ten minutes");
    }

    #[tokio::test]
    async fn a_new_process_knows_what_was_spent() {
        let lane = Lane::new(BUDGET, 100, LaneRecord::default());
        for _ in 0..4 {
            assert!(admitted(&lane, 0).await);
        }
        let next = Lane::new(BUDGET, 100, lane.record().await);
        assert!(next.take("push").await.is_err_and(|wait| !wait.is_zero()));
        assert!(admitted(&next, 1000).await);
    }

    #[tokio::test]
    async fn a_share_leaves_room_for_others() {
        let lane = Lane::new(BUDGET, 50, LaneRecord::default());
        assert!(admitted(&lane, 0).await && admitted(&lane, 0).await);
        assert!(!admitted(&lane, 0).await);
    }

    #[tokio::test]
    async fn so_many_at_once_and_no_more() {
        let lane = Lane::new(BUDGET, 100, LaneRecord::default());
        let first = lane.connection(Duration::ZERO).await;
        let second = lane.connection(Duration::ZERO).await;
        assert!(first.is_some() && second.is_some());
        assert!(!admitted(&lane, 10).await);
        drop(first);
        assert!(admitted(&lane, 10).await);
    }

    #[tokio::test]
    async fn a_held_lane_lets_nothing_through() {
        let lane = Lane::new(BUDGET, 100, LaneRecord::default());
        lane.hold(Duration::from_mins(1)).await;
        assert!(lane.take("other").await.is_err());
        // And no other invocation does.
        let next = Lane::new(BUDGET, 100, lane.record().await);
        assert!(next.take("other").await.is_err());
    }

    #[tokio::test]
    async fn after_a_crash_what_may_have_been_sent_counts_as_sent() {
        let lane = Lane::new(BUDGET, 100, LaneRecord::default());
        lane.crashed(6).await;
        assert!(lane.take("push").await.is_err_and(|wait| wait > Duration::from_mins(9)));
    }

    #[tokio::test]
    async fn what_arrives_late_is_not_caught_up_with() {
        let lane = Lane::new(BUDGET, 100, LaneRecord::default());
        lane.take("push").await.unwrap();
        lane.answered();
        lane.take("push").await.unwrap();
        let sent = lane.record().await.sent_ms["push"].clone();
        assert!(sent[0] > sent[1], "the first opened its connection: {sent:?}");
    }
}
