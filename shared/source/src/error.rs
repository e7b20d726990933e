//! Why a segment file was not understood.

use crate::found::Compression;
use crate::options::{Delimiter, Encoding};

/// What is wrong with a segment file, where, and what to do about it. Never a value out of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is nothing in it, not even a header.
    #[error("the file is empty; a header line and at least one row are needed")]
    Empty,
    /// Another format than those that are understood.
    #[error(
        "the file looks like {0}, which is not understood; drop delimited text, JSON or Parquet, plain or compressed with gzip, Zstandard or bzip2"
    )]
    Foreign(&'static str),
    /// Parquet where a file is read front to back: it is read by its footer, which stands at the end.
    #[error("the file is Parquet, which can't be read as text; leave `format` out, or set it to parquet")]
    Parquet,
    /// Something in a Parquet file.
    #[error(transparent)]
    InParquet(#[from] crate::parquet::ParquetError),
    /// Parquet that was compressed as a whole.
    #[error("the file is Parquet inside {0}; Parquet is compressed by itself, drop it as it is")]
    ParquetInside(Compression),
    /// One compression inside another.
    #[error("the file is compressed twice, {inner} inside {outer}; compress it once")]
    Nested {
        /// What was unpacked.
        outer: Compression,
        /// What was found in it.
        inner: Compression,
    },
    /// Compressed data that can't be unpacked.
    #[error("the {0} data is damaged; was the file uploaded as it is, in binary mode?")]
    Damaged(Compression),
    /// Compressed data without its end.
    #[error("the file ends in the middle of its {0} data; was all of it uploaded?")]
    Truncated(Compression),
    /// Something that is no compressed data, after its end.
    #[error("behind the end of the {0} data there is something else; was the file put together by mistake?")]
    Trailing(Compression),
    /// Compressed data that needs more memory than there is.
    #[error("the zstd data needs a window of more than {0} MiB; compress it without `--long`")]
    Window(u64),
    /// It gets larger than it may.
    #[error(
        "the file unpacks to more than {limit} times its size; raise `max_ratio` if that is no mistake, or drop it in less compressed form"
    )]
    Ratio {
        /// The largest ratio allowed.
        limit: u32,
    },
    /// It gets larger than it may.
    #[error(
        "the file unpacks to more than {limit} bytes; raise `max_bytes` if that is no mistake, or drop it in parts"
    )]
    TooLarge {
        /// The most bytes allowed.
        limit: u64,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{} is not valid UTF-8; export the file as UTF-8, or set `encoding` to what it is in, such as windows-1252",
        place(*row)
    )]
    NotUtf8 {
        /// Row number, 0 for the header.
        row: u64,
    },
    /// Bytes that mean nothing in the encoding.
    #[error("{} is not valid {encoding}; is that the encoding of the file?", place(*row))]
    Undecodable {
        /// Row number, 0 for the header.
        row: u64,
        /// The encoding: the declared one, or that of the byte order mark.
        encoding: Encoding,
    },
    /// UTF-16 that does not say so.
    #[error("the file looks like {encoding} without a byte order mark; set `encoding` to that")]
    NoMark {
        /// What it looks like.
        encoding: Encoding,
    },
    /// A header that two delimiters cut into the same number of fields.
    #[error(
        "the first line may be separated by {} or by {}; set `delimiter` to the right one",
        .first.shown(),
        .second.shown()
    )]
    Delimiter {
        /// One.
        first: Delimiter,
        /// The other.
        second: Delimiter,
    },
    /// Lines of an old Macintosh.
    #[error("the lines end with a carriage return alone; export the file with LF or CR LF")]
    CarriageReturn,
    /// A row with more or fewer fields than the header.
    #[error(
        "{} has {found} fields, the {} has {expected}; is a delimiter inside a field not quoted?",
        place(*row),
        if *header { "header" } else { "first row" }
    )]
    Ragged {
        /// Row number.
        row: u64,
        /// Fields in it.
        found: usize,
        /// Fields in the first line.
        expected: usize,
        /// Whether that is a header.
        header: bool,
    },
    /// The file ended, or the longest record was reached, within a quoted field.
    #[error("{} opens a quoted field that is never closed; double the quotes inside fields", place(*row))]
    Unterminated {
        /// Row number, 0 for the header.
        row: u64,
    },
    /// Text behind a closing quote.
    #[error("{} has text behind a closing quote; double the quotes inside fields", place(*row))]
    AfterQuote {
        /// Row number, 0 for the header.
        row: u64,
    },
    /// A record longer than any real one.
    #[error("{} is longer than {limit} bytes; is this really one row?", place(*row))]
    TooLong {
        /// Row number, 0 for the header.
        row: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// Text that is no JSON.
    #[error("{} is not valid JSON: {problem}", place(*row))]
    Json {
        /// Row number.
        row: u64,
        /// What was wrong with it.
        problem: &'static str,
    },
    /// JSON that is none of objects.
    #[error("row {row} is no JSON object; drop one object a line, or one array of objects")]
    NotAnObject {
        /// Row number.
        row: u64,
    },
    /// JSON without its end.
    #[error(
        "the file ends in the middle of row {row}, or before the end of its array; was all of it uploaded?"
    )]
    CutOff {
        /// Row number.
        row: u64,
    },
    /// Text after the end of a JSON array.
    #[error("behind the end of the JSON array there is something else; drop one array, or one object a line")]
    AfterArray,
}

fn place(row: u64) -> String {
    if row == 0 { "the header".to_owned() } else { format!("row {row}") }
}
