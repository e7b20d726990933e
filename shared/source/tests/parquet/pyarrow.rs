//! Files that pyarrow wrote, see `tests/files/parquet/make.py`.

use std::path::Path;

use super::*;

/// A file by its name.
pub(crate) fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/parquet");
    std::fs::read(folder.join(format!("{name}.parquet"))).unwrap()
}

fn email(number: u64) -> String {
    if number.is_multiple_of(7) { String::new() } else { format!("person.{}@example.com", number % 90) }
}

fn first_name(number: u64) -> &'static str {
    if number.is_multiple_of(3) {
        ""
    } else {
        ["Ada", "Zoë", "美咲", ""][usize::try_from(number % 4).unwrap()]
    }
}

#[test]
fn the_same_people_are_in_all_of_them() {
    let columns = ["email", "First Name", "id", "active", "score", "small"];
    let names = [
        "plain-defaults",
        "snappy-dictionary",
        "gzip-plain",
        "zstd-v2",
        "lz4-checksums",
        "none-v2-plain",
        "delta",
    ];
    for name in names {
        let table = read(&file(name), &columns).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((table.rows.len(), table.missing.len()), (300, 0), "{name}");
        for (row, number) in table.rows.iter().zip(1_u64..) {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let score = number as f64 / 8.0;
            let expected = [
                email(number),
                first_name(number).to_owned(),
                (number * 10_000_000_019).to_string(),
                number.is_multiple_of(2).to_string(),
                score.to_string(),
                (number % 200).to_string(),
            ];
            assert_eq!(row[..], expected, "{name}, row {number}");
        }
    }
}

#[test]
fn nested_columns_are_read_by_path() {
    for name in ["nested", "nested-v2"] {
        let table = read(&file(name), &["traits.name.first", "traits.email"]).unwrap();
        assert_eq!((table.rows.len(), table.missing.len()), (300, 0), "{name}");
        for (row, number) in table.rows.iter().zip(1_u64..) {
            let missing = number.is_multiple_of(10);
            let expected = if missing {
                [String::new(), String::new()]
            } else {
                [first_name(number).to_owned(), email(number)]
            };
            assert_eq!(row[..], expected, "{name}, row {number}");
        }
    }
}

#[test]
fn a_file_says_what_it_has() {
    let file = file("nested");
    let mut parquet = Parquet::new(file.len() as u64);
    assert!(parquet.names().is_empty());
    let from = parquet.wanted()[0].start;
    parquet.give(from, &file.into()).unwrap();
    parquet.advance(&mut Table::default()).unwrap();
    assert_eq!(parquet.names(), ["id", "traits.email", "traits.name.first"]);
    assert_eq!(parquet.found().format, segue_source::Format::Parquet);
}

#[test]
fn a_file_without_rows_has_its_columns_all_the_same() {
    let table = read(&file("empty"), &["email", "mail"]).unwrap();
    assert!(table.rows.is_empty());
    assert!(matches!(table.missing[..], [(1, ColumnError::Missing { .. })]));
}

#[test]
fn what_is_no_text_is_said() {
    let names = ["emails", "emails.list.element", "since", "born", "owed", "by", "by.email", "nothing"];
    let table = read(&file("unfit"), &names).unwrap();
    let said: Vec<String> = table.missing.iter().map(|(place, error)| format!("{place}: {error}")).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    0: the column `emails` holds a list; map a column of text
    1: the column `emails.list.element` holds a list; map a column of text
    2: the column `since` holds points in time; map a column of text
    3: the column `born` holds dates; map a column of text
    4: the column `owed` holds decimal numbers; map a column of text
    5: `by` is an object or an array in all rows; map a field inside it, such as `by.NAME`
    ");
    assert_eq!(table.rows[0][6..], ["a@example.com", ""]);
    assert_eq!(table.rows[1][6..], ["", ""]);
}

#[test]
fn what_is_not_understood_is_named() {
    let said = |name: &str, column: &str| read(&file(name), &[column]).unwrap_err().to_string();
    insta::assert_snapshot!(said("brotli", "email"), @"the Parquet column `email` is compressed with Brotli, which is not understood; use snappy, gzip, zstd, lz4 or none");
    insta::assert_snapshot!(said("split", "score"), @"the Parquet column `score` is encoded as BYTE_STREAM_SPLIT, which is not understood; use dictionary or plain encoding");
    insta::assert_snapshot!(said("unfit", "bytes"), @"row 1 is not valid UTF-8 in the Parquet column `bytes`; write it as a column of strings");
}

#[test]
fn a_page_that_unpacks_to_more_than_is_held_is_refused() {
    assert_eq!(
        read(&file("huge-page"), &["email"]).unwrap_err().to_string(),
        "the Parquet column `email` has a page of more than 32 MiB; write pages of 1 MiB, the usual size"
    );
}

#[test]
fn a_column_may_be_wanted_twice_and_another_not_be_there() {
    let table = read(&file("snappy-dictionary"), &["email", "mail", "EMAIL"]).unwrap();
    let (place, error) = &table.missing[0];
    assert_eq!((*place, table.missing.len()), (1, 1));
    let columns = "its columns are id, email, first name, active, score, small";
    assert_eq!(error.to_string(), format!("the file has no column `mail`; {columns}"));
    assert_eq!(table.rows[0], ["person.1@example.com", "", "person.1@example.com"]);
}
