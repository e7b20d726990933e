//! People who must not be sent, kept beside a run's chunks while the run needs them: fingerprints, no addresses.

use std::collections::HashMap;

use bytes::Bytes;
use segue_segment::Reason;

use crate::destination::Fingerprint;

const HEAD: &[u8] = b"SGHB\x01";
/// A fingerprint, and the reason's place in [`Reason::ALL`].
const ENTRY: usize = size_of::<Fingerprint>() + 1;

/// Whom a run holds back, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HeldBack(HashMap<Fingerprint, Reason>);

impl HeldBack {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, people: impl IntoIterator<Item = (Fingerprint, Reason)>) {
        self.0.extend(people);
    }

    pub(crate) fn reason(&self, fingerprint: &Fingerprint) -> Option<Reason> {
        self.0.get(fingerprint).copied()
    }

    /// How many are held back for this reason.
    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.0.values().filter(|&&held| held == reason).count() as u64
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(HEAD.len() + self.0.len() * ENTRY);
        bytes.extend_from_slice(HEAD);
        for (fingerprint, reason) in &self.0 {
            let place = Reason::ALL.iter().position(|known| known == reason).unwrap_or_default();
            bytes.extend_from_slice(fingerprint);
            bytes.push(u8::try_from(place).unwrap_or_default());
        }
        bytes.into()
    }

    /// `None` if it was not written by [`encode`](Self::encode).
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let entries = bytes.strip_prefix(HEAD)?.chunks_exact(ENTRY);
        if !entries.remainder().is_empty() {
            return None;
        }
        let entry = |entry: &[u8]| {
            let (fingerprint, place) = entry.split_first_chunk()?;
            Some((*fingerprint, *Reason::ALL.get(usize::from(*place.first()?))?))
        };
        entries.map(entry).collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let mut held = HeldBack::default();
        held.add([([7; 16], Reason::Archived), ([8; 16], Reason::Cleaned)]);
        let bytes = held.encode();
        assert_eq!(HeldBack::decode(&bytes), Some(held));
        assert_eq!(HeldBack::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(HeldBack::decode(b"other"), None);
        assert_eq!(HeldBack::decode(HEAD), Some(HeldBack::default()));
    }
}
