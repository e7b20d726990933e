//! A file, whatever it is: its bytes go through what unpacks, what decodes and what parses.

use crate::decode::{Decode, Decoded};
use crate::delimited::Delimited;
use crate::error::SourceError;
use crate::found::{Compression, Found};
use crate::json::Json;
use crate::options::{Encoding, Format, Options};
use crate::rows::Rows;
use crate::sniff::{self, HEAD};
use crate::unpack::Unpacker;

/// Longest record in bytes: above it, a quote was opened by mistake or this is no text of rows.
pub(crate) const MAX_RECORD: usize = 1 << 20;

/// A reader for one file. Feed it all bytes in order, then finish it.
///
/// Parquet is not for it, since that is read by its footer: see [`is_parquet`](crate::is_parquet).
pub struct Reader {
    entry: Entry,
    text: Text,
}

/// What the bytes of the file go through first.
enum Entry {
    /// The first bytes are being gathered.
    Head(Vec<u8>),
    Plain,
    Packed(Box<Unpacker>),
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Reader {
    /// A reader for a file of which this is known.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self { entry: Entry::Head(Vec::new()), text: Text::new(options) }
    }

    /// Takes the next bytes of the file and hands on the rows that they complete.
    ///
    /// # Errors
    /// What is wrong with the file; nothing more can be fed then.
    pub fn feed(&mut self, bytes: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        match &mut self.entry {
            Entry::Head(head) if head.is_empty() && bytes.len() >= HEAD => self.begin(bytes, rows),
            Entry::Head(head) => {
                head.extend_from_slice(bytes);
                if head.len() < HEAD {
                    return Ok(());
                }
                let head = std::mem::take(head);
                self.begin(&head, rows)
            }
            Entry::Plain => self.text.feed(bytes, rows),
            Entry::Packed(unpacker) => unpacker.feed(bytes, &mut |block| self.text.feed(block, rows)),
        }
    }

    /// Takes the end of the file. Answers the number of rows.
    ///
    /// # Errors
    /// As [`feed`](Self::feed), and [`SourceError::Empty`] if there was nothing.
    pub fn finish(&mut self, rows: &mut dyn Rows) -> Result<u64, SourceError> {
        if let Entry::Head(head) = &mut self.entry {
            let head = std::mem::take(head);
            self.begin(&head, rows)?;
        }
        if let Entry::Packed(unpacker) = &self.entry {
            unpacker.finish()?;
        }
        self.text.finish(rows)
    }

    /// What the file is; `None` as long as too little of it was fed to tell.
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        let compression = match &self.entry {
            Entry::Packed(unpacker) => unpacker.compression(),
            Entry::Head(_) | Entry::Plain => Compression::None,
        };
        let encoding = self.text.decode.as_ref().map_or(Encoding::UTF_8, Decode::encoding);
        let (format, delimiter) = match &self.text.body {
            Body::Blank(_) => return None,
            Body::Delimited(delimited) => (Format::Delimited, delimited.delimiter()),
            Body::Json(json) => (json.format(), None),
        };
        Some(Found { format, compression, encoding, delimiter })
    }

    /// The names that the file has: its header, or the paths of the fields in its first objects, not all of them if
    /// they are many.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match &self.text.body {
            Body::Blank(_) => &[],
            Body::Delimited(delimited) => delimited.names(),
            Body::Json(json) => json.names(),
        }
    }

    fn begin(&mut self, head: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        let compression = sniff::compression(head);
        self.text.compression = compression;
        self.entry = match Unpacker::new(compression, &self.text.options) {
            Some(unpacker) => Entry::Packed(Box::new(unpacker)),
            None => Entry::Plain,
        };
        self.feed(head, rows)
    }
}

/// From unpacked bytes to rows.
struct Text {
    options: Options,
    compression: Compression,
    /// The first bytes, while they are being gathered.
    head: Option<Vec<u8>>,
    /// What is not UTF-8 goes through it.
    decode: Option<Decode>,
    body: Body,
}

/// What parses.
enum Body {
    /// Nothing but blanks was seen so far.
    Blank(Vec<u8>),
    Delimited(Delimited),
    Json(Json),
}

impl Text {
    const fn new(options: Options) -> Self {
        Self {
            options,
            compression: Compression::None,
            head: Some(Vec::new()),
            decode: None,
            body: Body::Blank(Vec::new()),
        }
    }

    fn feed(&mut self, bytes: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        match &mut self.head {
            None => self.decode(bytes, false, rows),
            Some(head) if head.is_empty() && bytes.len() >= HEAD => self.begin(bytes, rows),
            Some(head) => {
                head.extend_from_slice(bytes);
                if head.len() < HEAD {
                    return Ok(());
                }
                let head = std::mem::take(head);
                self.begin(&head, rows)
            }
        }
    }

    fn finish(&mut self, rows: &mut dyn Rows) -> Result<u64, SourceError> {
        if let Some(head) = self.head.take() {
            self.begin(&head, rows)?;
        }
        self.decode(&[], true, rows)?;
        match &mut self.body {
            Body::Blank(_) => Err(SourceError::Empty),
            Body::Delimited(delimited) => delimited.finish(rows),
            Body::Json(json) => json.finish(rows),
        }
    }

    /// Looks at the first bytes, and takes them.
    fn begin(&mut self, head: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        self.head = None;
        let inner = sniff::compression(head);
        if inner != Compression::None && self.compression != Compression::None {
            return Err(SourceError::Nested { outer: self.compression, inner });
        }
        if sniff::is_parquet(head) {
            return Err(match self.compression {
                Compression::None => SourceError::Parquet,
                compression => SourceError::ParquetInside(compression),
            });
        }
        if let Some(name) = sniff::foreign(head) {
            return Err(SourceError::Foreign(name));
        }
        let (encoding, length) = match (sniff::mark(head), self.options.encoding) {
            (Some(marked), _) => marked,
            (None, Some(declared)) => (declared, 0),
            (None, None) => match sniff::unmarked(&head[..head.len().min(HEAD)]) {
                Some(encoding) => return Err(SourceError::NoMark { encoding }),
                None => (Encoding::UTF_8, 0),
            },
        };
        self.decode = (encoding != Encoding::UTF_8).then(|| Decode::new(encoding));
        self.decode(&head[length..], false, rows)
    }

    fn decode(&mut self, bytes: &[u8], last: bool, rows: &mut dyn Rows) -> Result<(), SourceError> {
        let Self { options, decode, body, .. } = self;
        let Some(decode) = decode else { return body.take(options, bytes, rows) };
        match decode.feed(bytes, last, &mut |block| body.take(options, block, rows))? {
            Decoded::All => Ok(()),
            Decoded::Malformed => {
                Err(SourceError::Undecodable { row: body.next_row(options), encoding: decode.encoding() })
            }
        }
    }
}

impl Body {
    /// The first character that is no blank tells the format, unless it was declared.
    fn of(options: &Options, text: &[u8]) -> Result<Option<Self>, SourceError> {
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(Some(match (options.format, first) {
            (Some(Format::Json), _) | (None, Some(b'[')) => Self::Json(Json::new(Format::Json)),
            (Some(Format::Ndjson), _) | (None, Some(b'{')) => Self::Json(Json::new(Format::Ndjson)),
            (None, Some(b'<')) => return Err(SourceError::Foreign("XML or HTML")),
            (None, None) => return Ok(None),
            (Some(Format::Delimited | Format::Parquet), _) | (None, Some(_)) => Self::delimited(options),
        }))
    }

    fn delimited(options: &Options) -> Self {
        Self::Delimited(Delimited::new(options.delimiter, options.header))
    }

    fn take(&mut self, options: &Options, text: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        let Self::Blank(blank) = self else { return self.feed(text, rows) };
        blank.extend_from_slice(text);
        if let Some(body) = Self::of(options, blank)? {
            let blank = std::mem::take(blank);
            *self = body;
            return self.feed(&blank, rows);
        }
        if blank.len() > MAX_RECORD {
            return Err(SourceError::TooLong { row: 0, limit: MAX_RECORD });
        }
        Ok(())
    }

    fn feed(&mut self, text: &[u8], rows: &mut dyn Rows) -> Result<(), SourceError> {
        match self {
            Self::Blank(_) => Ok(()),
            Self::Delimited(delimited) => delimited.feed(text, rows),
            Self::Json(json) => json.feed(text, rows),
        }
    }

    fn next_row(&self, options: &Options) -> u64 {
        match self {
            Self::Blank(_) => u64::from(!options.header),
            Self::Delimited(delimited) => delimited.next_row(),
            Self::Json(json) => json.next_row(),
        }
    }
}

#[cfg(test)]
mod tests;
