//! Pages: their headers, and their contents unpacked.

use std::io::Read;

use super::error::ParquetError;
use super::footer::Leaf;
use super::thrift::{Broken, Kind, Thrift};

/// Largest page, packed or unpacked, in MiB. Pages are of 1 MiB as a rule.
pub(super) const MAX_PAGE_MIB: usize = 32;
const MAX_PAGE: usize = MAX_PAGE_MIB << 20;

/// What stands before a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Option<PageKind>,
    /// Bytes of the page as it lies in the file.
    pub(super) packed: usize,
    unpacked: usize,
    crc: Option<u32>,
    pub(super) values: u64,
    pub(super) encoding: i64,
    /// How levels are encoded; version 2 knows one way only.
    pub(super) levels: i64,
    /// Bytes of levels before the values, not packed; version 2.
    pub(super) repetition: usize,
    pub(super) definition: usize,
    plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageKind {
    Data,
    DataV2,
    Dictionary,
}

/// Run-length encoded, for levels.
pub(super) const RLE: i64 = 3;

impl Header {
    /// Reads the header at the beginning of `bytes`. Answers how long it was, too.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), Broken> {
        let mut header = Self { levels: RLE, ..Self::default() };
        let mut thrift = Thrift::new(bytes);
        let mut kind = 0;
        thrift.fields(|thrift, id, field| {
            match id {
                1 => kind = thrift.int(field)?,
                2 => header.unpacked = size(thrift.size(field)?)?,
                3 => header.packed = size(thrift.size(field)?)?,
                // It is written as a signed number.
                4 => header.crc = i32::try_from(thrift.int(field)?).ok().map(i32::cast_unsigned),
                5 | 7 => header.values(thrift)?,
                8 => header.values_v2(thrift)?,
                _ => thrift.skip(field)?,
            }
            Ok(())
        })?;
        header.kind = match kind {
            0 => Some(PageKind::Data),
            2 => Some(PageKind::Dictionary),
            3 => Some(PageKind::DataV2),
            // An index, which no one ever wrote.
            _ => None,
        };
        Ok((header, thrift.at()))
    }

    /// A data page's and a dictionary's header begin alike.
    fn values(&mut self, thrift: &mut Thrift<'_>) -> Result<(), Broken> {
        thrift.fields(|thrift, id, kind| {
            match id {
                1 => self.values = thrift.size(kind)?,
                2 => self.encoding = thrift.int(kind)?,
                // Of a dictionary this says whether it is sorted.
                3 => match kind {
                    Kind::Int => self.levels = thrift.int(kind)?,
                    kind => thrift.skip(kind)?,
                },
                _ => thrift.skip(kind)?,
            }
            Ok(())
        })
    }

    fn values_v2(&mut self, thrift: &mut Thrift<'_>) -> Result<(), Broken> {
        thrift.fields(|thrift, id, kind| {
            match id {
                1 => self.values = thrift.size(kind)?,
                4 => self.encoding = thrift.int(kind)?,
                5 => self.definition = size(thrift.size(kind)?)?,
                6 => self.repetition = size(thrift.size(kind)?)?,
                7 => self.plain = !Thrift::bool(kind)?,
                _ => thrift.skip(kind)?,
            }
            Ok(())
        })
    }

    /// Whether it is too large to be held.
    pub(super) const fn is_too_large(&self) -> bool {
        self.packed > MAX_PAGE || self.unpacked > MAX_PAGE
    }

    /// Unpacks the page `packed` into `page`, levels included.
    pub(super) fn unpack(
        &self,
        packed: &[u8],
        codec: i64,
        page: &mut Vec<u8>,
        leaf: &Leaf,
    ) -> Result<(), ParquetError> {
        const DAMAGED: ParquetError = ParquetError::Damaged("data");
        if self.crc.is_some_and(|crc| crc32fast::hash(packed) != crc) {
            return Err(DAMAGED);
        }
        page.clear();
        // Only version 2 has levels that are not packed.
        let levels = self.repetition + self.definition;
        let (levels, data) = packed.split_at_checked(levels).ok_or(DAMAGED)?;
        let size = self.unpacked.checked_sub(levels.len()).ok_or(DAMAGED)?;
        page.extend_from_slice(levels);
        if self.plain || codec == 0 || size == 0 {
            if size != data.len() && !(size == 0 && codec != 0) {
                return Err(DAMAGED);
            }
            page.extend_from_slice(data.get(..size).ok_or(DAMAGED)?);
            return Ok(());
        }
        page.resize(self.unpacked, 0);
        let out = page.get_mut(levels.len()..).ok_or(DAMAGED)?;
        match unpack(codec, data, out) {
            Ok(true) => Ok(()),
            Ok(false) => Err(DAMAGED),
            Err(codec) => Err(ParquetError::Codec { column: leaf.path.clone(), codec }),
        }
    }
}

fn size(size: u64) -> Result<usize, Broken> {
    usize::try_from(size).ok().filter(|&size| i32::try_from(size).is_ok()).ok_or(Broken::Wrong)
}

/// Fills `out` from `packed`, and says whether that took exactly all of both. The error names an unknown codec.
fn unpack(codec: i64, packed: &[u8], out: &mut [u8]) -> Result<bool, &'static str> {
    let filled = |length: Option<usize>, out: &[u8]| length == Some(out.len());
    Ok(match codec {
        1 => filled(snap::raw::Decoder::new().decompress(packed, out).ok(), out),
        2 => {
            let mut gzip = flate2::bufread::MultiGzDecoder::new(packed);
            gzip.read_exact(out).is_ok() && matches!(gzip.read(&mut [0]), Ok(0))
        }
        5 => {
            hadoop_lz4(packed, out).is_some()
                || filled(lz4_flex::block::decompress_into(packed, out).ok(), out)
        }
        6 => filled(zstd::bulk::decompress_to_buffer(packed, out).ok(), out),
        7 => filled(lz4_flex::block::decompress_into(packed, out).ok(), out),
        3 => return Err("LZO"),
        4 => return Err("Brotli"),
        _ => return Err("something unknown"),
    })
}

/// Hadoop's frames around LZ4 blocks: the length unpacked and the length packed, each in four bytes.
fn hadoop_lz4(mut packed: &[u8], mut out: &mut [u8]) -> Option<()> {
    while !out.is_empty() {
        let (unpacked, rest) = packed.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let unpacked = usize::try_from(u32::from_be_bytes(*unpacked)).ok()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (block, rest) = rest.split_at_checked(length)?;
        let (to, behind) = out.split_at_mut_checked(unpacked)?;
        if unpacked == 0 || lz4_flex::block::decompress_into(block, to).ok()? != unpacked {
            return None;
        }
        (packed, out) = (rest, behind);
    }
    packed.is_empty().then_some(())
}
