//! One row of a drop, on its way to a destination.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Email, EmailHash};

/// Where a profile stood: the part of the run's drops, and the row in it. The first row after the header is row 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowRef {
    /// Index into the parts that `run.json` lists, from 0.
    pub part: u32,
    /// Row number within the part, from 1.
    pub row: u64,
}

/// What a destination knows a person by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The hash of the address.
    Hash(EmailHash),
    /// The address.
    Email(Email<'a>),
}

/// A profile as a chunk holds it. Names are people's: `Debug` is redacted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Profile<'a> {
    /// Where it stood.
    pub at: RowRef,
    /// Whom it is about.
    pub identity: Identity<'a>,
    /// First name, where mapped and present.
    pub first_name: Option<&'a str>,
    /// Last name, where mapped and present.
    pub last_name: Option<&'a str>,
}

impl<'a> Profile<'a> {
    /// The address in clear, for a payload; `None` where the chunk holds hashes only.
    #[must_use]
    pub const fn email(&self) -> Option<&'a str> {
        match self.identity {
            Identity::Email(email) => Some(email.expose()),
            Identity::Hash(_) => None,
        }
    }
}

impl fmt::Debug for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({}:{})", self.at.part, self.at.row)
    }
}
