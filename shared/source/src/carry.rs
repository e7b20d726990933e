//! What is left of a piece when its last row is not whole.

use crate::error::SourceError;

/// Bytes that complete most rows.
const FEW: usize = 4 << 10;

/// Holds the beginning of a row until the rest of it comes.
#[derive(Default)]
pub(crate) struct Carry(Vec<u8>);

impl Carry {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Hands `bytes` on to `parse`, which answers how many it took, with what was left before in front of them.
    ///
    /// The row that was begun is completed with few bytes, so that the others need not be copied.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut parse: impl FnMut(&[u8]) -> Result<usize, SourceError>,
    ) -> Result<(), SourceError> {
        let begun = self.0.len();
        let mut taken = 0;
        if begun > 0 {
            let few = bytes.len().min(FEW);
            self.0.extend_from_slice(&bytes[..few]);
            let mut used = parse(&self.0)?;
            if used < begun {
                self.0.extend_from_slice(&bytes[few..]);
                self.0.drain(..used);
                used = parse(&self.0)?;
                self.0.drain(..used);
                return Ok(());
            }
            taken = used - begun;
            self.0.clear();
        }
        let rest = &bytes[taken..];
        let used = parse(rest)?;
        self.0.extend_from_slice(&rest[used..]);
        Ok(())
    }

    /// What was never completed.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_stay_whole(lines in proptest::collection::vec(0usize..9000, 1..8), piece in 1usize..20_000) {
            let text: Vec<u8> = lines.iter().flat_map(|&length| [vec![b'x'; length], vec![b'\n']].concat()).collect();
            let mut carry = Carry::new();
            let mut found = Vec::new();
            for part in text.chunks(piece) {
                carry.feed(part, |bytes| {
                    let ends: Vec<usize> = memchr::memchr_iter(b'\n', bytes).collect();
                    let mut at = 0;
                    for end in &ends {
                        found.push(end - at);
                        at = end + 1;
                    }
                    Ok(at)
                }).unwrap();
            }
            prop_assert_eq!(found, lines);
            prop_assert!(carry.take().is_empty());
        }
    }
}
