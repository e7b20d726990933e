//! The domain, without I/O: e-mail addresses, profiles, hashes, chunks, reasons, counts.
//!
//! Everything here is a pure function or a value. What a row becomes on its way from a drop to a destination is
//! decided in this crate, and nowhere else.

pub mod addresses;
pub mod attribute;
pub mod chunk;
pub mod counts;
pub mod destination;
pub mod email;
pub mod hash;
pub mod profile;
pub mod reason;
pub mod unique;

pub use chunk::{Chunk, ChunkError, ChunkWriter};
pub use counts::Counts;
pub use destination::Destination;
pub use email::Email;
pub use hash::EmailHash;
pub use profile::{Identity, Profile, RowRef};
pub use reason::Reason;
