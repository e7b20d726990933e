//! Why a segment file was not understood.

/// What is wrong with a segment file, where, and what to do about it. Never a value out of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is nothing in it, not even a header.
    #[error("the file is empty; a header line and at least one row are needed")]
    Empty,
    /// Another format than the one that is understood.
    #[error("the file looks like {0}, which is not understood; drop it as plain CSV in UTF-8")]
    Format(&'static str),
    /// Bytes that are not UTF-8.
    #[error("{} is not valid UTF-8; export the file as UTF-8", place(*row))]
    NotUtf8 {
        /// Row number, 0 for the header.
        row: u64,
    },
    /// A row with more or fewer fields than the header.
    #[error("{} has {found} fields, the header has {expected}; is a delimiter inside a field not quoted?", place(*row))]
    Ragged {
        /// Row number.
        row: u64,
        /// Fields in it.
        found: usize,
        /// Fields in the header.
        expected: usize,
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
    #[error("{} is longer than {limit} bytes; is this a CSV file?", place(*row))]
    TooLong {
        /// Row number, 0 for the header.
        row: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

fn place(row: u64) -> String {
    if row == 0 { "the header".to_owned() } else { format!("row {row}") }
}
