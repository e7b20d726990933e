//! Writing a chunk.

use super::{HEADER, MAGIC, TRAILER, VERSION};
use crate::destination::Form;
use crate::{Email, EmailHash, RowRef};

/// Collects profiles into one chunk.
pub struct ChunkWriter {
    buffer: Vec<u8>,
    count: u32,
    before: RowRef,
}

impl ChunkWriter {
    /// An empty chunk.
    #[must_use]
    pub fn new(form: Form) -> Self {
        let mut buffer = Vec::with_capacity(HEADER + TRAILER);
        buffer.extend(MAGIC);
        buffer.push(VERSION);
        buffer.push(match form {
            Form::Hashes => 0,
            Form::Profiles => 1,
        });
        buffer.extend([0; 4]);
        Self { buffer, count: 0, before: RowRef { part: 0, row: 0 } }
    }

    /// Profiles so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds the hash of an address.
    pub fn push_hash(&mut self, at: RowRef, hash: &EmailHash) {
        self.row(at);
        self.buffer.extend_from_slice(hash.as_bytes());
    }

    /// Adds an address with its names.
    pub fn push_profile(&mut self, at: RowRef, email: Email<'_>, first: Option<&str>, last: Option<&str>) {
        self.row(at);
        for text in [email.expose(), first.unwrap_or_default(), last.unwrap_or_default()] {
            number(&mut self.buffer, text.len() as u64);
            self.buffer.extend_from_slice(text.as_bytes());
        }
    }

    /// The finished chunk.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.buffer[HEADER - 4..HEADER].copy_from_slice(&self.count.to_le_bytes());
        let crc = crc32fast::hash(&self.buffer);
        self.buffer.extend(crc.to_le_bytes());
        self.buffer
    }

    fn row(&mut self, at: RowRef) {
        // Row numbers stay below 2^62: a drop of that many rows does not fit anywhere.
        if at.part == self.before.part && at.row >= self.before.row {
            number(&mut self.buffer, (at.row - self.before.row) << 1);
        } else {
            number(&mut self.buffer, at.row << 1 | 1);
            number(&mut self.buffer, u64::from(at.part));
        }
        self.before = at;
        self.count += 1;
    }
}

/// Appends a number as LEB128.
fn number(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    buffer.push(value.to_le_bytes()[0]);
}
