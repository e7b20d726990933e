//! What is done with bytes that may be a chunk: nothing may panic, what is read can be written and is the same then,
//! and what was cut off is refused.
#![allow(clippy::unwrap_used, reason = "a finding is told by panicking")]

use segue_segment::destination::Form;
use segue_segment::{Chunk, ChunkError, ChunkWriter, Identity, Profile};

/// Bytes as they are, or records: the form, how many there are, where they are cut off, and they.
pub(crate) fn chunk(data: &[u8]) {
    if let Ok(chunk) = Chunk::decode(data.to_vec()) {
        again(&chunk);
    }
    let Some((&[form, count, cut], records)) = data.split_first_chunk() else { return };
    let mut content = b"SGCH\x01".to_vec();
    content.extend([form % 3, count, 0, 0, 0]);
    content.extend(records);
    let Ok(chunk) = Chunk::decode(checked(&content)) else { return };
    again(&chunk);
    if !records.is_empty() {
        content.truncate(content.len() - 1 - usize::from(cut) % records.len());
        assert_eq!(Chunk::decode(checked(&content)).unwrap_err(), ChunkError::Damaged, "a record is missing");
    }
}

/// With a right checksum.
fn checked(content: &[u8]) -> Vec<u8> {
    [content, &crc32fast::hash(content).to_le_bytes()].concat()
}

fn again(chunk: &Chunk) {
    assert_eq!(chunk.profiles().count(), chunk.len());
    let form = match chunk.profiles().next() {
        None => return,
        Some(Profile { identity: Identity::Hash(_), .. }) => Form::Hashes,
        Some(Profile { identity: Identity::Email(_), .. }) => Form::Profiles,
    };
    let bytes = written(chunk, form);
    let read = Chunk::decode(bytes.clone()).unwrap();
    assert!(read.profiles().eq(chunk.profiles()), "the profiles are the same");
    assert_eq!(written(&read, form), bytes, "there is one way to write them");
}

fn written(chunk: &Chunk, form: Form) -> Vec<u8> {
    let mut writer = ChunkWriter::new(form);
    for Profile { at, identity, first_name, last_name } in chunk.profiles() {
        match identity {
            Identity::Hash(hash) => writer.push_hash(at, &hash),
            Identity::Email(email) => writer.push_profile(at, email, first_name, last_name),
        }
    }
    writer.finish()
}
