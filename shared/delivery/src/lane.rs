//! Pacing: an account's rate limits, kept by the one invocation that owns its lane.
//!
//! A limit of `n` requests in a window is kept in any span of that length, wherever the destination's own window
//! begins: a request waits until the one `n` places before it is older than the window. A token bucket would let
//! almost twice as many through around a boundary.

use std::collections::BTreeMap;
use std::time::Duration;

use segue_platform::clock::now_ms;
use segue_state::LaneRecord;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::sleep;

use crate::destination::{Budget, Window};

/// Two requests may arrive closer to one another than they were sent.
const MARGIN_MS: u64 = 60;

/// The lane of an account.
pub(crate) struct Lane {
    connections: Semaphore,
    share: u8,
    budget: Budget,
    spent: Mutex<Spent>,
}

struct Spent {
    sent_ms: BTreeMap<String, Vec<u64>>,
    held_until_ms: u64,
}

/// A request would have to wait longer than it may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) Duration);

impl Lane {
    pub(crate) fn new(budget: Budget, share: u8, record: LaneRecord) -> Self {
        let connections = (budget.connections * usize::from(share) / 100).max(1);
        Self {
            connections: Semaphore::new(connections),
            share,
            budget,
            spent: Mutex::new(Spent { sent_ms: record.sent_ms, held_until_ms: 0 }),
        }
    }

    /// Waits until a request to this endpoint may be sent, for `limit` at the most, and counts it as sent. It is
    /// under way until the answer is dropped.
    pub(crate) async fn admit(
        &self,
        endpoint: &str,
        limit: Duration,
    ) -> Result<SemaphorePermit<'_>, TooLong> {
        let Ok(permit) = tokio::time::timeout(limit, self.connections.acquire()).await else {
            return Err(TooLong(Duration::ZERO));
        };
        let Ok(permit) = permit else { return Err(TooLong(Duration::ZERO)) };
        let until_ms = now_ms().saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        loop {
            let wait = {
                let mut spent = self.spent.lock().await;
                let now = now_ms();
                let free = self.free_at(&spent, endpoint).max(spent.held_until_ms);
                if free <= now {
                    spent.note(endpoint, now, longest(self.windows(endpoint)));
                    return Ok(permit);
                }
                if free > until_ms {
                    return Err(TooLong(Duration::from_millis(free - now)));
                }
                Duration::from_millis(free - now)
            };
            sleep(wait).await;
        }
    }

    /// Lets nothing through for so long: the destination asked for it.
    pub(crate) async fn hold(&self, time: Duration) {
        let mut spent = self.spent.lock().await;
        let until = now_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2);
        spent.held_until_ms = spent.held_until_ms.max(until);
    }

    /// What was spent, for the next process.
    pub(crate) async fn record(&self) -> LaneRecord {
        LaneRecord { sent_ms: self.spent.lock().await.sent_ms.clone() }
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
    use super::*;

    const WINDOWS: &[Window] = &[
        Window { requests: 4, per: Duration::from_millis(200) },
        Window { requests: 6, per: Duration::from_mins(10) },
    ];
    const BUDGET: Budget = Budget { endpoints: &[("push", WINDOWS)], connections: 2 };

    async fn admitted(lane: &Lane, limit: u64) -> bool {
        lane.admit("push", Duration::from_millis(limit)).await.is_ok()
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
        assert!(matches!(next.admit("push", Duration::ZERO).await, Err(TooLong(wait)) if !wait.is_zero()));
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
        let first = lane.admit("push", Duration::ZERO).await;
        let second = lane.admit("push", Duration::ZERO).await;
        assert!(first.is_ok() && second.is_ok());
        assert!(!admitted(&lane, 10).await);
        drop(first);
        assert!(admitted(&lane, 10).await);
    }

    #[tokio::test]
    async fn a_held_lane_lets_nothing_through() {
        let lane = Lane::new(BUDGET, 100, LaneRecord::default());
        lane.hold(Duration::from_mins(1)).await;
        assert!(matches!(lane.admit("other", Duration::ZERO).await, Err(TooLong(_))));
    }
}
