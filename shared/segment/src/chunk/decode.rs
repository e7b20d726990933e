//! Reading a chunk.

use std::fmt;

use super::{HEADER, MAGIC, TRAILER, VERSION};
use crate::destination::Form;
use crate::{Email, EmailHash, Identity, Profile, RowRef};

/// Why bytes are no chunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The bytes don't begin as a chunk does.
    #[error("the object is not a chunk")]
    NotAChunk,
    /// A newer release wrote it: it has to wait for one that can read it.
    #[error("the chunk has version {0}; this release reads version {VERSION}")]
    Version(u8),
    /// The checksum or the structure is wrong.
    #[error("the chunk is damaged")]
    Damaged,
}

/// A chunk that was checked from front to back: reading its profiles can't fail.
pub struct Chunk {
    bytes: Vec<u8>,
    form: Form,
    count: usize,
}

impl Chunk {
    /// Checks a chunk.
    ///
    /// # Errors
    /// See [`ChunkError`].
    pub fn decode(bytes: Vec<u8>) -> Result<Self, ChunkError> {
        if bytes.len() < HEADER + TRAILER || &bytes[..4] != MAGIC {
            return Err(ChunkError::NotAChunk);
        }
        if bytes[4] != VERSION {
            return Err(ChunkError::Version(bytes[4]));
        }
        let (content, crc) = bytes.split_last_chunk::<TRAILER>().ok_or(ChunkError::Damaged)?;
        if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
            return Err(ChunkError::Damaged);
        }
        let form = match bytes[5] {
            0 => Form::Hashes,
            1 => Form::Profiles,
            _ => return Err(ChunkError::Damaged),
        };
        let count = u32::from_le_bytes([bytes[6], bytes[7], bytes[8], bytes[9]]) as usize;
        let chunk = Self { bytes, form, count };
        let mut profiles = chunk.profiles();
        let read = profiles.by_ref().count();
        if read == count && profiles.rest.is_empty() { Ok(chunk) } else { Err(ChunkError::Damaged) }
    }

    /// How many profiles there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The profiles, in the order of their rows.
    #[must_use]
    pub fn profiles(&self) -> Profiles<'_> {
        Profiles {
            rest: &self.bytes[HEADER..self.bytes.len() - TRAILER],
            form: self.form,
            left: self.count,
            before: RowRef { part: 0, row: 0 },
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} profiles)", self.count)
    }
}

/// The profiles of a chunk; they borrow from it.
pub struct Profiles<'a> {
    rest: &'a [u8],
    form: Form,
    left: usize,
    before: RowRef,
}

impl<'a> Iterator for Profiles<'a> {
    type Item = Profile<'a>;

    fn next(&mut self) -> Option<Profile<'a>> {
        self.left = self.left.checked_sub(1)?;
        let at = self.row()?;
        match self.form {
            Form::Hashes => {
                let (hash, rest) = self.rest.split_first_chunk::<{ EmailHash::LEN }>()?;
                self.rest = rest;
                let identity = Identity::Hash(EmailHash::from_bytes(*hash));
                Some(Profile { at, identity, first_name: None, last_name: None })
            }
            Form::Profiles => self.profile(at),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl<'a> Profiles<'a> {
    fn row(&mut self) -> Option<RowRef> {
        let value = self.number()?;
        self.before = if value & 1 == 0 {
            RowRef { row: self.before.row.checked_add(value >> 1)?, ..self.before }
        } else {
            RowRef { row: value >> 1, part: u32::try_from(self.number()?).ok()? }
        };
        Some(self.before)
    }

    fn profile(&mut self, at: RowRef) -> Option<Profile<'a>> {
        let identity = Identity::Email(Email::staged(self.text()?));
        let [first_name, last_name] =
            [self.text()?, self.text()?].map(|text| (!text.is_empty()).then_some(text));
        Some(Profile { at, identity, first_name, last_name })
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
