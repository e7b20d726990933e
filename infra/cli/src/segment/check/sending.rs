//! What sending would take: arithmetic over the destination's documented limits, nothing measured.

use segue_segment::Destination;
use serde::Serialize;

use crate::output::counted;

/// What a run over so many profiles would send, and for how long.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sending {
    /// API calls with profiles in them.
    pub(super) calls: u64,
    /// The least seconds between the first call and the last answer.
    pub(super) seconds: u64,
    /// What that follows from.
    pub(super) basis: &'static str,
}

/// Seconds that one of Mailchimp's calls is taken to last.
const MAILCHIMP_SECONDS: u64 = 2;

impl Sending {
    /// Of `profiles` to `destination`.
    pub(super) fn of(destination: Destination, profiles: u64) -> Self {
        let calls = profiles.div_ceil(destination.shape().profiles_per_call as u64);
        let (seconds, basis) = match destination {
            Destination::Snapchat => (calls.div_ceil(10), "10 requests a second, as documented"),
            Destination::Mailchimp => (
                calls.div_ceil(9) * MAILCHIMP_SECONDS,
                "9 connections at once, as documented, and 2 s a call, which is assumed",
            ),
            Destination::Klaviyo => (
                // The 151st call waits for the second minute.
                calls.saturating_sub(1) / 150 * 60 + (calls.saturating_sub(1) % 150 + 1).div_ceil(10),
                "10 requests a second and 150 a minute, as documented; its jobs then take their own time",
            ),
        };
        Self { calls, seconds: if calls == 0 { 0 } else { seconds }, basis }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        let Self { calls, seconds, basis } = self;
        let calls = counted(*calls, "call");
        let time = match seconds {
            0..120 => format!("{seconds} s"),
            120..7200 => format!("{} min", seconds.div_ceil(60)),
            _ => format!("{} h", seconds.div_ceil(3600)),
        };
        format!("{calls}, {time} at least ({basis})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_full_but_for_the_last_and_windows_are_waited_for() {
        let of = |destination, profiles| {
            let sending = Sending::of(destination, profiles);
            (sending.calls, sending.seconds)
        };
        assert_eq!(of(Destination::Snapchat, 0), (0, 0));
        assert_eq!(of(Destination::Snapchat, 1_000_001), (11, 2));
        assert_eq!(of(Destination::Mailchimp, 1_000_000), (2000, 446));
        assert_eq!(of(Destination::Klaviyo, 100_000), (10, 1));
        assert_eq!(of(Destination::Klaviyo, 1_500_000), (150, 15));
        assert_eq!(of(Destination::Klaviyo, 1_500_001), (151, 61));
    }
}
