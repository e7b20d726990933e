//! Writes rows in every format, compression and encoding there is, and reads them again.

use std::io::Write;

use segue_source::{ColumnError, Delimiter, Fields, Found, Options, Reader, Rows, SourceError};

/// What a row is here: an address and a name.
pub(crate) type Row = [String; 2];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Delimited(char),
    Ndjson,
    Array,
    PrettyArray,
}

pub(crate) const SHAPES: [Shape; 7] = [
    Shape::Delimited(','),
    Shape::Delimited(';'),
    Shape::Delimited('\t'),
    Shape::Delimited('|'),
    Shape::Ndjson,
    Shape::Array,
    Shape::PrettyArray,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
    Bzip2,
}

pub(crate) const PACKINGS: [Packing; 4] = [Packing::None, Packing::Gzip, Packing::Zstd, Packing::Bzip2];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytes {
    Utf8,
    Utf8Marked,
    Utf16LeMarked,
    Utf16BeMarked,
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Windows1252,
    ShiftJis,
}

/// The rows as text.
pub(crate) fn write(shape: Shape, rows: &[Row]) -> String {
    match shape {
        Shape::Delimited(delimiter) => {
            let mut text = format!("email{delimiter}name\n");
            for row in rows {
                text += &row.each_ref().map(|field| quoted(field, delimiter)).join(&delimiter.to_string());
                text.push('\n');
            }
            text
        }
        Shape::Ndjson => rows.iter().fold(String::new(), |text, row| text + &object(row).to_string() + "\n"),
        Shape::Array => serde_json::to_string(&rows.iter().map(object).collect::<Vec<_>>()).unwrap(),
        Shape::PrettyArray => {
            serde_json::to_string_pretty(&rows.iter().map(object).collect::<Vec<_>>()).unwrap()
        }
    }
}

fn quoted(field: &str, delimiter: char) -> String {
    if field.contains([delimiter, '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn object([email, name]: &Row) -> serde_json::Value {
    serde_json::json!({ "id": 7, "email": email, "name": name, "more": { "email": "no", "tags": ["a", null] } })
}

pub(crate) fn encode(bytes: Bytes, text: &str) -> Vec<u8> {
    let utf16 = |mark: &str, unit: fn(u16) -> [u8; 2]| {
        format!("{mark}{text}").encode_utf16().flat_map(unit).collect()
    };
    match bytes {
        Bytes::Utf8 => text.into(),
        Bytes::Utf8Marked => format!("\u{feff}{text}").into(),
        Bytes::Utf16LeMarked => utf16("\u{feff}", u16::to_le_bytes),
        Bytes::Utf16BeMarked => utf16("\u{feff}", u16::to_be_bytes),
        Bytes::Utf16Le => utf16("", u16::to_le_bytes),
        Bytes::Utf16Be => utf16("", u16::to_be_bytes),
        Bytes::Utf32Le => {
            format!("\u{feff}{text}").chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()
        }
        Bytes::Windows1252 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        Bytes::ShiftJis => encoding_rs::SHIFT_JIS.encode(text).0.into_owned(),
    }
}

pub(crate) fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        Packing::None => bytes.to_vec(),
        Packing::Gzip => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Packing::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Packing::Bzip2 => {
            let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
    }
}

#[derive(Default)]
struct Kept {
    rows: Vec<Row>,
    missing: Vec<ColumnError>,
}

impl Rows for Kept {
    fn wanted(&mut self) -> Vec<String> {
        vec!["email".to_owned(), "name".to_owned()]
    }

    fn missing(&mut self, _: usize, error: ColumnError) {
        self.missing.push(error);
    }

    fn row(&mut self, _: u64, fields: &Fields<'_>) {
        self.rows.push([0, 1].map(|index| String::from_utf8(fields.get(index).to_vec()).unwrap()));
    }
}

/// Why a file is no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Source(SourceError),
    Column(ColumnError),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Column(error) => error.fmt(f),
        }
    }
}

pub(crate) fn read(options: &Options, bytes: &[u8], piece: usize) -> Result<(Vec<Row>, Found), Refused> {
    let mut kept = Kept::default();
    let mut reader = Reader::new(options.clone());
    let mut all = || -> Result<(), SourceError> {
        for part in bytes.chunks(piece.max(1)) {
            reader.feed(part, &mut kept)?;
        }
        reader.finish(&mut kept).map(|_| ())
    };
    all().map_err(Refused::Source)?;
    match kept.missing.into_iter().next() {
        Some(error) => Err(Refused::Column(error)),
        None => Ok((kept.rows, reader.found().unwrap())),
    }
}

pub(crate) fn declared(encoding: &str) -> Options {
    Options { encoding: Some(encoding.parse().unwrap()), ..Options::default() }
}

/// What the run's record should say about the delimiter.
pub(crate) fn delimiter(shape: Shape) -> Option<Delimiter> {
    match shape {
        Shape::Delimited(delimiter) => Some(delimiter.to_string().parse().unwrap()),
        Shape::Ndjson | Shape::Array | Shape::PrettyArray => None,
    }
}
