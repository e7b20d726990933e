//! Text in another encoding to UTF-8, block by block.

use crate::error::SourceError;
use crate::options::Encoding;

/// Bytes that are handed on at once.
const BLOCK: usize = 64 << 10;

/// A decoder for one file.
pub(crate) struct Decode {
    encoding: Encoding,
    decoder: encoding_rs::Decoder,
    block: Vec<u8>,
}

/// Where the bytes stopped making sense.
pub(crate) enum Decoded {
    /// Nowhere.
    All,
    /// Behind what was handed on.
    Malformed,
}

impl Decode {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self { encoding, decoder: encoding.decoder(), block: vec![0; BLOCK] }
    }

    pub(crate) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Hands the text of `bytes` on to `sink`. `last` says that no more bytes will come.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        last: bool,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), SourceError>,
    ) -> Result<Decoded, SourceError> {
        use encoding_rs::DecoderResult::{InputEmpty, Malformed, OutputFull};
        loop {
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(bytes, &mut self.block, last);
            if written > 0 {
                sink(&self.block[..written])?;
            }
            bytes = &bytes[read..];
            match result {
                InputEmpty => return Ok(Decoded::All),
                OutputFull => {}
                Malformed(..) => return Ok(Decoded::Malformed),
            }
        }
    }
}
