//! One mapped column: its bytes as they are fetched, and its values as they are read, page by page.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;

use super::bits::Hybrid;
use super::error::ParquetError;
use super::footer::{Chunk, Leaf};
use super::page::{Header, MAX_PAGE_MIB, PageKind, RLE};
use super::thrift::Broken;
use super::values::{Decoder, Dictionary, Fault, MAX_VALUE, length};

/// Bytes of one request.
const PIECE: u64 = 4 << 20;
/// Bytes that are asked for ahead of what is being read.
const AHEAD: u64 = 8 << 20;
/// Requests that may be under way.
const REQUESTS: usize = 4;
/// Longest header of a page in bytes: there are two values in it, the least and the largest.
const MAX_HEADER: usize = 1 << 20;

const DAMAGED: ParquetError = ParquetError::Damaged("data");

/// Whether there are values to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// So many rows are in the page at hand.
    Ready(u64),
    /// More bytes are needed.
    Waiting,
    /// All were read.
    End,
}

/// A column, over all row groups.
pub(super) struct Column {
    leaf: Leaf,
    chunks: Vec<Chunk>,
    /// The chunk that is asked for next, and from where on.
    next: (usize, u64),
    asked: VecDeque<Range<u64>>,
    /// Pieces that came before their turn.
    early: BTreeMap<u64, Bytes>,
    inbox: Vec<u8>,
    at: usize,
    /// Bytes that the inbox must hold before anything more can be read.
    need: usize,
    /// The chunk that is being read: its number, its bytes and values that are not read yet.
    chunk: usize,
    bytes: u64,
    values: u64,
    dictionary: Option<Dictionary>,
    page: Vec<u8>,
    left: u64,
    levels: Option<Hybrid>,
    decoder: Decoder,
}

impl Column {
    pub(super) fn new(leaf: Leaf, chunks: Vec<Chunk>) -> Self {
        let first = chunks.first().copied().unwrap_or_default();
        Self {
            leaf,
            next: (0, first.from),
            chunk: 0,
            bytes: first.to - first.from,
            values: first.values,
            chunks,
            asked: VecDeque::new(),
            early: BTreeMap::new(),
            inbox: Vec::new(),
            at: 0,
            need: 0,
            dictionary: None,
            page: Vec::new(),
            left: 0,
            levels: None,
            decoder: Decoder::None,
        }
    }

    /// The next piece that is to be fetched, if one is.
    pub(super) fn wanted(&mut self) -> Option<Range<u64>> {
        let (number, from) = self.next;
        let chunk = self.chunks.get(number)?;
        let asked: u64 = self.asked.iter().map(|range| range.end - range.start).sum();
        let held = asked + (self.inbox.len() - self.at) as u64;
        let piece = (chunk.to - from).min(PIECE);
        let full = held + piece > AHEAD || self.asked.len() >= REQUESTS;
        if full && held > 0 && held >= self.need as u64 {
            return None;
        }
        let to = from + piece;
        self.next = if to < chunk.to {
            (number, to)
        } else {
            (number + 1, self.chunks.get(number + 1).map_or(0, |chunk| chunk.from))
        };
        self.asked.push_back(from..to);
        Some(from..to)
    }

    /// Takes a fetched piece. Answers whether it is one of this column's.
    pub(super) fn give(&mut self, from: u64, bytes: &Bytes) -> Result<bool, ParquetError> {
        let Some(range) = self.asked.iter().find(|range| range.start == from) else { return Ok(false) };
        if bytes.len() as u64 != range.end - range.start {
            return Err(ParquetError::Changed);
        }
        self.early.insert(from, bytes.clone());
        while let Some(piece) = self.asked.front().and_then(|range| self.early.remove(&range.start)) {
            self.asked.pop_front();
            self.inbox.drain(..self.at);
            self.at = 0;
            self.inbox.extend_from_slice(&piece);
        }
        Ok(true)
    }

    /// Goes to the next page if the one at hand was read.
    pub(super) fn load(&mut self) -> Result<State, ParquetError> {
        while self.left == 0 {
            let here = self.inbox.get(self.at..).unwrap_or_default();
            let here = &here[..here.len().min(usize::try_from(self.bytes).unwrap_or(usize::MAX))];
            if self.values == 0 {
                // What is behind the last value, if anything, is of no interest.
                let rest = here.len();
                self.consume(rest);
                if self.bytes > 0 {
                    self.need = 1;
                    return Ok(State::Waiting);
                }
                let Some(chunk) = self.chunks.get(self.chunk + 1) else { return Ok(State::End) };
                self.chunk += 1;
                (self.bytes, self.values) = (chunk.to - chunk.from, chunk.values);
                self.dictionary = None;
                continue;
            }
            let whole = here.len() as u64 == self.bytes;
            let (header, size) = match Header::read(here) {
                Ok(read) => read,
                Err(Broken::Short) if !whole && here.len() < MAX_HEADER => {
                    self.need = here.len() + 1;
                    return Ok(State::Waiting);
                }
                Err(_) => return Err(DAMAGED),
            };
            if header.is_too_large() {
                return Err(self.too_large());
            }
            let end = size + header.packed;
            let Some(packed) = here.get(size..end) else {
                if whole || end as u64 > self.bytes {
                    return Err(DAMAGED);
                }
                self.need = end;
                return Ok(State::Waiting);
            };
            let codec = self.chunks.get(self.chunk).map_or(0, |chunk| chunk.codec);
            if header.kind.is_some() {
                header.unpack(packed, codec, &mut self.page, &self.leaf)?;
            }
            self.consume(end);
            match header.kind {
                Some(PageKind::Dictionary) => self.take_dictionary(&header)?,
                Some(kind) => self.begin(kind, &header)?,
                None => {}
            }
        }
        Ok(State::Ready(self.left))
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
        self.bytes -= length as u64;
        self.need = 0;
    }

    fn take_dictionary(&mut self, header: &Header) -> Result<(), ParquetError> {
        if self.dictionary.is_some() {
            return Err(DAMAGED);
        }
        let read = Dictionary::read(&self.page, header.values, self.leaf.values, MAX_PAGE_MIB << 20);
        self.dictionary = read.map_err(|_| ParquetError::Damaged("dictionary"))?;
        if self.dictionary.is_none() { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> ParquetError {
        ParquetError::PageTooLarge { column: self.leaf.path.clone(), limit: MAX_PAGE_MIB }
    }

    /// Begins with the page that was unpacked.
    fn begin(&mut self, kind: PageKind, header: &Header) -> Result<(), ParquetError> {
        let unknown = |encoding| ParquetError::Encoding { column: self.leaf.path.clone(), encoding };
        let width = usize::try_from(u64::BITS - self.leaf.defined.leading_zeros()).unwrap_or_default();
        let (levels, values) = match kind {
            PageKind::Data if self.leaf.defined > 0 => {
                if header.levels != RLE {
                    return Err(unknown("BIT_PACKED"));
                }
                let (length, from) = length(&self.page, 0).map_err(|_| DAMAGED)?;
                (from..from + length, from + length)
            }
            PageKind::DataV2 => {
                let to = header.repetition + header.definition;
                (header.repetition..to, to)
            }
            _ => (0..0, 0),
        };
        if values > self.page.len() || header.values > self.values {
            return Err(DAMAGED);
        }
        self.levels = (self.leaf.defined > 0).then(|| Hybrid::new(levels.start, levels.end, width));
        let decoder = Decoder::new(header.encoding, self.leaf.values, &self.page, values, header.values);
        self.decoder = decoder.map_err(|name| name.map_or(DAMAGED, unknown))?;
        self.values -= header.values;
        self.left = header.values;
        Ok(())
    }

    /// Appends the value of the next row, if it has one. `row` is for errors.
    ///
    /// There must be a row in the page at hand.
    #[inline]
    pub(super) fn read(&mut self, row: u64, out: &mut Vec<u8>) -> Result<(), ParquetError> {
        self.left -= 1;
        if let Some(levels) = &mut self.levels
            && levels.next(&self.page).map_err(|_| DAMAGED)? != self.leaf.defined
        {
            return Ok(());
        }
        let from = out.len();
        let read = self.decoder.next(&self.page, self.leaf.values, self.dictionary.as_ref(), out);
        match read {
            Ok(()) if std::str::from_utf8(&out[from..]).is_ok() => Ok(()),
            Ok(()) => Err(ParquetError::NotUtf8 { row, column: self.leaf.path.clone() }),
            Err(Fault::Damage) => Err(DAMAGED),
            Err(Fault::TooLong) => {
                Err(ParquetError::ValueTooLong { row, column: self.leaf.path.clone(), limit: MAX_VALUE })
            }
        }
    }
}
