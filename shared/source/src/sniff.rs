//! What a file's first bytes say.

use crate::found::Compression;
use crate::options::Encoding;

/// Bytes that are enough for every magic number here.
pub(crate) const HEAD: usize = 16;

/// Whether a file that begins with these bytes is Parquet, which is read by its footer and not front to back.
#[must_use]
pub fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(b"PAR1") || head.starts_with(b"PARE")
}

/// What the file is compressed with.
pub(crate) fn compression(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        // A frame, or one that is to be skipped, which parallel compressors begin with.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] if is_block(rest) => Compression::Bzip2,
        _ => Compression::None,
    }
}

/// Four letters are no proof: they may begin a header. A block begins with the digits of pi, an empty file with
/// those of its square root.
fn is_block(rest: &[u8]) -> bool {
    let first = &rest[..rest.len().min(6)];
    b"\x31\x41\x59\x26\x53\x59".starts_with(first) || b"\x17\x72\x45\x38\x50\x90".starts_with(first)
}

/// The name of a format that is none of ours.
pub(crate) fn foreign(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 15] = [
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
        (b"PK\x05\x06", "an empty ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"\xfd7zXZ\0", "xz"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"\x04\x22\x4d\x18", "LZ4"),
        (b"\xff\x06\0\0sNaPpY", "Snappy"),
        (b"\x1f\x9d", "compress (.Z)"),
        (b"Obj\x01", "Avro"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"%PDF-", "PDF"),
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
        (b"ARROW1\0\0", "Arrow"),
    ];
    let is_orc = matches!(head, [b'O', b'R', b'C', byte, ..] if !(b' '..=b'~').contains(byte) && !byte.is_ascii_whitespace());
    if is_orc {
        return Some("ORC");
    }
    MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, name)| name)
}

/// The encoding that a byte order mark tells, and the mark's length.
pub(crate) fn mark(head: &[u8]) -> Option<(Encoding, usize)> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => Some((Encoding::UTF_8, 3)),
        [0xff, 0xfe, ..] => Some((Encoding::UTF_16LE, 2)),
        [0xfe, 0xff, ..] => Some((Encoding::UTF_16BE, 2)),
        _ => None,
    }
}

/// UTF-16 whose mark was left out: every other byte of a header in Latin letters is zero.
pub(crate) fn unmarked(head: &[u8]) -> Option<Encoding> {
    let (pairs, _) = head.as_chunks::<2>();
    let all = |is: fn(&[u8; 2]) -> bool| pairs.len() >= 2 && pairs.iter().all(is);
    if all(|pair| pair[0] != 0 && pair[1] == 0) {
        Some(Encoding::UTF_16LE)
    } else if all(|pair| pair[0] == 0 && pair[1] != 0) {
        Some(Encoding::UTF_16BE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_begins_like_a_magic_number_is_still_a_header() {
        for head in
            [&b"BZh9,email"[..], b"BZhotels,email", b"ORC,email", b"ORC\temail", b"PARK,email", b"P*M"]
        {
            assert_eq!(compression(head), Compression::None);
            assert_eq!(foreign(head), None);
            assert!(!is_parquet(head));
        }
    }

    #[test]
    fn a_compressed_file_is_known_though_it_is_cut_off() {
        assert_eq!(compression(b"BZh91AY"), Compression::Bzip2);
        assert_eq!(compression(b"\x1f\x8b"), Compression::Gzip);
        assert_eq!(compression(b"\x5a\x2a\x4d\x18\x04"), Compression::Zstd);
    }

    #[test]
    fn other_formats_are_named() {
        assert_eq!(foreign(b"PK\x03\x04\x14\0"), Some("a ZIP archive or an Excel workbook"));
        assert_eq!(foreign(b"ORC\x0a\x12"), None);
        assert_eq!(foreign(b"ORC\x08\x12"), Some("ORC"));
        assert_eq!(foreign(b"\xff\xfe\0\0e\0\0\0"), Some("UTF-32"));
    }
}
