//! What was found out about a run's audience before its first push.

use std::collections::BTreeMap;

use jiff::Timestamp;
use segue_segment::Reason;
use serde::{Deserialize, Serialize};

/// `runs/…/audience.json`: the audience was looked up. Written once a look-up has come to its end, or has to go on in
/// another invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudienceRecord {
    /// When.
    pub at: Timestamp,
    /// The retry that it was done for.
    pub generation: u32,
    /// What has not been asked yet; nothing is pushed before this is empty.
    pub left: Vec<LookUp>,
    /// People who are held back. Who they are is beside the run's chunks, and goes with them.
    pub held_back: u64,
    /// The longest that each list said it is, and the reason that its people share.
    pub totals: BTreeMap<String, (u64, Reason)>,
}

/// One question about an audience, in words of its destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LookUp {
    /// What is asked.
    pub what: String,
    /// From which entry of a list on.
    pub offset: u64,
}

impl LookUp {
    /// A question that is answered at once, or the first page of a list.
    #[must_use]
    pub fn of(what: &str) -> Self {
        Self { what: what.to_owned(), offset: 0 }
    }
}
