//! The table of what is understood, made by reading files of every kind, and held against `infra/docs/formats.md`.
//!
//! `SEGUE_WRITE_DOCS=1 cargo test -p segue-source --test formats` writes it.

use std::fmt::Write;
use std::path::Path;

use segue_source::{Format, Options, SourceError, is_parquet};

use crate::dress::{Bytes, PACKINGS, Packing, Row, SHAPES, Shape, declared, encode, pack, read, write};

const BEGIN: &str = "<!-- made by shared/source/tests/formats; do not edit -->\n";
const END: &str = "<!-- end -->\n";

/// Encodings, what an export says about them, and how the table calls them.
fn encodings() -> [(&'static str, Bytes, Options); 11] {
    [
        ("UTF-8", Bytes::Utf8, Options::default()),
        ("UTF-8 with a byte order mark", Bytes::Utf8Marked, Options::default()),
        ("UTF-16 LE with a byte order mark", Bytes::Utf16LeMarked, Options::default()),
        ("UTF-16 BE with a byte order mark", Bytes::Utf16BeMarked, Options::default()),
        ("UTF-16 LE without, `encoding: utf-16le`", Bytes::Utf16Le, declared("utf-16le")),
        ("windows-1252, `encoding: windows-1252`", Bytes::Windows1252, declared("windows-1252")),
        ("Shift_JIS, `encoding: shift_jis`", Bytes::ShiftJis, declared("shift_jis")),
        ("UTF-16 LE without a byte order mark", Bytes::Utf16Le, Options::default()),
        ("UTF-16 BE without a byte order mark", Bytes::Utf16Be, Options::default()),
        ("windows-1252, not declared", Bytes::Windows1252, Options::default()),
        ("UTF-32", Bytes::Utf32Le, Options::default()),
    ]
}

fn people(bytes: Bytes) -> Vec<Row> {
    let name = if bytes == Bytes::ShiftJis { "花子; \"はなこ\", 二" } else { "Zoë; \"Zo\", the 2nd" };
    vec![["jane@example.com".to_owned(), "Jane".to_owned()], ["zoe@example.com".to_owned(), name.to_owned()]]
}

/// Why a file is refused, in all compressions, which must not differ.
fn outcome(shape: Shape, bytes: Bytes, options: &Options) -> Option<String> {
    let rows = people(bytes);
    let encoded = encode(bytes, &write(shape, &rows));
    let outcome = |packing| match read(options, &pack(packing, &encoded), 1000) {
        Ok((found, _)) => {
            assert_eq!(found, rows, "{shape:?} {bytes:?} {packing:?}");
            None
        }
        Err(refused) => Some(refused.to_string()),
    };
    let outcomes = PACKINGS.map(outcome);
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:#?}");
    outcomes[0].clone()
}

/// Messages are the same for all delimiters, but for what they say.
fn cell(shapes: &[Shape], bytes: Bytes, options: &Options) -> Option<String> {
    let outcomes: Vec<Option<String>> = shapes.iter().map(|&shape| outcome(shape, bytes, options)).collect();
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:#?}");
    outcomes[0].clone()
}

fn understood() -> String {
    let mut table =
        String::from("| encoding | delimited | NDJSON | JSON array | message |\n|---|---|---|---|---|\n");
    for (name, bytes, options) in encodings() {
        let cells = [&SHAPES[..4], &SHAPES[4..5], &SHAPES[5..]].map(|shapes| cell(shapes, bytes, &options));
        let [text, lines, array] = cells.each_ref().map(|cell| if cell.is_some() { "no" } else { "yes" });
        let mut messages: Vec<String> = cells.into_iter().flatten().collect();
        messages.dedup();
        let _ = writeln!(table, "| {name} | {text} | {lines} | {array} | {} |", messages.join("; "));
    }
    table
}

/// Files that are refused whatever an export says, or that need an option.
fn refused() -> String {
    let csv = write(Shape::Delimited(','), &people(Bytes::Utf8));
    let gzip = pack(Packing::Gzip, csv.as_bytes());
    let bomb = pack(Packing::Zstd, &b"email,name\n".repeat(1 << 17)).repeat(20);
    let without_end = &gzip[..gzip.len() - 9];
    let json = write(Shape::Array, &people(Bytes::Utf8));
    let defaults = Options::default();
    let small = Options { max_bytes: 10, ..Options::default() };
    let no_header = Options { header: false, ..Options::default() };
    let ndjson = Options { format: Some(Format::Ndjson), ..Options::default() };
    let files: Vec<(&str, &Options, Vec<u8>)> = vec![
        ("nothing, or blanks only", &defaults, b" \n".to_vec()),
        ("gzip inside Zstandard", &defaults, pack(Packing::Zstd, &gzip)),
        ("compressed, cut off", &defaults, without_end.to_vec()),
        ("compressed, with text behind it", &defaults, [&gzip[..], b"email\n"].concat()),
        ("compressed, with a flaw", &defaults, [&gzip[..30], b"\xff\xff\xff\xff", &gzip[34..]].concat()),
        ("a decompression bomb", &defaults, bomb),
        ("more than `max_bytes`", &small, gzip.clone()),
        (
            "Parquet inside gzip",
            &defaults,
            pack(Packing::Gzip, b"PAR1\x15\x04\x15\x10\x15\x14\x4c\x15\x02\x15\0\x12"),
        ),
        ("Excel workbook, ZIP archive", &defaults, b"PK\x03\x04\x14\0\x06\0\x08\0\0\0\x21\0".to_vec()),
        (
            "Excel workbook before 2007",
            &defaults,
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0\0\0\0\0".to_vec(),
        ),
        ("xz", &defaults, b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46".to_vec()),
        ("LZ4", &defaults, b"\x04\x22\x4d\x18\x64\x40\xa7".to_vec()),
        ("Snappy, framed", &defaults, b"\xff\x06\0\0sNaPpY".to_vec()),
        ("Avro", &defaults, b"Obj\x01\x04\x16avro.schema".to_vec()),
        ("ORC", &defaults, b"ORC\x08\x03\x10\x05".to_vec()),
        ("XML or HTML", &defaults, b"<?xml version=\"1.0\"?>".to_vec()),
        ("a header with two possible delimiters", &defaults, b"email,name;id\n".to_vec()),
        ("lines that end with CR alone", &defaults, b"email,name\ra,b\r".to_vec()),
        ("a header without the mapped column", &defaults, b"mail,name\na,b\n".to_vec()),
        ("no header at all", &defaults, b"jane@example.com,Jane\n".to_vec()),
        (
            "no header, `header: false`, columns mapped by name",
            &no_header,
            b"jane@example.com,Jane\n".to_vec(),
        ),
        ("two columns of one name", &defaults, b"Email,EMAIL,name\na,b,c\n".to_vec()),
        ("a row with a field too many", &defaults, b"email,name\na,b,c\n".to_vec()),
        ("a quote that is not closed", &defaults, b"email,name\n\"a,b\n".to_vec()),
        ("text behind a closing quote", &defaults, b"email,name\n\"a\"b,c\n".to_vec()),
        ("a row of more than 1 MiB", &defaults, [&b"email,name\n"[..], &vec![b'x'; (1 << 20) + 1]].concat()),
        ("NDJSON with a flaw", &defaults, b"{\"email\":\"a\",\"name\":\"b\"}\n{\"email\":a}\n".to_vec()),
        ("JSON, cut off", &defaults, json.as_bytes()[..json.len() - 20].to_vec()),
        ("JSON array of arrays", &defaults, b"[[\"email\",\"name\"]]".to_vec()),
        ("JSON array, declared as NDJSON", &ndjson, json.clone().into_bytes()),
        ("two JSON arrays", &defaults, format!("{json}{json}").into_bytes()),
        (
            "JSON without the mapped field",
            &defaults,
            b"{\"traits\":{\"email\":\"a\"},\"name\":\"b\"}".to_vec(),
        ),
        (
            "JSON with an object in the mapped field",
            &defaults,
            b"{\"email\":{\"home\":\"a\"},\"name\":\"b\"}".to_vec(),
        ),
    ];
    let mut table = String::from("| file | message |\n|---|---|\n");
    for (name, options, bytes) in files {
        let refused = read(options, &bytes, 1000).map(|(rows, _)| rows.len()).expect_err(name);
        let _ = writeln!(table, "| {name} | {} |", refused.to_string().replace('|', "\\|"));
    }
    table
}

#[test]
fn the_reference_says_what_the_reader_does() {
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

#[test]
fn parquet_is_told_by_its_first_bytes_and_not_fed() {
    assert!(is_parquet(b"PAR1\x15\x04"));
    assert_eq!(
        read(&Options::default(), b"PAR1\x15\x04", 1000).unwrap_err(),
        crate::dress::Refused::Source(SourceError::Parquet)
    );
}
