//! How fast files of each kind are read when nothing is done with their rows, and the floor to compare a whole pass
//! with: `cargo bench -p segue-source`.
#![allow(missing_docs, clippy::unwrap_used, reason = "they are benchmarks")]

use std::fmt::Write as _;
use std::io::Write as _;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use memchr::memchr;
use segue_source::{ColumnError, Fields, Reader, Rows};
use sha2::{Digest, Sha256};

fn main() {
    divan::main();
}

const ROWS: usize = 100_000;
/// Bytes that are fed at once.
const PIECE: usize = 256 << 10;

/// Six columns and 57 bytes a row, the address in the second one.
fn csv(quote: &str) -> String {
    let mut text = "id,email,first_name,last_name,country,points\n".to_owned();
    for row in 0..ROWS {
        let key = row * 7_368_787 % 10_000_019;
        writeln!(
            text,
            "C{row:06},first.{key:08}@mail.example.net,{quote}Ada{quote},Abara,DE,{:04}",
            row % 9999
        )
        .unwrap();
    }
    text
}

fn ndjson() -> String {
    let mut text = String::new();
    for line in csv("").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        writeln!(
            text,
            r#"{{"id":"{}","email":"{}","first_name":"{}","last_name":"{}","country":"{}","points":"{}"}}"#,
            fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]
        )
        .unwrap();
    }
    text
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Looks at the wanted fields of each row.
struct Look(u64);

impl Rows for Look {
    fn wanted(&mut self) -> Vec<String> {
        ["email", "first_name", "last_name"].map(str::to_owned).to_vec()
    }

    fn missing(&mut self, _: usize, error: ColumnError) {
        black_box(error);
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        self.0 = row + (fields.get(0).len() + fields.get(1).len() + fields.get(2).len()) as u64;
    }
}

fn read(bencher: Bencher<'_, '_>, file: &[u8]) {
    bencher.counter(ItemsCount::new(ROWS)).counter(BytesCount::new(file.len())).bench(|| {
        let (mut reader, mut look) = (Reader::default(), Look(0));
        for piece in file.chunks(PIECE) {
            reader.feed(piece, &mut look).unwrap();
        }
        assert_eq!(reader.finish(&mut look).unwrap(), ROWS as u64);
        look.0
    });
}

#[divan::bench]
fn csv_without_quotes(bencher: Bencher<'_, '_>) {
    read(bencher, csv("").as_bytes());
}

#[divan::bench]
fn csv_with_quotes(bencher: Bencher<'_, '_>) {
    read(bencher, csv("\"").as_bytes());
}

#[divan::bench]
fn csv_in_utf_16(bencher: Bencher<'_, '_>) {
    let text: Vec<u8> = csv("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    read(bencher, &[b"\xff\xfe", text.as_slice()].concat());
}

#[divan::bench]
fn csv_gz(bencher: Bencher<'_, '_>) {
    read(bencher, &gzip(&csv("")));
}

#[divan::bench]
fn csv_zst(bencher: Bencher<'_, '_>) {
    read(bencher, &zstd::encode_all(csv("").as_bytes(), 3).unwrap());
}

#[divan::bench]
fn objects(bencher: Bencher<'_, '_>) {
    read(bencher, ndjson().as_bytes());
}

/// The floor: cut at newlines and commas, trim, lower-case, hash. No quotes, no checks, nothing kept.
#[divan::bench]
fn floor_parse_normalise_hash(bencher: Bencher<'_, '_>) {
    let text = csv("");
    bencher.counter(ItemsCount::new(ROWS)).counter(BytesCount::new(text.len())).bench(|| {
        let (mut rest, mut email, mut sum) = (text.as_bytes(), Vec::new(), 0_u64);
        while let Some(end) = memchr(b'\n', rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            let Some(from) = memchr(b',', line) else { continue };
            let field = &line[from + 1..];
            let field = &field[..memchr(b',', field).unwrap_or(field.len())];
            email.clear();
            email.extend_from_slice(field.trim_ascii());
            email.make_ascii_lowercase();
            sum = sum.wrapping_add(u64::from(Sha256::digest(&email)[0]));
        }
        sum
    });
}
