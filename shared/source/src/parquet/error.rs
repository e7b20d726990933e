//! Why a Parquet file was not understood.

/// What is wrong with a Parquet file, and what to do about it. Never a value out of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParquetError {
    /// It does not end as it must.
    #[error("the file does not end as a Parquet file does; was all of it written and uploaded?")]
    NoFooter,
    /// Its footer is larger than any real one.
    #[error(
        "the Parquet file's footer takes more than {limit} MiB; write fewer columns or larger row groups"
    )]
    FooterTooLarge {
        /// The limit in MiB.
        limit: usize,
    },
    /// The whole file, or a mapped column of it, is encrypted by Parquet's own means.
    #[error("the Parquet file is encrypted by itself; write it unencrypted, buckets encrypt what is in them")]
    Encrypted,
    /// Something in it contradicts the format.
    #[error("the Parquet file's {0} is damaged; write and upload it again")]
    Damaged(&'static str),
    /// A column's data are in another file.
    #[error("the Parquet file refers to other files for its columns; write the columns into it")]
    Elsewhere,
    /// A compression that is not understood.
    #[error(
        "the Parquet column `{column}` is compressed with {codec}, which is not understood; use snappy, gzip, zstd, lz4 or none"
    )]
    Codec {
        /// The mapped column.
        column: String,
        /// The compression.
        codec: &'static str,
    },
    /// An encoding that is not understood.
    #[error(
        "the Parquet column `{column}` is encoded as {encoding}, which is not understood; use dictionary or plain encoding"
    )]
    Encoding {
        /// The mapped column.
        column: String,
        /// The encoding.
        encoding: &'static str,
    },
    /// A page larger than any sensible one.
    #[error(
        "the Parquet column `{column}` has a page of more than {limit} MiB; write pages of 1 MiB, the usual size"
    )]
    PageTooLarge {
        /// The mapped column.
        column: String,
        /// The limit in MiB.
        limit: usize,
    },
    /// A value longer than any real one.
    #[error(
        "row {row} has a value of more than {limit} bytes in the Parquet column `{column}`; is it the right one?"
    )]
    ValueTooLong {
        /// Row number.
        row: u64,
        /// The mapped column.
        column: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("row {row} is not valid UTF-8 in the Parquet column `{column}`; write it as a column of strings")]
    NotUtf8 {
        /// Row number.
        row: u64,
        /// The mapped column.
        column: String,
    },
    /// What was fetched is not what was asked for.
    #[error("the Parquet file is shorter than it was said to be; did it change while it was read?")]
    Changed,
}
