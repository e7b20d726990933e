//! Bytes of a segment file to rows: parsers that are fed with bytes as they arrive and hand on only mapped fields.
//!
//! The parsers do no I/O and hold no more than one record.

pub mod columns;
pub mod csv;
pub mod error;
pub mod rows;

pub use columns::{ColumnError, find};
pub use csv::Csv;
pub use error::SourceError;
pub use rows::{Fields, Rows};
