//! The addresses of a few rows, normalised and checked together.

use std::ops::Range;

use crate::unique::{Fingerprint, UniqueEmails};
use crate::{Email, Reason};

/// The addresses of a few rows, in their order, with the fingerprints that they are told apart by.
#[derive(Default)]
pub struct Addresses {
    text: String,
    looked: Vec<Result<Looked, Reason>>,
    buffer: String,
}

struct Looked {
    text: Range<usize>,
    fingerprint: Fingerprint,
}

impl Addresses {
    /// Forgets them.
    pub fn clear(&mut self) {
        self.text.clear();
        self.looked.clear();
    }

    /// Normalises and checks what stands in the next row.
    pub fn push(&mut self, raw: &[u8], seen: &UniqueEmails) {
        let looked = Email::normalise(raw, &mut self.buffer).map(|email| {
            let from = self.text.len();
            self.text.push_str(email.expose());
            Looked { text: from..self.text.len(), fingerprint: seen.fingerprint(email) }
        });
        self.looked.push(looked);
    }

    /// Has the memory fetched that [`get`](Self::get) will need, for all addresses at once: one after the other, each
    /// would be waited for.
    pub fn fetch(&self, seen: &UniqueEmails) {
        seen.fetch(self.looked.iter().flatten().map(|looked| looked.fingerprint));
    }

    /// The address of the row at this index, and whether it is new to `seen`, to which it is added; or why there is
    /// none. `None` if there is no such row.
    pub fn get(&self, index: usize, seen: &mut UniqueEmails) -> Option<Result<(Email<'_>, bool), Reason>> {
        Some(match self.looked.get(index)? {
            Ok(Looked { text, fingerprint }) => {
                Ok((Email::staged(&self.text[text.clone()]), seen.insert(*fingerprint)))
            }
            Err(reason) => Err(*reason),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_rows_is_told_row_by_row() {
        let (mut addresses, mut seen) = (Addresses::default(), UniqueEmails::default());
        for round in 0..2 {
            addresses.clear();
            for raw in [" A@example.com", "nobody", "b@example.com", "a@EXAMPLE.com "] {
                addresses.push(raw.as_bytes(), &seen);
            }
            addresses.fetch(&seen);
            let mut found = |index| {
                let found = addresses.get(index, &mut seen)?;
                Some(found.map(|(email, new)| (email.expose().to_owned(), new)))
            };
            let new = round == 0;
            assert_eq!(found(0), Some(Ok(("a@example.com".to_owned(), new))));
            assert_eq!(found(1), Some(Err(Reason::NotAnAddress)));
            assert_eq!(found(2), Some(Ok(("b@example.com".to_owned(), new))));
            assert_eq!(found(3), Some(Ok(("a@example.com".to_owned(), false))));
            assert_eq!(found(4), None);
        }
        assert_eq!(seen.len(), 2);
    }
}
