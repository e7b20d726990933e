//! What is no Parquet, or not a whole one.

use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterVersion;
use proptest::prelude::*;

use super::writer::{COLUMNS, Recipe, row, write};
use super::*;

fn error(file: &[u8]) -> String {
    read(file, &COLUMNS).unwrap_err().to_string()
}

#[test]
fn a_file_that_is_no_parquet_is_refused() {
    let text = b"PAR1,email\n1,jane@example.com\n2,joe@example.com\n";
    for file in [&b""[..], b"PAR1", b"PAR1PAR1", b"PAR1\0\0\0\0PAR1", text] {
        assert_eq!(
            error(file),
            "the file does not end as a Parquet file does; was all of it written and uploaded?"
        );
    }
}

#[test]
fn a_file_that_was_cut_off_is_refused_wherever_that_was() {
    let file = write(Recipe { rows: 20, ..Recipe::default() });
    for length in 0..file.len() {
        assert!(read(&file[..length], &COLUMNS).is_err(), "cut off at {length} of {}", file.len());
    }
}

#[test]
fn an_encrypted_file_is_refused() {
    let mut file = write(Recipe::default());
    let end = file.len() - 4;
    file[end..].copy_from_slice(b"PARE");
    assert_eq!(
        error(&file),
        "the Parquet file is encrypted by itself; write it unencrypted, buckets encrypt what is in them"
    );
}

#[test]
fn a_footer_that_claims_to_be_huge_is_refused_before_it_is_fetched() {
    let mut file = vec![0; 64 << 20];
    file.extend_from_slice(&(60_u32 << 20).to_le_bytes());
    file.extend_from_slice(b"PAR1");
    let (read, asked) = read_with_ranges(&file, &COLUMNS);
    assert_eq!(read.unwrap_err(), ParquetError::FooterTooLarge { limit: 32 });
    assert_eq!(asked.len(), 1);
}

/// What the fuzzer of `tests/fuzz` found worth keeping, and the files that it began with.
#[test]
fn what_was_fuzzed_is_read_again() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for folder in ["../../tests/fuzz/corpus/parquet", "tests/files/parquet"].map(|path| folder.join(path)) {
        for file in std::fs::read_dir(folder).unwrap() {
            target::parquet(&std::fs::read(file.unwrap().path()).unwrap());
            files += 1;
        }
    }
    assert!(files > 40, "{files}");
}

/// One file of each kind of decoder.
fn kinds() -> impl Strategy<Value = Vec<u8>> {
    let recipes = [
        (true, None, Compression::SNAPPY),
        (false, Some(Encoding::PLAIN), Compression::UNCOMPRESSED),
        (false, Some(Encoding::DELTA_BYTE_ARRAY), Compression::LZ4),
        (false, Some(Encoding::DELTA_LENGTH_BYTE_ARRAY), Compression::ZSTD(ZstdLevel::default())),
        (true, None, Compression::GZIP(GzipLevel::default())),
        (true, None, Compression::UNCOMPRESSED),
    ];
    let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let files: Vec<Vec<u8>> = recipes
        .into_iter()
        .flat_map(|(dictionary, encoding, compression)| {
            version.map(|version| {
                write(Recipe { compression, version, dictionary, encoding, rows: 60, ..Recipe::default() })
            })
        })
        .collect();
    proptest::sample::select(files)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_damage_makes_it_panic(
        file in kinds(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
        tail in any::<bool>(),
    ) {
        let mut file = file;
        // The footer is small beside the data, and holds most of what can go wrong.
        let footer = file.len() - 8 - u32::from_le_bytes(*file[..file.len() - 4].last_chunk().unwrap()) as usize;
        for (index, byte) in damage {
            let from = if tail { footer } else { 0 };
            let length = file.len() - from;
            file[from + index.index(length)] = byte;
        }
        if let Ok(table) = read(&file, &COLUMNS) {
            prop_assert!(table.rows.len() <= 1_000_000);
        }
    }

    #[test]
    fn no_bytes_between_the_magic_numbers_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut file = b"PAR1".to_vec();
        file.extend_from_slice(&bytes);
        file.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        file.extend_from_slice(b"PAR1");
        let _ = read(&file, &COLUMNS);
    }
}

#[test]
fn a_checksum_finds_what_nothing_else_would() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/parquet");
    let file = std::fs::read(folder.join("lz4-checksums.parquet")).unwrap();
    let (_, asked) = read_with_ranges(&file, &["id"]);
    let mut damaged = 0;
    for range in &asked[1..] {
        // The last byte of a chunk is one of a value.
        let mut file = file.clone();
        file[usize::try_from(range.end).unwrap() - 1] ^= 1;
        assert_eq!(read(&file, &["id"]).unwrap_err(), ParquetError::Damaged("data"));
        damaged += 1;
    }
    assert_eq!(damaged, 3);
}

#[test]
fn a_value_that_is_no_text_is_named_by_its_row() {
    let recipe = Recipe { compression: Compression::UNCOMPRESSED, dictionary: false, ..Recipe::default() };
    let mut file = write(recipe);
    assert_eq!(row(51)[0], "p51@example.com");
    for at in 0..file.len() - 4 {
        if file[at..].starts_with(b"p51@") {
            file[at] = 0xff;
        }
    }
    assert_eq!(
        error(&file),
        "row 51 is not valid UTF-8 in the Parquet column `traits.email`; write it as a column of strings"
    );
}
