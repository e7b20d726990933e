//! Comma-separated values as RFC 4180 has them, fed piece by piece.
//!
//! Most records hold no quote: they are cut at the newline and the delimiters by vectorised search, without a copy.
//! Records with quotes take the careful way in [`quoted`].

mod quoted;

use memchr::{memchr_iter, memchr2};

use crate::error::SourceError;
use crate::rows::{Fields, Rows, Span};

/// Longest record in bytes: above it, a quote was opened by mistake or this is no CSV.
const MAX_RECORD: usize = 1 << 20;

/// A parser for one file. Feed it all bytes in order, then finish it.
pub struct Csv {
    delimiter: u8,
    carry: Vec<u8>,
    started: bool,
    header: Option<Header>,
    row: u64,
    spans: Vec<Span>,
    unquoted: Vec<u8>,
}

struct Header {
    columns: usize,
    /// For each column up to the last wanted one: its place among the wanted ones.
    slots: Vec<Option<usize>>,
    /// Wanted columns that repeat an earlier one: (place, place of the earlier).
    repeated: Vec<(usize, usize)>,
}

/// What lies at a position of the buffer.
enum Record {
    /// A record of `length` bytes, `end` bytes with its line ending.
    Whole { length: usize, end: usize, quotes: bool },
    /// More bytes are needed.
    Incomplete { quotes: bool },
}

impl Default for Csv {
    fn default() -> Self {
        Self::new(b',')
    }
}

impl Csv {
    /// A parser for fields separated by `delimiter`.
    #[must_use]
    pub const fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            carry: Vec::new(),
            started: false,
            header: None,
            row: 0,
            spans: Vec::new(),
            unquoted: Vec::new(),
        }
    }

    /// Takes the next bytes of the file and hands on the rows that they complete.
    ///
    /// # Errors
    /// What is wrong with the file; nothing more can be fed then.
    pub fn feed(&mut self, bytes: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        if self.carry.is_empty() && self.started {
            let used = self.parse(bytes, false, rows)?;
            self.carry.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.carry);
        buffer.extend_from_slice(bytes);
        let used = self.parse(&buffer, false, rows)?;
        buffer.drain(..used);
        self.carry = buffer;
        Ok(())
    }

    /// Takes the end of the file. Answers the number of rows.
    ///
    /// # Errors
    /// As [`feed`](Self::feed), and [`SourceError::Empty`] if there was no header.
    pub fn finish(mut self, rows: &mut dyn Rows) -> Result<u64, SourceError> {
        let rest = std::mem::take(&mut self.carry);
        self.parse(&rest, true, rows)?;
        if self.header.is_none() {
            return Err(SourceError::Empty);
        }
        Ok(self.row)
    }

    /// Parses all complete records of `buffer`; answers how many bytes they took.
    fn parse(&mut self, buffer: &[u8], last: bool, rows: &mut dyn Rows) -> Result<usize, SourceError> {
        let mut at = 0;
        if !self.started {
            // A byte order mark has three bytes, a magic number up to four.
            if buffer.len() < 4 && !last {
                return Ok(0);
            }
            at = start(buffer)?;
            self.started = true;
        }
        let valid = valid_up_to(buffer, at, last);
        while at < buffer.len() {
            let (length, end, quotes) = match self.record(&buffer[at..], last)? {
                Record::Whole { length, end, quotes } => (length, end, quotes),
                Record::Incomplete { quotes } => {
                    self.check_length(buffer.len() - at, quotes)?;
                    break;
                }
            };
            if at + length > valid {
                return Err(SourceError::NotUtf8 { row: self.next_row() });
            }
            self.check_length(length, quotes)?;
            if length > 0 {
                self.take(&buffer[at..at + length], quotes, rows)?;
            }
            at += end;
        }
        // Bytes that can't become UTF-8 are said now, not after a record that may never end.
        Ok(at)
    }

    /// Finds the end of the record that `buffer` begins with.
    fn record(&self, buffer: &[u8], last: bool) -> Result<Record, SourceError> {
        let Some(found) = memchr2(b'\n', b'"', buffer) else {
            return Ok(if last {
                Record::Whole { length: without_return(buffer), end: buffer.len(), quotes: false }
            } else {
                Record::Incomplete { quotes: false }
            });
        };
        if buffer[found] == b'\n' {
            return Ok(Record::Whole {
                length: without_return(&buffer[..found]),
                end: found + 1,
                quotes: false,
            });
        }
        match quoted::end_of_record(buffer, self.delimiter) {
            quoted::End::At(newline) => Ok(Record::Whole {
                length: without_return(&buffer[..newline]),
                end: newline + 1,
                quotes: true,
            }),
            quoted::End::AfterQuote => Err(SourceError::AfterQuote { row: self.next_row() }),
            quoted::End::Open if last => Err(SourceError::Unterminated { row: self.next_row() }),
            quoted::End::Closed if last => {
                Ok(Record::Whole { length: without_return(buffer), end: buffer.len(), quotes: true })
            }
            quoted::End::Open | quoted::End::Closed => Ok(Record::Incomplete { quotes: true }),
        }
    }

    fn take(&mut self, record: &[u8], quotes: bool, rows: &mut dyn Rows) -> Result<(), SourceError> {
        let Some(header) = &self.header else {
            let columns = quoted::all_fields(record, self.delimiter);
            let wanted = rows.header(&columns);
            self.spans = vec![Span::default(); wanted.len()];
            self.header = Some(Header::new(columns.len(), &wanted));
            return Ok(());
        };
        self.row += 1;
        let found = if quotes {
            self.unquoted.clear();
            quoted::split(record, self.delimiter, &mut self.unquoted, |column, span| {
                header.place(column, span, &mut self.spans);
            })
        } else {
            let mut column = 0;
            let mut from = 0;
            for to in memchr_iter(self.delimiter, record) {
                header.place(column, Span { from, to, unquoted: false }, &mut self.spans);
                column += 1;
                from = to + 1;
            }
            header.place(column, Span { from, to: record.len(), unquoted: false }, &mut self.spans);
            column + 1
        };
        if found != header.columns {
            return Err(SourceError::Ragged { row: self.row, found, expected: header.columns });
        }
        for &(place, earlier) in &header.repeated {
            self.spans[place] = self.spans[earlier];
        }
        rows.row(self.row, &Fields { record, unquoted: &self.unquoted, spans: &self.spans });
        Ok(())
    }

    /// The number of the row that is being looked at; 0 for the header.
    fn next_row(&self) -> u64 {
        if self.header.is_some() { self.row + 1 } else { 0 }
    }

    fn check_length(&self, length: usize, quotes: bool) -> Result<(), SourceError> {
        match (length > MAX_RECORD, quotes) {
            (false, _) => Ok(()),
            (true, true) => Err(SourceError::Unterminated { row: self.next_row() }),
            (true, false) => Err(SourceError::TooLong { row: self.next_row(), limit: MAX_RECORD }),
        }
    }
}

impl Header {
    fn new(columns: usize, wanted: &[usize]) -> Self {
        let mut slots = vec![None; wanted.iter().max().map_or(0, |last| last + 1)];
        let mut repeated = Vec::new();
        for (place, &column) in wanted.iter().enumerate() {
            match slots[column] {
                None => slots[column] = Some(place),
                Some(earlier) => repeated.push((place, earlier)),
            }
        }
        Self { columns, slots, repeated }
    }

    fn place(&self, column: usize, span: Span, spans: &mut [Span]) {
        if let Some(&Some(place)) = self.slots.get(column) {
            spans[place] = span;
        }
    }
}

/// Looks at the first bytes of a file: skips a byte order mark, and names formats that are none of ours.
fn start(buffer: &[u8]) -> Result<usize, SourceError> {
    const FOREIGN: [(&[u8], &str); 7] = [
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"BZh", "bzip2"),
        (b"PAR1", "Parquet"),
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ];
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| buffer.starts_with(magic)) {
        return Err(SourceError::Format(name));
    }
    Ok(if buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 })
}

/// Up to where the buffer is UTF-8. A character that is cut off at the end is no mistake while more may come.
fn valid_up_to(buffer: &[u8], from: usize, last: bool) -> usize {
    match std::str::from_utf8(&buffer[from..]) {
        Ok(_) => buffer.len(),
        Err(error) if error.error_len().is_none() && !last => buffer.len(),
        Err(error) => from + error.valid_up_to(),
    }
}

/// The length of a line without the carriage return at its end.
fn without_return(line: &[u8]) -> usize {
    line.len() - usize::from(line.last() == Some(&b'\r'))
}

#[cfg(test)]
mod tests;
