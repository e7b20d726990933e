//! What a file may say of connections and exports. Its JSON Schema is made of this.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use segue_segment::Destination;
use segue_state::{
    Connection, ExistingContacts, Export, Fields, Limits, NewContacts, PeopleWhoLeft, Role, SharedWith,
    Source, Triggers,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::export::timing::Timing;

/// A file with the connections and exports of Segue, for `segue plan` and `segue apply`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Configuration of Segue")]
pub struct Document {
    /// Accounts at destinations. Credentials never stand here.
    #[serde(default)]
    pub connections: Option<Vec<ConnectionSpec>>,
    /// Segments that go over a connection to an audience.
    #[serde(default)]
    pub exports: Option<Vec<ExportSpec>>,
}

/// A connection as a file says it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Connection")]
pub struct ConnectionSpec {
    /// Its name in configuration.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub id: String,
    /// Its name for people.
    #[schemars(length(min = 1, max = 256))]
    pub display_name: String,
    /// Where it leads.
    pub destination: Destination,
    /// Who may use it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shared_with: SharedWith,
    /// Who answers for what is exported over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_user: Option<String>,
    /// The share of the account's rate limits, in percent.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    #[schemars(range(min = 1, max = 100))]
    pub budget_share: u8,
    /// Whether it may be used.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
    /// Where its credentials come from; as they are, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsSpec>,
}

/// Where credentials come from: exactly one of these.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Credentials")]
pub struct CredentialsSpec {
    /// An environment variable with a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// A JSON object on standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<bool>,
    /// A secret that exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// An export as a file says it: its configuration, who may change it, and its schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Export")]
pub struct ExportSpec {
    /// Its name in configuration; unique across roles.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub id: String,
    /// Its name for people.
    #[schemars(length(min = 1, max = 256))]
    pub display_name: String,
    /// Who may change it.
    #[serde(default = "administrators", skip_serializing_if = "is_administrators")]
    pub role: Role,
    /// The connection it uses; null while it is detached.
    #[serde(deserialize_with = "nullable")]
    #[schemars(with = "Nullable")]
    pub connection: Option<String>,
    /// Snapchat's segment id, Mailchimp's audience id or Klaviyo's list id.
    #[schemars(extend("type" = ["string", "integer"]))]
    pub audience_id: String,
    /// The segments whose profiles it sends.
    #[schemars(length(min = 1))]
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
    #[serde(default, skip_serializing_if = "is_default")]
    pub triggers: Triggers,
    /// A schedule of its own, beside the stack's general refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Timing>,
    /// Limits and guards.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// Whether it may run.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
}

impl ConnectionSpec {
    /// A connection as a file would say it. Its credentials are kept.
    #[must_use]
    pub fn of(connection: &Connection) -> Self {
        let Connection { id, display_name, export_user, .. } = connection.clone();
        Self {
            id,
            display_name,
            destination: connection.destination,
            shared_with: connection.shared_with,
            export_user,
            budget_share: connection.budget_share,
            enabled: connection.enabled,
            credentials: None,
        }
    }
}

impl ExportSpec {
    /// An export as a file would say it.
    #[must_use]
    pub fn of(role: Role, export: &Export, schedule: Option<&Timing>) -> Self {
        let connection = (!export.is_detached()).then(|| export.connection.clone());
        let Export { id, display_name, audience_id, segments, fields, source, .. } = export.clone();
        let Export { new_contacts, existing_contacts, people_who_left, tags, .. } = export.clone();
        let Export { triggers, limits, enabled, .. } = export.clone();
        Self {
            id,
            display_name,
            role,
            connection,
            audience_id,
            segments,
            fields,
            source,
            new_contacts,
            existing_contacts,
            people_who_left,
            tags,
            triggers,
            schedule: schedule.map(Timing::normal),
            limits,
            enabled,
        }
    }

    /// As it is stored.
    #[must_use]
    pub fn export(&self) -> Export {
        let Self { id, display_name, audience_id, segments, fields, source, .. } = self.clone();
        let Self { new_contacts, existing_contacts, people_who_left, tags, .. } = self.clone();
        let Self { triggers, limits, enabled, .. } = self.clone();
        Export {
            id,
            display_name,
            connection: self.connection.clone().unwrap_or_default(),
            audience_id,
            segments,
            fields,
            source,
            new_contacts,
            existing_contacts,
            people_who_left,
            tags,
            triggers,
            limits,
            enabled,
        }
    }
}

/// Text or null, and one of them has to be said.
struct Nullable;

impl JsonSchema for Nullable {
    fn schema_name() -> Cow<'static, str> {
        "Nullable".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"] })
    }
}

/// Null has to be said: a forgotten connection is a mistake.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field on like this")]
const fn is_administrators(role: &Role) -> bool {
    matches!(role, Role::Administrators)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field on like this")]
const fn is_whole(share: &u8) -> bool {
    *share == 100
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field on like this")]
const fn is_yes(value: &bool) -> bool {
    *value
}

const fn administrators() -> Role {
    Role::Administrators
}

const fn whole() -> u8 {
    100
}

const fn yes() -> bool {
    true
}
