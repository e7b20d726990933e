//! The three codecs, as steps from bytes to bytes.

use bzip2::{Decompress as Bunzip, Status as BunzipStatus};
use flate2::{Decompress as Inflate, FlushDecompress, Status as InflateStatus};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use crate::found::Compression;

/// The largest window of zstd, in bytes: what it holds of the past. The tool's highest level, `--ultra -22`, uses it.
pub(super) const MAX_WINDOW: u64 = 1 << WINDOW_LOG;
const WINDOW_LOG: u32 = 27;
/// Bytes in which a member has its magic number.
pub(super) const MAGIC: u64 = 4;

/// What a step did.
pub(super) struct Step {
    pub(super) read: usize,
    pub(super) written: usize,
    /// A member or frame is whole; the next byte begins another.
    pub(super) ended: bool,
}

/// Why a step can't be made.
pub(super) enum Fault {
    Damaged,
    /// It would need too much memory.
    Window,
}

/// One way of compressing.
pub(super) trait Codec: Send {
    /// Whether a member or frame may begin with this byte.
    fn may_begin_with(&self, byte: u8) -> bool;
    /// Unpacks some of `from` into `to`.
    fn step(&mut self, from: &[u8], to: &mut [u8]) -> Result<Step, Fault>;
}

pub(super) fn of(compression: Compression) -> Option<Box<dyn Codec>> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some(Box::new(Gzip(None))),
        Compression::Zstd => Zstd::new().map(|zstd| Box::new(zstd) as Box<dyn Codec>),
        Compression::Bzip2 => Some(Box::new(Bzip2(None))),
    }
}

/// The member that is being read.
struct Gzip(Option<Inflate>);

impl Codec for Gzip {
    fn may_begin_with(&self, byte: u8) -> bool {
        byte == 0x1f
    }

    fn step(&mut self, from: &[u8], to: &mut [u8]) -> Result<Step, Fault> {
        let inflate = self.0.get_or_insert_with(|| Inflate::new_gzip(15));
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(from, to, FlushDecompress::None).map_err(|_| Fault::Damaged)?;
        let step = Step {
            read: since(read, inflate.total_in()),
            written: since(written, inflate.total_out()),
            ended: status == InflateStatus::StreamEnd,
        };
        if step.ended {
            self.0 = None;
        }
        Ok(step)
    }
}

struct Bzip2(Option<Bunzip>);

impl Codec for Bzip2 {
    fn may_begin_with(&self, byte: u8) -> bool {
        byte == b'B'
    }

    fn step(&mut self, from: &[u8], to: &mut [u8]) -> Result<Step, Fault> {
        let bunzip = self.0.get_or_insert_with(|| Bunzip::new(false));
        let (read, written) = (bunzip.total_in(), bunzip.total_out());
        let status = bunzip.decompress(from, to).map_err(|_| Fault::Damaged)?;
        let step = Step {
            read: since(read, bunzip.total_in()),
            written: since(written, bunzip.total_out()),
            ended: status == BunzipStatus::StreamEnd,
        };
        if step.ended {
            self.0 = None;
        }
        Ok(step)
    }
}

fn since(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

/// Begins the next frame by itself.
struct Zstd(Decoder<'static>);

impl Zstd {
    fn new() -> Option<Self> {
        let mut decoder = Decoder::new().ok()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).ok()?;
        Some(Self(decoder))
    }
}

impl Codec for Zstd {
    fn may_begin_with(&self, byte: u8) -> bool {
        matches!(byte, 0x28 | 0x50..=0x5f)
    }

    fn step(&mut self, from: &[u8], to: &mut [u8]) -> Result<Step, Fault> {
        let mut input = InBuffer::around(from);
        let mut output = OutBuffer::around(to);
        let left = self.0.run(&mut input, &mut output).map_err(|error| {
            // The library has a code for it, its binding the text only.
            if error.to_string().contains("too much memory") { Fault::Window } else { Fault::Damaged }
        })?;
        let (read, written) = (input.pos(), output.pos());
        Ok(Step { read, written, ended: left == 0 })
    }
}
