//! Every way in which the `parquet` crate writes the same rows.

use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterVersion;

use super::writer::{COLUMNS, Recipe, row, write};
use super::*;

fn check(recipe: Recipe) {
    let table = read(&write(recipe), &COLUMNS).unwrap_or_else(|error| panic!("{recipe:?}: {error}"));
    assert_eq!((table.rows.len(), table.missing.len()), (recipe.rows, 0), "{recipe:?}");
    for (found, number) in table.rows.iter().zip(1..) {
        assert_eq!(found[..], row(number), "{recipe:?}, row {number}");
    }
}

#[test]
fn every_compression_version_and_encoding_gives_the_same_rows() {
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    for compression in compressions {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let recipe = Recipe { compression, version, ..Recipe::default() };
            check(recipe);
            for encoding in [
                None,
                Some(Encoding::PLAIN),
                Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
                Some(Encoding::DELTA_BYTE_ARRAY),
            ] {
                check(Recipe { dictionary: false, encoding, ..recipe });
            }
        }
    }
}

#[test]
fn a_dictionary_that_grew_too_large_is_left_in_the_middle() {
    check(Recipe { dictionary_limit: 300, rows_per_page: 10, ..Recipe::default() });
}

#[test]
fn a_page_larger_than_what_is_fetched_ahead_is_read() {
    let compression = Compression::UNCOMPRESSED;
    let rows = 620_000;
    check(Recipe {
        compression,
        dictionary: false,
        rows,
        groups: 1,
        rows_per_page: rows,
        ..Recipe::default()
    });
}

#[test]
fn any_number_of_rows_groups_and_pages_is_read() {
    for (rows, groups, rows_per_page) in
        [(1, 1, 1), (5, 1, 20_000), (64, 64, 1), (10_000, 7, 333), (50_000, 1, 20_000)]
    {
        check(Recipe { rows, groups, rows_per_page, ..Recipe::default() });
    }
}
