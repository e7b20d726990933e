//! The three destinations by name, and the path prefix that each is served under.
use serde::{Deserialize, Serialize};

/// One of the faked destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// Snapchat's Marketing API.
    Snapchat,
    /// Mailchimp's Marketing API 3.0.
    Mailchimp,
    /// Klaviyo's API.
    Klaviyo,
}

impl Destination {
    /// All of them, in the order that reports use.
    pub const ALL: [Self; 3] = [Self::Snapchat, Self::Mailchimp, Self::Klaviyo];

    /// The lower-case name, as in paths and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapchat => "snapchat",
            Self::Mailchimp => "mailchimp",
            Self::Klaviyo => "klaviyo",
        }
    }

    /// Splits a request's path into the destination and the path below its prefix.
    pub(crate) fn of_path(path: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|destination| {
            let rest = path.strip_prefix('/')?.strip_prefix(destination.name())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((destination, rest))
        })
    }
}
