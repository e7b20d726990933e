//! The file with connections and exports: what it says, and what is wrong with its form, all at once.

use serde::de::DeserializeOwned;
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter};

use super::mistakes::{Mistake, mistakes};
use super::node::Node;
use super::positions::{Place, Positions};
use super::specs::{ConnectionSpec, Document, ExportSpec};
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
        let root = parsed::<Node>(text);
        let positions = root.as_ref().map(Positions::of).unwrap_or_default();
        let mut problems = secrets(&positions);
        let mut knows_its_connections = true;
        let mut absent = Vec::new();
        let (connections, exports) = match (parsed::<Document>(text), root) {
            (Ok(document), _) => {
                absent.extend(document.connections.is_none().then_some(CONNECTIONS));
                absent.extend(document.exports.is_none().then_some(EXPORTS));
                (
                    whole(CONNECTIONS, document.connections.unwrap_or_default()),
                    whole(EXPORTS, document.exports.unwrap_or_default()),
                )
            }
            // The parser stops at the first mistake.
            (Err(first), Ok(root)) => {
                let mistakes = mistakes::<Document>(&root);
                if mistakes.is_empty() {
                    let (place, text) = first;
                    let secret = positions.iter().any(|(path, at)| at.line == place.line && is_secret(path));
                    let text = if secret { "what stands here is not understood".to_owned() } else { text };
                    problems.push((place, text));
                }
                problems.extend(mistakes.into_iter().filter_map(without_credentials));
                let connections = understood(CONNECTIONS, &root);
                knows_its_connections =
                    root.items(CONNECTIONS).is_some_and(|all| all.len() == connections.len());
                (connections, understood(EXPORTS, &root))
            }
            (Err(_), Err(no_yaml)) => {
                problems.push(no_yaml);
                (Vec::new(), Vec::new())
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

/// Whether credentials are named or stand at a path.
fn is_secret(path: &str) -> bool {
    path.split('.').any(|field| field == "credentials" || SECRET_FIELDS.contains(&field))
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

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, (Place, String)> {
    // No snippets of the file in errors: what it should not hold, they would show.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let at = error.location();
        let place = at.map_or_else(Place::default, |at| Place { line: at.line(), column: at.column() });
        (place, DefaultMessageFormatter.format_message(error).into_owned())
    })
}

fn whole<T>(list: &str, specs: Vec<T>) -> Vec<Item<T>> {
    let items = specs.into_iter().enumerate();
    items.map(|(index, spec)| Item { path: format!("{list}[{index}]"), spec }).collect()
}

/// The items of a list that are right.
fn understood<T: DeserializeOwned>(list: &str, root: &Node) -> Vec<Item<T>> {
    let items = root.items(list).unwrap_or_default().iter().enumerate();
    items
        .filter_map(|(index, node)| {
            Some(Item { path: format!("{list}[{index}]"), spec: T::deserialize(node).ok()? })
        })
        .collect()
}

/// Whatever was written where credentials are named is not repeated; those that stand in the file were told already.
fn without_credentials(Mistake { place, fields, text }: Mistake) -> Option<(Place, String)> {
    if fields.iter().any(|field| SECRET_FIELDS.contains(&field.as_str())) {
        return None;
    }
    if fields.iter().any(|field| field == "credentials") {
        let text = "`credentials`: name one of `env`, `stdin` and `secret`, and nothing else";
        return Some((place, text.to_owned()));
    }
    Some((place, text))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
