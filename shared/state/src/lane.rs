//! What a lane has spent of its account's rate limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `lanes/…`: when the recent requests were sent, so that a new process knows what is left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneRecord {
    /// For each endpoint, the moments in milliseconds since 1970, oldest first.
    pub sent_ms: BTreeMap<String, Vec<u64>>,
    /// Until when the destination asked for peace, in milliseconds since 1970.
    #[serde(default)]
    pub held_until_ms: u64,
    /// How long the account's latest job took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_ms: Option<u64>,
}
