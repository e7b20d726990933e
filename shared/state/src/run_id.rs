//! A run's id: it sorts by time, and is a function of what started the run.

use std::fmt;

use data_encoding::BASE32HEX_NOPAD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A run's id, such as `20261122T163512Z-4f2k9q0a1b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The id of the run that an event at `at` starts. `cause` is what makes it the same event or another one: the
    /// export, and the object with its sequencer, the schedule's time, or the request's id.
    #[must_use]
    pub fn of(at: Timestamp, cause: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in cause {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let name = BASE32HEX_NOPAD.encode(&digest.finalize()[..10]).to_lowercase();
        Self(format!("{}-{name}", at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ")))
    }

    /// Takes an id from a key, a message or a command line. What is no id is no key either, so nothing is found.
    ///
    /// # Errors
    /// [`NoRunId`] for text that could reach another key.
    pub fn parse(text: &str) -> Result<Self, NoRunId> {
        let plain = !text.is_empty() && text.len() <= 64;
        if plain && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoRunId)
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that is no run's id.
#[derive(Debug, thiserror::Error)]
#[error("not a run's id; `segue run list` shows them")]
pub struct NoRunId;

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_gives_the_same_run_and_another_one_another() {
        let at: Timestamp = "2026-11-22T16:35:12.345Z".parse().unwrap();
        let id = RunId::of(at, &["export", "bucket/key", "0055"]);
        assert_eq!(id, RunId::of(at, &["export", "bucket/key", "0055"]));
        assert_ne!(id, RunId::of(at, &["export", "bucket/key", "0056"]));
        assert_ne!(RunId::of(at, &["ab", "c"]), RunId::of(at, &["a", "bc"]));
        assert!(id.as_str().starts_with("20261122T163512Z-"));
        assert_eq!(RunId::parse(id.as_str()).unwrap(), id);
    }

    #[test]
    fn no_id_leads_out_of_its_folder() {
        for text in ["", "../x", "a/b", "a.json", "é"] {
            assert!(RunId::parse(text).is_err(), "{text}");
        }
    }
}
