//! What is done with compressed bytes: no more comes out than is allowed, in pieces they come to the same as whole,
//! and nothing may panic. Half of the inputs are such bytes; the other half say what is to be compressed, so that
//! the checksums are right and what must come out is known.
#![allow(clippy::unwrap_used, reason = "a finding is told by panicking")]

use std::io::Write;

use segue_source::{ColumnError, Compression, Fields, Format, Options, Reader, Rows, SourceError};

/// Most bytes that a file may unpack to: the last is beyond those from which on its ratio is looked at.
const LIMITS: [u64; 4] = [100, 5_000, 1 << 20, Options::GRACE + (4 << 20)];

/// The text of the one column, each row with a line end.
#[derive(Default, PartialEq, Eq, Debug)]
struct Kept(Vec<u8>);

impl Rows for Kept {
    fn wanted(&mut self) -> Vec<String> {
        vec!["1".to_owned()]
    }

    fn missing(&mut self, _: usize, _: ColumnError) {}

    fn row(&mut self, _: u64, fields: &Fields<'_>) {
        self.0.extend_from_slice(fields.get(0));
        self.0.push(b'\n');
    }
}

fn read(max_bytes: u64, bytes: &[u8], piece: usize) -> Result<Kept, SourceError> {
    let options = Options {
        format: Some(Format::Delimited),
        delimiter: Some(";".parse().unwrap()),
        header: false,
        max_bytes,
        ..Options::default()
    };
    let mut kept = Kept::default();
    let mut reader = Reader::new(options);
    let result = bytes.chunks(piece).try_for_each(|part| reader.feed(part, &mut kept));
    let result = result.and_then(|()| reader.finish(&mut kept));
    // UTF-16 grows by half on its way to UTF-8, and the last line may have no end.
    let packed = reader.found().is_some_and(|found| found.compression != Compression::None);
    if packed {
        assert!(kept.0.len() as u64 <= max_bytes / 2 * 3 + 2, "{} of {max_bytes} bytes", kept.0.len());
    }
    result.map(|_| kept)
}

/// Compressed bytes.
pub(crate) fn packed(data: &[u8]) {
    let Some((&[mode, piece, limit], rest)) = data.split_first_chunk() else { return };
    let (piece, limit) = (usize::from(piece) + 1, LIMITS[usize::from(limit % 4)]);
    if mode % 2 == 0 {
        let _ = same(limit, rest, piece);
    } else if let Some(recipe) = Recipe::of(rest) {
        recipe.check(limit, piece);
    }
}

fn same(limit: u64, bytes: &[u8], piece: usize) -> Result<Kept, SourceError> {
    let whole = read(limit, bytes, usize::MAX);
    let parts = read(limit, bytes, piece);
    match (&whole, &parts) {
        // Of several mistakes, the first that is noticed depends on the pieces.
        (Err(_), Err(_)) => {}
        (whole, parts) => assert_eq!(whole, parts),
    }
    whole
}

/// What is to be compressed, and what happens to it then.
struct Recipe {
    codec: u8,
    members: Vec<Vec<u8>>,
    twice: bool,
    padding: usize,
    /// So many bytes are missing at the end.
    cut: usize,
    /// A place and what it is combined with.
    flip: Option<(usize, u8)>,
}

impl Recipe {
    fn of(data: &[u8]) -> Option<Self> {
        let (&[codec, twice, padding, cut, at, flip], mut rest) = data.split_first_chunk()?;
        let mut members = Vec::new();
        while let Some((&[length, times], after)) = rest.split_first_chunk() {
            let (content, after) = after.split_at(after.len().min(length.into()));
            // A bomb is something short many times.
            members.push(content.repeat(1 << (times % 10)));
            rest = after;
        }
        let (padding, cut) = (usize::from(padding % 16), usize::from(cut % 64));
        let flip = (flip != 0).then_some((usize::from(at), flip));
        (!members.is_empty()).then_some(Self { codec, members, twice: twice % 8 == 1, padding, cut, flip })
    }

    fn check(self, limit: u64, piece: usize) {
        let mut packed: Vec<u8> = self.members.iter().flat_map(|member| pack(self.codec, member)).collect();
        if self.twice {
            packed = pack(self.codec / 3, &packed);
        }
        packed.resize(packed.len() + self.padding, 0);
        // What is shorter is no longer known to be compressed.
        let cut = self.cut.min(packed.len() - 4);
        packed.truncate(packed.len() - cut);
        if let Some((at, flip)) = self.flip {
            let length = packed.len();
            packed[at % length] ^= flip;
        }
        let found = same(limit, &packed, piece);
        // What is cut off between two members is whole.
        let cut_off = cut > self.padding;
        if self.flip.is_some() || (cut_off && !self.twice && self.members.len() > 1) {
            return;
        }
        let plain = self.members.concat();
        if self.twice || plain.len() as u64 > limit {
            assert!(found.is_err(), "nested, or too large");
        } else if cut_off {
            assert!(found.is_err(), "cut off by {cut}");
        } else {
            let unpacked = read(u64::MAX, &plain, usize::MAX);
            match (found, unpacked) {
                // A text that begins as compressed files do.
                (Err(SourceError::Nested { .. }), _) => {}
                (Ok(found), Ok(unpacked)) => assert_eq!(found, unpacked),
                (found, unpacked) => assert_eq!(found.is_err(), unpacked.is_err()),
            }
        }
    }
}

fn pack(codec: u8, bytes: &[u8]) -> Vec<u8> {
    match codec % 3 {
        0 => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        1 => zstd::encode_all(bytes, 1).unwrap(),
        _ => {
            let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
    }
}
