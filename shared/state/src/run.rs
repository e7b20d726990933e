//! The records of a run: what it does, that it was sealed, that somebody stopped it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use segue_segment::attribute::Changed;
use segue_segment::{Destination, Reason};
use serde::{Deserialize, Serialize};

use crate::{Export, Role, RunId, Status};

/// `run.json`: what a run does. Written once; staging uses nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub run: RunId,
    /// What started it.
    pub trigger: Trigger,
    /// What it reads.
    pub drops: Vec<Drop>,
    /// The export's configuration as it was.
    pub export: Export,
    /// Who could change the export then. Releases before this one did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Where it sends to; unknown if its connection does not exist.
    pub destination: Option<Destination>,
    /// The account whose rate limits it shares.
    pub lane: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Why it can't run, if that was known when it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

impl Open {
    /// A run that was just opened.
    #[must_use]
    pub const fn new(since: Timestamp) -> Self {
        Self { since, stagings: 0, retrying: BTreeMap::new(), deadline: None }
    }
}

impl Run {
    /// All parts of all drops, in the order that row references count them.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.drops.iter().flat_map(|drop| &drop.parts)
    }
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The kind of event.
    pub kind: TriggerKind,
    /// When it happened.
    pub at: Timestamp,
    /// The AWS identity of the operator, for a run on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The kind of event that starts a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// A drop arrived.
    Upload,
    /// A schedule was due.
    Schedule,
    /// An operator asked for it.
    OnDemand,
}

impl TriggerKind {
    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Schedule => "schedule",
            Self::OnDemand => "on_demand",
        }
    }
}

/// One delivery of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drop {
    /// The segment.
    pub segment: String,
    /// Its files, in order.
    pub parts: Vec<Part>,
}

/// A file of a drop, pinned to the state it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its key in the segment bucket.
    pub key: String,
    /// Its entity tag, where the event or the listing told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its size in bytes.
    pub size: u64,
}

/// `sealed.json`: the drop was read and passed its guards; from here on the run is being delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The staging attempt whose chunks count.
    pub attempt: String,
    /// Rows read.
    pub read: u64,
    /// Rows without a usable address.
    pub invalid: u64,
    /// Why.
    pub invalid_by_reason: BTreeMap<Reason, u64>,
    /// Rows whose address stood in an earlier row.
    pub duplicate: u64,
    /// Profiles in the chunks.
    pub profiles: u64,
    /// Chunks, numbered from 0.
    pub chunks: u32,
    /// Profiles in each chunk but the last.
    pub profiles_per_chunk: u64,
    /// What its parts turned out to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceRecord>,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// Until when it may be delivering.
    pub deadline: Timestamp,
    /// Set if the run ended here, before anything was sent. One document decides, so that of two attempts side by
    /// side one can't refuse what the other delivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// What the operator should know, though nothing stopped the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Names that are not sent as they stood in the drop.
    #[serde(default, skip_serializing_if = "Changed::is_none")]
    pub attributes_changed: Changed,
}

/// What a part turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The part, as row references count it.
    pub part: u32,
    /// The format.
    pub format: String,
    /// What the whole file was compressed with.
    pub compression: String,
    /// The encoding of its text.
    pub encoding: String,
    /// What separated the fields, where there were several of delimited text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
}

/// How a run ended before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// `refused`, `failed` or `cancelled`.
    pub status: Status,
    /// What was wrong, where, and what to do.
    pub message: String,
}

impl Sealed {
    /// How many profiles a chunk has.
    #[must_use]
    pub fn profiles_of(&self, chunk: u32) -> u64 {
        self.profiles.saturating_sub(u64::from(chunk) * self.profiles_per_chunk).min(self.profiles_per_chunk)
    }
}

/// `cancel.json`: somebody stopped the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The AWS identity.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A run in `open/`: it is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Since when.
    pub since: Timestamp,
    /// How often the resumer had it staged again.
    pub stagings: u32,
    /// Failed chunks that are being retried, with the generation whose receipt counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retrying: BTreeMap<u32, u32>,
    /// Until when it may be delivering, if not what the seal says: a retry sets a new deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// `head.json`: the newest drops that an export has sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// For each segment, the run.
    pub segments: BTreeMap<String, RunId>,
}

/// `health/…`: why a connection can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What is wrong, and what to do.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}
