//! Time: the wall clock in milliseconds, and the moment at which an invocation is cut off.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, UTC.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// When an invocation is cut off.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at_ms: u64,
}

impl Deadline {
    /// At this many milliseconds since 1970, as Lambda says it.
    #[must_use]
    pub const fn at(at_ms: u64) -> Self {
        Self { at_ms }
    }

    /// So long from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { at_ms: now_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2) }
    }

    /// What is left, zero if it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        Duration::from_millis(self.at_ms.saturating_sub(now_ms()))
    }
}
