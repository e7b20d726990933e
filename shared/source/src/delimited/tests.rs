//! What the parser does with delimited text as people make it, and with text as nobody should.

use proptest::prelude::*;

use super::*;
use crate::columns::ColumnError;

/// Keeps everything that it is handed.
#[derive(Default)]
struct Kept {
    wanted: Vec<String>,
    rows: Vec<(u64, Vec<String>)>,
    missing: Vec<(usize, ColumnError)>,
}

impl Kept {
    fn of(wanted: &[&str]) -> Self {
        Self { wanted: wanted.iter().map(|&name| name.to_owned()).collect(), ..Self::default() }
    }
}

impl Rows for Kept {
    fn wanted(&mut self) -> Vec<String> {
        self.wanted.clone()
    }

    fn missing(&mut self, wanted: usize, error: ColumnError) {
        assert!(self.rows.is_empty(), "a header tells before the first row");
        self.missing.push((wanted, error));
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        let fields = (0..self.wanted.len()).map(|i| String::from_utf8(fields.get(i).to_vec()).unwrap());
        self.rows.push((row, fields.collect()));
    }
}

fn read_as(
    mut parser: Delimited,
    wanted: &[&str],
    bytes: &[u8],
    piece: usize,
) -> Result<(Kept, Delimited), SourceError> {
    let mut kept = Kept::of(wanted);
    for part in bytes.chunks(piece.max(1)) {
        parser.feed(part, &mut kept)?;
    }
    parser.finish(&mut kept)?;
    Ok((kept, parser))
}

fn read(wanted: &[&str], bytes: &[u8], piece: usize) -> Result<Kept, SourceError> {
    read_as(Delimited::new(None, true), wanted, bytes, piece).map(|(kept, _)| kept)
}

fn rows(wanted: &[&str], text: &str) -> Vec<Vec<String>> {
    read(wanted, text.as_bytes(), if text.len() < 1000 { 7 } else { 1 << 16 })
        .unwrap()
        .rows
        .into_iter()
        .map(|(_, fields)| fields)
        .collect()
}

fn error(bytes: &[u8]) -> SourceError {
    let whole = read(&["a"], bytes, usize::MAX).err().unwrap();
    for piece in 1..10 {
        assert_eq!(read(&["a"], bytes, piece).err(), Some(whole.clone()), "the pieces make a difference");
    }
    whole
}

#[test]
fn reads_both_line_endings_with_and_without_a_last_one() {
    for text in ["a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\n1,2\r\n3,4", "a,b\n\n1,2\n\r\n3,4\n\n"] {
        assert_eq!(rows(&["a", "b"], text), [["1", "2"], ["3", "4"]], "{text:?}");
    }
}

#[test]
fn reads_quotes_delimiters_and_newlines_inside_fields() {
    let text = "\"a\",b,c\n\"x, y\",\"say \"\"hi\"\"\",\"two\r\nlines\"\n\"\",,\"\"\"\"\n5\" pipe,2,3\n";
    assert_eq!(
        rows(&["a", "b", "c"], text),
        [["x, y", "say \"hi\"", "two\r\nlines"], ["", "", "\""], ["5\" pipe", "2", "3"]]
    );
}

#[test]
fn counts_rows_from_one_and_skips_empty_lines() {
    let kept = read(&["email"], b" id , email \n1,a\n\n2,b\n", 3).unwrap();
    assert_eq!(kept.rows, [(1, vec!["a".to_owned()]), (2, vec!["b".to_owned()])]);
}

#[test]
fn hands_on_wanted_columns_only_in_the_wanted_order() {
    assert_eq!(rows(&["c", "A", "c"], "a,b,c,d\n1,2,3,4\n"), [["3", "1", "3"]]);
}

#[test]
fn a_missing_column_is_told_before_the_rows_and_is_empty_in_them() {
    let kept = read(&["b", "nope"], b"a,b\n1,2\n", 1).unwrap();
    assert!(matches!(kept.missing[..], [(1, ColumnError::Missing { .. })]));
    assert_eq!(kept.rows, [(1, vec!["2".to_owned(), String::new()])]);
}

#[test]
fn without_a_header_columns_are_called_by_position() {
    let parser = || Delimited::new(None, false);
    let (kept, parser_after) = read_as(parser(), &["2", "email", "1"], b"x;a@b\ny;\"c;d\"\n", 2).unwrap();
    let fields: Vec<_> = kept.rows.iter().map(|(_, fields)| fields.join("/")).collect();
    assert_eq!(fields, ["a@b//x", "c;d//y"]);
    assert_eq!(
        kept.missing[0].1.to_string(),
        "the file is read without a header, so its 2 columns are called by position; there is no `email`"
    );
    assert_eq!(parser_after.names(), ["1", "2"]);
    let ragged = read_as(parser(), &["1"], b"1,2\n3\n", 9).err().unwrap();
    assert_eq!(ragged, SourceError::Ragged { row: 2, found: 1, expected: 2, header: false });
    assert!(ragged.to_string().contains("the first row has 2"));
    assert_eq!(read_as(parser(), &["1"], b"\xff\n", 9).err(), Some(SourceError::NotUtf8 { row: 1 }));
    assert_eq!(read_as(parser(), &["1"], b"\n", 9).err(), Some(SourceError::Empty));
}

#[test]
fn the_delimiter_is_found_out_or_declared() {
    for (text, found) in [("a;b\n1;2\n", ";"), ("a\tb\n1\t2\n", "\t"), ("a|b\n1|2\n", "|")] {
        let (kept, parser) = read_as(Delimited::new(None, true), &["b"], text.as_bytes(), 1).unwrap();
        assert_eq!(kept.rows, [(1, vec!["2".to_owned()])]);
        assert_eq!(parser.delimiter(), found.parse().ok());
    }
    let declared = ":".parse().ok();
    let (kept, _) = read_as(Delimited::new(declared, true), &["b"], b"a:b\n1,5:2\n", 1).unwrap();
    assert_eq!(kept.rows, [(1, vec!["2".to_owned()])]);
    let (kept, parser) = read_as(Delimited::new(None, true), &["a"], b"a\n1\n2\n", 1).unwrap();
    assert_eq!((kept.rows.len(), parser.delimiter()), (2, None));
    assert_eq!(rows(&["b"], "sep=;\na;b\n1;2\n"), [["2"]]);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    for bytes in [&b""[..], b"\n\r\n"] {
        assert_eq!(error(bytes), SourceError::Empty);
    }
}

#[test]
fn a_header_alone_is_no_mistake_of_the_format() {
    assert!(read(&["email"], b"email,name\n", 1).unwrap().rows.is_empty());
}

#[test]
fn bytes_that_are_not_utf8_are_told_by_row() {
    assert_eq!(error(b"a,b\n1,2\n3,\xe9t\xe9\n5,6\n"), SourceError::NotUtf8 { row: 2 });
    assert_eq!(error(b"a,b\n1,2\n3,\xc3"), SourceError::NotUtf8 { row: 2 });
    assert_eq!(error(b"\xe9a,b\n1,2\n"), SourceError::NotUtf8 { row: 0 });
}

#[test]
fn a_ragged_row_is_told_by_row_and_counts() {
    assert_eq!(error(b"a,b\n1,2\n3\n"), SourceError::Ragged { row: 2, found: 1, expected: 2, header: true });
    assert_eq!(
        error(b"a,b\n1,2,\"3\"\n").to_string(),
        "row 1 has 3 fields, the header has 2; is a delimiter inside a field not quoted?"
    );
}

#[test]
fn a_quote_that_never_closes_is_told_by_row() {
    assert_eq!(error(b"a,b\n1,2\n3,\"4\n5,6\n"), SourceError::Unterminated { row: 2 });
    assert_eq!(error(b"a,\"b\n1,2\n"), SourceError::Unterminated { row: 0 });
    let mut long = b"a,b\n1,\"".to_vec();
    long.resize(MAX_RECORD * 2, b'x');
    assert_eq!(read(&["a"], &long, 1 << 16).err(), Some(SourceError::Unterminated { row: 1 }));
}

#[test]
fn text_behind_a_closing_quote_is_told_by_row() {
    assert_eq!(error(b"a,b\n1,\"2\"x\n"), SourceError::AfterQuote { row: 1 });
}

#[test]
fn a_record_without_end_is_refused_before_it_fills_the_memory() {
    let endless = vec![b'x'; MAX_RECORD * 3];
    let limit = SourceError::TooLong { row: 0, limit: MAX_RECORD };
    assert_eq!(read(&["a"], &endless, 1 << 16).err(), Some(limit));
    let mut row = b"a\n".to_vec();
    row.extend(endless);
    assert_eq!(read(&["a"], &row, 1 << 16).err(), Some(SourceError::TooLong { row: 1, limit: MAX_RECORD }));
}

#[test]
fn the_longest_record_is_read_wherever_its_quotes_are() {
    for (fill, ending) in [(MAX_RECORD - 4, "\r\n"), (MAX_RECORD - 4, "\n"), (MAX_RECORD - 4, "")] {
        let text = format!("a,b\n\"{}\",1{ending}", "\"".repeat(fill));
        assert_eq!(rows(&["b"], &text), [["1"]], "{ending:?}");
        let text = format!("a,b\n\"{}\",12{ending}", "\"".repeat(fill));
        let error = read(&["b"], text.as_bytes(), usize::MAX).err();
        assert_eq!(error, Some(SourceError::Unterminated { row: 1 }), "{ending:?}");
    }
}

#[test]
fn lines_of_an_old_macintosh_are_named() {
    assert_eq!(error(b"a,b\r1,2\r3,4\r"), SourceError::CarriageReturn);
    let long = b"a,b\r".repeat(MAX_RECORD / 2);
    assert_eq!(read(&["a"], &long, 1 << 16).err(), Some(SourceError::CarriageReturn));
}

/// A field as RFC 4180 writes it.
fn quoted_field(text: &str, force: bool, delimiter: char) -> String {
    if force || text.contains(['"', delimiter, '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read_wherever_the_bytes_are_split(
        table in proptest::collection::vec(
            (("[a-zé,;\"\r\n]{0,6}", any::<bool>()), ("[a-z @.|]{0,9}", any::<bool>())), 1..20),
        crlf in any::<bool>(),
        piece in 1usize..40,
        delimiter in prop_oneof![Just(','), Just(';'), Just('\t'), Just('|')],
    ) {
        let ending = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("one{delimiter}two{ending}");
        for ((one, force_one), (two, force_two)) in &table {
            text += &quoted_field(one, *force_one, delimiter);
            text.push(delimiter);
            text += &quoted_field(two, *force_two, delimiter);
            text += ending;
        }
        let kept = read(&["one", "two"], text.as_bytes(), piece).unwrap();
        let expected: Vec<Vec<String>> =
            table.into_iter().map(|((one, _), (two, _))| vec![one, two]).collect();
        prop_assert_eq!(kept.rows.into_iter().map(|(_, f)| f).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_strangers_bytes_never_panic_and_the_pieces_make_no_difference(
        bytes in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(b'"'), Just(b','), Just(b';'), Just(b'\n'), Just(b'\r'), Just(b'a'),
        ], 0..80),
        piece in 1usize..50,
    ) {
        let read = |piece| read(&["a"], &bytes, piece).map(|kept| (kept.rows, kept.missing));
        prop_assert_eq!(read(piece), read(usize::MAX));
    }
}
