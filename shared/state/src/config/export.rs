//! An export: segments, over a connection, to an audience.

use serde::{Deserialize, Serialize};

use super::Source;
use super::connection::yes;

/// A configured flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Its name in configuration.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// The connection it uses; empty while it is detached.
    pub connection: String,
    /// Snapchat's segment id, Mailchimp's audience id or Klaviyo's list id.
    pub audience_id: String,
    /// The segments whose profiles it sends.
    pub segments: Vec<String>,
    /// Which columns hold what.
    pub fields: Fields,
    /// How its segments' files are to be read.
    #[serde(default, skip_serializing_if = "Source::is_default")]
    pub source: Source,
    /// Mailchimp only, and required there: how people are added who are not in the audience yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_contacts: Option<NewContacts>,
    /// Mailchimp only: what happens to people who are in the audience already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_contacts: Option<ExistingContacts>,
    /// Mailchimp only: what happens to people who left the audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_who_left: Option<PeopleWhoLeft>,
    /// Mailchimp only: tags that its contacts get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What starts it, besides an operator.
    #[serde(default)]
    pub triggers: Triggers,
    /// Limits and guards.
    #[serde(default)]
    pub limits: Limits,
    /// Whether it may run.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// The columns of a drop that are sent ("data matching").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The column with the e-mail address.
    pub email: String,
    /// The column with the first name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The column with the last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
}

/// The status that new contacts get at Mailchimp. Those who are there already keep theirs, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NewContacts {
    /// They get mail at once. You have their permission.
    Subscribed,
    /// Mailchimp asks them first.
    Pending,
    /// They get no marketing mail.
    Transactional,
    /// They are kept as not subscribed.
    Unsubscribed,
}

impl Export {
    /// Whether it has no connection. It keeps its configuration, and runs again once it is attached to one.
    #[must_use]
    pub const fn is_detached(&self) -> bool {
        self.connection.is_empty()
    }

    /// Whether uploads and schedules start it: it is enabled, and has a connection.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.enabled && !self.is_detached()
    }

    /// What happens to people who are in the audience already.
    #[must_use]
    pub fn existing_contacts(&self) -> ExistingContacts {
        self.existing_contacts.unwrap_or_default()
    }

    /// What happens to people who left the audience.
    #[must_use]
    pub fn people_who_left(&self) -> PeopleWhoLeft {
        self.people_who_left.unwrap_or_default()
    }
}

impl NewContacts {
    /// The word in configuration, which is Mailchimp's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Pending => "pending",
            Self::Transactional => "transactional",
            Self::Unsubscribed => "unsubscribed",
        }
    }
}

/// What happens to people who are in a Mailchimp audience already. Nothing changes the status that they have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExistingContacts {
    /// They are left alone.
    #[default]
    Keep,
    /// Their names and tags are brought up to date.
    Update,
}

/// What happens to people who left a Mailchimp audience: unsubscribed, given up after bounces, or archived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PeopleWhoLeft {
    /// They are not sent; each of their rows is rejected with the reason.
    #[default]
    HoldBack,
    /// They are sent like all the others, and an archived contact may come back to life by that.
    MayComeBack,
}

/// What starts an export, besides an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// A drop of one of its segments starts it over this drop.
    #[serde(default = "yes")]
    pub upload: bool,
    /// The stack's schedule starts it over the latest drops of its segments.
    #[serde(default = "yes")]
    pub schedule: bool,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { upload: true, schedule: true }
    }
}

/// What a run may do at most, and what stops it before anything is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most profiles that a run may send; the destination's default if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<u64>,
    /// Least profiles that a run must have to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_profiles: Option<u64>,
    /// Most invalid rows, as a share of all rows from 0 to 1.
    #[serde(default = "fifth")]
    pub invalid_share: f64,
    /// Most that the number of profiles may differ from that of the last completed run, as a share of that. A run that
    /// differs more is refused; none is if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_share: Option<f64>,
    /// The same, but such a run goes on, with a warning; null for none.
    #[serde(default = "half", skip_serializing_if = "is_half")]
    pub warn_change_share: Option<f64>,
    /// Columns that every file must have, besides the mapped ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// How long after sealing a run may still be delivering, in minutes.
    #[serde(default = "day")]
    pub deadline_minutes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            profiles: None,
            min_profiles: None,
            invalid_share: fifth(),
            change_share: None,
            warn_change_share: half(),
            columns: Vec::new(),
            deadline_minutes: day(),
        }
    }
}

const fn fifth() -> f64 {
    0.2
}

/// Written by an option, so that null can say that there is no such share.
#[expect(clippy::unnecessary_wraps)]
const fn half() -> Option<f64> {
    Some(0.5)
}

/// What is as by default is not written: a release before this one refuses fields that it does not know.
#[expect(clippy::ref_option, reason = "serde hands the field on as it is")]
fn is_half(share: &Option<f64>) -> bool {
    *share == half()
}

const fn day() -> u32 {
    24 * 60
}

/// Who may change an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Administrators only.
    Administrators,
    /// Contributors too.
    Contributors,
}

impl Role {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Administrators, Self::Contributors];

    /// Who invoked a function, by the alias that it was invoked by. Only administrators may invoke it by its name alone.
    #[must_use]
    pub fn by_alias(alias: Option<&str>) -> Self {
        if alias == Some(Self::Contributors.name()) { Self::Contributors } else { Self::Administrators }
    }

    /// The word in keys, and the alias of the functions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrators => "administrators",
            Self::Contributors => "contributors",
        }
    }
}
