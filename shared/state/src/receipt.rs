//! The recorded outcome of one chunk.

use std::collections::BTreeMap;

use jiff::Timestamp;
use segue_segment::{Reason, RowRef};
use serde::{Deserialize, Serialize};

use crate::{CallRecord, Progress};

/// How a chunk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every row has the destination's answer. Final.
    Delivered,
    /// Somebody stopped it. Final.
    Cancelled,
    /// Rows of it could not be delivered. A retry replaces this receipt.
    Failed,
}

/// What became of a chunk's profiles. The columns sum up to `profiles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The chunk's number.
    pub chunk: u32,
    /// 0 at first, one more with each retry.
    pub generation: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Profiles in it.
    pub profiles: u64,
    /// Taken by the destination.
    pub accepted: u64,
    /// Among the accepted: those that were there already and were left alone.
    pub already_there: u64,
    /// Refused by the destination.
    pub rejected: u64,
    /// Why.
    pub rejected_by_reason: BTreeMap<Reason, u64>,
    /// Sent, and the destination does not tell.
    pub unknown: u64,
    /// Not delivered.
    pub failed: u64,
    /// Not sent.
    pub cancelled: u64,
    /// Requests to the destination that it answered.
    pub api_calls: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// When its first call was made.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What went wrong, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Receipt {
    /// Whether a retry may not replace it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.outcome != Outcome::Failed
    }

    /// Whether the columns sum up.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.profiles == self.accepted + self.rejected + self.unknown + self.failed + self.cancelled
    }
}

/// What becomes of the rows of a chunk whose calls are not all done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// There are none.
    Nothing,
    /// They could not be delivered.
    Failed,
    /// Somebody stopped the run.
    Cancelled,
}

/// Concludes a chunk from where it stands: its receipt, and the rows that the destination refused. A job whose end
/// nobody saw is `unknown`.
#[must_use]
pub fn conclude(
    chunk: u32,
    profiles: u64,
    progress: &Progress,
    rest: Rest,
    message: Option<String>,
) -> (Receipt, Vec<Rejected>) {
    let (mut taken, mut there, mut untold) = (0, 0, 0);
    let mut refused = Vec::new();
    for call in progress.calls.values() {
        match call {
            CallRecord::Intended | CallRecord::Halved => {}
            CallRecord::Started { profiles, rejected, .. } => {
                untold += profiles;
                refused.extend_from_slice(rejected);
            }
            CallRecord::Done { accepted, already_there, unknown, rejected, failed: _ } => {
                taken += accepted;
                there += already_there;
                untold += unknown;
                refused.extend_from_slice(rejected);
            }
        }
    }
    let rejected = refused.len() as u64;
    let left = profiles.saturating_sub(taken + untold + rejected);
    let outcome = match rest {
        Rest::Cancelled if left > 0 => Outcome::Cancelled,
        Rest::Failed if left > 0 => Outcome::Failed,
        Rest::Nothing | Rest::Failed | Rest::Cancelled => Outcome::Delivered,
    };
    let receipt = Receipt {
        chunk,
        generation: progress.generation,
        outcome,
        profiles,
        accepted: taken,
        already_there: there,
        rejected,
        rejected_by_reason: by_reason(&refused),
        unknown: untold + if outcome == Outcome::Delivered { left } else { 0 },
        failed: if outcome == Outcome::Failed { left } else { 0 },
        cancelled: if outcome == Outcome::Cancelled { left } else { 0 },
        api_calls: progress.api_calls,
        retries: progress.retries,
        started_at: progress.started_at,
        finished_at: Timestamp::now(),
        message: message.or_else(|| progress.untold.clone()),
    };
    (receipt, refused)
}

/// A refused row as it is recorded: never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Index of the part among the run's parts; `None` if the destination did not say which row it refused.
    pub part: Option<u32>,
    /// The row in it.
    pub row: Option<u64>,
    /// Why.
    pub reason: Reason,
}

impl Rejected {
    /// A row that is known.
    #[must_use]
    pub const fn at(at: RowRef, reason: Reason) -> Self {
        Self { part: Some(at.part), row: Some(at.row), reason }
    }

    /// A row that the destination refused without saying which.
    #[must_use]
    pub const fn somewhere(reason: Reason) -> Self {
        Self { part: None, row: None, reason }
    }
}

/// How many there are of each reason.
#[must_use]
pub fn by_reason<'a>(rejected: impl IntoIterator<Item = &'a Rejected>) -> BTreeMap<Reason, u64> {
    let mut counts = BTreeMap::new();
    for row in rejected {
        *counts.entry(row.reason).or_default() += 1;
    }
    counts
}

/// Refused rows as lines of JSON.
#[must_use]
pub fn lines(rejected: &[Rejected]) -> Vec<u8> {
    let mut text = Vec::with_capacity(rejected.len() * 48);
    for row in rejected {
        // Three plain fields always encode.
        if serde_json::to_writer(&mut text, row).is_ok() {
            text.push(b'\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(calls: &[CallRecord]) -> Progress {
        let mut progress = Progress::new(0, Timestamp::UNIX_EPOCH);
        progress.calls = (0..).zip(calls.iter().cloned()).collect();
        progress
    }

    fn done() -> CallRecord {
        let at = RowRef { part: 0, row: 7 };
        let rejected = vec![Rejected::at(at, Reason::Refused), Rejected::somewhere(Reason::Refused)];
        CallRecord::Done { accepted: 5, already_there: 2, unknown: 1, rejected, failed: 0 }
    }

    #[test]
    fn what_is_not_done_becomes_what_was_said_of_it() {
        let all = [done(), CallRecord::Intended];
        for (rest, outcome, failed, cancelled) in
            [(Rest::Failed, Outcome::Failed, 4, 0), (Rest::Cancelled, Outcome::Cancelled, 0, 4)]
        {
            let (receipt, rejected) = conclude(0, 12, &progress(&all), rest, None);
            assert_eq!((receipt.outcome, receipt.failed, receipt.cancelled), (outcome, failed, cancelled));
            assert_eq!((receipt.accepted, receipt.already_there, receipt.unknown), (5, 2, 1));
            assert_eq!(rejected.len(), 2);
            assert!(receipt.balances());
        }
    }

    #[test]
    fn nothing_left_is_delivered_whatever_was_said_of_the_rest() {
        for rest in [Rest::Nothing, Rest::Failed, Rest::Cancelled] {
            assert_eq!(conclude(0, 8, &progress(&[done()]), rest, None).0.outcome, Outcome::Delivered);
        }
    }

    #[test]
    fn a_job_that_nobody_saw_end_is_unknown() {
        let at = Timestamp::UNIX_EPOCH;
        let started = CallRecord::Started { job: "j".into(), profiles: 9, rejected: Vec::new(), at };
        let (receipt, _) = conclude(0, 9, &progress(&[started]), Rest::Failed, None);
        assert_eq!((receipt.unknown, receipt.failed, receipt.outcome), (9, 0, Outcome::Delivered));
    }

    #[test]
    fn lines_hold_numbers_and_words_only() {
        let at = RowRef { part: 0, row: 7 };
        let text = lines(&[Rejected::at(at, Reason::Empty), Rejected::somewhere(Reason::Refused)]);
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"
        {"part":0,"row":7,"reason":"empty"}
        {"part":null,"row":null,"reason":"refused"}
        "#);
    }
}
