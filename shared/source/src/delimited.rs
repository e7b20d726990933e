//! Delimited text as RFC 4180 has it, fed piece by piece.
//!
//! Most records hold no quote: they are cut at the newline and the delimiters by vectorised search, without a copy.
//! Records with quotes take the careful way in [`quoted`].

mod detect;
mod header;
mod quoted;

use memchr::{memchr, memchr_iter, memchr2};

use crate::carry::Carry;
use crate::error::SourceError;
use crate::options::Delimiter;
use crate::reader::MAX_RECORD;
use crate::rows::{Fields, Rows, Span};
use detect::First;
use header::Header;
use quoted::Cut;

/// A parser for one file. Feed it all its text in order, then finish it.
pub(crate) struct Delimited {
    declared: Option<Delimiter>,
    has_header: bool,
    /// Known from the first line on.
    delimiter: Option<u8>,
    carry: Carry,
    header: Option<Header>,
    row: u64,
    spans: Vec<Span>,
    unquoted: Vec<u8>,
    /// The fields of a record with quotes.
    cuts: Vec<Cut>,
}

/// What lies at a position of the buffer.
enum Record {
    /// A record of `length` bytes, `end` bytes with its line ending.
    Whole { length: usize, end: usize, quotes: bool },
    /// More bytes are needed.
    Incomplete { quotes: bool },
}

impl Delimited {
    pub(crate) const fn new(delimiter: Option<Delimiter>, has_header: bool) -> Self {
        Self {
            declared: delimiter,
            has_header,
            delimiter: None,
            carry: Carry::new(),
            header: None,
            row: 0,
            spans: Vec::new(),
            unquoted: Vec::new(),
            cuts: Vec::new(),
        }
    }

    /// Takes the next text of the file and hands on the rows that it completes.
    pub(crate) fn feed(&mut self, bytes: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        let mut carry = std::mem::take(&mut self.carry);
        carry.feed(bytes, |text| self.parse(text, false, rows))?;
        self.carry = carry;
        Ok(())
    }

    /// Takes the end of the file. Answers the number of rows.
    pub(crate) fn finish(&mut self, rows: &mut dyn Rows) -> Result<u64, SourceError> {
        let rest = self.carry.take();
        self.parse(&rest, true, rows)?;
        if self.header.is_none() {
            return Err(SourceError::Empty);
        }
        Ok(self.row)
    }

    /// What separates the fields, if there is more than one.
    pub(crate) fn delimiter(&self) -> Option<Delimiter> {
        self.header.as_ref().filter(|header| header.columns() > 1).and(self.delimiter.and_then(Delimiter::of))
    }

    pub(crate) fn names(&self) -> &[String] {
        self.header.as_ref().map_or(&[], Header::names)
    }

    /// Parses all complete records of `buffer`; answers how many bytes they took.
    fn parse(&mut self, buffer: &[u8], last: bool, rows: &mut dyn Rows) -> Result<usize, SourceError> {
        let mut at = 0;
        let delimiter = match self.delimiter {
            Some(delimiter) => delimiter,
            None => match detect::first(buffer, self.declared, last)? {
                First::Incomplete { quotes } => {
                    self.check_length(buffer, quotes)?;
                    return Ok(0);
                }
                First::Found { delimiter, skip } => {
                    at = skip;
                    self.delimiter = Some(delimiter);
                    delimiter
                }
            },
        };
        let valid = valid_up_to(buffer, at, last);
        while at < buffer.len() {
            let (length, end, quotes) = match self.record(&buffer[at..], delimiter, last)? {
                Record::Whole { length, end, quotes } => (length, end, quotes),
                Record::Incomplete { quotes } => {
                    self.check_length(&buffer[at..], quotes)?;
                    break;
                }
            };
            if at + length > valid {
                return Err(SourceError::NotUtf8 { row: self.next_row() });
            }
            let record = &buffer[at..at + length];
            self.check_length(record, quotes)?;
            if length > 0 {
                self.take(record, delimiter, quotes, rows)?;
            }
            at += end;
        }
        Ok(at)
    }

    /// Finds the end of the record that `buffer` begins with.
    fn record(&mut self, buffer: &[u8], delimiter: u8, last: bool) -> Result<Record, SourceError> {
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
        // No more than the longest record and its line ending: fields are counted before the record is.
        let window = &buffer[..buffer.len().min(MAX_RECORD + 2)];
        match quoted::cut(window, delimiter, &mut self.cuts) {
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

    fn take(
        &mut self,
        record: &[u8],
        delimiter: u8,
        quotes: bool,
        rows: &mut dyn Rows,
    ) -> Result<(), SourceError> {
        if self.header.is_none() {
            if !quotes && memchr(b'\r', record).is_some() {
                return Err(SourceError::CarriageReturn);
            }
            let wanted = rows.wanted();
            self.spans = vec![Span::default(); wanted.len()];
            let names = if quotes {
                self.cuts.iter().map(|cut| cut.name(record)).collect()
            } else {
                let fields = record.split(|&byte| byte == delimiter);
                fields.map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect()
            };
            self.header = Some(Header::new(names, self.has_header, &wanted, rows));
            if self.has_header {
                return Ok(());
            }
        }
        let Some(header) = &self.header else { return Ok(()) };
        self.row += 1;
        let found = if quotes {
            self.unquoted.clear();
            for (cut, place) in self.cuts.iter().zip(header.places()) {
                if let Some(place) = *place {
                    self.spans[place] = cut.span(record, &mut self.unquoted);
                }
            }
            self.cuts.len()
        } else {
            let mut column = 0;
            let mut from = 0;
            for to in memchr_iter(delimiter, record) {
                header.place(column, Span { from, to, unquoted: false }, &mut self.spans);
                column += 1;
                from = to + 1;
            }
            header.place(column, Span { from, to: record.len(), unquoted: false }, &mut self.spans);
            column + 1
        };
        if found != header.columns() {
            return Err(SourceError::Ragged {
                row: self.row,
                found,
                expected: header.columns(),
                header: self.has_header,
            });
        }
        header.repeat(&mut self.spans);
        rows.row(self.row, &Fields { record, unquoted: &self.unquoted, spans: &self.spans });
        Ok(())
    }

    /// The number of the row that is being looked at; 0 for the header.
    pub(crate) const fn next_row(&self) -> u64 {
        if self.header.is_some() || !self.has_header { self.row + 1 } else { 0 }
    }

    fn check_length(&self, record: &[u8], quotes: bool) -> Result<(), SourceError> {
        if record.len() <= MAX_RECORD {
            return Ok(());
        }
        Err(if quotes {
            SourceError::Unterminated { row: self.next_row() }
        } else if self.header.is_none() && memchr(b'\r', record).is_some() {
            SourceError::CarriageReturn
        } else {
            SourceError::TooLong { row: self.next_row(), limit: MAX_RECORD }
        })
    }
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
