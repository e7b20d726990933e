//! What the parser does with files as people make them, and with files as nobody should.

use proptest::prelude::*;

use super::*;

/// Keeps everything that it is handed.
#[derive(Default)]
struct Kept {
    columns: Vec<String>,
    rows: Vec<(u64, Vec<String>)>,
}

impl Rows for Kept {
    fn header(&mut self, columns: &[String]) -> Vec<usize> {
        self.columns = columns.to_vec();
        (0..columns.len()).collect()
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        let fields = (0..self.columns.len()).map(|i| String::from_utf8(fields.get(i).to_vec()).unwrap());
        self.rows.push((row, fields.collect()));
    }
}

fn read(bytes: &[u8], piece: usize) -> Result<Kept, SourceError> {
    let mut kept = Kept::default();
    let mut csv = Csv::default();
    for part in bytes.chunks(piece.max(1)) {
        csv.feed(part, &mut kept)?;
    }
    csv.finish(&mut kept)?;
    Ok(kept)
}

fn rows(text: &str) -> Vec<Vec<String>> {
    read(text.as_bytes(), 7).unwrap().rows.into_iter().map(|(_, fields)| fields).collect()
}

fn error(bytes: &[u8]) -> SourceError {
    let whole = read(bytes, usize::MAX).err().unwrap();
    assert_eq!(read(bytes, 1).err(), Some(whole.clone()), "the pieces make a difference");
    whole
}

#[test]
fn reads_both_line_endings_with_and_without_a_last_one() {
    for text in
        ["a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\n1,2\r\n3,4", "\u{feff}a,b\n\n1,2\n\r\n3,4\n\n"]
    {
        assert_eq!(rows(text), [["1", "2"], ["3", "4"]], "{text:?}");
    }
}

#[test]
fn reads_quotes_delimiters_and_newlines_inside_fields() {
    let text = "\"a\",b,c\n\"x, y\",\"say \"\"hi\"\"\",\"two\r\nlines\"\n\"\",,\"\"\"\"\n5\" pipe,2,3\n";
    assert_eq!(rows(text), [["x, y", "say \"hi\"", "two\r\nlines"], ["", "", "\""], ["5\" pipe", "2", "3"]]);
}

#[test]
fn counts_rows_from_one_and_skips_empty_lines() {
    let kept = read(b" id , email \n1,a\n\n2,b\n", 3).unwrap();
    assert_eq!(kept.columns, ["id", "email"]);
    assert_eq!(kept.rows.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn hands_on_wanted_columns_only_in_the_wanted_order() {
    struct Some(Vec<String>);
    impl Rows for Some {
        fn header(&mut self, _: &[String]) -> Vec<usize> {
            vec![2, 0, 2]
        }
        fn row(&mut self, _: u64, fields: &Fields<'_>) {
            self.0.extend((0..4).map(|i| String::from_utf8(fields.get(i).to_vec()).unwrap()));
        }
    }
    let mut some = Some(Vec::new());
    let mut csv = Csv::default();
    csv.feed(b"a,b,c,d\n1,2,3,4\n", &mut some).unwrap();
    csv.finish(&mut some).unwrap();
    assert_eq!(some.0, ["3", "1", "3", ""]);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    for bytes in [&b""[..], b"\xef\xbb\xbf", b"\n\r\n"] {
        assert_eq!(error(bytes), SourceError::Empty);
    }
}

#[test]
fn a_header_alone_is_no_mistake_of_the_format() {
    assert!(read(b"email,name\n", 1).unwrap().rows.is_empty());
}

#[test]
fn bytes_that_are_not_utf8_are_told_by_row() {
    assert_eq!(error(b"a,b\n1,2\n3,\xe9t\xe9\n5,6\n"), SourceError::NotUtf8 { row: 2 });
    assert_eq!(error(b"a,b\n1,2\n3,\xc3"), SourceError::NotUtf8 { row: 2 });
    assert_eq!(error(b"\xe9a,b\n1,2\n"), SourceError::NotUtf8 { row: 0 });
}

#[test]
fn a_ragged_row_is_told_by_row_and_counts() {
    assert_eq!(error(b"a,b\n1,2\n3\n"), SourceError::Ragged { row: 2, found: 1, expected: 2 });
    assert_eq!(error(b"a,b\n1,2,\"3\"\n"), SourceError::Ragged { row: 1, found: 3, expected: 2 });
}

#[test]
fn a_quote_that_never_closes_is_told_by_row() {
    assert_eq!(error(b"a,b\n1,2\n3,\"4\n5,6\n"), SourceError::Unterminated { row: 2 });
    let mut long = b"a,b\n1,\"".to_vec();
    long.resize(MAX_RECORD * 2, b'x');
    assert_eq!(read(&long, 1 << 16).err(), Some(SourceError::Unterminated { row: 1 }));
}

#[test]
fn text_behind_a_closing_quote_is_told_by_row() {
    assert_eq!(error(b"a,b\n1,\"2\"x\n"), SourceError::AfterQuote { row: 1 });
}

#[test]
fn a_record_without_end_is_refused_before_it_fills_the_memory() {
    let endless = vec![b'x'; MAX_RECORD * 3];
    assert_eq!(read(&endless, 1 << 16).err(), Some(SourceError::TooLong { row: 0, limit: MAX_RECORD }));
}

#[test]
fn other_formats_are_named() {
    assert_eq!(error(b"\x1f\x8b\x08\x00rest"), SourceError::Format("gzip"));
    assert_eq!(error(b"PAR1\x15\x04"), SourceError::Format("Parquet"));
    assert_eq!(error(b"\xff\xfee\0m\0"), SourceError::Format("UTF-16"));
}

/// A field as RFC 4180 writes it.
fn quoted_field(text: &str, force: bool) -> String {
    if force || text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read_wherever_the_bytes_are_split(
        table in proptest::collection::vec(
            (("[a-zé,\"\r\n]{0,6}", any::<bool>()), ("[a-z @.]{0,9}", any::<bool>())), 1..20),
        crlf in any::<bool>(),
        piece in 1usize..40,
    ) {
        let ending = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("one,two{ending}");
        for ((one, force_one), (two, force_two)) in &table {
            text += &quoted_field(one, *force_one);
            text.push(',');
            text += &quoted_field(two, *force_two);
            text += ending;
        }
        let kept = read(text.as_bytes(), piece).unwrap();
        let expected: Vec<Vec<String>> =
            table.into_iter().map(|((one, _), (two, _))| vec![one, two]).collect();
        prop_assert_eq!(kept.rows.into_iter().map(|(_, f)| f).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_strangers_bytes_never_panic(bytes in proptest::collection::vec(
        prop_oneof![any::<u8>(), Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r')], 0..200), piece in 1usize..50) {
        let _ = read(&bytes, piece);
    }
}
