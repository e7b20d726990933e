//! The columns that account for every row.

use serde::{Deserialize, Serialize};

/// What became of the rows of a run. `read` is always the sum of all the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows in the drops.
    pub read: u64,
    /// Refused by us: no usable e-mail address.
    pub invalid: u64,
    /// The same address stood in an earlier row.
    pub duplicate: u64,
    /// Known to be at the destination already, so not sent again.
    pub unchanged: u64,
    /// The destination said that it took them.
    pub accepted: u64,
    /// The destination refused them, row by row.
    pub rejected: u64,
    /// Sent, and the destination does not tell.
    pub unknown: u64,
    /// Could not be delivered.
    pub failed: u64,
    /// Not sent, since somebody stopped the run.
    pub cancelled: u64,
    /// Not decided yet.
    pub pending: u64,
}

/// Counts that don't add up: a mistake of ours, never of the input.
#[derive(Debug, thiserror::Error)]
#[error("{read} rows were read, but {accounted} are accounted for; please report this")]
pub struct Unbalanced {
    /// Rows read.
    pub read: u64,
    /// The sum of the other columns.
    pub accounted: u64,
}

impl Counts {
    /// The sum of all columns but `read`.
    #[must_use]
    pub const fn accounted(&self) -> u64 {
        self.invalid
            + self.duplicate
            + self.unchanged
            + self.accepted
            + self.rejected
            + self.unknown
            + self.failed
            + self.cancelled
            + self.pending
    }

    /// Checks the sum.
    ///
    /// # Errors
    /// [`Unbalanced`] when a row is missing or counted twice.
    pub const fn check(&self) -> Result<(), Unbalanced> {
        let accounted = self.accounted();
        if self.read == accounted { Ok(()) } else { Err(Unbalanced { read: self.read, accounted }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_counts() {
        let counts = Counts {
            read: 45,
            invalid: 1,
            duplicate: 2,
            unchanged: 3,
            accepted: 4,
            rejected: 5,
            unknown: 6,
            failed: 7,
            cancelled: 8,
            pending: 9,
        };
        counts.check().unwrap();
        let lost = Counts { pending: 8, ..counts };
        assert_eq!(lost.check().unwrap_err().accounted, 44);
    }
}
