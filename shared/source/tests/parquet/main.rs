//! Parquet files by two writers, read as fan-out reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

mod damage;
mod pyarrow;
mod ranges;
mod table;
mod target;
mod writer;
mod written;

use std::ops::Range;

use segue_source::parquet::{Parquet, ParquetError, Progress};
use segue_source::{ColumnError, Fields, Rows};

/// What a file gives.
#[derive(Debug, Default)]
pub(crate) struct Table {
    names: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) missing: Vec<(usize, ColumnError)>,
}

impl Rows for Table {
    fn wanted(&mut self) -> Vec<String> {
        self.names.clone()
    }

    fn missing(&mut self, wanted: usize, error: ColumnError) {
        self.missing.push((wanted, error));
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        assert_eq!(row, self.rows.len() as u64 + 1);
        let text = |index| String::from_utf8(fields.get(index).to_vec()).expect("fields are UTF-8");
        self.rows.push((0..self.names.len()).map(text).collect());
    }
}

/// Reads the columns `names` of a file, and the ranges that were asked for.
pub(crate) fn read_with_ranges(
    file: &[u8],
    names: &[&str],
) -> (Result<Table, ParquetError>, Vec<Range<u64>>) {
    let mut table = Table { names: names.iter().map(|&name| name.to_owned()).collect(), ..Table::default() };
    let mut asked = Vec::new();
    let read = feed(file, &mut table, &mut asked);
    (read.map(|()| table), asked)
}

fn feed(file: &[u8], table: &mut Table, asked: &mut Vec<Range<u64>>) -> Result<(), ParquetError> {
    let mut parquet = Parquet::new(file.len() as u64);
    loop {
        // Answers in the opposite order: any is right.
        let wanted = parquet.wanted();
        let idle = wanted.is_empty();
        asked.extend(wanted.iter().cloned());
        for range in wanted.into_iter().rev() {
            let index = |at: u64| usize::try_from(at).expect("a file in memory");
            let bytes = file[index(range.start)..index(range.end)].to_vec();
            parquet.give(range.start, &bytes.into())?;
        }
        match parquet.advance(table)? {
            Progress::More => {}
            Progress::Waiting => assert!(!idle, "it waits for nothing"),
            Progress::Done { rows } => {
                assert_eq!(rows, table.rows.len() as u64);
                return Ok(());
            }
        }
    }
}

/// Reads the columns `names` of a file.
pub(crate) fn read(file: &[u8], names: &[&str]) -> Result<Table, ParquetError> {
    read_with_ranges(file, names).0
}
