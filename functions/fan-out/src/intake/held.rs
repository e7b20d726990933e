//! A few rows that are held, so that they are worked off together.
//!
//! Each address is looked up at a random place of a set that does not fit into the processor's caches. One at a time,
//! that is a quarter of the whole pass spent waiting for memory; a few at a time, they are waited for together.

use segue_source::Fields;

/// Rows that are held at most: more than a processor waits for at once.
const ROWS: usize = 32;
/// Bytes that are held at most, but for the last row.
const BYTES: usize = 64 << 10;

/// The wanted fields of a few rows.
#[derive(Default)]
pub(super) struct Held {
    /// Fields of one row.
    width: usize,
    rows: Vec<u64>,
    /// Where each field ends; the first one begins at 0.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

/// The wanted fields of one held row.
#[derive(Clone, Copy)]
pub(super) struct HeldFields<'a> {
    start: usize,
    ends: &'a [usize],
    bytes: &'a [u8],
}

impl Held {
    /// From now on rows have so many fields. There are no rows then.
    pub(super) fn begin(&mut self, width: usize) {
        self.width = width;
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.ends.clear();
        self.bytes.clear();
    }

    /// Holds one more row. Whether that is all it can hold.
    pub(super) fn push(&mut self, row: u64, fields: &Fields<'_>) -> bool {
        self.rows.push(row);
        for index in 0..self.width {
            self.bytes.extend_from_slice(fields.get(index));
            self.ends.push(self.bytes.len());
        }
        self.rows.len() == ROWS || self.bytes.len() > BYTES
    }

    /// The numbers of the rows.
    pub(super) fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// The fields of the row at this index.
    pub(super) fn fields(&self, index: usize) -> HeldFields<'_> {
        let from = index * self.width;
        let start = if from == 0 { 0 } else { self.ends[from - 1] };
        HeldFields { start, ends: &self.ends[from..from + self.width], bytes: &self.bytes }
    }
}

impl<'a> HeldFields<'a> {
    /// The field of the wanted name `index`.
    pub(super) fn get(self, index: usize) -> &'a [u8] {
        let start = if index == 0 { self.start } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}
