//! The table of what is understood of Parquet, made by reading, and held against `infra/docs/formats.md`.
//!
//! `SEGUE_WRITE_DOCS=1 cargo test -p segue-source --test parquet table` writes it.

use std::fmt::Write;
use std::path::Path;

use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterVersion;

use super::pyarrow::file;
use super::writer::{COLUMNS, Recipe, row, write};
use super::*;

const BEGIN: &str = "<!-- made by shared/source/tests/parquet; do not edit -->\n";
const END: &str = "<!-- end of Parquet -->\n";

/// "yes" if files by such a recipe are read as they should be, with pages of either version; fails otherwise.
fn checked(compression: Compression, dictionary: bool, encoding: Option<Encoding>) -> &'static str {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let recipe = Recipe { compression, version, dictionary, encoding, ..Recipe::default() };
        let table = read(&write(recipe), &COLUMNS).unwrap();
        assert!(table.rows.iter().zip(1..).all(|(found, number)| found[..] == row(number)), "{recipe:?}");
    }
    "yes"
}

fn understood() -> String {
    let compressions = [
        ("none", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("gzip", Compression::GZIP(GzipLevel::default())),
        ("zstd", Compression::ZSTD(ZstdLevel::default())),
        ("lz4, in Hadoop's frames", Compression::LZ4),
        ("lz4, raw", Compression::LZ4_RAW),
    ];
    let mut table = String::from(
        "| compression | dictionary | plain | delta lengths | delta texts | message |\n|---|---|---|---|---|---|\n",
    );
    for (name, compression) in compressions {
        let cells = [
            checked(compression, true, None),
            checked(compression, false, Some(Encoding::PLAIN)),
            checked(compression, false, Some(Encoding::DELTA_LENGTH_BYTE_ARRAY)),
            checked(compression, false, Some(Encoding::DELTA_BYTE_ARRAY)),
        ];
        let _ = writeln!(table, "| {name} | {} |  |", cells.join(" | "));
    }
    let brotli = read(&file("brotli"), &["email"]).unwrap_err();
    let _ = writeln!(table, "| Brotli | no | no | no | no | {brotli} |");
    table
}

/// What is said of a file, or of the column that is mapped.
fn said(file: &[u8], column: &str) -> String {
    match read(file, &[column]) {
        Ok(table) => table.missing[0].1.to_string(),
        Err(error) => error.to_string(),
    }
}

fn refused() -> String {
    let whole = write(Recipe { compression: Compression::UNCOMPRESSED, ..Recipe::default() });
    let mut encrypted = whole.clone();
    let end = encrypted.len() - 4;
    encrypted[end..].copy_from_slice(b"PARE");
    let mut flawed = file("lz4-checksums");
    flawed[200] ^= 1;
    let files = [
        ("cut off", &whole[..whole.len() - 9], "id"),
        ("encrypted", &encrypted, "id"),
        ("with a flaw in its pages", &flawed, "id"),
        ("without the mapped column", &file("plain-defaults"), "mail"),
        ("a group mapped", &file("nested"), "traits"),
        ("a list mapped", &file("unfit"), "emails"),
        ("points in time mapped", &file("unfit"), "since"),
        ("dates mapped", &file("unfit"), "born"),
        ("decimal numbers mapped", &file("unfit"), "owed"),
        ("binary data mapped", &file("unfit"), "bytes"),
        ("another encoding", &file("split"), "score"),
        ("a page of 34 MB", &file("huge-page"), "email"),
    ];
    let mut table = String::from("| Parquet | message |\n|---|---|\n");
    for (name, file, column) in files {
        let _ = writeln!(table, "| {name} | {} |", said(file, column));
    }
    table
}

#[test]
fn the_reference_says_what_is_understood() {
    let made = format!("{BEGIN}\n{}\n{}\n{END}", understood(), refused());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/docs/formats.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the marker");
    let (_, after) = rest.split_once(END).expect("the page has the end marker");
    let wanted = format!("{before}{made}{after}");
    if std::env::var_os("SEGUE_WRITE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    } else {
        assert!(page == wanted, "run it with SEGUE_WRITE_DOCS=1; it should say:\n{made}");
    }
}
