//! JSON objects, fed piece by piece: one after the other (NDJSON), or as the elements of one array.
//!
//! Objects need not stand on a line of their own. The walk over the text is our own, since it must stop anywhere,
//! split an array and pick paths that are known at run time, all in one pass. It takes the time that `serde_json`
//! takes to fill a struct from a line, and tests hold it to that parser.

mod cursor;
mod pick;

use crate::carry::Carry;
use crate::error::SourceError;
use crate::options::Format;
use crate::reader::MAX_RECORD;
use crate::rows::{Fields, Rows};
use cursor::{Cursor, Stop, unescape};
use pick::Pick;

/// Objects whose fields' names are gathered, names that are kept, and how deep they lie.
const LEARNT: u64 = 100;
const NAMES: usize = 64;
/// Longest of them in bytes, with the names that it is inside of.
const LONGEST_NAME: usize = 200;
const DEPTH: usize = 3;

/// A parser for one file. Feed it all its text in order, then finish it.
pub(crate) struct Json {
    array: bool,
    expected: Expected,
    carry: Carry,
    row: u64,
    pick: Option<Pick>,
    names: Vec<String>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The bracket that opens the array.
    Array,
    /// An object, or the end of an empty array.
    First,
    Object,
    /// A comma, or the end of the array.
    Comma,
    /// Nothing.
    End,
}

impl Json {
    pub(crate) const fn new(format: Format) -> Self {
        let array = matches!(format, Format::Json);
        Self {
            array,
            expected: if array { Expected::Array } else { Expected::Object },
            carry: Carry::new(),
            row: 0,
            pick: None,
            names: Vec::new(),
        }
    }

    pub(crate) const fn format(&self) -> Format {
        if self.array { Format::Json } else { Format::Ndjson }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) const fn next_row(&self) -> u64 {
        self.row + 1
    }

    /// Takes the next text of the file and hands on the rows that it completes.
    pub(crate) fn feed(&mut self, bytes: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        let mut carry = std::mem::take(&mut self.carry);
        carry.feed(bytes, |text| self.parse(text, false, rows))?;
        self.carry = carry;
        Ok(())
    }

    /// Takes the end of the file, and tells `rows` what no object had. Answers the number of rows.
    pub(crate) fn finish(&mut self, rows: &mut dyn Rows) -> Result<u64, SourceError> {
        let rest = self.carry.take();
        self.parse(&rest, true, rows)?;
        match self.expected {
            Expected::Array => return Err(SourceError::Empty),
            Expected::Object if !self.array && self.row == 0 => return Err(SourceError::Empty),
            Expected::Object if !self.array => {}
            Expected::First | Expected::Object | Expected::Comma => {
                return Err(SourceError::CutOff { row: self.next_row() });
            }
            Expected::End => {}
        }
        for (index, error) in self.pick.iter().flat_map(|pick| pick.missing(&self.names)) {
            rows.missing(index, error);
        }
        Ok(self.row)
    }

    /// Parses all complete objects of `buffer`; answers how many bytes they took.
    fn parse(&mut self, buffer: &[u8], last: bool, rows: &mut dyn Rows) -> Result<usize, SourceError> {
        let (valid, broken) = match std::str::from_utf8(buffer) {
            Ok(_) => (buffer.len(), false),
            // A character may be cut off by the end of the piece.
            Err(error) => (error.valid_up_to(), last || error.error_len().is_some()),
        };
        let mut cursor = Cursor::new(&buffer[..valid], 0);
        while let Some(byte) = cursor.peek() {
            match (self.expected, byte) {
                (Expected::Array, b'[') => self.expected = Expected::First,
                (Expected::First | Expected::Comma, b']') if self.array => self.expected = Expected::End,
                (Expected::Comma, b',') => self.expected = Expected::Object,
                (Expected::First | Expected::Object, b'{') => {
                    let start = cursor.at;
                    let is_whole = self.object(&mut cursor, rows)?;
                    if !is_whole && broken {
                        return Err(self.not_utf8());
                    }
                    if !is_whole && last {
                        return Err(SourceError::CutOff { row: self.next_row() });
                    }
                    if !is_whole {
                        self.check_length(buffer.len() - start)?;
                        return Ok(start);
                    }
                    self.expected = if self.array { Expected::Comma } else { Expected::Object };
                    continue;
                }
                (Expected::Comma, _) => {
                    return Err(SourceError::Json {
                        row: self.row,
                        problem: "a comma or a closing bracket is missing behind it",
                    });
                }
                (Expected::End, _) => return Err(SourceError::AfterArray),
                (Expected::Array | Expected::First | Expected::Object, _) => {
                    return Err(SourceError::NotAnObject { row: self.next_row() });
                }
            }
            cursor.at += 1;
        }
        if broken { Err(self.not_utf8()) } else { Ok(valid) }
    }

    const fn not_utf8(&self) -> SourceError {
        SourceError::NotUtf8 { row: self.next_row() }
    }

    fn check_length(&self, length: usize) -> Result<(), SourceError> {
        if length <= MAX_RECORD {
            return Ok(());
        }
        Err(SourceError::TooLong { row: self.next_row(), limit: MAX_RECORD })
    }

    /// Walks over one object and hands it on, if the text has all of it.
    fn object(&mut self, cursor: &mut Cursor<'_>, rows: &mut dyn Rows) -> Result<bool, SourceError> {
        let start = cursor.at;
        let pick = self.pick.get_or_insert_with(|| Pick::new(rows.wanted()));
        match pick.object(cursor) {
            Ok(()) => {}
            Err(Stop::More) => return Ok(false),
            Err(Stop::Wrong(problem)) => return Err(SourceError::Json { row: self.row + 1, problem }),
        }
        if cursor.at - start > MAX_RECORD {
            return Err(SourceError::TooLong { row: self.row + 1, limit: MAX_RECORD });
        }
        self.row += 1;
        if self.row <= LEARNT {
            learn(&mut Cursor::new(cursor.text, start), "", &mut self.names);
        }
        rows.row(self.row, &Fields { record: cursor.text, unquoted: &pick.unquoted, spans: &pick.spans });
        Ok(true)
    }
}

/// Gathers the paths of the fields of an object that was walked over before. What can't be told is left out.
fn learn(cursor: &mut Cursor<'_>, inside: &str, names: &mut Vec<String>) {
    let _ = cursor.members(|cursor, name| {
        let start = cursor.at;
        let length = inside.len() + (name.to - name.from);
        if names.len() >= NAMES || length > LONGEST_NAME {
            return cursor.skip();
        }
        let mut path = inside.as_bytes().to_vec();
        if unescape(&cursor.text[name.from..name.to], &mut path).is_ok() {
            let path = String::from_utf8_lossy(&path).into_owned();
            let depth = path.matches('.').count();
            if depth + 1 < DEPTH && cursor.text.get(start) == Some(&b'{') {
                learn(&mut Cursor::new(cursor.text, start), &format!("{path}."), names);
            } else if !names.contains(&path) {
                names.push(path);
            }
        }
        cursor.skip()
    });
}

#[cfg(test)]
mod tests;
