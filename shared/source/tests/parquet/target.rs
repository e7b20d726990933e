//! What is done with a stranger's bytes: they are read as Parquet, with answers in either order, which must make no
//! difference, and nothing may panic. `tests/fuzz` does it, too.

use segue_source::parquet::{Parquet, ParquetError, Progress};
use segue_source::{ColumnError, Fields, Rows};

/// Rows to be read of a file: a few bytes may truthfully stand for billions of empty ones.
const ENOUGH: u64 = 20_000;

/// A file's rows, boiled down.
#[derive(Default, PartialEq, Eq, Debug)]
struct Seen {
    rows: u64,
    missing: Vec<(usize, ColumnError)>,
    bytes: u64,
}

impl Rows for Seen {
    fn wanted(&mut self) -> Vec<String> {
        ["email", "traits.email", "first name", "id", "active", "score", "small"].map(str::to_owned).to_vec()
    }

    fn missing(&mut self, wanted: usize, error: ColumnError) {
        assert!(!error.to_string().is_empty());
        self.missing.push((wanted, error));
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        self.rows += 1;
        assert_eq!(self.rows, row, "rows count from one");
        for index in 0..7 {
            let field = fields.get(index);
            assert!(std::str::from_utf8(field).is_ok(), "fields are UTF-8");
            let sum = field.iter().fold(self.bytes, |sum, &byte| sum.rotate_left(5) ^ u64::from(byte));
            self.bytes = sum.wrapping_add(field.len() as u64);
        }
    }
}

fn read(file: &[u8], reversed: bool) -> (Seen, Result<u64, ParquetError>) {
    let mut seen = Seen::default();
    let mut parquet = Parquet::new(file.len() as u64);
    let read = loop {
        let mut wanted = parquet.wanted();
        let idle = wanted.is_empty();
        if reversed {
            wanted.reverse();
        }
        for range in wanted {
            let index = |at| usize::try_from(at).unwrap_or(usize::MAX);
            // It never asks for what is not in the file.
            let bytes = file[index(range.start)..index(range.end)].to_vec();
            assert_eq!(parquet.give(range.start, &bytes.into()), Ok(()));
        }
        match parquet.advance(&mut seen) {
            Ok(Progress::Done { rows }) => break Ok(rows),
            Ok(_) if seen.rows > ENOUGH => break Ok(0),
            Ok(Progress::Waiting) => assert!(!idle, "it waits for nothing"),
            Ok(Progress::More) => {}
            Err(error) => break Err(error),
        }
    };
    (seen, read)
}

/// Reads `file` twice.
pub(crate) fn parquet(file: &[u8]) {
    let (seen, result) = read(file, false);
    assert_eq!((seen, result), read(file, true));
}
