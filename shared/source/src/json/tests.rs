//! What the parser does with JSON as it is dropped, and with what only looks like it.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::columns::ColumnError;

#[derive(Default)]
struct Kept {
    wanted: Vec<String>,
    rows: Vec<Vec<String>>,
    missing: Vec<(usize, ColumnError)>,
}

impl Rows for Kept {
    fn wanted(&mut self) -> Vec<String> {
        self.wanted.clone()
    }

    fn missing(&mut self, wanted: usize, error: ColumnError) {
        self.missing.push((wanted, error));
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        let fields = (0..self.wanted.len()).map(|i| String::from_utf8(fields.get(i).to_vec()).unwrap());
        self.rows.push(fields.collect());
        assert_eq!(self.rows.len() as u64, row);
    }
}

fn read(format: Format, wanted: &[&str], bytes: &[u8], piece: usize) -> Result<Kept, SourceError> {
    let wanted = wanted.iter().map(|&name| name.to_owned()).collect();
    let mut kept = Kept { wanted, ..Kept::default() };
    let mut json = Json::new(format);
    for part in bytes.chunks(piece.max(1)) {
        json.feed(part, &mut kept)?;
    }
    json.finish(&mut kept)?;
    Ok(kept)
}

fn rows(format: Format, text: &str) -> Vec<String> {
    let read = read(format, &["a"], text.as_bytes(), 3).unwrap();
    read.rows.into_iter().map(|fields| fields.concat()).collect()
}

fn error(format: Format, bytes: &[u8]) -> SourceError {
    let whole = read(format, &["a"], bytes, usize::MAX).err().unwrap();
    for piece in 1..10 {
        let parts = read(format, &["a"], bytes, piece).err();
        assert_eq!(parts, Some(whole.clone()), "the pieces make a difference");
    }
    whole
}

#[test]
fn objects_follow_one_another_on_lines_or_not() {
    for text in [
        "{\"a\":\"1\"}\n{\"a\":2}\n",
        "{\"a\":\"1\"}\r\n\r\n{\"a\":2}",
        "\n{\"a\":\"1\"} {\"a\":2}",
        "{\n  \"a\": \"1\"\n}\n{\n  \"a\": 2\n}\n",
    ] {
        assert_eq!(rows(Format::Ndjson, text), ["1", "2"], "{text}");
    }
}

#[test]
fn an_array_is_read_as_it_streams_by() {
    for text in ["[{\"a\":\"1\"},{\"a\":2}]", " [\n{\"a\":\"1\"}\n,\n{\"a\":2}\n]\n"] {
        assert_eq!(rows(Format::Json, text), ["1", "2"], "{text}");
    }
    assert!(rows(Format::Json, "[ ]").is_empty());
}

#[test]
fn what_is_no_object_is_told_by_row() {
    assert_eq!(error(Format::Ndjson, b"{}\n[1]\n"), SourceError::NotAnObject { row: 2 });
    assert_eq!(error(Format::Ndjson, b"{},\n{}"), SourceError::NotAnObject { row: 2 });
    assert_eq!(error(Format::Json, b"[[\"a\"]]"), SourceError::NotAnObject { row: 1 });
    assert_eq!(error(Format::Json, b"[{},]"), SourceError::NotAnObject { row: 2 });
    assert_eq!(error(Format::Json, b"{}"), SourceError::NotAnObject { row: 1 });
    assert_eq!(error(Format::Json, b"[{}]{}"), SourceError::AfterArray);
}

#[test]
fn what_is_no_json_is_told_by_row_and_never_shown() {
    for (text, problem) in [
        ("{'a':1}", "a name in double quotes is missing"),
        ("{\"a\" 1}", "a colon is missing behind a name"),
        ("{\"a\":1 \"b\":2}", "a comma or a closing brace is missing"),
        ("{\"a\":[1 2]}", "a comma or a closing bracket is missing"),
        ("{\"a\":}", "a value is missing, or a text is not in double quotes"),
        ("{\"a\":nobody}", "a text is not in double quotes"),
        ("{\"a\":01}", "a comma or a closing brace is missing"),
        ("{\"a\":1.}", "a number is not written as JSON has it"),
        ("{\"a\":\"x\ny\"}", "a text holds a line ending or another control character"),
        ("{\"a\":\"\\x\"}", "a backslash is followed by what is no escape"),
        ("{\"a\":\"\\ud800\"}", "an escape is one half of a character without the other"),
    ] {
        assert_eq!(
            error(Format::Ndjson, format!("{{}}\n{text}\n").as_bytes()),
            SourceError::Json { row: 2, problem },
            "{text}"
        );
    }
    let problem = "a comma or a closing bracket is missing behind it";
    assert_eq!(error(Format::Json, b"[{}{}]"), SourceError::Json { row: 1, problem });
}

#[test]
fn a_file_that_was_cut_off_is_told_so() {
    for text in ["{}\n{\"a\":\"x", "{}\n{", "{}\n{\"a\":12"] {
        assert_eq!(error(Format::Ndjson, text.as_bytes()), SourceError::CutOff { row: 2 }, "{text}");
    }
    for text in ["[{}", "[{},", "[{},{\"a\""] {
        assert_eq!(error(Format::Json, text.as_bytes()), SourceError::CutOff { row: 2 }, "{text}");
    }
    assert_eq!(error(Format::Json, b"["), SourceError::CutOff { row: 1 });
    assert_eq!(error(Format::Json, b" "), SourceError::Empty);
    assert_eq!(error(Format::Ndjson, b"\n"), SourceError::Empty);
}

#[test]
fn bytes_that_are_not_utf8_are_told_by_row() {
    assert_eq!(error(Format::Ndjson, b"{}\n{\"a\":\"\xe9t\"}\n{}"), SourceError::NotUtf8 { row: 2 });
    assert_eq!(error(Format::Ndjson, b"{}\n{\"a\":\"\xc3"), SourceError::NotUtf8 { row: 2 });
    assert_eq!(error(Format::Ndjson, b"{}\n\xff"), SourceError::NotUtf8 { row: 2 });
}

#[test]
fn an_object_without_end_is_refused_before_it_fills_the_memory() {
    let mut long = b"{\"a\":\"".to_vec();
    long.resize(MAX_RECORD * 2, b'x');
    let limit = Some(SourceError::TooLong { row: 1, limit: MAX_RECORD });
    assert_eq!(read(Format::Ndjson, &["a"], &long, 1 << 16).err(), limit);
    long.extend(b"\"}");
    assert_eq!(read(Format::Ndjson, &["a"], &long, usize::MAX).err(), limit);
}

#[test]
fn what_no_object_has_is_told_at_the_end() {
    let text = br#"{"id":1,"traits":{"email":"a","list":[]},"x":null}
{"Traits":{"name":{"first":"b"}}}"#;
    let wanted = ["email", "traits.email", "traits", "x", "traits.name.first", "traits.list"];
    let kept = read(Format::Ndjson, &wanted, text, 4).unwrap();
    let told: Vec<_> = kept.missing.iter().map(|(place, error)| format!("{place}: {error}")).collect();
    assert_eq!(
        told,
        [
            "0: the file has no field `email`; its first rows have id, traits.email, traits.list, x, Traits.name.first",
            "2: `traits` is an object or an array in all rows; map a field inside it, such as `traits.NAME`",
            "5: `traits.list` is an object or an array in all rows; map a field inside it, such as `traits.list.NAME`",
        ]
    );
    let people = read(Format::Ndjson, &["email"], br#"{"jane@example.com":{}}"#, 9).unwrap();
    assert!(!people.missing[0].1.to_string().contains("jane"));
    assert!(read(Format::Json, &["email"], b"[]", 9).unwrap().missing.is_empty(), "no rows miss nothing");
}

/// What the mapping means, said without the walk: a literal name, or a step into an object.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(path).filter(|found| !found.is_object() && !found.is_array()).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        at(object.get(first)?, rest)
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from), object_of(inner),]
    })
}

fn object_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c"), Just("a.b"), Just("b.c"), Just("\"ü")];
    proptest::collection::btree_map(name, inner, 0..4)
        .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #[test]
    fn what_was_written_is_read_wherever_the_bytes_are_split(
        objects in proptest::collection::vec(object_of(value()), 1..8),
        piece in 1usize..40,
        array in any::<bool>(),
        pretty in any::<bool>(),
    ) {
        let written: Vec<String> = objects
            .iter()
            .map(|object| if pretty { format!("{object:#}") } else { object.to_string() })
            .collect();
        let (format, text) = if array {
            (Format::Json, format!("[{}]", written.join(",\n")))
        } else {
            (Format::Ndjson, written.join("\n"))
        };
        let wanted = ["a", "b.c", "a.b.c", "\"ü", "c.a"];
        let kept = read(format, &wanted, text.as_bytes(), piece).unwrap();
        let expected: Vec<Vec<String>> = objects.iter().map(|object| wanted.iter().map(|path| {
            match at(object, path) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Bool(value)) => value.to_string(),
                _ => String::new(),
            }
        }).collect()).collect();
        prop_assert_eq!(kept.rows, expected);
    }

    #[test]
    fn a_strangers_text_never_panics_and_the_pieces_make_no_difference(
        text in r#"\[?([{}\[\]:,]|"a"|"b\\u00e9"|[0-9]|null|\n|é|\PC){0,30}"#,
        cut in 0usize..60,
        piece in 1usize..20,
        array in any::<bool>(),
    ) {
        let bytes = &text.as_bytes()[..cut.min(text.len())];
        let format = if array { Format::Json } else { Format::Ndjson };
        let read = |piece| read(format, &["a"], bytes, piece).map(|kept| (kept.rows, kept.missing));
        prop_assert_eq!(read(piece), read(usize::MAX));
    }
}
