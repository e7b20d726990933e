//! The file with connections and exports: what it may say, and what is wrong with it, all at once.

use std::collections::BTreeSet;

use segue_segment::Destination;
use segue_state::{
    ExistingContacts, Export, Fields, Limits, NewContacts, PeopleWhoLeft, Role, SharedWith, Triggers,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter};

use super::positions::{Place, Positions};
use crate::Failure;

/// Names of fields that hold something secret. Whatever stands behind them is never read.
const SECRET_FIELDS: [&str; 9] = [
    "access_token",
    "api_key",
    "client_id",
    "client_secret",
    "key",
    "password",
    "private_key",
    "refresh_token",
    "token",
];

/// What a file says.
#[derive(Debug)]
pub struct File {
    name: String,
    positions: Positions,
    /// Its connections.
    pub connections: Vec<ConnectionSpec>,
    /// Its exports.
    pub exports: Vec<(Role, Export)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    connections: Option<Vec<ConnectionSpec>>,
    #[serde(default)]
    exports: Option<Vec<ExportSpec>>,
}

/// A connection as a file says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSpec {
    /// Its name in configuration.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// Where it leads.
    pub destination: Destination,
    /// Who may use it.
    #[serde(default)]
    pub shared_with: SharedWith,
    /// Who answers for what is exported over it.
    #[serde(default)]
    pub export_user: Option<String>,
    /// The share of the account's rate limits, in percent.
    #[serde(default = "whole")]
    pub budget_share: u8,
    /// Whether it may be used.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where its credentials come from; as they are, if not said.
    #[serde(default)]
    pub credentials: Option<CredentialsSpec>,
}

/// Where credentials come from: exactly one of these.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsSpec {
    /// An environment variable with a JSON object.
    #[serde(default)]
    pub env: Option<String>,
    /// A JSON object on standard input.
    #[serde(default)]
    pub stdin: Option<bool>,
    /// A secret that exists already.
    #[serde(default)]
    pub secret: Option<String>,
}

/// An export as a file says it: its configuration, and who may change it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportSpec {
    #[serde(default = "administrators")]
    role: Role,
    id: String,
    display_name: String,
    connection: String,
    audience_id: String,
    segments: Vec<String>,
    fields: Fields,
    #[serde(default)]
    new_contacts: Option<NewContacts>,
    #[serde(default)]
    existing_contacts: Option<ExistingContacts>,
    #[serde(default)]
    people_who_left: Option<PeopleWhoLeft>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    triggers: Triggers,
    #[serde(default)]
    limits: Limits,
    #[serde(default = "yes")]
    enabled: bool,
}

impl From<ExportSpec> for (Role, Export) {
    fn from(spec: ExportSpec) -> Self {
        let ExportSpec { role, id, display_name, connection, audience_id, segments, fields, .. } = spec;
        let ExportSpec { new_contacts, existing_contacts, people_who_left, tags, .. } = spec;
        let ExportSpec { triggers, limits, enabled, .. } = spec;
        let export = Export {
            id,
            display_name,
            connection,
            audience_id,
            segments,
            fields,
            new_contacts,
            existing_contacts,
            people_who_left,
            tags,
            triggers,
            limits,
            enabled,
        };
        (role, export)
    }
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

impl File {
    /// Understands a file. `name` is what errors call it.
    ///
    /// # Errors
    /// [`Failure`] with everything that is wrong, each with line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let positions = Positions::of(text);
        let mut problems = secrets(&positions);
        match parsed::<Document>(text) {
            Ok(document) if problems.is_empty() => Ok(Self {
                name: name.to_owned(),
                positions,
                connections: document.connections.unwrap_or_default(),
                exports: document.exports.unwrap_or_default().into_iter().map(Into::into).collect(),
            }),
            result => {
                let said: BTreeSet<u64> = problems.iter().map(|(place, _)| place.line).collect();
                let mut malformed: Vec<_> = result.err().into_iter().collect();
                malformed.extend(item_by_item::<ConnectionSpec>("connections", text, &positions));
                malformed.extend(item_by_item::<ExportSpec>("exports", text, &positions));
                malformed.retain(|(place, _)| !said.contains(&place.line));
                problems.extend(malformed.into_iter().map(|found| without_credentials(found, &positions)));
                problems.sort();
                problems.dedup_by_key(|(place, _)| *place);
                Err(Failure::all(problems.iter().map(|(at, text)| located(name, *at, text)).collect()))
            }
        }
    }

    /// A problem with the value at `path`, with its place.
    #[must_use]
    pub fn problem(&self, path: &str, text: &str) -> (Place, String) {
        let place = self.positions.at(path);
        (place, located(&self.name, place, text))
    }
}

fn located(name: &str, at: Place, text: &str) -> String {
    if at.line == 0 { format!("{name}: {text}") } else { format!("{name}:{}:{}: {text}", at.line, at.column) }
}

/// Credentials that stand in the file. What is said of them does not repeat them.
fn secrets(positions: &Positions) -> Vec<(Place, String)> {
    let found = positions.iter().filter_map(|(path, place)| {
        let field = path.rsplit('.').next()?;
        SECRET_FIELDS.contains(&field).then(|| {
            let text = format!(
                "`{path}`: credentials don't belong in a file, which is copied, mailed and committed; \
                 put them into an environment variable and name it with `credentials: {{env: …}}`"
            );
            (place, text)
        })
    });
    found.collect()
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, (Place, String)> {
    // No snippets of the file in errors: what it should not hold, they would show.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let at = error.location();
        let place = at.map_or_else(Place::default, |at| Place { line: at.line(), column: at.column() });
        (place, plain(&DefaultMessageFormatter.format_message(error)))
    })
}

/// The parser's words for people who have never seen one.
fn plain(message: &str) -> String {
    match message {
        "expected sequence start" => "a list is needed here",
        "expected mapping start" => "fields are needed here, one a line, each as `name: value`",
        "expected string scalar" => "text is needed here",
        other => other,
    }
    .to_owned()
}

/// The parser stops at the first mistake. So that all items are told about, each is parsed by itself, at its place.
fn item_by_item<T: DeserializeOwned>(list: &str, text: &str, positions: &Positions) -> Vec<(Place, String)> {
    let prefix = format!("{list}[");
    let items = positions.iter().filter(|(path, _)| {
        path.strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|n| n.parse::<u32>().is_ok())
    });
    let found = items.filter_map(|(_, place)| parsed::<T>(&alone(text, place)?).err());
    // What an alias stands for may be in another item.
    found.filter(|(_, text)| !text.contains("unknown anchor")).collect()
}

/// The file with nothing but the item that begins at `place`; `None` if it is written in one line, as JSON is.
fn alone(text: &str, place: Place) -> Option<String> {
    let (line, indent) =
        (usize::try_from(place.line).ok()?, usize::try_from(place.column).ok()?.checked_sub(1)?);
    let mut kept = "\n".repeat(line.checked_sub(1)?);
    for (number, content) in text.lines().skip(line - 1).enumerate() {
        let blank = content.trim_start().is_empty() || content.trim_start().starts_with('#');
        let depth = content.len() - content.trim_start_matches(' ').len();
        if number == 0 {
            let first: String = content.chars().skip(indent).collect();
            if first.starts_with(['{', '[', '&', '*']) {
                return None;
            }
            kept.push_str(&" ".repeat(indent));
            kept.push_str(&first);
        } else if blank || depth >= indent {
            kept.push_str(content);
        } else {
            break;
        }
        kept.push('\n');
    }
    Some(kept)
}

/// Whatever was written where credentials are named is not repeated.
fn without_credentials((place, text): (Place, String), positions: &Positions) -> (Place, String) {
    let inside = |(path, at): (&str, Place)| {
        let credentials = path.ends_with(".credentials") || path.contains(".credentials.");
        credentials && (at == place || (at.line == place.line && path.contains(".credentials.")))
    };
    if positions.iter().any(inside) {
        return (
            place,
            "`credentials`: name one of `env`, `stdin` and `secret`, and nothing else".to_owned(),
        );
    }
    (place, text)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
