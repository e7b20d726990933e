//! Every member, nothing but members, and no more than is allowed.

use std::io::Write;

use proptest::prelude::*;

use super::*;

const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Bzip2];

fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Compression::Bzip2 => {
            let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
    }
}

fn unpack_with(
    options: &Options,
    compression: Compression,
    bytes: &[u8],
    piece: usize,
) -> Result<Vec<u8>, SourceError> {
    let mut unpacked = Vec::new();
    let mut unpacker = Unpacker::new(compression, options).unwrap();
    for part in bytes.chunks(piece.max(1)) {
        unpacker.feed(part, &mut |block| {
            assert!(!block.is_empty());
            unpacked.extend_from_slice(block);
            Ok(())
        })?;
    }
    unpacker.finish()?;
    Ok(unpacked)
}

fn unpack(compression: Compression, bytes: &[u8], piece: usize) -> Result<Vec<u8>, SourceError> {
    unpack_with(&Options::default(), compression, bytes, piece)
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|i| i.wrapping_mul(i).to_le_bytes()[1]).collect()
}

#[test]
fn all_members_are_read() {
    for compression in ALL {
        let parts = [text(300_000), Vec::new(), text(5), text(131_072)];
        let packed: Vec<u8> = parts.iter().flat_map(|part| pack(compression, part)).collect();
        for piece in [1, 7, 4096, usize::MAX] {
            assert!(unpack(compression, &packed, piece).unwrap() == parts.concat(), "{compression} {piece}");
        }
    }
}

#[test]
fn frames_to_be_skipped_are_skipped() {
    let mut packed = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    packed.extend(pack(Compression::Zstd, b"hello"));
    packed.extend(b"\x5f\x2a\x4d\x18\0\0\0\0");
    assert_eq!(unpack(Compression::Zstd, &packed, 1).unwrap(), b"hello");
}

#[test]
fn a_truncated_file_is_told_wherever_it_ends() {
    for compression in ALL {
        let packed = pack(compression, &text(3000));
        for end in 4..packed.len() {
            assert_eq!(
                unpack(compression, &packed[..end], usize::MAX),
                Err(SourceError::Truncated(compression)),
                "{compression} {end}"
            );
        }
        let twice = [&packed[..], &packed[..20]].concat();
        assert_eq!(unpack(compression, &twice, 64), Err(SourceError::Truncated(compression)));
    }
}

#[test]
fn zeros_behind_the_end_are_padding_and_the_rest_is_refused() {
    for compression in ALL {
        let mut packed = pack(compression, b"hello");
        packed.extend([0; 600]);
        for piece in [1, 100, usize::MAX] {
            assert_eq!(unpack(compression, &packed, piece).unwrap(), b"hello");
        }
        for rest in
            [&b"\n"[..], b"email\n", b"\0\0x", b"\x1f\x8d1234567890", b"(B234567890", b"BZx1234567890"]
        {
            let mut packed = pack(compression, b"hello");
            packed.extend(rest);
            for piece in [1, usize::MAX] {
                assert_eq!(
                    unpack(compression, &packed, piece),
                    Err(SourceError::Trailing(compression)),
                    "{compression} {rest:?}"
                );
            }
        }
    }
}

#[test]
fn damage_is_told() {
    for compression in ALL {
        let mut packed = zstd_checked(compression, &text(5000));
        let middle = packed.len() / 2;
        packed[middle] ^= 0x55;
        let end = packed.len() - 5;
        packed[end] ^= 0x55;
        let error = unpack(compression, &packed, 100).unwrap_err();
        assert!(matches!(error, SourceError::Damaged(_) | SourceError::Truncated(_)), "{error:?}");
        let mut packed = pack(compression, b"hello");
        packed[2] ^= 0x0f;
        assert_eq!(unpack(compression, &packed, 100), Err(SourceError::Damaged(compression)));
    }
}

/// Zstandard checks what it unpacked only if it was told to.
fn zstd_checked(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    if compression != Compression::Zstd {
        return pack(compression, bytes);
    }
    let mut to = zstd::Encoder::new(Vec::new(), 1).unwrap();
    to.include_checksum(true).unwrap();
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

#[test]
fn a_bomb_is_refused_and_says_which_option_to_raise() {
    let zeros = vec![b'0'; 1 << 20];
    for compression in ALL {
        let packed = pack(compression, &zeros).repeat(40);
        let error = unpack(compression, &packed, 1 << 16).unwrap_err();
        assert_eq!(error, SourceError::Ratio { limit: 250 });
        assert!(error.to_string().contains("raise `max_ratio`"));
        let raised = Options { max_ratio: 1_000_000, ..Options::default() };
        assert_eq!(unpack_with(&raised, compression, &packed, 1 << 16).unwrap().len(), 40 << 20);
        let small = Options { max_bytes: 39 << 20, ..raised.clone() };
        let error = unpack_with(&small, compression, &packed, 1 << 16).unwrap_err();
        assert_eq!(error, SourceError::TooLarge { limit: 39 << 20 });
        assert!(error.to_string().contains("raise `max_bytes`"));
        let exact = Options { max_bytes: 40 << 20, ..raised };
        assert!(unpack_with(&exact, compression, &packed, 1 << 16).is_ok());
    }
}

#[test]
fn what_is_small_may_compress_as_well_as_it_likes() {
    for compression in ALL {
        let packed = pack(compression, &vec![b'0'; 1 << 20]).repeat(15);
        assert_eq!(unpack(compression, &packed, usize::MAX).unwrap().len(), 15 << 20);
    }
}

#[test]
fn a_window_that_needs_too_much_memory_is_refused() {
    // A frame that declares a window of 2 GiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    let error = unpack(Compression::Zstd, &frame, usize::MAX).unwrap_err();
    assert_eq!(error, SourceError::Window(128));
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked_wherever_the_bytes_are_split(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..500), 1..5),
        padding in 0usize..9,
        piece in 1usize..300,
    ) {
        for compression in ALL {
            let mut packed: Vec<u8> = parts.iter().flat_map(|part| pack(compression, part)).collect();
            packed.resize(packed.len() + padding, 0);
            prop_assert_eq!(unpack(compression, &packed, piece), Ok(parts.concat()));
        }
    }

    #[test]
    fn a_strangers_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        valid in 0usize..40,
        piece in 1usize..50,
    ) {
        for compression in ALL {
            let mut packed = pack(compression, b"some text, some text");
            packed.truncate(valid);
            packed.extend(&bytes);
            let whole = unpack(compression, &packed, usize::MAX);
            let parts = unpack(compression, &packed, piece);
            prop_assert_eq!(whole.is_ok(), parts.is_ok());
        }
    }
}
