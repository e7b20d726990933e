//! `segue connection list` and `show`: what is configured, and whether it may be used. Nobody is signed in for it.

use segue_platform::StoreError;
use segue_segment::Destination;
use segue_state::{Connection, Export, Health, Role, SharedWith, State, StateError, keys};
use serde::Serialize;

use super::report::{ExportSeen, connection_rows};
use super::saving;
use crate::Failure;
use crate::at_once::at_once;
use crate::output::{Screen, table};
use crate::stack::Stack;

/// Whether a connection can be used, as far as that is known without asking the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It can.
    Ready,
    /// It was disabled.
    Disabled,
    /// Nobody agreed to the terms, or only to older ones.
    NoConsent,
    /// Nobody has signed in yet.
    NotConnected,
    /// The destination refused its credentials.
    Reconnect,
}

impl Status {
    fn of(connection: &Connection, health: Option<&Health>) -> Self {
        if !connection.enabled {
            Self::Disabled
        } else if !connection.has_consent() {
            Self::NoConsent
        } else if health.is_some() {
            Self::Reconnect
        } else if connection.account.is_none() {
            Self::NotConnected
        } else {
            Self::Ready
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Disabled => "disabled",
            Self::NoConsent => "no consent",
            Self::NotConnected => "not connected",
            Self::Reconnect => "reconnect",
        }
    }

    /// What to do about it.
    fn remedy(self, stack: &Stack, id: &str) -> Option<String> {
        let (what, rest) = match self {
            Self::Ready => return None,
            Self::Disabled => ("let it be used again", format!("enable {id}")),
            Self::NoConsent => ("agree to its terms", format!("edit {id} --agree")),
            Self::NotConnected | Self::Reconnect => ("sign in", format!("connect {id}")),
        };
        Some(format!("{what} with: {}", stack.command(&format!("connection {rest}"))))
    }
}

/// A connection as it is listed.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// It.
    #[serde(flatten)]
    pub connection: Connection,
    /// Whether it can be used.
    pub status: Status,
    /// What a run noted against its account.
    pub health: Option<Health>,
    /// The exports that use it.
    pub exports: Vec<ExportSeen>,
}

impl Seen {
    async fn of(state: &State, connection: Connection, exports: &[(Role, Export)]) -> Result<Self, Failure> {
        let health = health(state, &connection.id).await?;
        let users = exports.iter().filter(|(_, export)| export.connection == connection.id);
        let exports = users.map(|(role, export)| ExportSeen::new(*role, export, &connection)).collect();
        Ok(Self { status: Status::of(&connection, health.as_ref()), health, exports, connection })
    }

    fn row(&self) -> Vec<String> {
        let Connection { id, display_name, destination, account, shared_with, .. } = &self.connection;
        let shared = match shared_with {
            SharedWith::Administrators => "administrators",
            SharedWith::Contributors => "contributors too",
        };
        vec![
            id.clone(),
            display_name.clone(),
            destination.shape().display_name.to_owned(),
            account.as_ref().map_or("-", |account| account.name.as_deref().unwrap_or(&account.id)).to_owned(),
            shared.to_owned(),
            self.exports.len().to_string(),
            self.status.words().to_owned(),
        ]
    }
}

/// What a run noted; nothing for those who may not read it.
async fn health(state: &State, id: &str) -> Result<Option<Health>, Failure> {
    match state.read::<Health>(&keys::health(id)).await {
        Ok(found) => Ok(found.map(|found| found.body)),
        Err(StateError::Store(StoreError::Denied { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All connections, and what could not be read.
///
/// # Errors
/// [`Failure`] if they can't be listed.
pub async fn all(state: &State, only: Option<Destination>) -> Result<(Vec<Seen>, Vec<String>), Failure> {
    let (exports, broken) = state.exports().await?;
    let mut notes: Vec<_> =
        broken.iter().map(|error| format!("an export could not be read: {error}")).collect();
    let mut listed = Vec::new();
    for found in saving::all(state).await? {
        match found {
            Ok(found) if only.is_none_or(|only| only == found.destination) => listed.push(found),
            Ok(_) => {}
            // One that is malformed must not hide the others.
            Err(error) if error.is_of_document() => {
                notes.push(format!("a connection could not be read: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let seen = at_once(listed.into_iter().map(|found| Seen::of(state, found, &exports))).await;
    Ok((seen.into_iter().collect::<Result<_, _>>()?, notes))
}

/// Prints all connections.
///
/// # Errors
/// [`Failure`].
pub async fn list(
    stack: &Stack,
    state: &State,
    only: Option<Destination>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let (seen, notes) = all(state, only).await?;
    screen.json(&seen)?;
    if seen.is_empty() {
        screen.line(&format!(
            "there are no connections yet; add one with: {}",
            stack.command("connection add NAME")
        ))?;
    } else {
        let header = ["name", "display name", "destination", "account", "shared with", "exports", "status"];
        screen.line(&table(&header, 5..6, seen.iter().map(Seen::row).collect()))?;
    }
    for Seen { connection, status, .. } in &seen {
        if let Some(remedy) = status.remedy(stack, &connection.id) {
            screen.line(&format!("{}: {}; {remedy}", connection.id, status.words()))?;
        }
    }
    notes.iter().try_for_each(|note| screen.line(&format!("note: {note}")))
}

/// Prints one connection.
///
/// # Errors
/// [`Failure`] if there is none of that name.
pub async fn show(stack: &Stack, state: &State, id: &str, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let connection = saving::found(state, id).await?.body;
    let (exports, notes) = saving::exports_over(state, id).await?;
    let seen = Seen::of(state, connection, &exports).await?;
    screen.json(&seen)?;
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    let mut rows = connection_rows(&seen.connection);
    rows.extend(
        seen.health
            .as_ref()
            .map(|health| row("health", format!("since {}: {}", health.since, health.message))),
    );
    rows.extend(seen.exports.iter().map(|seen| row("export", seen.words())));
    let remedy = seen.status.remedy(stack, id).map_or_else(String::new, |remedy| format!("; {remedy}"));
    rows.push(row("status", format!("{}{remedy}", seen.status.words())));
    screen.line(&table(&[], 0..0, rows))?;
    notes.iter().try_for_each(|note| screen.line(&format!("note: {note}")))
}
