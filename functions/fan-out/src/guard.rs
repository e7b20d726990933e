//! The guards: what stops a run after its drops were read and before anything is sent.

use segue_source::{ColumnError, SourceError};

/// What a plan's drops came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows read.
    pub read: u64,
    /// Rows without a usable address.
    pub invalid: u64,
    /// Unique, valid profiles: what would be sent.
    pub profiles: u64,
}

/// What an export allows.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most profiles.
    pub profiles: u64,
    /// Most invalid rows, as a share of all from 0 to 1.
    pub invalid_share: f64,
    /// Least profiles.
    pub min_profiles: u64,
}

/// Why a run must not start. The message says what, where and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Guard {
    /// A file was not understood.
    #[error("{file}: {source}")]
    Source {
        /// Its key.
        file: String,
        /// What is wrong.
        source: SourceError,
    },
    /// A mapped column can't be told.
    #[error("{file}: {source}; map the right one in the export")]
    Column {
        /// The key of the file.
        file: String,
        /// What is wrong.
        source: ColumnError,
    },
    /// A file is not there any more, or was replaced while it was read.
    #[error(
        "{file} was replaced or removed before it was read: a newer file has a run of its own; if it is a part of a drop, upload what closes the drop again"
    )]
    Gone {
        /// Its key.
        file: String,
    },
    /// A file is not as large as it was said to be.
    #[error("{file} has {found} bytes and was said to have {said}; was it replaced while it was read?")]
    Size {
        /// Its key.
        file: String,
        /// The size in the event or the listing.
        said: u64,
        /// Its size.
        found: u64,
    },
    /// What the export says of its files makes no sense.
    #[error("the export's configuration is wrong: {0}")]
    Configuration(String),
    /// A segment has no drop.
    #[error("the segment `{0}` has no drop yet; put a file with `segue segment put {0} FILE`")]
    NoDrop(String),
    /// A drop was asked for that is not there.
    #[error(
        "there is no drop at {drop}; name a file as {prefix}SEGMENT/FILE, a closed drop of many as {prefix}SEGMENT/DROP/"
    )]
    NoSuchDrop {
        /// What was asked for.
        drop: String,
        /// What all keys of drops begin with.
        prefix: String,
    },
    /// A drop was asked for, and another segment.
    #[error("{drop} is no drop of the segment `{segment}`; leave the segment out, or name one of its drops")]
    OtherSegment {
        /// The key.
        drop: String,
        /// The segment.
        segment: String,
    },
    /// A segment was asked for that the export does not send.
    #[error("the export does not send the segment `{0}`; choose one of its own, or give it that one")]
    NotItsSegment(String),
    /// A drop was closed, and there is nothing in it.
    #[error("{marker} closes a drop that has no parts; upload the parts, then the marker")]
    NoParts {
        /// The key of what closes it.
        marker: String,
    },
    /// More parts than the record of a run holds.
    #[error(
        "the drops have {found} parts, a run reads at most {}; write fewer, larger ones",
        crate::parts::MOST
    )]
    TooManyParts {
        /// Parts found.
        found: usize,
    },
    /// A manifest that can't be followed.
    #[error("{file}: {problem}; mend the manifest and upload it again")]
    Manifest {
        /// Its key.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// Parts that a manifest names and that are not there.
    #[error(
        "{file} names parts that are not there: {}; upload them, then the manifest again",
        first(missing)
    )]
    MissingParts {
        /// The manifest's key.
        file: String,
        /// Their keys.
        missing: Vec<String>,
    },
    /// There is nobody to send.
    #[error("the drop has no rows; an empty segment is not sent, since it is a mistake as a rule")]
    NoRows,
    /// All rows are invalid.
    #[error(
        "none of the {read} rows has a usable e-mail address in the column `{column}`; is it the right one?"
    )]
    NoProfiles {
        /// Rows read.
        read: u64,
        /// The mapped column.
        column: String,
    },
    /// Too few profiles.
    #[error(
        "the drops have {found} profiles, the export wants {limit} at least; is the drop complete? If it is, lower `limits.min_profiles`"
    )]
    TooFew {
        /// Unique, valid profiles.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Too many more, or too many fewer, than the last time.
    #[error(
        "the drops have {profiles} profiles, {change}; the export allows a change of {allowed} %: if it is meant, raise `limits.change_share`, and run it"
    )]
    Changed {
        /// Unique, valid profiles.
        profiles: u64,
        /// What changed.
        change: String,
        /// The share allowed.
        allowed: String,
    },
    /// Too many profiles.
    #[error(
        "the drops have {found} profiles, the export's limit is {limit}; raise `limits.profiles` if your contract allows it"
    )]
    TooMany {
        /// Unique, valid profiles.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Too many invalid rows.
    #[error(
        "{invalid} of {read} rows ({percent} %) are invalid, the export allows {allowed} %; mend the file, or raise `limits.invalid_share`"
    )]
    TooManyInvalid {
        /// Invalid rows.
        invalid: u64,
        /// Rows read.
        read: u64,
        /// Their share.
        percent: String,
        /// The share allowed.
        allowed: String,
    },
    /// The invocation would end before the run could be sealed.
    #[error(
        "{read} rows were read and the time ran out; give fan-out more memory, which gives it more processor, or split the drop"
    )]
    NoTime {
        /// Rows read until then.
        read: u64,
    },
}

/// Checks what was read against what the export allows.
///
/// # Errors
/// The first [`Guard`] that stops the run.
pub fn check(totals: Totals, bounds: Bounds, column: &str) -> Result<(), Guard> {
    let Totals { read, invalid, profiles } = totals;
    if read == 0 {
        return Err(Guard::NoRows);
    }
    if profiles == 0 {
        return Err(Guard::NoProfiles { read, column: column.to_owned() });
    }
    let share = ratio(invalid, read);
    if share > bounds.invalid_share {
        return Err(Guard::TooManyInvalid {
            invalid,
            read,
            percent: format!("{:.1}", share * 100.0),
            allowed: format!("{:.1}", bounds.invalid_share * 100.0),
        });
    }
    if profiles > bounds.profiles {
        return Err(Guard::TooMany { found: profiles, limit: bounds.profiles });
    }
    if profiles < bounds.min_profiles {
        return Err(Guard::TooFew { found: profiles, limit: bounds.min_profiles });
    }
    Ok(())
}

/// A few of many keys: a message is read by people.
fn first(keys: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = keys.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match keys.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Rows are fewer than 2^52, so this is exact enough.
#[expect(clippy::cast_precision_loss)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(read: u64, invalid: u64, profiles: u64) -> Option<String> {
        let bounds = Bounds { profiles: 100, invalid_share: 0.2, min_profiles: 0 };
        check(Totals { read, invalid, profiles }, bounds, "email").err().map(|guard| guard.to_string())
    }

    #[test]
    fn what_is_allowed_passes_up_to_the_bounds() {
        assert_eq!(stopped(125, 25, 100), None);
        assert_eq!(stopped(1, 0, 1), None);
    }

    #[test]
    fn fewer_than_wanted_are_not_sent() {
        let bounds = Bounds { profiles: 100, invalid_share: 0.2, min_profiles: 10 };
        let stopped = |profiles| check(Totals { read: 20, invalid: 0, profiles }, bounds, "email");
        assert_eq!(stopped(10), Ok(()));
        insta::assert_snapshot!(stopped(9).unwrap_err(), @"the drops have 9 profiles, the export wants 10 at least; is the drop complete? If it is, lower `limits.min_profiles`");
    }

    #[test]
    fn a_message_names_a_few_of_many_parts() {
        let missing = |many| {
            let missing = (0..many).map(|number| format!("p{number}")).collect();
            Guard::MissingParts { file: "m".to_owned(), missing }.to_string()
        };
        assert!(missing(5).contains(": p0, p1, p2, p3, p4; "));
        assert!(missing(7).contains("p4 and 2 more; "));
    }

    #[test]
    fn each_guard_says_what_it_found() {
        insta::assert_snapshot!(stopped(0, 0, 0).unwrap(), @"the drop has no rows; an empty segment is not sent, since it is a mistake as a rule");
        insta::assert_snapshot!(stopped(9, 9, 0).unwrap(), @"none of the 9 rows has a usable e-mail address in the column `email`; is it the right one?");
        insta::assert_snapshot!(stopped(124, 25, 99).unwrap(), @"25 of 124 rows (20.2 %) are invalid, the export allows 20.0 %; mend the file, or raise `limits.invalid_share`");
        insta::assert_snapshot!(stopped(101, 0, 101).unwrap(), @"the drops have 101 profiles, the export's limit is 100; raise `limits.profiles` if your contract allows it");
    }
}
