//! Which bytes are fetched.

use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaDataReader;

use super::writer::{Recipe, write};
use super::*;

/// The bytes of a column's chunks by the crate's own account, in the order of the file.
fn chunks(file: &[u8], column: usize) -> Vec<Range<u64>> {
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::copy_from_slice(file)).unwrap();
    let range = |(start, length): (u64, u64)| start..start + length;
    metadata.row_groups().iter().map(|group| range(group.column(column).byte_range())).collect()
}

#[test]
fn only_the_footer_and_the_mapped_columns_are_fetched() {
    let recipe =
        Recipe { compression: Compression::UNCOMPRESSED, rows: 20_000, groups: 5, ..Recipe::default() };
    let file = write(recipe);
    let (table, mut asked) = read_with_ranges(&file, &["traits.email"]);
    assert_eq!(table.unwrap().rows.len(), recipe.rows);
    let size = file.len() as u64;
    assert_eq!(asked.remove(0), size - 65_536..size);
    // The column is the second one.
    assert_eq!(asked, chunks(&file, 1));
    let fetched: u64 = asked.iter().map(|range| range.end - range.start).sum();
    assert!(fetched * 10 < size, "{fetched} of {size} bytes");
}

#[test]
fn large_columns_are_fetched_in_pieces_and_no_byte_twice() {
    let recipe = Recipe {
        compression: Compression::UNCOMPRESSED,
        dictionary: false,
        rows: 600_000,
        groups: 1,
        rows_per_page: 20_000,
        ..Recipe::default()
    };
    let file = write(recipe);
    let (table, mut asked) = read_with_ranges(&file, &["traits.email", "id"]);
    assert_eq!(table.unwrap().rows.len(), recipe.rows);
    asked.remove(0);
    assert!(asked.iter().all(|range| range.end - range.start <= 4 << 20), "{asked:?}");
    asked.sort_by_key(|range| range.start);
    for column in [1, 2] {
        let chunk = chunks(&file, column).remove(0);
        let mut at = chunk.start;
        for range in asked.iter().filter(|range| chunk.contains(&range.start)) {
            assert_eq!(range.start, at);
            at = range.end;
        }
        assert_eq!(at, chunk.end);
    }
}

#[test]
fn a_few_requests_are_under_way_at_once_and_not_more() {
    let file = write(Recipe { rows: 300, groups: 300, ..Recipe::default() });
    let mut parquet = Parquet::new(file.len() as u64);
    let mut table = Table { names: vec!["id".to_owned(), "code".to_owned()], ..Table::default() };
    // The footer.
    while parquet.advance(&mut table).unwrap() == Progress::Waiting {
        for range in parquet.wanted() {
            assert!(table.rows.is_empty());
            let index = |at| usize::try_from(at).unwrap();
            let bytes = file[index(range.start)..index(range.end)].to_vec();
            parquet.give(range.start, &bytes.into()).unwrap();
        }
    }
    assert_eq!(parquet.wanted().len(), 8);
    assert!(parquet.wanted().is_empty());
    assert_eq!(parquet.advance(&mut table), Ok(Progress::Waiting));
}

#[test]
fn a_large_footer_is_fetched_in_two_pieces() {
    let file = write(Recipe { rows: 900, groups: 900, ..Recipe::default() });
    let (table, asked) = read_with_ranges(&file, &["id"]);
    assert_eq!(table.unwrap().rows.len(), 900);
    assert_eq!(asked[1].end, asked[0].start);
}

#[test]
fn bytes_that_nobody_asked_for_are_refused() {
    let file = write(Recipe::default());
    let mut parquet = Parquet::new(file.len() as u64);
    let bytes = bytes::Bytes::from(file);
    assert_eq!(parquet.give(0, &bytes), Err(ParquetError::Changed));
    assert_eq!(parquet.wanted().len(), 1);
    assert_eq!(parquet.give(0, &bytes.slice(1..)), Err(ParquetError::Changed));
    assert_eq!(parquet.give(0, &bytes), Ok(()));
}
