//! One export's share of the pass: its columns, and the chunk that is being filled.

use bytes::Bytes;
use segue_segment::destination::{Form, Shape};
use segue_segment::{ChunkWriter, Email, EmailHash, RowRef, attribute};
use segue_source::ColumnError;

use super::Wanted;
use super::held::HeldFields;

/// Something to be written to the state bucket, for the export `plan`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// A finished chunk.
    Chunk {
        /// Index of the export.
        plan: usize,
        /// The chunk's number.
        number: u32,
        /// Its bytes.
        bytes: Bytes,
    },
    /// A page of rows that we refused.
    Invalid {
        /// Index of the export.
        plan: usize,
        /// The page's number.
        page: u32,
        /// Lines of JSON.
        lines: Bytes,
    },
}

/// A name that objects may leave out. A part of them without it is fine, as long as another part has it: were it
/// nowhere, it would be mapped wrongly.
#[derive(Default)]
struct Lacked {
    /// It is not in this part.
    here: bool,
    /// The first part without it.
    first: Option<(u32, ColumnError)>,
    /// A part had it.
    met: bool,
}

pub(super) struct Plan {
    /// Index of its e-mail column.
    pub(super) column: usize,
    pub(super) chunks: u32,
    pub(super) missing: Option<(u32, ColumnError)>,
    /// First and last name, as far as parts lacked them.
    lacked: [Lacked; 2],
    pub(super) changed: attribute::Changed,
    /// The places of the columns that must be there, though nothing of them is sent.
    expected: Vec<usize>,
    shape: Shape,
    wanted: Wanted,
    /// The places of its columns among the wanted ones.
    email: usize,
    first_name: Option<usize>,
    last_name: Option<usize>,
    writer: ChunkWriter,
    staged: u64,
}

impl Plan {
    pub(super) fn new(wanted: &Wanted, column: usize) -> Self {
        let shape = wanted.destination.shape();
        Self {
            column,
            chunks: 0,
            missing: None,
            lacked: Default::default(),
            changed: attribute::Changed::default(),
            expected: Vec::new(),
            shape,
            wanted: wanted.clone(),
            email: 0,
            first_name: None,
            last_name: None,
            writer: ChunkWriter::new(shape.form),
            staged: 0,
        }
    }

    /// Adds the mapped columns to those that are wanted of the next part.
    pub(super) fn want(&mut self, wanted: &mut Vec<String>) {
        let mapping = &self.wanted.mapping;
        self.email = slot(wanted, &mapping.email);
        self.first_name = mapping.first_name.as_ref().map(|name| slot(wanted, name));
        self.last_name = mapping.last_name.as_ref().map(|name| slot(wanted, name));
        self.expected = self.wanted.columns.iter().map(|name| slot(wanted, name)).collect();
    }

    /// Whether what stands in the wanted column is sent.
    pub(super) fn reads(&self, slot: usize) -> bool {
        self.email == slot || self.first_name == Some(slot) || self.last_name == Some(slot)
    }

    /// A wanted column can't be told in this part.
    pub(super) fn miss(&mut self, slot: usize, part: u32, error: &ColumnError) {
        if matches!(error, ColumnError::NoPath { .. }) && slot != self.email && !self.expected.contains(&slot)
        {
            for (lacked, name) in self.lacked.iter_mut().zip([self.first_name, self.last_name]) {
                if name == Some(slot) {
                    lacked.here = true;
                    lacked.first.get_or_insert_with(|| (part, error.clone()));
                }
            }
            return;
        }
        // What is expected has to be there, whatever it holds.
        let there = matches!(error, ColumnError::Kind { .. } | ColumnError::NotText { .. });
        if self.reads(slot) || (self.expected.contains(&slot) && !there) {
            self.missing.get_or_insert_with(|| (part, error.clone()));
        }
    }

    /// A part with rows was read.
    pub(super) fn end_part(&mut self) {
        for lacked in &mut self.lacked {
            lacked.met |= !std::mem::take(&mut lacked.here);
        }
    }

    /// All parts were read.
    pub(super) fn end(&mut self) {
        let nowhere =
            self.lacked.iter_mut().filter(|lacked| !lacked.met).find_map(|lacked| lacked.first.take());
        self.missing = self.missing.take().or(nowhere);
    }

    pub(super) fn push(
        &mut self,
        plan: usize,
        at: RowRef,
        email: Email<'_>,
        hash: &mut Option<EmailHash>,
        fields: HeldFields<'_>,
        ready: &mut Vec<Staged>,
    ) {
        // A run that can't start need not be staged.
        if self.missing.is_some() || self.staged >= self.wanted.limit {
            return;
        }
        self.staged += 1;
        match self.shape.form {
            Form::Hashes => self.writer.push_hash(at, hash.get_or_insert_with(|| EmailHash::of(email))),
            Form::Profiles => {
                let mut name = |slot: Option<usize>| {
                    let name = attribute::name(fields.get(slot?))?;
                    self.changed.add(&name);
                    Some(name.text)
                };
                let (first, last) = (name(self.first_name), name(self.last_name));
                self.writer.push_profile(at, email, first.as_deref(), last.as_deref());
            }
        }
        if self.writer.len() >= self.shape.profiles_per_chunk {
            self.flush(plan, ready);
        }
    }

    /// Hands on the chunk that is being filled, if there is anything in it.
    pub(super) fn flush(&mut self, plan: usize, ready: &mut Vec<Staged>) {
        if self.writer.is_empty() {
            return;
        }
        let writer = std::mem::replace(&mut self.writer, ChunkWriter::new(self.shape.form));
        ready.push(Staged::Chunk { plan, number: self.chunks, bytes: writer.finish().into() });
        self.chunks += 1;
    }
}

/// The place of a column among those that are wanted.
pub(super) fn slot(wanted: &mut Vec<String>, column: &str) -> usize {
    wanted.iter().position(|found| found == column).unwrap_or_else(|| {
        wanted.push(column.to_owned());
        wanted.len() - 1
    })
}
