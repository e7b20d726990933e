//! Where a chunk stands that is not finished.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Rejected;
use crate::receipt::Rest;

/// `progress/…`: what a chunk's next invocation has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The retry that it belongs to.
    pub generation: u32,
    /// An invocation works on it; one that finds this set knows that another crashed.
    pub running: bool,
    /// Invocations that crashed.
    pub crashes: u32,
    /// Times that it was handed back to the queue: no failures.
    pub pauses: u32,
    /// Times that it was handed back since a call last had an outcome: the pauses grow with it.
    #[serde(default)]
    pub fruitless: u32,
    /// When it was last worked on.
    pub touched_at: Timestamp,
    /// When its first call was made.
    pub started_at: Timestamp,
    /// Until when it may go on, if not what the seal says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Calls whose outcome is known, or whose job is under way, by their number.
    #[serde(default)]
    pub calls: BTreeMap<u32, CallRecord>,
    /// Requests that the destination answered.
    pub api_calls: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Times that its jobs were looked at.
    #[serde(default)]
    pub polls: u32,
    /// Why no further call is made, while its jobs are followed to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// What it waits for, for the record of a chunk that waits too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Why no further call is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Somebody stopped the run; otherwise it failed.
    pub cancelled: bool,
    /// What happened, and what to do.
    pub message: String,
}

impl Stopped {
    /// What becomes of the rows that were not sent.
    #[must_use]
    pub const fn rest(&self) -> Rest {
        if self.cancelled { Rest::Cancelled } else { Rest::Failed }
    }
}

/// What is known of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CallRecord {
    /// It is about to be made. After a crash nobody knows whether it was.
    Intended,
    /// The destination took it as a job.
    Started {
        /// The destination's id for the job.
        job: String,
        /// Profiles in the job.
        profiles: u64,
        /// Rows that were left out of it.
        rejected: Vec<Rejected>,
        /// When.
        at: Timestamp,
    },
    /// Its outcome is known.
    Done {
        /// Taken.
        accepted: u64,
        /// Among those: there already.
        already_there: u64,
        /// Not told.
        unknown: u64,
        /// Refused.
        rejected: Vec<Rejected>,
    },
}

impl Progress {
    /// A chunk that nobody has worked on.
    #[must_use]
    pub const fn new(generation: u32, now: Timestamp) -> Self {
        Self {
            generation,
            running: false,
            crashes: 0,
            pauses: 0,
            fruitless: 0,
            touched_at: now,
            started_at: now,
            deadline: None,
            calls: BTreeMap::new(),
            api_calls: 0,
            retries: 0,
            polls: 0,
            stopped: None,
            trouble: None,
        }
    }
}
