//! Unpacking what was compressed as a whole: every member or frame of it, within bounds.
//!
//! Zeros after the last member are padding, as gzip(1) has it. Anything else there is refused rather than ignored:
//! it may be a member whose beginning was lost, and a part of a segment must not pass for all of it.

mod codec;

use crate::error::SourceError;
use crate::found::Compression;
use crate::options::Options;
use codec::{Codec, Fault, Step};

/// Bytes that are handed on at once.
const BLOCK: usize = 128 << 10;

/// Takes a sink's blocks.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), SourceError>;

/// An unpacker for one file.
pub(crate) struct Unpacker {
    compression: Compression,
    codec: Box<dyn Codec>,
    place: Place,
    /// Whole members so far.
    members: u64,
    max_ratio: u64,
    max_bytes: u64,
    taken: u64,
    given: u64,
    block: Vec<u8>,
    filled: usize,
}

/// Where in the compressed data the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between members, or before the first.
    Between,
    /// So many bytes inside one.
    Inside(u64),
    /// In the zeros after the last.
    Padding,
}

impl Unpacker {
    /// `None` for what needs no unpacking.
    pub(crate) fn new(compression: Compression, options: &Options) -> Option<Self> {
        Some(Self {
            compression,
            codec: codec::of(compression)?,
            place: Place::Between,
            members: 0,
            max_ratio: options.max_ratio.into(),
            max_bytes: options.max_bytes,
            taken: 0,
            given: 0,
            block: vec![0; BLOCK],
            filled: 0,
        })
    }

    pub(crate) const fn compression(&self) -> Compression {
        self.compression
    }

    /// Hands on what `bytes` unpack to.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> Result<(), SourceError> {
        loop {
            match self.place {
                Place::Padding if bytes.iter().all(|&byte| byte == 0) => break,
                Place::Padding => return Err(SourceError::Trailing(self.compression)),
                Place::Between => {
                    let Some(&first) = bytes.first() else { break };
                    if self.codec.may_begin_with(first) {
                        self.place = Place::Inside(0);
                    } else if first == 0 && self.members > 0 {
                        self.place = Place::Padding;
                    } else {
                        return Err(SourceError::Trailing(self.compression));
                    }
                }
                Place::Inside(at) => {
                    let step = self.step(bytes, at)?;
                    bytes = &bytes[step.read..];
                    self.filled += step.written;
                    self.place = Place::Inside(at + step.read as u64);
                    if step.ended {
                        self.place = Place::Between;
                        self.members += 1;
                    } else if bytes.is_empty() && self.filled < self.block.len() {
                        break;
                    } else if step.read == 0 && step.written == 0 && self.filled < self.block.len() {
                        return Err(SourceError::Damaged(self.compression));
                    }
                    if self.filled == self.block.len() {
                        self.hand_on(sink)?;
                    }
                }
            }
        }
        self.hand_on(sink)
    }

    /// The end of the file.
    pub(crate) fn finish(&self) -> Result<(), SourceError> {
        match self.place {
            Place::Inside(_) => Err(SourceError::Truncated(self.compression)),
            Place::Between | Place::Padding => Ok(()),
        }
    }

    fn step(&mut self, bytes: &[u8], at: u64) -> Result<Step, SourceError> {
        let step = self.codec.step(bytes, &mut self.block[self.filled..]);
        let step = step.map_err(|fault| match fault {
            Fault::Window => SourceError::Window(codec::MAX_WINDOW >> 20),
            Fault::Damaged if self.members > 0 && at < codec::MAGIC => {
                SourceError::Trailing(self.compression)
            }
            Fault::Damaged => SourceError::Damaged(self.compression),
        })?;
        self.taken += step.read as u64;
        Ok(step)
    }

    fn hand_on(&mut self, sink: Sink<'_>) -> Result<(), SourceError> {
        let filled = std::mem::take(&mut self.filled);
        self.given += filled as u64;
        if self.given > self.max_bytes {
            return Err(SourceError::TooLarge { limit: self.max_bytes });
        }
        if self.given > Options::GRACE && self.given > self.taken.saturating_mul(self.max_ratio) {
            return Err(SourceError::Ratio { limit: u32::try_from(self.max_ratio).unwrap_or(u32::MAX) });
        }
        if filled > 0 { sink(&self.block[..filled]) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
