//! The file with connections and exports: what it says, and what is wrong with its form, all at once.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter};

use super::items::items;
use super::positions::{Place, Positions};
use super::specs::{ConnectionSpec, Document, ExportSpec};
use crate::{Failure, nearest};

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

/// The section with connections.
pub(super) const CONNECTIONS: &str = "connections";
/// The section with exports.
const EXPORTS: &str = "exports";

/// What a file says, as far as it is understood, and what is wrong with its form.
#[derive(Debug)]
pub struct File {
    name: String,
    positions: Positions,
    /// Its connections.
    pub connections: Vec<Item<ConnectionSpec>>,
    /// Its exports.
    pub exports: Vec<Item<ExportSpec>>,
    /// What is wrong with its form, each with its place.
    pub problems: Vec<(Place, String)>,
    /// Whether all of its connections were understood.
    pub knows_its_connections: bool,
    /// The sections that it does not have, or that have nothing after their names: it says nothing of what is in them.
    pub absent: Vec<&'static str>,
}

/// One of a list.
#[derive(Debug)]
pub struct Item<T> {
    /// Where it stands, such as `exports[0]`.
    pub path: String,
    /// What it says.
    pub spec: T,
}

impl File {
    /// Understands a file as far as it can be. `name` is what errors call it.
    #[must_use]
    pub fn read(name: &str, text: &str) -> Self {
        let positions = Positions::of(text);
        let mut problems = secrets(&positions);
        let mut knows_its_connections = true;
        let mut absent = Vec::new();
        let (connections, exports) = match parsed::<Document>(text) {
            Ok(document) => {
                absent.extend(document.connections.is_none().then_some(CONNECTIONS));
                absent.extend(document.exports.is_none().then_some(EXPORTS));
                (
                    whole(CONNECTIONS, document.connections.unwrap_or_default()),
                    whole(EXPORTS, document.exports.unwrap_or_default()),
                )
            }
            // The parser stops at the first mistake. So that all are told, each item is parsed by itself.
            Err(first) => {
                let connections = items::<ConnectionSpec>(
                    CONNECTIONS,
                    text,
                    &positions,
                    &["id", "display_name", "destination"],
                );
                let required = ["id", "display_name", "connection", "audience_id", "segments", "fields"];
                let exports = items::<ExportSpec>(EXPORTS, text, &positions, &required);
                knows_its_connections = connections.is_complete;
                let said: BTreeSet<u64> = problems.iter().map(|(place, _)| place.line).collect();
                let told = |line: u64| {
                    let items = connections.told.iter().chain(&exports.told);
                    items.clone().any(|(start, end)| (*start..=*end).contains(&line))
                };
                let first = Some(first).filter(|(at, _)| !told(at.line));
                let malformed = first.into_iter().chain(connections.problems).chain(exports.problems);
                let malformed = malformed.filter(|(place, _)| !said.contains(&place.line));
                problems.extend(malformed.map(|found| without_credentials(found, &positions)));
                (connections.understood, exports.understood)
            }
        };
        problems.sort();
        problems.dedup();
        let name = name.to_owned();
        Self { name, positions, connections, exports, problems, knows_its_connections, absent }
    }

    /// Understands a file whose form is right.
    ///
    /// # Errors
    /// [`Failure`] with everything that is wrong, each with line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let file = Self::read(name, text);
        if file.problems.is_empty() { Ok(file) } else { Err(Failure::all(file.located())) }
    }

    /// What is wrong with its form, with file, line and column.
    #[must_use]
    pub fn located(&self) -> Vec<String> {
        self.problems.iter().map(|(at, text)| located(&self.name, *at, text)).collect()
    }

    /// A problem with the value at `path`, with its place.
    #[must_use]
    pub fn problem(&self, path: &str, text: &str) -> (Place, String) {
        (self.positions.at(path), text.to_owned())
    }

    /// A problem, with file, line and column.
    #[must_use]
    pub fn located_at(&self, at: Place, text: &str) -> String {
        located(&self.name, at, text)
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
                 put them into an environment variable and name it with `credentials: {{env: NAME}}`"
            );
            (place, text)
        })
    });
    found.collect()
}

pub(super) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, (Place, String)> {
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
    if let Some((value, values)) =
        message.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected one of "))
    {
        return format!("{value} is none of what this may be: {values}");
    }
    if let Some((field, fields)) =
        message.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", expected one of "))
    {
        let known: Vec<&str> = fields.split(", ").collect();
        let meant = nearest::meant(field.trim_matches('`'), &known);
        return meant.map_or_else(
            || format!("there is no field {field} here: there are {fields}"),
            |meant| format!("there is no field {field} here; did you mean `{meant}`?"),
        );
    }
    match message {
        "expected sequence start" => "a list is needed here",
        "expected mapping start" => "fields are needed here, one a line, each as `name: value`",
        "expected string scalar" => "text is needed here",
        "invalid u8" | "invalid u16" | "invalid u32" | "invalid u64" => "a whole number is needed here",
        "invalid floating point" => "a number is needed here",
        "invalid boolean" => "true or false is needed here",
        other => other,
    }
    .to_owned()
}

fn whole<T>(list: &str, specs: Vec<T>) -> Vec<Item<T>> {
    let items = specs.into_iter().enumerate();
    items.map(|(index, spec)| Item { path: format!("{list}[{index}]"), spec }).collect()
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
