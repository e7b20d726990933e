//! The table of destinations: what fan-out has to know of each before a chunk exists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where profiles go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// Snapchat customer-list segments.
    Snapchat,
    /// Mailchimp audiences.
    Mailchimp,
    /// Klaviyo lists.
    Klaviyo,
}

/// What a chunk for a destination holds of each profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The SHA-256 of the normalised e-mail address, nothing else.
    Hashes,
    /// The normalised e-mail address, and first and last name where they are mapped.
    Profiles,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The name in configuration, keys and messages.
    pub name: &'static str,
    /// The name as its owner writes it.
    pub display_name: &'static str,
    /// What its chunks hold.
    pub form: Form,
    /// Profiles in one API call, at most: Snapchat 100,000 identifiers (quoted by RudderStack's connector), Mailchimp
    /// 500 members (Marketing API 3.0.55), Klaviyo 10,000 profiles (OpenAPI, revision 2026-07-15).
    pub profiles_per_call: usize,
    /// Profiles in one chunk: at most some 30 seconds of calls at the destination's pace.
    pub profiles_per_chunk: usize,
    /// Profiles in one run, unless the export sets its own limit.
    pub default_limit: u64,
    /// The destination makes no use of audiences of fewer people: Snapchat targets from 1,000 matched users on
    /// (Salesforce Data 360's connector page; Amperity's docs).
    pub useful_from: u64,
}

impl Destination {
    /// Every destination there is.
    pub const ALL: [Self; 3] = [Self::Snapchat, Self::Mailchimp, Self::Klaviyo];

    /// This destination's row of the table.
    ///
    /// A chunk is not a call. It is sized so that a crash repeats some 30 seconds of calls at the most, while the
    /// requests to S3 and SQS that a chunk costs stay a small part of a run's price.
    #[must_use]
    pub const fn shape(self) -> Shape {
        match self {
            Self::Snapchat => Shape {
                name: "snapchat",
                display_name: "Snapchat",
                form: Form::Hashes,
                profiles_per_call: 100_000,
                profiles_per_chunk: 300_000,
                default_limit: 1_000_000,
                useful_from: 1_000,
            },
            Self::Mailchimp => Shape {
                name: "mailchimp",
                display_name: "Mailchimp",
                form: Form::Profiles,
                profiles_per_call: 500,
                profiles_per_chunk: 45_000,
                default_limit: 1_000_000,
                useful_from: 0,
            },
            Self::Klaviyo => Shape {
                name: "klaviyo",
                display_name: "Klaviyo",
                form: Form::Profiles,
                profiles_per_call: 10_000,
                // Twenty calls: what the account's budget lets through in two seconds.
                profiles_per_chunk: 200_000,
                default_limit: 100_000,
                useful_from: 0,
            },
        }
    }

    /// The name in configuration, keys and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.shape().name
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no destination's.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no destination; use snapchat, mailchimp or klaviyo")]
pub struct UnknownDestination(String);

impl FromStr for Destination {
    type Err = UnknownDestination;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| UnknownDestination(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_destination() {
        for destination in Destination::ALL {
            assert_eq!(destination.name().parse::<Destination>().unwrap(), destination);
        }
        assert!("snap".parse::<Destination>().unwrap_err().to_string().contains("use snapchat"));
    }

    #[test]
    fn a_chunk_is_a_whole_number_of_calls() {
        for destination in Destination::ALL {
            let shape = destination.shape();
            assert_eq!(shape.profiles_per_chunk % shape.profiles_per_call, 0, "{destination}");
        }
    }
}
