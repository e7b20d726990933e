//! The same rows come out, whatever they were dressed in and wherever the bytes are split.

use proptest::prelude::*;
use segue_source::{Compression, Format, Options};

use crate::dress::{
    Bytes, PACKINGS, Packing, Row, SHAPES, Shape, declared, delimiter, encode, pack, read, write,
};

fn rows(text: &'static str) -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec((text, text).prop_map(|(email, name)| [email, name]), 1..12)
}

fn check(shape: Shape, bytes: Bytes, packing: Packing, rows: &[Row], piece: usize, members: usize) {
    let text = write(shape, rows);
    let encoded = encode(bytes, &text);
    let length = encoded.len().div_ceil(members);
    let packed: Vec<u8> = encoded.chunks(length).flat_map(|part| pack(packing, part)).collect();
    let (options, encoding) = match bytes {
        Bytes::Windows1252 => (declared("windows-1252"), "windows-1252"),
        Bytes::Utf16LeMarked => (Options::default(), "UTF-16LE"),
        Bytes::Utf16BeMarked => (Options::default(), "UTF-16BE"),
        _ => (Options::default(), "UTF-8"),
    };
    let (read, found) = read(&options, &packed, piece).unwrap();
    assert_eq!(read, rows, "{shape:?} {bytes:?} {packing:?}");
    let format = match shape {
        Shape::Delimited(_) => Format::Delimited,
        Shape::Ndjson => Format::Ndjson,
        Shape::Array | Shape::PrettyArray => Format::Json,
    };
    let compression = match packing {
        Packing::None => Compression::None,
        Packing::Gzip => Compression::Gzip,
        Packing::Zstd => Compression::Zstd,
        Packing::Bzip2 => Compression::Bzip2,
    };
    assert_eq!((found.format, found.compression), (format, compression));
    assert_eq!((found.encoding.name(), found.delimiter), (encoding, delimiter(shape)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn in_every_dress(rows in rows("[a-z@.éüß€\" ,;|\t\r\n{}\\[\\]\\\\]{0,10}"), piece in 1usize..200, members in 1usize..4) {
        for shape in SHAPES {
            for packing in PACKINGS {
                for bytes in [
                    Bytes::Utf8,
                    Bytes::Utf8Marked,
                    Bytes::Utf16LeMarked,
                    Bytes::Utf16BeMarked,
                    Bytes::Windows1252,
                ] {
                    check(shape, bytes, packing, &rows, piece, members);
                }
            }
        }
    }

    #[test]
    fn in_every_dress_that_has_all_characters(rows in rows("\\PC{0,6}"), piece in 1usize..200, members in 1usize..4) {
        for shape in SHAPES {
            for bytes in [Bytes::Utf8, Bytes::Utf16LeMarked, Bytes::Utf16BeMarked] {
                check(shape, bytes, Packing::Zstd, &rows, piece, members);
            }
        }
    }
}
