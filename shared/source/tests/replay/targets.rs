//! What is done with a stranger's bytes: they are read whole and in pieces, which must make no difference, and
//! nothing may panic. The first bytes of the input choose the options.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a finding is told by panicking")]

use segue_source::{ColumnError, Fields, Format, Options, Reader, Rows, SourceError};

/// What a file came to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Kept {
    rows: Vec<Vec<Vec<u8>>>,
    missing: Vec<(usize, ColumnError)>,
}

impl Rows for Kept {
    fn wanted(&mut self) -> Vec<String> {
        ["email", "a.b", "1"].map(str::to_owned).to_vec()
    }

    fn missing(&mut self, wanted: usize, error: ColumnError) {
        assert!(!error.to_string().is_empty());
        self.missing.push((wanted, error));
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        let fields: Vec<Vec<u8>> = (0..3).map(|index| fields.get(index).to_vec()).collect();
        assert!(fields.iter().all(|field| std::str::from_utf8(field).is_ok()), "fields are UTF-8");
        self.rows.push(fields);
        assert_eq!(self.rows.len() as u64, row, "rows count from one");
    }
}

fn read(options: &Options, bytes: &[u8], piece: usize) -> Result<Kept, SourceError> {
    let mut kept = Kept::default();
    let mut reader = Reader::new(options.clone());
    for part in bytes.chunks(piece) {
        reader.feed(part, &mut kept)?;
    }
    let rows = reader.finish(&mut kept)?;
    assert_eq!(rows, kept.rows.len() as u64);
    assert!(reader.found().is_some(), "what was read is known");
    Ok(kept)
}

/// The bytes that choose, and the rest.
fn choose<const N: usize>(data: &[u8]) -> Option<([usize; N], &[u8])> {
    let (choices, rest) = data.split_first_chunk::<N>()?;
    Some((choices.map(usize::from), rest))
}

/// Whole and in pieces, it must come to the same.
fn same(whole: Result<Kept, SourceError>, parts: Result<Kept, SourceError>) {
    match (whole, parts) {
        // Of several mistakes in packed data, the first that is noticed depends on the pieces.
        (Err(whole), Err(parts)) if is_of_unpacking(&whole) || is_of_unpacking(&parts) => {}
        (whole, parts) => assert_eq!(whole, parts),
    }
}

fn is_of_unpacking(error: &SourceError) -> bool {
    use SourceError::{Damaged, Nested, Ratio, TooLarge, Trailing, Truncated, Window};
    matches!(
        error,
        Damaged(_) | Nested { .. } | Ratio { .. } | TooLarge { .. } | Trailing(_) | Truncated(_) | Window(_)
    )
}

/// Delimited text.
pub(crate) fn delimited(data: &[u8]) {
    let Some(([delimiter, header, piece], text)) = choose(data) else { return };
    let delimiter = [None, Some(";"), Some("\t"), Some("|"), Some(":")][delimiter % 5];
    let options = Options {
        format: Some(Format::Delimited),
        delimiter: delimiter.map(|text| text.parse().unwrap()),
        header: header % 2 == 0,
        ..Options::default()
    };
    same(read(&options, text, usize::MAX), read(&options, text, piece + 1));
}

/// JSON, held to another parser where it is objects one after the other.
pub(crate) fn json(data: &[u8]) {
    let Some(([array, piece], text)) = choose(data) else { return };
    let format = if array % 2 == 0 { Format::Ndjson } else { Format::Json };
    let options = Options { format: Some(format), ..Options::default() };
    let kept = read(&options, text, usize::MAX);
    same(kept.clone(), read(&options, text, piece + 1));
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let others: Result<Vec<serde_json::Value>, _> = match format {
        Format::Ndjson => serde_json::Deserializer::from_str(text).into_iter().collect(),
        _ => serde_json::from_str(text),
    };
    match (kept, others) {
        (Ok(kept), Ok(others)) => assert_eq!(kept.rows.len(), others.len(), "the rows are as many"),
        // It minds numbers that are too large, and halves of characters anywhere.
        (Ok(_), Err(error)) => assert!(!is_syntax(&error.to_string()), "{error}"),
        (Err(SourceError::Json { problem, .. }), Ok(_)) => assert!(problem.contains("nested"), "{problem}"),
        (Err(SourceError::NotAnObject { .. }), Ok(others)) => {
            assert!(format == Format::Json || others.iter().any(|other| !other.is_object()));
        }
        (Err(SourceError::Empty), Ok(others)) => assert!(others.is_empty()),
        (Err(SourceError::Foreign(_) | SourceError::NoMark { .. } | SourceError::Parquet), _)
        | (Err(_), Err(_)) => {}
        (Err(error), Ok(_)) => panic!("{error}"),
    }
}

fn is_syntax(error: &str) -> bool {
    !["number out of range", "surrogate", "recursion limit"].iter().any(|minded| error.contains(minded))
        && !error.contains("hex escape")
}

/// Whole files: compression, encoding and format are as the bytes say, or as they were declared.
pub(crate) fn file(data: &[u8]) {
    let Some(([encoding, piece], bytes)) = choose(data) else { return };
    let encoding =
        [None, Some("windows-1252"), Some("utf-16le"), Some("shift_jis"), Some("gb18030")][encoding % 5];
    let options = Options {
        encoding: encoding.map(|label| label.parse().unwrap()),
        max_bytes: 1 << 20,
        ..Options::default()
    };
    let whole = read(&options, bytes, usize::MAX);
    let parts = read(&options, bytes, piece + 1);
    match (whole, parts) {
        (Ok(whole), Ok(parts)) => assert_eq!(whole, parts),
        // Of several mistakes in packed data, the first that is noticed depends on the pieces.
        (Err(_), Err(_)) => {}
        (whole, parts) => panic!("{:?} {:?}", whole.err(), parts.err()),
    }
}
