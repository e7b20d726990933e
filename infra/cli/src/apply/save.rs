//! Saving what was planned: credentials first, then connections, then exports.

use std::sync::Arc;

use secrecy::SecretString;
use segue_platform::memory::MemorySecrets;
use segue_platform::{SecretError, Secrets};
use segue_state::config::Account;
use segue_state::document::Created;
use segue_state::{Connection, Consent, RunId, State, Versioned, keys};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::account::Accounts;
use super::credentials::{Credentials, holds, marked};
use super::drift::{Kind, Note};
use super::plan::{Plan, PlannedConnection, PlannedExport, Stores};
use crate::Failure;
use crate::connection::keeping;

/// What saving did to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is new.
    Created,
    /// It is another now.
    Changed,
    /// It was like this already.
    Unchanged,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What was saved.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Connections.
    pub connections: Vec<SavedConnection>,
    /// Exports.
    pub exports: Vec<SavedExport>,
    /// What the file does not name, and is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removed>,
}

/// A connection or an export that was removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Which of both.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Its runs that were under way, and are cancelled.
    pub cancelled: Vec<RunId>,
    /// The secret with its credentials, which stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A connection that was saved.
#[derive(Debug, Serialize)]
pub struct SavedConnection {
    /// It.
    #[serde(flatten)]
    pub connection: Connection,
    /// What saving did to it.
    pub outcome: Outcome,
}

/// An export that was saved.
#[derive(Debug, Serialize)]
pub struct SavedExport {
    /// Its id.
    pub id: String,
    /// Who may change it.
    pub role: segue_state::Role,
    /// Whether it may run.
    pub enabled: bool,
    /// What saving did to it.
    pub outcome: Outcome,
}

/// New credentials that the destination took, and the account that they belong to.
struct Found {
    account: Option<Account>,
    new: Option<SecretString>,
}

/// Saves a plan. `accounts` tell whose new credentials are; `agreement` is the consent for connections that lack it, if
/// it was given; `by` is the AWS identity that does it.
///
/// # Errors
/// [`Failure`]; what was saved until then stays, and saving again goes on from there.
pub async fn save(
    accounts: &dyn Accounts,
    stores: &Stores<'_>,
    plan: Plan,
    agreement: Option<&Consent>,
    by: &str,
) -> Result<Report, Failure> {
    let &Stores { state, secrets, .. } = stores;
    // All destinations are asked before anything is written: refused credentials are a mistake in the file.
    let mut found = Vec::new();
    for planned in &plan.connections {
        let asked = ask(accounts, secrets, planned).await;
        found.push(asked.map_err(|failure| failure.about(&format!("connection `{}`", planned.wanted.id)))?);
    }
    let note = Note::of(&plan, by);
    let mut report = Report { connections: Vec::new(), exports: Vec::new(), removed: Vec::new() };
    for (planned, found) in plan.connections.into_iter().zip(found) {
        report.connections.push(save_connection(state, &**secrets, planned, found, agreement).await?);
    }
    for planned in plan.exports {
        report.exports.push(save_export(stores, planned).await?);
    }
    // Exports first: none is ever over a connection that is gone.
    for (found, _) in plan.surplus_exports {
        let id = found.export.id.clone();
        stores.schedules.remove(&id).await?;
        found.remove(state).await?;
        // Now no further one begins.
        let cancelled = found.under_way(state).await?;
        found.cancel(state, &cancelled, by, "the export was removed").await?;
        report.removed.push(Removed { kind: Kind::Export, id, cancelled, secret: None });
    }
    for Versioned { body: Connection { id, secret, .. }, etag, .. } in plan.surplus_connections {
        let key = keys::connection(&id);
        if !state.objects().delete_as(&key, &etag).await? {
            return Err(changed(&key));
        }
        state.set_health(&id, None).await?;
        let kind = Kind::Connection;
        report.removed.push(Removed { kind, id, cancelled: Vec::new(), secret: Some(secret) });
    }
    note.keep(state).await?;
    Ok(report)
}

/// Which credentials are new, and whose they are. Who is asked only if that is not known.
async fn ask(
    accounts: &dyn Accounts,
    secrets: &Arc<dyn Secrets>,
    planned: &PlannedConnection,
) -> Result<Found, Failure> {
    let Connection { destination, secret, account, .. } = &planned.wanted;
    let new = match &planned.credentials {
        Credentials::Given(given) if !stored(&**secrets, secret, given).await? => given,
        Credentials::Given(_) | Credentials::Kept if account.is_some() => {
            return Ok(Found { account: None, new: None });
        }
        Credentials::Given(_) | Credentials::Kept | Credentials::Existing(_) => {
            let account = accounts.find(*destination, secrets.clone(), secret).await?;
            return Ok(Found { account, new: None });
        }
    };
    let draft = Arc::new(MemorySecrets::default());
    draft.store(secret, &marked(new)).await?;
    let account = accounts.find(*destination, draft.clone(), secret).await?;
    // Signing in may have changed them.
    Ok(Found { account, new: Some(draft.get(secret).await?.text) })
}

/// Whether the secret holds these credentials already.
pub(super) async fn stored(secrets: &dyn Secrets, name: &str, given: &SecretString) -> Result<bool, Failure> {
    match secrets.get(name).await {
        Ok(stored) => Ok(holds(&stored.text, given)),
        // Who may configure need not be allowed to read credentials.
        Err(SecretError::Missing(_) | SecretError::Denied(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn save_connection(
    state: &State,
    secrets: &dyn Secrets,
    planned: PlannedConnection,
    found: Found,
    agreement: Option<&Consent>,
) -> Result<SavedConnection, Failure> {
    let PlannedConnection { mut wanted, before, .. } = planned;
    wanted.account = found.account.or(wanted.account);
    wanted.consent = wanted.consent.or_else(|| agreement.cloned());
    let renewed = found.new.is_some();
    // Whose they are goes first: if somebody else changed the connection, their credentials stay as well.
    let outcome = save_document(state, &keys::connection(&wanted.id), &wanted, before.as_ref()).await?;
    if let Some(new) = found.new {
        keeping::store(state, secrets, &wanted, &new).await?;
        // Whatever was wrong with the old credentials is over.
        state.set_health(&wanted.id, None).await?;
    }
    let outcome = if renewed && outcome == Outcome::Unchanged { Outcome::Changed } else { outcome };
    Ok(SavedConnection { connection: wanted, outcome })
}

async fn save_export(stores: &Stores<'_>, planned: PlannedExport) -> Result<SavedExport, Failure> {
    let changes_schedule = planned.changes_schedule();
    let PlannedExport { role, wanted, before, schedule, .. } = planned;
    let state = stores.state;
    let (here, elsewhere): (Vec<_>, Vec<_>) = before.into_iter().partition(|(found, _)| *found == role);
    let here = here.into_iter().next().map(|(_, found)| found);
    let mut outcome = save_document(state, &keys::export(role, &wanted.id), &wanted, here.as_ref()).await?;
    for (role, found) in elsewhere {
        // Its new place is written first, so that there never is none.
        let key = keys::export(role, &wanted.id);
        if !state.objects().delete_as(&key, &found.etag).await? {
            return Err(changed(&key));
        }
        outcome = Outcome::Changed;
    }
    if changes_schedule {
        // What a schedule may do depends on whose export it is: it is in the group of its role, and nowhere else.
        match &schedule {
            Some(timing) => stores.schedules.put(role, &wanted.id, timing).await?,
            None => stores.schedules.remove(&wanted.id).await?,
        }
        if outcome == Outcome::Unchanged {
            outcome = Outcome::Changed;
        }
    }
    Ok(SavedExport { id: wanted.id, role, enabled: wanted.enabled, outcome })
}

async fn save_document<T: Serialize + DeserializeOwned + PartialEq>(
    state: &State,
    key: &str,
    wanted: &T,
    before: Option<&Versioned<T>>,
) -> Result<Outcome, Failure> {
    let (saved, outcome) = match before {
        Some(before) if before.body == *wanted => return Ok(Outcome::Unchanged),
        Some(before) => (state.replace(key, wanted, &before.etag).await?, Outcome::Changed),
        None => (matches!(state.create(key, wanted).await?, Created::New(_)), Outcome::Created),
    };
    if saved {
        return Ok(outcome);
    }
    Err(changed(key))
}

fn changed(key: &str) -> Failure {
    Failure::new(format!("{key} was changed by somebody else just now")).hint("look at it, and apply again")
}
