//! Why a row was refused: a closed list. A vendor's own text is never kept, since it echoes people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a row was refused, by us (`invalid`) or by the destination (`rejected`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The mapped e-mail field is empty.
    Empty,
    /// The text is not an e-mail address.
    NotAnAddress,
    /// The address is longer than 254 characters, or its local part than 64 (RFC 5321, 4.5.3.1).
    TooLong,
    /// There are control characters in it.
    ControlCharacters,
    /// There are letters outside ASCII before its @, or a domain of which it is not sure what it is in ASCII.
    NotAscii,
    /// The destination does not take this address as a real one.
    AddressRefused,
    /// The contact left, bounced or is under review: only the person can come back.
    ComplianceState,
    /// The contact was deleted for good and can't be imported again.
    PermanentlyDeleted,
    /// The address has signed up to too many audiences lately.
    SignupsThrottled,
    /// The destination refused an attribute of the profile.
    AttributeRefused,
    /// The profile is larger than the destination takes.
    ProfileTooLarge,
    /// The destination refused the row and gave no reason that we know.
    Refused,
    /// The contact left the audience: unsubscribed by themselves or by somebody for them. Held back.
    Unsubscribed,
    /// Mail to the contact bounced, so the destination gave the address up. Held back.
    Cleaned,
    /// The contact was archived; adding it could bring it back to life. Held back.
    Archived,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 15] = [
        Self::Empty,
        Self::NotAnAddress,
        Self::TooLong,
        Self::ControlCharacters,
        Self::NotAscii,
        Self::AddressRefused,
        Self::ComplianceState,
        Self::PermanentlyDeleted,
        Self::SignupsThrottled,
        Self::AttributeRefused,
        Self::ProfileTooLarge,
        Self::Refused,
        Self::Unsubscribed,
        Self::Cleaned,
        Self::Archived,
    ];

    /// The word that stands for it in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotAnAddress => "not_an_address",
            Self::TooLong => "too_long",
            Self::ControlCharacters => "control_characters",
            Self::NotAscii => "not_ascii",
            Self::AddressRefused => "address_refused",
            Self::ComplianceState => "compliance_state",
            Self::PermanentlyDeleted => "permanently_deleted",
            Self::SignupsThrottled => "signups_throttled",
            Self::AttributeRefused => "attribute_refused",
            Self::ProfileTooLarge => "profile_too_large",
            Self::Refused => "refused",
            Self::Unsubscribed => "unsubscribed",
            Self::Cleaned => "cleaned",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_records_is_the_name() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
