//! The chunk: a slice of a run's profiles as it lies in the state bucket.
//!
//! ```text
//! "SGCH"  magic            4 bytes
//! 1       version          1 byte
//! 0 | 1   form             1 byte: hashes | profiles
//! n       profiles         4 bytes, little endian
//! records
//! crc     CRC-32 of all before it, 4 bytes, little endian
//! ```
//! A record starts with a LEB128 number: twice the distance to the row before, plus one if the part changes; then,
//! if it does, the part follows and the distance is the row itself. So a row number costs one byte as a rule. A hash
//! follows as its 32 bytes; a profile as e-mail, first and last name, each behind its length in bytes (LEB128).
//!
//! Why not Parquet, JSON or Avro: a chunk is written once, read once from front to back by the same program, and
//! gone a minute later. This costs a copy of the bytes to write, and nothing to read: profiles borrow from the
//! buffer. Nothing is compressed. Hashes can't be, and for addresses the bytes saved (S3 takes no money for traffic
//! inside a region, and a minute of storage is free) are worth less than the processor time.

mod decode;
mod encode;

pub use decode::{Chunk, ChunkError, Profiles};
pub use encode::ChunkWriter;

const MAGIC: &[u8; 4] = b"SGCH";
const VERSION: u8 = 1;
const HEADER: usize = 10;
const TRAILER: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::destination::Form;
    use crate::{Email, EmailHash, Identity, RowRef};

    type Owned = (u32, u64, String, Option<String>, Option<String>);

    fn written(form: Form, profiles: &[Owned]) -> Vec<u8> {
        let mut writer = ChunkWriter::new(form);
        for (part, row, email, first, last) in profiles {
            let at = RowRef { part: *part, row: *row };
            let email = Email::staged(email);
            match form {
                Form::Hashes => writer.push_hash(at, &EmailHash::of(email)),
                Form::Profiles => writer.push_profile(at, email, first.as_deref(), last.as_deref()),
            }
        }
        writer.finish()
    }

    fn sample() -> Vec<Owned> {
        vec![
            (0, 1, "a@example.com".into(), Some("Ann".into()), None),
            (0, 7, "b@example.com".into(), None, Some("Bé".into())),
            (2, 3, "c@example.com".into(), None, None),
        ]
    }

    #[test]
    fn a_row_number_costs_one_byte() {
        let rows: Vec<Owned> = (1..=100).map(|row| (0, row, "a@b.co".into(), None, None)).collect();
        // The first row tells the part, which is 0 as at the start, so it costs no more than the others.
        assert_eq!(written(Form::Hashes, &rows).len(), HEADER + 100 * 33 + TRAILER);
    }

    #[test]
    fn damage_is_found_and_named() {
        let whole = written(Form::Profiles, &sample());
        assert_eq!(Chunk::decode(whole[..whole.len() - 1].to_vec()).unwrap_err(), ChunkError::Damaged);
        assert_eq!(Chunk::decode(Vec::new()).unwrap_err(), ChunkError::NotAChunk);
        assert_eq!(Chunk::decode(b"Parquet or so, who knows".to_vec()).unwrap_err(), ChunkError::NotAChunk);
        let mut newer = whole.clone();
        newer[4] = 9;
        assert_eq!(Chunk::decode(newer).unwrap_err(), ChunkError::Version(9));
        for at in 5..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            assert!(Chunk::decode(flipped).is_err(), "a flipped bit at {at} went unnoticed");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            form in prop_oneof![Just(Form::Hashes), Just(Form::Profiles)],
            profiles in proptest::collection::vec(
                (0u32..3, any::<u64>().prop_map(|row| row >> 2), "[a-z]{1,20}@[a-z]{1,9}\\.com",
                 proptest::option::of("\\PC{1,20}"), proptest::option::of("\\PC{1,300}")), 0..50)
        ) {
            let chunk = Chunk::decode(written(form, &profiles)).unwrap();
            prop_assert_eq!(chunk.len(), profiles.len());
            for (read, (part, row, email, first, last)) in chunk.profiles().zip(&profiles) {
                prop_assert_eq!(read.at, RowRef { part: *part, row: *row });
                match read.identity {
                    Identity::Hash(hash) => prop_assert_eq!(hash, EmailHash::of(Email::staged(email))),
                    Identity::Email(read) => prop_assert_eq!(read.expose(), email),
                }
                if form == Form::Profiles {
                    prop_assert_eq!(read.first_name, first.as_deref());
                    prop_assert_eq!(read.last_name, last.as_deref());
                }
            }
        }

        #[test]
        fn a_strangers_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Chunk::decode(bytes.clone());
            // With the magic, the version and a right checksum it gets further.
            bytes.splice(0..0, *b"SGCH\x01\x01");
            let crc = crc32fast::hash(&bytes);
            bytes.extend(crc.to_le_bytes());
            let _ = Chunk::decode(bytes);
        }
    }
}
