//! Where a chunk stands that is not finished.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The invocation before this one crashed.
    #[serde(skip)]
    pub crashed: bool,
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
    /// Calls that were made out of larger ones, by their number: which profiles they have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pieces: BTreeMap<u32, Piece>,
    /// Calls that are to be made again, since the destination failed over some of their rows. What is known of them
    /// counts until they have a new outcome.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub again: BTreeSet<u32>,
    /// Times that calls were made again.
    #[serde(default)]
    pub repeats: u32,
    /// How often each planned call was halved, itself and its pieces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub halvings: BTreeMap<u32, u32>,
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
    /// Why the destination does not account for some rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
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
    /// The destination took it neither as a whole nor without some rows: its halves are calls of their own.
    Halved,
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
        /// The destination failed over them: a retry makes the call again.
        #[serde(default)]
        failed: u64,
    },
}

/// The profiles of a call that is a piece of another one, by their index in the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The first.
    pub from: u32,
    /// The one after the last.
    pub to: u32,
}

impl Progress {
    /// A chunk that nobody has worked on.
    #[must_use]
    pub const fn new(generation: u32, now: Timestamp) -> Self {
        Self {
            generation,
            running: false,
            crashed: false,
            crashes: 0,
            pauses: 0,
            fruitless: 0,
            touched_at: now,
            started_at: now,
            deadline: None,
            calls: BTreeMap::new(),
            pieces: BTreeMap::new(),
            again: BTreeSet::new(),
            repeats: 0,
            halvings: BTreeMap::new(),
            api_calls: 0,
            retries: 0,
            polls: 0,
            stopped: None,
            untold: None,
            trouble: None,
        }
    }

    /// Makes two calls out of the call `number`, which has the profiles `from..to` of the chunk; the chunk was split
    /// into `planned` calls at first.
    pub fn halve(&mut self, number: u32, from: u32, to: u32, planned: u32) -> [(u32, Piece); 2] {
        let middle = from + (to - from) / 2;
        let next = self.pieces.keys().next_back().map_or(planned, |last| last + 1).max(planned);
        self.calls.insert(number, CallRecord::Halved);
        let halves = [(next, Piece { from, to: middle }), (next + 1, Piece { from: middle, to })];
        self.pieces.extend(halves);
        self.calls.extend(halves.map(|(number, _)| (number, CallRecord::Intended)));
        halves
    }

    /// Whether jobs of it are under way that are not known to be finished.
    #[must_use]
    pub fn has_jobs(&self) -> bool {
        self.calls.values().any(|call| matches!(call, CallRecord::Started { .. }))
    }

    /// Whether the destination took anybody of the chunk.
    #[must_use]
    pub fn has_taken(&self) -> bool {
        self.calls.values().any(|call| match call {
            CallRecord::Started { .. } => true,
            CallRecord::Done { accepted, unknown, .. } => accepted + unknown > 0,
            CallRecord::Intended | CallRecord::Halved => false,
        })
    }

    /// Rows that were refused although they were sent alone.
    #[must_use]
    pub fn refused_alone(&self) -> usize {
        let alone = self.pieces.iter().filter(|(_, piece)| piece.to - piece.from == 1);
        let refused = |number: &u32| matches!(self.calls.get(number), Some(CallRecord::Done { rejected, .. }) if !rejected.is_empty());
        alone.filter(|(number, _)| refused(number)).count()
    }

    /// Takes back what halving found.
    pub fn take_back_halves(&mut self) {
        for number in self.pieces.keys() {
            self.calls.remove(number);
        }
        self.pieces.clear();
        self.halvings.clear();
        self.calls.retain(|_, call| *call != CallRecord::Halved);
    }

    /// A retry begins: what crashed and what stopped it before counts no more, and calls over which the destination
    /// failed are made again.
    pub fn begin(&mut self, generation: u32) {
        self.generation = generation;
        self.running = false;
        self.crashes = 0;
        self.repeats = 0;
        self.stopped = None;
        self.halvings.clear();
        self.make_again();
    }

    /// Has those calls made again over which the destination failed.
    pub fn make_again(&mut self) {
        let failed =
            self.calls.iter().filter(|(_, call)| matches!(call, CallRecord::Done { failed: 1.., .. }));
        self.again = failed.map(|(number, _)| *number).collect();
    }

    /// Whether a call is still to be made.
    #[must_use]
    pub fn is_open(&self, number: u32) -> bool {
        matches!(self.calls.get(&number), None | Some(CallRecord::Intended)) || self.again.contains(&number)
    }

    /// Notes what became of a call, in place of what was known of it before.
    pub fn note(&mut self, number: u32, call: CallRecord) {
        self.again.remove(&number);
        self.calls.insert(number, call);
    }

    /// Whether the destination failed over rows of a call that is not made again.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.calls.values().any(|call| matches!(call, CallRecord::Done { failed: 1.., .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_calls_of_their_own_and_never_share_a_number() {
        let mut progress = Progress::new(0, Timestamp::UNIX_EPOCH);
        progress.halve(1, 10, 20, 3);
        progress.halve(4, 15, 20, 3);
        let pieces: Vec<_> = progress.pieces.iter().map(|(number, p)| (*number, p.from, p.to)).collect();
        assert_eq!(pieces, [(3, 10, 15), (4, 15, 20), (5, 15, 17), (6, 17, 20)]);
        assert_eq!((&progress.calls[&1], &progress.calls[&4]), (&CallRecord::Halved, &CallRecord::Halved));
    }

    #[test]
    fn halves_of_which_nothing_was_taken_are_known() {
        let done = |accepted| CallRecord::Done {
            accepted,
            already_there: 0,
            unknown: 0,
            rejected: vec![Rejected::somewhere(segue_segment::Reason::Refused)],
            failed: 0,
        };
        let mut progress = Progress::new(0, Timestamp::UNIX_EPOCH);
        progress.halve(0, 0, 2, 1);
        progress.calls.insert(1, done(0));
        progress.calls.insert(2, done(1));
        assert!(progress.has_taken());
        progress.calls.insert(2, done(0));
        assert_eq!((progress.has_taken(), progress.refused_alone()), (false, 2));
        progress.take_back_halves();
        assert!(progress.calls.is_empty() && progress.pieces.is_empty());
    }

    #[test]
    fn what_a_call_came_to_counts_until_it_was_made_again() {
        let done = |accepted, failed| CallRecord::Done {
            accepted,
            already_there: 0,
            unknown: 0,
            rejected: Vec::new(),
            failed,
        };
        let mut progress = Progress::new(0, Timestamp::UNIX_EPOCH);
        progress.note(0, done(499, 1));
        progress.begin(1);
        assert!(progress.is_open(0) && progress.has_taken());
        progress.note(0, done(500, 0));
        assert!(!progress.is_open(0) && !progress.has_failed());
    }
}
