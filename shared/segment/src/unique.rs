//! The set that de-duplicates a run, in at most 24 bytes a unique profile.

use std::hash::{BuildHasher, Hasher, RandomState};

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::Email;

const SHARDS: usize = 256;
const FIRST_CAPACITY: usize = 16;

/// What lies in a slot. All zero marks an empty one.
type Slot = [u32; 3];
const EMPTY: Slot = [0; 3];

/// An address's keyed hash, which stands for it in one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    shard: u8,
    slot: Slot,
}

/// The addresses seen so far, as 96-bit fingerprints under a random key.
///
/// A general hash table doubles, so that it is half empty after growing; this one is cut into shards that grow by a
/// half, from three quarters full to half full: 12 bytes a slot are 16 to 24 bytes an address. Two addresses share a
/// fingerprint once in 10^17 runs of ten million profiles, and since the key is drawn anew for each run, no one can
/// choose them.
pub struct UniqueEmails {
    key: [u64; 2],
    shards: Vec<Shard>,
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
}

impl Default for UniqueEmails {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            key: [random.hash_one(0), random.hash_one(1)],
            shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect(),
        }
    }
}

impl UniqueEmails {
    /// What stands for an address in this set.
    #[must_use]
    pub fn fingerprint(&self, email: Email<'_>) -> Fingerprint {
        let [first, second] = self.key;
        let mut hasher = SipHasher13::new_with_keys(first, second);
        hasher.write(email.expose().as_bytes());
        let [shard, rest @ ..] = hasher.finish128().as_bytes();
        let word = |at: usize| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        // Odd in its last word, so that none is that of an empty slot.
        Fingerprint { shard, slot: [word(0), word(4), word(8) | 1] }
    }

    /// Adds an address. `false` if it was there already.
    pub fn insert(&mut self, fingerprint: Fingerprint) -> bool {
        self.shards[usize::from(fingerprint.shard)].insert(fingerprint.slot)
    }

    /// Looks at where these would lie, so that the memory there is at hand when they are inserted.
    pub fn fetch(&self, fingerprints: impl Iterator<Item = Fingerprint>) {
        let looked = fingerprints.map(|Fingerprint { shard, slot }| {
            let slots = &self.shards[usize::from(shard)].slots;
            slots.get(home(slot, slots.len())).map_or(0, |found| found[0])
        });
        std::hint::black_box(looked.fold(0, |all, one| all ^ one));
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
        self.shards.iter().map(|shard| shard.slots.capacity() * size_of::<Slot>()).sum()
    }
}

impl Shard {
    fn insert(&mut self, slot: Slot) -> bool {
        // At most three quarters full.
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let added = place(&mut self.slots, slot);
        self.used += usize::from(added);
        added
    }

    fn grow(&mut self) {
        let capacity = (self.slots.len() + self.slots.len() / 2).max(FIRST_CAPACITY);
        let mut slots = Vec::new();
        slots.reserve_exact(capacity);
        slots.resize(capacity, EMPTY);
        for &slot in self.slots.iter().filter(|&&slot| slot != EMPTY) {
            place(&mut slots, slot);
        }
        self.slots = slots;
    }
}

/// Where a slot's search begins among `length`: its first word mapped onto them without a division.
fn home(slot: Slot, length: usize) -> usize {
    usize::try_from((u64::from(slot[0]) * length as u64) >> 32).unwrap_or(0)
}

/// Linear probing. `false` if it was there.
fn place(slots: &mut [Slot], wanted: Slot) -> bool {
    let (before, after) = slots.split_at_mut(home(wanted, slots.len()));
    for slot in after.iter_mut().chain(before) {
        if *slot == EMPTY {
            *slot = wanted;
            return true;
        }
        if *slot == wanted {
            return false;
        }
    }
    // Never: a quarter of the slots are empty.
    false
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
                assert_eq!(seen.insert(seen.fingerprint(Email::staged(&address))), round == 0);
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
            seen.insert(seen.fingerprint(Email::staged(&address)));
            if n > 20_000 && n % 1_000 == 0 {
                assert!(seen.memory() <= 24 * seen.len(), "{} bytes for {}", seen.memory(), seen.len());
            }
        }
    }
}
