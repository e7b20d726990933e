//! Bytes of a segment file to rows: parsers that are fed with bytes as they arrive and hand on only mapped fields.
//!
//! [`Reader`] takes a file's bytes and finds out what they are: compression, encoding, format and delimiter, each
//! by what the bytes say and never by the file's name. The parsers do no I/O and hold no more than one record, or
//! one block where bytes are unpacked or decoded first.

mod carry;
pub mod columns;
mod decode;
mod delimited;
pub mod error;
pub mod found;
mod json;
pub mod options;
pub mod parquet;
pub mod reader;
pub mod rows;
pub mod shown;
mod sniff;
mod unpack;

pub use columns::{ColumnError, find};
pub use error::SourceError;
pub use found::{Compression, Found};
pub use options::{Delimiter, Encoding, Format, OptionError, Options};
pub use parquet::{Parquet, ParquetError};
pub use reader::Reader;
pub use rows::{Fields, Rows};
pub use shown::{Names, Shown, shown};
pub use sniff::is_parquet;
