//! What became of a run: assembled from its records, with sums that are checked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use segue_segment::attribute::Changed;
use segue_segment::counts::Unbalanced;
use segue_segment::{Counts, Destination, Reason};
use serde::{Deserialize, Serialize};

use crate::run::Ended;
use crate::{Outcome, Receipt, Run, RunId, Sealed, TriggerKind};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its drops are being read.
    Staging,
    /// Its chunks are on their way.
    Delivering,
    /// Every chunk has its final answer; rejected rows may be among them.
    Completed,
    /// Some rows could not be delivered.
    Partial,
    /// Nothing could be delivered.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// A newer drop made it pointless.
    Superseded,
    /// A guard stopped it before anything was sent.
    Refused,
}

impl Status {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 8] = [
        Self::Staging,
        Self::Delivering,
        Self::Completed,
        Self::Partial,
        Self::Failed,
        Self::Cancelled,
        Self::Superseded,
        Self::Refused,
    ];

    /// Whether the run is over.
    #[must_use]
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::Staging | Self::Delivering)
    }

    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Delivering => "delivering",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
        }
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The export.
    pub export: String,
    /// The run.
    pub run: RunId,
    /// Where it sent to; unknown if its connection does not exist.
    pub destination: Option<Destination>,
    /// Over which connection.
    pub connection: String,
    /// The segments whose drops it read.
    pub segments: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// What started it.
    pub trigger: TriggerKind,
    /// Who started it, for a run on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// What became of its rows.
    #[serde(flatten)]
    pub counts: Counts,
    /// Why rows were invalid.
    pub invalid_by_reason: BTreeMap<Reason, u64>,
    /// Why the destination refused rows.
    pub rejected_by_reason: BTreeMap<Reason, u64>,
    /// Among the accepted: those that were at the destination already and were left alone.
    pub already_there: u64,
    /// Its chunks.
    pub chunks: u32,
    /// Chunks that have a receipt.
    pub chunks_done: u32,
    /// Requests that the destination answered.
    pub api_calls: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// When it was opened.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What happened, and what to do.
    pub message: String,
    /// What the operator should know, though nothing failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Names that were not sent as they stood in the drop.
    #[serde(default, skip_serializing_if = "Changed::is_none")]
    pub attributes_changed: Changed,
}

fn blank(run: &Run) -> Summary {
    Summary {
        export: run.export.id.clone(),
        run: run.run.clone(),
        destination: run.destination,
        connection: run.export.connection.clone(),
        segments: run.drops.iter().map(|drop| drop.segment.clone()).collect(),
        status: Status::Staging,
        trigger: run.trigger.kind,
        requested_by: run.trigger.by.clone(),
        counts: Counts::default(),
        invalid_by_reason: BTreeMap::new(),
        rejected_by_reason: BTreeMap::new(),
        already_there: 0,
        chunks: 0,
        chunks_done: 0,
        api_calls: 0,
        retries: 0,
        started_at: run.created_at,
        finished_at: None,
        message: "the drop is being read".to_owned(),
        warnings: Vec::new(),
        attributes_changed: Changed::default(),
    }
}

/// The summary of a run whose drops are still being read.
#[must_use]
pub fn staging(run: &Run) -> Summary {
    blank(run)
}

/// The summary of a run that ended before anything was sent. What would have been sent counts as not delivered.
fn ended(run: &Run, sealed: &Sealed, ended: &Ended) -> Summary {
    let unsent = sealed.read - sealed.invalid - sealed.duplicate;
    let cancelled = ended.status == Status::Cancelled;
    Summary {
        status: ended.status,
        counts: Counts {
            read: sealed.read,
            invalid: sealed.invalid,
            duplicate: sealed.duplicate,
            failed: if cancelled { 0 } else { unsent },
            cancelled: if cancelled { unsent } else { 0 },
            ..Counts::default()
        },
        invalid_by_reason: sealed.invalid_by_reason.clone(),
        finished_at: Some(sealed.sealed_at),
        message: ended.message.clone(),
        warnings: sealed.warnings.clone(),
        ..blank(run)
    }
}

/// The summary of a sealed run with the receipts that there are.
///
/// # Errors
/// [`Unbalanced`] if a row is missing or counted twice.
pub fn sealed(run: &Run, sealed: &Sealed, receipts: &[Receipt]) -> Result<Summary, Unbalanced> {
    if let Some(end) = &sealed.ended {
        let summary = ended(run, sealed, end);
        summary.counts.check()?;
        return Ok(summary);
    }
    let mut summary = Summary {
        counts: Counts {
            read: sealed.read,
            invalid: sealed.invalid,
            duplicate: sealed.duplicate,
            ..Counts::default()
        },
        invalid_by_reason: sealed.invalid_by_reason.clone(),
        chunks: sealed.chunks,
        chunks_done: u32::try_from(receipts.len()).unwrap_or(u32::MAX),
        warnings: sealed.warnings.clone(),
        attributes_changed: sealed.attributes_changed,
        ..blank(run)
    };
    let mut decided = 0;
    for receipt in receipts {
        let counts = &mut summary.counts;
        counts.accepted += receipt.accepted;
        counts.rejected += receipt.rejected;
        counts.unknown += receipt.unknown;
        counts.failed += receipt.failed;
        counts.cancelled += receipt.cancelled;
        decided += receipt.profiles;
        summary.already_there += receipt.already_there;
        summary.api_calls += receipt.api_calls;
        summary.retries += receipt.retries;
        for (reason, count) in &receipt.rejected_by_reason {
            *summary.rejected_by_reason.entry(*reason).or_default() += count;
        }
    }
    summary.counts.pending = sealed.profiles.saturating_sub(decided);
    summary.counts.check()?;
    summary.status = status(&summary, receipts);
    if summary.status.is_end() {
        summary.finished_at =
            receipts.iter().map(|receipt| receipt.finished_at).max().or(Some(sealed.sealed_at));
    }
    summary.message = message(&summary, receipts);
    summary.warnings.extend(too_few(&summary, sealed.profiles));
    Ok(summary)
}

/// Whether a run sent fewer people than its destination can make use of.
fn too_few(summary: &Summary, sent: u64) -> Option<String> {
    let useful_from = summary.destination?.shape().useful_from;
    (summary.status == Status::Completed && sent < useful_from).then(|| {
        format!(
            "{sent} profiles were sent; {} can use an audience from {useful_from} matched people on",
            destination(summary)
        )
    })
}

fn status(summary: &Summary, receipts: &[Receipt]) -> Status {
    let any = |outcome| receipts.iter().any(|receipt| receipt.outcome == outcome);
    if summary.chunks_done < summary.chunks {
        Status::Delivering
    } else if any(Outcome::Cancelled) {
        Status::Cancelled
    } else if !any(Outcome::Failed) {
        Status::Completed
    } else if any(Outcome::Delivered) || summary.counts.accepted > 0 {
        Status::Partial
    } else {
        Status::Failed
    }
}

fn message(summary: &Summary, receipts: &[Receipt]) -> String {
    let counts = &summary.counts;
    let cause = receipts.iter().rev().find_map(|receipt| receipt.message.as_deref());
    let because = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    match summary.status {
        Status::Staging => "the drop is being read".to_owned(),
        Status::Delivering => format!("{} of {} chunks are done", summary.chunks_done, summary.chunks),
        Status::Completed => completed(summary, &because),
        Status::Partial => format!(
            "{} profiles could not be delivered{because}; then `segue run retry {} {}`",
            counts.failed, summary.export, summary.run
        ),
        Status::Failed => {
            format!(
                "nothing could be delivered{because}; then `segue run retry {} {}`",
                summary.export, summary.run
            )
        }
        Status::Cancelled => format!("{} profiles were not sent{because}", counts.cancelled),
        Status::Superseded => "a newer drop took its place".to_owned(),
        Status::Refused => "a guard stopped it".to_owned(),
    }
}

fn completed(summary: &Summary, because: &str) -> String {
    let counts = &summary.counts;
    let of = |reason: Reason| summary.rejected_by_reason.get(&reason).copied().unwrap_or_default();
    let held_back = of(Reason::Archived) + of(Reason::Cleaned) + of(Reason::Unsubscribed);
    let refused = counts.rejected.saturating_sub(held_back);
    let name = destination(summary);
    let mut said = Vec::new();
    if refused > 0 {
        said.push(format!("{name} refused {refused} profiles"));
    }
    if held_back > 0 {
        said.push(format!("{held_back} profiles left the audience and were held back"));
    }
    if counts.unknown > 0 {
        said.push(format!("{name} did not tell what became of {} profiles{because}", counts.unknown));
    }
    if said.is_empty() {
        said.push(format!("{name} took all {} profiles", counts.accepted));
    }
    said.join("; ")
}

fn destination(summary: &Summary) -> &'static str {
    summary.destination.map_or("the destination", |destination| destination.shape().display_name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn run() -> Run {
        serde_json::from_value(serde_json::json!({
            "run": "20261122T163512Z-abc", "lane": "acct", "destination": "klaviyo",
            "trigger": {"kind": "upload", "at": "2026-11-22T16:35:12Z"},
            "drops": [{"segment": "vip", "parts": [{"key": "segments/vip/a.csv", "size": 5}]}],
            "created_at": "2026-11-22T16:35:13Z",
            "export": {"id": "e", "display_name": "E", "connection": "c", "audience_id": "a",
                       "segments": ["vip"], "fields": {"email": "email"}},
        }))
        .unwrap()
    }

    pub(crate) fn seal() -> Sealed {
        Sealed {
            attempt: "a".into(),
            read: 30,
            invalid: 6,
            invalid_by_reason: BTreeMap::from([(Reason::Empty, 6)]),
            duplicate: 4,
            profiles: 20,
            chunks: 2,
            profiles_per_chunk: 10,
            ended: None,
            warnings: Vec::new(),
            attributes_changed: Changed::default(),
            sources: Vec::new(),
            sealed_at: "2026-11-22T16:36:00Z".parse().unwrap(),
            deadline: "2026-11-23T16:36:00Z".parse().unwrap(),
        }
    }

    pub(crate) fn receipt(chunk: u32, outcome: Outcome) -> Receipt {
        let now = "2026-11-22T16:37:00Z".parse().unwrap();
        let of = |wanted| if outcome == wanted { 10 } else { 0 };
        Receipt {
            chunk,
            generation: 0,
            outcome,
            profiles: 10,
            accepted: of(Outcome::Delivered),
            already_there: 0,
            rejected: 0,
            rejected_by_reason: BTreeMap::new(),
            unknown: 0,
            failed: of(Outcome::Failed),
            cancelled: of(Outcome::Cancelled),
            api_calls: 1,
            retries: 0,
            started_at: now,
            finished_at: now,
            message: None,
        }
    }

    fn status_of(outcomes: &[Outcome]) -> Status {
        let receipts: Vec<_> = (0..).zip(outcomes).map(|(n, &outcome)| receipt(n, outcome)).collect();
        sealed(&run(), &seal(), &receipts).unwrap().status
    }

    #[test]
    fn its_status_follows_from_the_receipts() {
        use Outcome::{Cancelled, Delivered, Failed};
        assert_eq!(status_of(&[]), Status::Delivering);
        assert_eq!(status_of(&[Delivered]), Status::Delivering);
        assert_eq!(status_of(&[Delivered, Delivered]), Status::Completed);
        assert_eq!(status_of(&[Delivered, Failed]), Status::Partial);
        assert_eq!(status_of(&[Failed, Failed]), Status::Failed);
        assert_eq!(status_of(&[Failed, Cancelled]), Status::Cancelled);
    }

    #[test]
    fn what_has_no_receipt_is_pending() {
        let summary = sealed(&run(), &seal(), &[receipt(0, Outcome::Delivered)]).unwrap();
        assert_eq!((summary.counts.accepted, summary.counts.pending), (10, 10));
        assert_eq!(summary.finished_at, None);
    }

    #[test]
    fn counts_that_do_not_add_up_are_never_reported() {
        let twice = Receipt { accepted: 11, ..receipt(0, Outcome::Delivered) };
        assert!(sealed(&run(), &seal(), &[twice]).is_err());
    }

    #[test]
    fn the_columns_stand_at_the_top_of_the_record() {
        let record = serde_json::to_value(sealed(&run(), &seal(), &[]).unwrap()).unwrap();
        for column in [
            "export",
            "run",
            "destination",
            "connection",
            "segments",
            "status",
            "trigger",
            "read",
            "invalid",
            "duplicate",
            "unchanged",
            "accepted",
            "rejected",
            "unknown",
            "failed",
            "cancelled",
            "pending",
            "chunks",
            "api_calls",
            "retries",
            "started_at",
            "finished_at",
            "message",
        ] {
            assert!(record.get(column).is_some(), "{column} is missing");
        }
    }

    #[test]
    fn a_completed_run_says_who_refused_what() {
        let part = Receipt {
            accepted: 4,
            rejected: 5,
            unknown: 1,
            rejected_by_reason: BTreeMap::from([(Reason::Refused, 2), (Reason::Archived, 3)]),
            message: Some("the destination cancelled the job".into()),
            ..receipt(0, Outcome::Delivered)
        };
        let summary = sealed(&run(), &seal(), &[part, receipt(1, Outcome::Delivered)]).unwrap();
        insta::assert_snapshot!(
            summary.message,
            @"Klaviyo refused 2 profiles; 3 profiles left the audience and were held back; Klaviyo did not tell what became of 1 profiles: the destination cancelled the job"
        );
    }

    #[test]
    fn an_audience_that_is_too_small_to_be_used_is_a_warning() {
        let delivered = [receipt(0, Outcome::Delivered), receipt(1, Outcome::Delivered)];
        let snapchat = Run { destination: Some(Destination::Snapchat), ..run() };
        let summary = sealed(&snapchat, &seal(), &delivered).unwrap();
        insta::assert_snapshot!(
            summary.warnings.join("\n"),
            @"20 profiles were sent; Snapchat can use an audience from 1000 matched people on"
        );
        assert!(
            sealed(&run(), &seal(), &delivered).unwrap().warnings.is_empty(),
            "Klaviyo has no such limit"
        );
    }

    #[test]
    fn what_staging_noted_is_told_with_the_run() {
        let noted = Sealed {
            warnings: vec!["fewer than before".into()],
            attributes_changed: Changed { shortened: 2, cleaned: 1 },
            ..seal()
        };
        let summary = sealed(&run(), &noted, &[]).unwrap();
        assert_eq!(
            (summary.warnings, summary.attributes_changed),
            (noted.warnings, noted.attributes_changed)
        );
        // A release before this one wrote neither.
        let mut old = serde_json::to_value(seal()).unwrap();
        assert!(old.as_object_mut().unwrap().remove("warnings").is_none(), "nothing is written for nothing");
        assert_eq!(serde_json::from_value::<Sealed>(old).unwrap(), seal());
    }

    #[test]
    fn a_refused_run_sums_up_too() {
        let guard = Ended { status: Status::Refused, message: "too many invalid rows".into() };
        let seal = Sealed { ended: Some(guard), chunks: 0, profiles: 0, ..seal() };
        let summary = sealed(&run(), &seal, &[]).unwrap();
        assert_eq!((summary.status, summary.message.as_str()), (Status::Refused, "too many invalid rows"));
        assert_eq!(summary.counts.failed, 20);
    }
}
