//! A connection: one account at one destination, and who may use it.

use jiff::Timestamp;
use segue_segment::Destination;
use serde::{Deserialize, Serialize};

/// One account at one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Its name in configuration.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// Where it leads.
    pub destination: Destination,
    /// Who may use it, besides administrators.
    #[serde(default)]
    pub shared_with: SharedWith,
    /// Who agreed that personal data leaves the AWS account over it. Without, nothing may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// Who answers for what is exported over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_user: Option<String>,
    /// The account, as the destination named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// The name of the secret with its credentials.
    pub secret: String,
    /// The share of the account's rate limits that Segue may use, in percent.
    #[serde(default = "whole")]
    pub budget_share: u8,
    /// Whether it may be used now.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Who may use a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SharedWith {
    /// Administrators only.
    #[default]
    Administrators,
    /// Contributors too.
    Contributors,
}

/// Consent to the terms of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The version of the text.
    pub terms: u32,
    /// The AWS identity that agreed, as STS named it.
    pub agreed_by: String,
    /// When.
    pub agreed_at: Timestamp,
}

/// An account at a destination. Connections to the same account share its rate limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The destination's id for it.
    pub id: String,
    /// The destination's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Connection {
    /// The version of the terms that has to be agreed to.
    pub const TERMS: u32 = 1;

    /// Whether somebody agreed to the terms as they are now.
    #[must_use]
    pub fn has_consent(&self) -> bool {
        self.consent.as_ref().is_some_and(|consent| consent.terms >= Self::TERMS)
    }

    /// The lane of this connection: its account, or itself as long as the account is not known.
    #[must_use]
    pub fn lane(&self) -> &str {
        self.account.as_ref().map_or(&self.id, |account| &account.id)
    }
}

pub(super) const fn yes() -> bool {
    true
}

const fn whole() -> u8 {
    100
}
