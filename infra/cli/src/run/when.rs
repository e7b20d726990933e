//! A point in time out of a command line: a time, a day, or how long ago.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads `2026-11-22T16:00:00Z`, `2026-11-22` (its beginning, UTC), or how long ago: `90s`, `15m`, `6h`, `2d`, `1w`.
///
/// # Errors
/// What can be written, for anything else.
pub(super) fn when(text: &str) -> Result<Timestamp, String> {
    before(Timestamp::now(), text)
}

fn before(now: Timestamp, text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<Date>() {
        return day.to_zoned(TimeZone::UTC).map(|day| day.timestamp()).map_err(|error| error.to_string());
    }
    ago(now, text).ok_or_else(|| {
        "use a time (2026-11-22T16:00:00Z), a day (2026-11-22), or how long ago (90s, 15m, 6h, 2d, 1w)"
            .to_owned()
    })
}

fn ago(now: Timestamp, text: &str) -> Option<Timestamp> {
    let unit = text.chars().next_back()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => return None,
    };
    let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
    now.checked_sub(SignedDuration::from_secs(seconds.checked_mul(count.into())?)).ok()
}

/// A time as run ids begin with it.
#[must_use]
pub(super) fn prefix(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_days_and_spans_are_understood() {
        let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-20T01:02:03Z", "2026-11-20T01:02:03Z"),
            ("2026-11-20T01:02:03+01:00", "2026-11-20T00:02:03Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("90s", "2026-11-22T15:58:30Z"),
            ("15m", "2026-11-22T15:45:00Z"),
            ("6h", "2026-11-22T10:00:00Z"),
            ("2d", "2026-11-20T16:00:00Z"),
            ("1w", "2026-11-15T16:00:00Z"),
        ] {
            assert_eq!(before(now, text).unwrap(), expected.parse::<Timestamp>().unwrap(), "{text}");
        }
        for text in ["", "h", "-1h", "1y", "yesterday", "1.5h", "é"] {
            assert!(before(now, text).is_err(), "{text}");
        }
        assert_eq!(prefix(now), "20261122T160000Z");
    }
}
