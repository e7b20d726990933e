//! Values out of an unpacked page, one after another, as text.

use std::io::Write;

use super::bits::{Damage, Delta, Hybrid, bits};
use super::footer::Values;

/// Longest value in bytes.
pub(super) const MAX_VALUE: usize = 1 << 20;

/// Why a value could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Damage,
    TooLong,
}

impl From<Damage> for Fault {
    fn from(_: Damage) -> Self {
        Self::Damage
    }
}

/// Where in a page its values are being read, by their encoding.
#[derive(Debug, Clone)]
pub(super) enum Decoder {
    /// There are none: all rows of the page are empty.
    None,
    Plain {
        at: usize,
    },
    /// Plain truth values, a bit each.
    Bits {
        bit: usize,
    },
    /// Truth values in runs.
    Runs(Hybrid),
    /// Places in the dictionary.
    Dictionary(Hybrid),
    /// Numbers by their differences.
    Delta(Delta),
    /// All lengths, then all bytes.
    Lengths {
        lengths: Delta,
        at: usize,
    },
    /// As before, and each value begins with so many bytes of the one before.
    Prefixes {
        prefixes: Delta,
        lengths: Delta,
        at: usize,
        before: Vec<u8>,
    },
}

/// Distinct values of a chunk, which its pages refer to.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Dictionary {
    /// Reads `count` values of a dictionary page. `None` if they, or the places of their ends, take more than `most` bytes.
    pub(super) fn read(page: &[u8], count: u64, values: Values, most: usize) -> Result<Option<Self>, Fault> {
        let mut dictionary = Self::default();
        let mut at = 0;
        for _ in 0..count {
            plain(page, &mut at, values, &mut dictionary.bytes)?;
            dictionary.ends.push(dictionary.bytes.len());
            if dictionary.bytes.len() > most || dictionary.ends.len() > most / size_of::<usize>() {
                return Ok(None);
            }
        }
        Ok(Some(dictionary))
    }

    fn get(&self, index: u64) -> Result<&[u8], Damage> {
        let index = usize::try_from(index).map_err(|_| Damage)?;
        let end = *self.ends.get(index).ok_or(Damage)?;
        let from = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(from..end).ok_or(Damage)
    }
}

impl Decoder {
    /// Values that begin at `at` of the page. `Err(None)` is damage, `Err(Some(_))` names an unknown encoding.
    pub(super) fn new(
        encoding: i64,
        values: Values,
        page: &[u8],
        at: usize,
        most: u64,
    ) -> Result<Self, Option<&'static str>> {
        let damage = |_: Damage| None;
        if at >= page.len() {
            return Ok(Self::None);
        }
        Ok(match (encoding, values) {
            (0, Values::Boolean) => Self::Bits { bit: at * 8 },
            (0, _) => Self::Plain { at },
            (2 | 8, _) => Self::Dictionary(Hybrid::with_width(page, at).map_err(damage)?),
            (3, Values::Boolean) => {
                let (length, at) = length(page, at).map_err(damage)?;
                Self::Runs(Hybrid::new(at, (at + length).min(page.len()), 1))
            }
            (5, Values::Int { .. }) => Self::Delta(Delta::new(page, at, most).map_err(damage)?),
            (6, Values::Bytes) => {
                let lengths = Delta::new(page, at, most).map_err(damage)?;
                let at = lengths.end(page).map_err(damage)?;
                Self::Lengths { lengths, at }
            }
            (7, Values::Bytes | Values::Fixed(_)) => {
                let prefixes = Delta::new(page, at, most).map_err(damage)?;
                let lengths = prefixes.end(page).and_then(|at| Delta::new(page, at, most)).map_err(damage)?;
                let at = lengths.end(page).map_err(damage)?;
                Self::Prefixes { prefixes, lengths, at, before: Vec::new() }
            }
            (4, _) => return Err(Some("BIT_PACKED")),
            (9, _) => return Err(Some("BYTE_STREAM_SPLIT")),
            _ => return Err(Some("something unknown")),
        })
    }

    /// Appends the next value.
    pub(super) fn next(
        &mut self,
        page: &[u8],
        values: Values,
        dictionary: Option<&Dictionary>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        match self {
            Self::None => return Err(Fault::Damage),
            Self::Plain { at } => plain(page, at, values, out)?,
            Self::Dictionary(indexes) => {
                let value = dictionary.ok_or(Damage)?.get(indexes.next(page)?)?;
                out.extend_from_slice(value);
            }
            Self::Bits { bit } => {
                boolean(bits(page, *bit, 1)?, out);
                *bit += 1;
            }
            Self::Runs(runs) => boolean(runs.next(page)?, out),
            Self::Delta(delta) => match values {
                Values::Int { bytes, signed } => {
                    int(&delta.next(page)?.to_le_bytes()[..bytes.min(8)], signed, out);
                }
                _ => return Err(Fault::Damage),
            },
            Self::Lengths { lengths, at } => {
                let length = number(lengths.next(page)?)?;
                out.extend_from_slice(take(page, at, length)?);
            }
            Self::Prefixes { prefixes, lengths, at, before } => {
                let (prefix, length) = (number(prefixes.next(page)?)?, number(lengths.next(page)?)?);
                if prefix > before.len() {
                    return Err(Fault::Damage);
                }
                let suffix = take(page, at, length)?;
                if prefix + suffix.len() > MAX_VALUE {
                    return Err(Fault::TooLong);
                }
                before.truncate(prefix);
                before.extend_from_slice(suffix);
                out.extend_from_slice(before);
            }
        }
        Ok(())
    }
}

fn plain(page: &[u8], at: &mut usize, values: Values, out: &mut Vec<u8>) -> Result<(), Fault> {
    match values {
        Values::Bytes => {
            let (length, start) = length(page, *at)?;
            *at = start;
            out.extend_from_slice(take(page, at, length)?);
        }
        Values::Fixed(length) => out.extend_from_slice(take(page, at, length)?),
        Values::Int { bytes, signed } => int(take(page, at, bytes)?, signed, out),
        Values::Float => {
            let bytes = take(page, at, 4)?.first_chunk().ok_or(Damage)?;
            write(out, f32::from_le_bytes(*bytes));
        }
        Values::Double => {
            let bytes = take(page, at, 8)?.first_chunk().ok_or(Damage)?;
            write(out, f64::from_le_bytes(*bytes));
        }
        Values::Boolean => return Err(Fault::Damage),
    }
    Ok(())
}

fn take<'a>(page: &'a [u8], at: &mut usize, length: usize) -> Result<&'a [u8], Fault> {
    if length > MAX_VALUE {
        return Err(Fault::TooLong);
    }
    let bytes = page.get(*at..*at + length).ok_or(Damage)?;
    *at += length;
    Ok(bytes)
}

/// The length in the four bytes at `at`, and where they end.
pub(super) fn length(page: &[u8], at: usize) -> Result<(usize, usize), Damage> {
    let bytes = page.get(at..).and_then(<[u8]>::first_chunk::<4>).ok_or(Damage)?;
    Ok((usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| Damage)?, at + 4))
}

fn number(value: i64) -> Result<usize, Damage> {
    usize::try_from(value).map_err(|_| Damage)
}

/// A number of four or eight bytes.
fn int(bytes: &[u8], signed: bool, out: &mut Vec<u8>) {
    if let Some(bytes) = bytes.first_chunk::<8>() {
        if signed { write(out, i64::from_le_bytes(*bytes)) } else { write(out, u64::from_le_bytes(*bytes)) }
    } else if let Some(bytes) = bytes.first_chunk::<4>() {
        if signed { write(out, i32::from_le_bytes(*bytes)) } else { write(out, u32::from_le_bytes(*bytes)) }
    }
}

fn boolean(value: u64, out: &mut Vec<u8>) {
    write(out, value == 1);
}

fn write(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a vector can't fail.
    let _ = write!(out, "{value}");
}
