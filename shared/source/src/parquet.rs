//! Parquet: its footer first, then the pages of the mapped columns, and nothing else of the file.
//!
//! As everything here it does no I/O: [`Parquet`] says which byte ranges it wants, and is given them.
//!
//! ```
//! # use segue_source::parquet::{Parquet, ParquetError, Progress};
//! # fn example(file: &[u8], rows: &mut dyn segue_source::Rows) -> Result<u64, ParquetError> {
//! let mut parquet = Parquet::new(file.len() as u64);
//! loop {
//!     // Several requests may be under way, and their answers may come in any order.
//!     for range in parquet.wanted() {
//!         let bytes = file[range.start as usize..range.end as usize].to_vec();
//!         parquet.give(range.start, &bytes.into())?;
//!     }
//!     if let Progress::Done { rows } = parquet.advance(rows)? {
//!         return Ok(rows);
//!     }
//! }
//! # }
//! ```
//!
//! The reader is our own and not the `parquet` crate's. That one panics on some damaged files (1 in 100 with a few
//! bytes changed, release 60.1), which would end a function that is built to abort; it asks for its bytes in the
//! middle of its work; and it adds 460 KiB to a program.
//!
//! Understood: flat and nested columns by path (`traits.email`), required or optional; texts, numbers and truth
//! values; plain, dictionary, run-length and delta encodings; pages of versions 1 and 2, with checksums; snappy, gzip,
//! zstd, LZ4 in both its forms. Not understood, and refused by name: lists as mapped columns, Brotli, LZO, byte stream
//! split, bit-packed levels (Parquet before 2013), encryption, columns in other files.

mod bits;
mod column;
mod error;
mod footer;
mod page;
mod thrift;
mod values;

use std::ops::Range;

use bytes::Bytes;

use crate::columns::{ColumnError, find};
use crate::found::{Compression, Found};
use crate::options::{Encoding, Format};
use crate::rows::{Fields, Rows, Span};
use column::{Column, State};
pub use error::ParquetError;
use footer::{Leaf, MAX_FOOTER_MIB};

/// What is fetched of the end of a file at once: with few columns or row groups the whole footer is in it.
const TAIL: u64 = 64 << 10;
/// A Parquet file begins and ends with it.
const MAGIC: &[u8; 4] = b"PAR1";
/// As a file ends whose footer is encrypted.
const ENCRYPTED: &[u8; 4] = b"PARE";
/// A magic number, an empty footer, its length, the magic number again.
const SMALLEST: u64 = 13;
/// Rows between two looks at what else there is to do.
const BATCH: u64 = 1 << 14;

/// A reader of one file. See the [module](self) for its use.
///
/// It holds the footer while it looks for the columns (64 KiB as a rule; 32 MiB at the most, and twice as much for the
/// columns' paths), and then for each mapped column: up to 8 MiB of fetched or asked-for bytes, the page being read
/// and its dictionary. Those are of 1 MiB each as writers make them, and of 32 MiB at the most: a page beyond that is
/// refused. What it holds does not depend on the size of the file or of its row groups.
pub struct Parquet {
    size: u64,
    row: u64,
    phase: Phase,
}

enum Phase {
    /// The end of the file from `from` on, as soon as it is there.
    Footer { from: u64, asked: bool, bytes: Vec<u8> },
    Rows {
        /// Paths of all columns of the file.
        names: Vec<String>,
        columns: Vec<Column>,
        /// For each wanted name the column it stands for, if it has one.
        places: Vec<Option<usize>>,
        /// The values of one row, and where each column's is.
        record: Vec<u8>,
        found: Vec<Span>,
        /// The same by wanted name.
        spans: Vec<Span>,
    },
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Some rows were handed on; there is more to do without another byte.
    More,
    /// Nothing more can be done before one of the ranges that were asked for is given.
    Waiting,
    /// All was read.
    Done {
        /// The number of rows.
        rows: u64,
    },
}

impl Parquet {
    /// For a file of `size` bytes.
    #[must_use]
    pub const fn new(size: u64) -> Self {
        let phase = Phase::Footer { from: size.saturating_sub(TAIL), asked: false, bytes: Vec::new() };
        Self { size, row: 0, phase }
    }

    /// The ranges to be fetched now, those that are needed first before the others. Each is named once.
    #[must_use]
    pub fn wanted(&mut self) -> Vec<Range<u64>> {
        match &mut self.phase {
            Phase::Footer { asked: true, .. } => Vec::new(),
            Phase::Footer { .. } if self.size < SMALLEST => Vec::new(),
            Phase::Footer { from, asked, bytes } => {
                *asked = true;
                std::iter::once(*from..self.size - bytes.len() as u64).collect()
            }
            Phase::Rows { columns, .. } => {
                let mut wanted = Vec::new();
                loop {
                    let before = wanted.len();
                    wanted.extend(columns.iter_mut().filter_map(Column::wanted));
                    if wanted.len() == before {
                        return wanted;
                    }
                }
            }
        }
    }

    /// Takes the bytes of a range that was wanted.
    ///
    /// # Errors
    /// [`ParquetError::Changed`] if they are too few, or none that were wanted.
    pub fn give(&mut self, from: u64, bytes: &Bytes) -> Result<(), ParquetError> {
        match &mut self.phase {
            Phase::Footer { from: wanted, asked: true, bytes: tail }
                if from == *wanted && (bytes.len() + tail.len()) as u64 == self.size - from =>
            {
                let mut whole = Vec::with_capacity(bytes.len() + tail.len());
                whole.extend_from_slice(bytes);
                whole.append(tail);
                *tail = whole;
                Ok(())
            }
            Phase::Footer { .. } => Err(ParquetError::Changed),
            Phase::Rows { columns, .. } => {
                for column in columns {
                    if column.give(from, bytes)? {
                        return Ok(());
                    }
                }
                Err(ParquetError::Changed)
            }
        }
    }

    /// What the file is. Its text is UTF-8; it is compressed inside, column by column, which does not count here.
    #[must_use]
    pub const fn found(&self) -> Found {
        let (compression, encoding) = (Compression::None, Encoding::UTF_8);
        Found { format: Format::Parquet, compression, encoding, delimiter: None }
    }

    /// The paths of the columns that the file has; none before its footer was read.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match &self.phase {
            Phase::Footer { .. } => &[],
            Phase::Rows { names, .. } => names,
        }
    }

    /// Reads what can be read now, in steps of some ten thousand rows.
    ///
    /// # Errors
    /// What is wrong with the file; nothing more can be read then.
    pub fn advance(&mut self, rows: &mut dyn Rows) -> Result<Progress, ParquetError> {
        match &mut self.phase {
            Phase::Footer { from, asked, bytes } => {
                if self.size < SMALLEST {
                    return Err(ParquetError::NoFooter);
                }
                if *from + (bytes.len() as u64) < self.size {
                    return Ok(Progress::Waiting);
                }
                let start = footer_start(self.size, bytes)?;
                if start < *from {
                    (*from, *asked) = (start, false);
                    return Ok(Progress::Waiting);
                }
                let skipped = usize::try_from(start - *from).map_err(|_| ParquetError::NoFooter)?;
                let footer = bytes.get(skipped..bytes.len() - 8).ok_or(ParquetError::NoFooter)?;
                self.phase = open(footer, start, rows)?;
                Ok(Progress::More)
            }
            Phase::Rows { columns, places, record, found, spans, .. } => {
                let mut ready = BATCH;
                for column in columns.iter_mut() {
                    match column.load()? {
                        State::Ready(left) => ready = ready.min(left),
                        State::Waiting => return Ok(Progress::Waiting),
                        State::End => return Ok(Progress::Done { rows: self.row }),
                    }
                }
                if columns.is_empty() {
                    return Ok(Progress::Done { rows: 0 });
                }
                for _ in 0..ready {
                    self.row += 1;
                    record.clear();
                    for (column, found) in columns.iter_mut().zip(found.iter_mut()) {
                        let from = record.len();
                        column.read(self.row, record)?;
                        *found = Span { from, to: record.len(), unquoted: false };
                    }
                    for (span, place) in spans.iter_mut().zip(places.iter()) {
                        *span = place.and_then(|place| found.get(place)).copied().unwrap_or_default();
                    }
                    rows.row(self.row, &Fields { record, unquoted: &[], spans });
                }
                Ok(Progress::More)
            }
        }
    }
}

/// Where the footer begins, by the last bytes of the file.
fn footer_start(size: u64, tail: &[u8]) -> Result<u64, ParquetError> {
    let Some((length, magic)) = tail.last_chunk::<8>().and_then(|end| end.split_first_chunk::<4>()) else {
        return Err(ParquetError::NoFooter);
    };
    if magic == ENCRYPTED {
        return Err(ParquetError::Encrypted);
    }
    let length = u64::from(u32::from_le_bytes(*length));
    let start = size.checked_sub(length + 8).filter(|&start| start >= MAGIC.len() as u64);
    match start {
        Some(_) if length > (MAX_FOOTER_MIB as u64) << 20 => {
            Err(ParquetError::FooterTooLarge { limit: MAX_FOOTER_MIB })
        }
        Some(start) if magic == MAGIC => Ok(start),
        _ => Err(ParquetError::NoFooter),
    }
}

/// Looks for what is wanted, and gets ready to read it.
fn open(footer: &[u8], start: u64, rows: &mut dyn Rows) -> Result<Phase, ParquetError> {
    let leaves = footer::columns(footer)?;
    let names: Vec<String> = leaves.iter().map(|leaf| leaf.path.clone()).collect();
    let mut indexes: Vec<usize> = Vec::new();
    let mut places = Vec::new();
    for (number, name) in rows.wanted().iter().enumerate() {
        places.push(match place(&leaves, &names, name) {
            // It is there, and never fetched.
            Ok(_) | Err(ColumnError::Kind { .. } | ColumnError::NotText { .. }) if !rows.reads(number) => {
                None
            }
            Ok(index) => {
                let known = indexes.iter().position(|&known| known == index);
                Some(known.unwrap_or_else(|| {
                    indexes.push(index);
                    indexes.len() - 1
                }))
            }
            Err(error) => {
                rows.missing(number, error);
                None
            }
        });
    }
    let chunks = footer::chunks(footer, &indexes, MAGIC.len() as u64..start)?;
    let columns: Vec<Column> = indexes
        .iter()
        .zip(chunks)
        .filter_map(|(&index, chunks)| Some(Column::new(leaves.get(index)?.clone(), chunks)))
        .collect();
    let found = vec![Span::default(); columns.len()];
    let spans = vec![Span::default(); places.len()];
    Ok(Phase::Rows { names, columns, places, record: Vec::new(), found, spans })
}

/// The column that a wanted name stands for.
fn place(leaves: &[Leaf], names: &[String], wanted: &str) -> Result<usize, ColumnError> {
    let inside = |leaf: &&Leaf| leaf.path.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
    let kind = |kind| ColumnError::Kind { wanted: wanted.to_owned(), kind };
    match find(names, wanted) {
        Ok(index) => match leaves.get(index).and_then(|leaf| leaf.unfit) {
            Some(unfit) => Err(kind(unfit)),
            None => Ok(index),
        },
        Err(error @ ColumnError::Missing { .. }) => {
            let fields: Vec<&Leaf> = leaves.iter().filter(inside).collect();
            Err(if fields.is_empty() {
                error
            } else if fields.iter().all(|leaf| leaf.unfit == Some(footer::LIST)) {
                kind(footer::LIST)
            } else {
                ColumnError::NotText { wanted: wanted.to_owned() }
            })
        }
        Err(error) => Err(error),
    }
}
