//! SHA-256 of a normalised e-mail address, as Snapchat matches people by it.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::Email;

/// The SHA-256 of a trimmed, lower-cased e-mail address. It stands for a person: `Debug` is redacted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EmailHash([u8; 32]);

impl EmailHash {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Hashes a normalised address.
    #[must_use]
    pub fn of(email: Email<'_>) -> Self {
        Self(Sha256::digest(email.expose().as_bytes()).into())
    }

    /// Takes what a chunk holds.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Appends the 64 lower-case hexadecimal digits, for a payload.
    pub fn write_hex(&self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in self.0 {
            out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

impl fmt::Debug for EmailHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sha256sum` of the trimmed, lower-cased address, as Snapchat's connectors publish it.
    #[test]
    fn agrees_with_the_published_vector() {
        let mut buffer = String::new();
        let email = Email::normalise(b" Jane.Doe@example.com", &mut buffer).unwrap();
        let mut hex = Vec::new();
        EmailHash::of(email).write_hex(&mut hex);
        assert_eq!(
            String::from_utf8(hex).unwrap(),
            "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d"
        );
    }
}
