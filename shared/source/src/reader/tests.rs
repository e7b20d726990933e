//! What a file is found out to be.

use super::*;
use crate::columns::ColumnError;
use crate::rows::Fields;

struct Emails(Vec<String>);

impl Rows for Emails {
    fn wanted(&mut self) -> Vec<String> {
        vec!["email".to_owned()]
    }

    fn missing(&mut self, _: usize, error: ColumnError) {
        panic!("{error}");
    }

    fn row(&mut self, _: u64, fields: &Fields<'_>) {
        self.0.push(String::from_utf8(fields.get(0).to_vec()).unwrap());
    }
}

fn read_with(options: &Options, bytes: &[u8], piece: usize) -> Result<(String, Found), SourceError> {
    let mut emails = Emails(Vec::new());
    let mut reader = Reader::new(options.clone());
    for part in bytes.chunks(piece) {
        reader.feed(part, &mut emails)?;
    }
    let rows = reader.finish(&mut emails)?;
    assert_eq!(rows, emails.0.len() as u64);
    assert_eq!(reader.names(), ["id", "email"]);
    Ok((emails.0.join(" "), reader.found().unwrap()))
}

fn read(options: &Options, bytes: &[u8]) -> Result<(String, Found), SourceError> {
    let whole = read_with(options, bytes, usize::MAX);
    for piece in [1, 3, 16, 17] {
        assert_eq!(read_with(options, bytes, piece), whole, "the pieces make a difference");
    }
    whole
}

fn error(bytes: &[u8]) -> SourceError {
    read(&Options::default(), bytes).unwrap_err()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn the_first_character_tells_the_format() {
    for (text, format) in [
        ("id,email\n1,a\n2,b\n", Format::Delimited),
        ("\u{feff}id\temail\n1\ta\n2\tb\n", Format::Delimited),
        (" \n{\"id\":1,\"email\":\"a\"}\n{\"email\":\"b\"}", Format::Ndjson),
        ("\u{feff} [{\"id\":1,\"email\":\"a\"},{\"email\":\"b\"}]", Format::Json),
    ] {
        let (emails, found) = read(&Options::default(), text.as_bytes()).unwrap();
        assert_eq!((emails.as_str(), found.format), ("a b", format), "{text}");
        assert_eq!((found.compression, found.encoding), (Compression::None, Encoding::UTF_8));
    }
}

#[test]
fn a_declared_format_is_taken_at_its_word() {
    let declared = |format| Options { format: Some(format), ..Options::default() };
    assert!(matches!(
        read(&declared(Format::Ndjson), b"id,email\n1,a\n"),
        Err(SourceError::NotAnObject { row: 1 })
    ));
    let text = b"id,email\n1,{}\n";
    assert_eq!(read(&declared(Format::Delimited), text).unwrap().0, "{}");
}

#[test]
fn a_mark_tells_the_encoding_and_wins_over_what_was_declared() {
    let declared = Options { encoding: "windows-1252".parse().ok(), ..Options::default() };
    for (bytes, encoding) in [
        (utf16("\u{feff}id;email\n1;é\u{1f600}\n", u16::to_le_bytes), Encoding::UTF_16LE),
        (utf16("\u{feff}id;email\n1;é\u{1f600}\n", u16::to_be_bytes), Encoding::UTF_16BE),
        ("\u{feff}id;email\n1;é\u{1f600}\n".as_bytes().to_vec(), Encoding::UTF_8),
    ] {
        for options in [&Options::default(), &declared] {
            let (emails, found) = read(options, &bytes).unwrap();
            assert_eq!((emails.as_str(), found.encoding), ("é\u{1f600}", encoding));
        }
    }
    let (emails, found) = read(&declared, b"id,email\n1,\xe9\x80\n").unwrap();
    assert_eq!((emails.as_str(), found.encoding.name()), ("é€", "windows-1252"));
}

#[test]
fn what_its_encoding_does_not_have_is_told_by_row() {
    let mut bytes = utf16("\u{feff}id,email\n1,a\n2,", u16::to_le_bytes);
    bytes.extend(b"\x00\xd8a\0\n\0");
    assert_eq!(error(&bytes), SourceError::Undecodable { row: 2, encoding: Encoding::UTF_16LE });
    let odd = [utf16("\u{feff}id,email\n1,a\n", u16::to_be_bytes), vec![0]].concat();
    assert_eq!(error(&odd), SourceError::Undecodable { row: 2, encoding: Encoding::UTF_16BE });
    let declared = Options { encoding: "shift_jis".parse().ok(), ..Options::default() };
    assert_eq!(
        read(&declared, b"id,email\n1,\xa0\n").unwrap_err().to_string(),
        "row 1 is not valid Shift_JIS; is that the encoding of the file?"
    );
}

#[test]
fn utf16_without_its_mark_is_told_how_to_be_read() {
    let bytes = utf16("id,email\n1,a\n", u16::to_le_bytes);
    assert_eq!(
        error(&bytes).to_string(),
        "the file looks like UTF-16LE without a byte order mark; set `encoding` to that"
    );
    let declared = Options { encoding: "utf-16le".parse().ok(), ..Options::default() };
    assert_eq!(read(&declared, &bytes).unwrap().0, "a");
    assert!(matches!(error(&utf16("id,email\n", u16::to_be_bytes)), SourceError::NoMark { .. }));
}

#[test]
fn what_is_none_of_ours_is_named() {
    for (bytes, name) in [
        (&b"PK\x03\x04\x14\0\x06\0rest of the workbook"[..], "a ZIP archive or an Excel workbook"),
        (b"\xfd7zXZ\0", "xz"),
        (b"Obj\x01\x04\x16", "Avro"),
        (b"\n<?xml version=\"1.0\"?><Error/>", "XML or HTML"),
    ] {
        assert_eq!(error(bytes), SourceError::Foreign(name));
    }
    assert_eq!(error(b"PAR1\x15\x04\x15\x10"), SourceError::Parquet);
}

#[test]
fn nothing_is_nothing() {
    for bytes in [&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b" \n\t\n"] {
        assert_eq!(error(bytes), SourceError::Empty, "{bytes:?}");
    }
    assert!(Reader::default().found().is_none());
}

#[test]
fn blanks_without_end_are_refused_before_they_fill_the_memory() {
    let mut reader = Reader::default();
    let blanks = vec![b' '; MAX_RECORD];
    let mut emails = Emails(Vec::new());
    assert_eq!(reader.feed(&blanks, &mut emails), Ok(()));
    assert_eq!(reader.feed(&blanks, &mut emails), Err(SourceError::TooLong { row: 0, limit: MAX_RECORD }));
}

#[test]
fn what_was_found_is_written_as_it_is_read() {
    let (_, found) = read(&Options::default(), b"id;email\n1;a\n").unwrap();
    let written = serde_json::to_string(&found).unwrap();
    assert_eq!(written, r#"{"format":"delimited","compression":"none","encoding":"UTF-8","delimiter":";"}"#);
    assert_eq!(serde_json::from_str::<Found>(&written).unwrap(), found);
}
