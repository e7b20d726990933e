//! The set that de-duplicates a run, in at most 24 bytes a unique profile.

use std::hash::{BuildHasher, RandomState};

use crate::Email;

const SHARDS: usize = 256;
const FIRST_CAPACITY: usize = 16;

/// The addresses seen so far, as 128-bit fingerprints under a random key.
///
/// A general hash table doubles, so that it is half empty after growing; this one is cut into shards that grow by a
/// quarter. Two addresses share a fingerprint once in 10^24 at ten million profiles, and since the key is drawn anew
/// for each run, no one can choose them.
pub struct UniqueEmails {
    low: RandomState,
    high: RandomState,
    shards: Vec<Shard>,
}

#[derive(Default)]
struct Shard {
    slots: Vec<u128>,
    used: usize,
}

impl Default for UniqueEmails {
    fn default() -> Self {
        Self {
            low: RandomState::new(),
            high: RandomState::new(),
            shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect(),
        }
    }
}

impl UniqueEmails {
    /// Adds an address. `false` if it was there already.
    pub fn insert(&mut self, email: Email<'_>) -> bool {
        let bytes = email.expose().as_bytes();
        let low = self.low.hash_one(bytes);
        let high = self.high.hash_one(bytes);
        // Zero marks an empty slot.
        let fingerprint = ((u128::from(high) << 64) | u128::from(low)).max(1);
        self.shards[usize::from(high.to_be_bytes()[0])].insert(fingerprint)
    }

    /// How many addresses there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.used).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory of the slots, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots.capacity() * size_of::<u128>()).sum()
    }
}

impl Shard {
    fn insert(&mut self, fingerprint: u128) -> bool {
        // At most nine tenths full: (x + 1) * 10 > len * 9 grows first.
        if (self.used + 1) * 10 > self.slots.len() * 9 {
            self.grow();
        }
        let added = place(&mut self.slots, fingerprint);
        self.used += usize::from(added);
        added
    }

    fn grow(&mut self) {
        let capacity = (self.slots.len() + self.slots.len() / 4).max(FIRST_CAPACITY);
        let mut slots = Vec::new();
        slots.reserve_exact(capacity);
        slots.resize(capacity, 0);
        for &fingerprint in self.slots.iter().filter(|&&slot| slot != 0) {
            place(&mut slots, fingerprint);
        }
        self.slots = slots;
    }
}

/// Linear probing from where the low half points to. `false` if the fingerprint was there.
fn place(slots: &mut [u128], fingerprint: u128) -> bool {
    let length = slots.len();
    let low = fingerprint & u128::from(u64::MAX);
    // Maps the low 64 bits onto 0..length without a division.
    let mut at = usize::try_from((low * length as u128) >> 64).unwrap_or(0);
    loop {
        match slots[at] {
            0 => {
                slots[at] = fingerprint;
                return true;
            }
            slot if slot == fingerprint => return false,
            _ => at = if at + 1 == length { 0 } else { at + 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_first_from_the_repeated() {
        let mut seen = UniqueEmails::default();
        assert!(seen.is_empty());
        for round in 0..2 {
            for n in 0..50_000 {
                let address = format!("person{n}@example.com");
                assert_eq!(seen.insert(Email::staged(&address)), round == 0);
            }
        }
        assert_eq!(seen.len(), 50_000);
    }

    #[test]
    fn keeps_to_24_bytes_a_profile() {
        let mut seen = UniqueEmails::default();
        let mut address = String::new();
        for n in 0..200_000_usize {
            address.clear();
            address.push_str(&n.to_string());
            seen.insert(Email::staged(&address));
            if n > 20_000 && n % 1_000 == 0 {
                assert!(seen.memory() <= 24 * seen.len(), "{} bytes for {}", seen.memory(), seen.len());
            }
        }
    }
}
