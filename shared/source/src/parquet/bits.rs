//! Packed integers: the run-length and bit-packing hybrid of levels and dictionary indexes, and the binary-packed
//! differences.
//!
//! Decoders hold places in a page, not the page: its bytes are given with each call, and are the same each time.

use super::thrift::{varint, zigzag};

/// The bytes of a page contradict the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage;

/// `width` bits (at most 64) from bit `from` on, the least significant one first.
#[inline]
pub(super) fn bits(bytes: &[u8], from: usize, width: usize) -> Result<u64, Damage> {
    if width == 0 {
        return Ok(0);
    }
    let (start, shift) = (from / 8, from % 8);
    if width <= 56
        && let Some(word) = bytes.get(start..).and_then(<[u8]>::first_chunk::<8>)
    {
        return Ok((u64::from_le_bytes(*word) >> shift) & ((1 << width) - 1));
    }
    let slice = bytes.get(start..(from + width).div_ceil(8)).ok_or(Damage)?;
    let mut word = [0; 16];
    word.get_mut(..slice.len()).ok_or(Damage)?.copy_from_slice(slice);
    let mask = u64::MAX >> (64 - width.min(64));
    Ok(u64::try_from((u128::from_le_bytes(word) >> shift) & u128::from(mask)).unwrap_or_default())
}

/// Runs of one value, and packed groups of eight values, in any order (`RLE`, `RLE_DICTIONARY`).
#[derive(Debug, Clone)]
pub(super) struct Hybrid {
    at: usize,
    end: usize,
    width: usize,
    value: u64,
    repeats: u64,
    packed: u64,
    bit: usize,
}

impl Hybrid {
    /// Values of `width` bits in `bytes[at..end]`.
    pub(super) const fn new(at: usize, end: usize, width: usize) -> Self {
        Self { at, end, width, value: 0, repeats: 0, packed: 0, bit: 0 }
    }

    /// Values whose width stands in a byte before them, as dictionary indexes have it.
    pub(super) fn with_width(bytes: &[u8], at: usize) -> Result<Self, Damage> {
        match bytes.get(at) {
            // A page without any value may have not even the width.
            None => Ok(Self::new(at, at, 0)),
            Some(&width) if width <= 32 => Ok(Self::new(at + 1, bytes.len(), usize::from(width))),
            Some(_) => Err(Damage),
        }
    }

    /// The next value.
    #[inline]
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<u64, Damage> {
        loop {
            if self.repeats > 0 {
                self.repeats -= 1;
                return Ok(self.value);
            }
            if self.packed > 0 {
                self.packed -= 1;
                let value = bits(bytes.get(..self.end).ok_or(Damage)?, self.bit, self.width)?;
                self.bit += self.width;
                return Ok(value);
            }
            self.run(bytes)?;
        }
    }

    fn run(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let rest = bytes.get(self.at..self.end).ok_or(Damage)?;
        let (head, length) = varint(rest).map_err(|_| Damage)?;
        self.at += length;
        if head & 1 == 0 {
            let width = self.width.div_ceil(8);
            self.value = bits(bytes.get(..self.end).ok_or(Damage)?, self.at * 8, width * 8)?;
            self.repeats = head >> 1;
            self.at += width;
        } else {
            let groups = usize::try_from(head >> 1).map_err(|_| Damage)?;
            self.packed = (head >> 1).checked_mul(8).ok_or(Damage)?;
            self.bit = self.at * 8;
            let size = groups.checked_mul(self.width).ok_or(Damage)?;
            // Writers may leave out the end of the last group.
            self.at = self.at.checked_add(size).ok_or(Damage)?.min(self.end);
        }
        Ok(())
    }
}

/// Differences in blocks of packed miniblocks (`DELTA_BINARY_PACKED`).
#[derive(Debug, Clone)]
pub(super) struct Delta {
    at: usize,
    per_mini: usize,
    minis: usize,
    left: u64,
    value: i64,
    started: bool,
    least: i64,
    widths: usize,
    mini: usize,
    mini_left: usize,
    width: usize,
    bit: usize,
}

impl Delta {
    /// Numbers that begin at `at`, at most `most` of them.
    pub(super) fn new(bytes: &[u8], mut at: usize, most: u64) -> Result<Self, Damage> {
        let mut number = || {
            let (value, length) = varint(bytes.get(at..).ok_or(Damage)?).map_err(|_| Damage)?;
            at += length;
            Ok(value)
        };
        let (block, minis, left, first) = (number()?, number()?, number()?, number()?);
        let (block, minis) = (usize::try_from(block), usize::try_from(minis));
        let (Ok(block @ 1..=0x10_0000), Ok(minis @ 1..=0x1000)) = (block, minis) else { return Err(Damage) };
        let per_mini = block / minis;
        if per_mini == 0 || per_mini % 8 != 0 || block % minis != 0 || left > most {
            return Err(Damage);
        }
        Ok(Self {
            at,
            per_mini,
            minis,
            left,
            value: zigzag(first),
            started: false,
            least: 0,
            widths: 0,
            // As after the last miniblock of a block.
            mini: minis,
            mini_left: 0,
            width: 0,
            bit: 0,
        })
    }

    /// The next number.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<i64, Damage> {
        self.left = self.left.checked_sub(1).ok_or(Damage)?;
        if !self.started {
            self.started = true;
            return Ok(self.value);
        }
        if self.mini_left == 0 {
            self.miniblock(bytes)?;
        }
        self.mini_left -= 1;
        let difference = bits(bytes, self.bit, self.width)?;
        self.bit += self.width;
        self.value = self.value.wrapping_add(self.least).wrapping_add(difference.cast_signed());
        Ok(self.value)
    }

    /// Where the bytes behind these numbers begin.
    pub(super) fn end(&self, bytes: &[u8]) -> Result<usize, Damage> {
        let mut rest = self.clone();
        // The first number lies in front of the blocks.
        rest.left = rest.left.saturating_sub(u64::from(!rest.started)).saturating_sub(rest.mini_left as u64);
        while rest.left > 0 {
            rest.miniblock(bytes)?;
            rest.left = rest.left.saturating_sub(rest.per_mini as u64);
        }
        Ok(rest.at)
    }

    fn miniblock(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        if self.mini == self.minis {
            let (least, length) = varint(bytes.get(self.at..).ok_or(Damage)?).map_err(|_| Damage)?;
            self.least = zigzag(least);
            self.widths = self.at + length;
            self.at = self.widths + self.minis;
            self.mini = 0;
        }
        self.width = usize::from(*bytes.get(self.widths + self.mini).ok_or(Damage)?);
        if self.width > 64 {
            return Err(Damage);
        }
        self.mini += 1;
        self.mini_left = self.per_mini;
        self.bit = self.at * 8;
        self.at += self.per_mini / 8 * self.width;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_and_groups_follow_each_other() {
        // Five times 3, then the eight values 0..8 of three bits: the example of the format's documentation.
        let bytes = [5 << 1, 3, 1 << 1 | 1, 0x88, 0xc6, 0xfa];
        let mut hybrid = Hybrid::new(0, bytes.len(), 3);
        let read: Vec<u64> = (0..13).map(|_| hybrid.next(&bytes).unwrap()).collect();
        assert_eq!(read, [3, 3, 3, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(hybrid.next(&bytes), Err(Damage));
    }

    #[test]
    fn differences_add_up() {
        // Block of 128 in four miniblocks, three numbers from 7 on, least difference -2, packed in two bits: 7 5 6.
        let bytes = [0x80, 1, 4, 3, 14, 3, 2, 0, 0, 0, 0b1100, 0, 0, 0, 0, 0, 0, 0, 0xee];
        let mut delta = Delta::new(&bytes, 0, 3).unwrap();
        assert_eq!(delta.end(&bytes), Ok(18));
        assert_eq!([(); 3].map(|()| delta.next(&bytes).unwrap()), [7, 5, 6]);
        assert_eq!(delta.next(&bytes), Err(Damage));
    }

    #[test]
    fn where_very_many_numbers_end_is_found_out_at_once() {
        // Blocks of 1,048,576 numbers in one miniblock of no width: two bytes each.
        let head = [0x80, 0x80, 0x40, 1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x40, 0];
        let bytes = [head.as_slice(), &vec![0; 4 << 20]].concat();
        let delta = Delta::new(&bytes, 0, u64::MAX).unwrap();
        assert_eq!(delta.end(&bytes), Ok(head.len() + (2 << 21)));
    }

    proptest! {
        #[test]
        fn its_end_is_where_the_last_number_was(
            numbers in proptest::collection::vec((any::<u8>(), 0..=16_u8), 0..6), count in 0..200_u64,
        ) {
            let mut bytes = vec![0x40, 2, u8::try_from(count & 0x7f).unwrap() | 0x80, u8::try_from(count >> 7).unwrap(), 4];
            for (byte, width) in numbers {
                bytes.extend([byte & 0x7f, width, width]);
                bytes.extend(std::iter::repeat_n(byte, usize::from(width) * 8));
            }
            if let Ok(mut delta) = Delta::new(&bytes, 0, 200)
                && let Ok(end) = delta.end(&bytes)
            {
                for _ in 0..count {
                    prop_assume!(delta.next(&bytes).is_ok());
                }
                prop_assert_eq!(delta.at, end);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), width in 0..=64_usize) {
            let mut hybrid = Hybrid::new(0, bytes.len(), width.min(32));
            for _ in 0..1000 {
                if hybrid.next(&bytes).is_err() { break; }
            }
            if let Ok(mut delta) = Delta::new(&bytes, 0, 1000) {
                let _ = delta.end(&bytes);
                for _ in 0..1000 {
                    if delta.next(&bytes).is_err() { break; }
                }
            }
            let _ = bits(&bytes, width * 3, width);
        }
    }
}
