//! Saving what was planned: credentials first, then connections, then exports.

use segue_platform::Secrets;
use segue_state::document::Created;
use segue_state::{Broken, Connection, Consent, Role, RunId, State, Versioned, keys};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::account::Accounts;
use super::changes::{Change, standing, value};
use super::credentials::{Credentials, stamp};
use super::drift::{Kind, Notes};
use super::plan::{Plan, PlannedConnection, PlannedExport, Stores, SurplusConnection, SurplusExport};
use super::specs::ExportSpec;
use super::whose::{Found, ask, same_account};
use crate::Failure;
use crate::connection::{keeping, remove};

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
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Connections.
    pub connections: Vec<SavedConnection>,
    /// Exports.
    pub exports: Vec<SavedExport>,
    /// What the file does not name, and is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removed>,
    /// The fields that change in what there was already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What could not be read, and was left as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Report {
    /// Whether there is nothing to tell of.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.exports.is_empty() && self.removed.is_empty()
    }
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
    /// Of a connection: what became of it, and what stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<remove::Removed>,
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
    pub role: Role,
    /// Whether it may run.
    pub enabled: bool,
    /// What saving did to it.
    pub outcome: Outcome,
}

/// What was agreed to besides what the file says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Agreed<'a> {
    /// The consent for connections that lack it, if it was given.
    pub consent: Option<&'a Consent>,
    /// A connection may be led to another account than before.
    pub other_account: bool,
}

/// Saves a plan. `accounts` tell whose new credentials are; `by` is the AWS identity that does it. What is done is in
/// `report`, whatever comes of the rest.
///
/// # Errors
/// [`Failure`]; what was saved until then stays, and saving again goes on from there.
pub async fn save(
    accounts: &dyn Accounts,
    stores: &Stores<'_>,
    plan: Plan,
    agreed: Agreed<'_>,
    by: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    let &Stores { state, secrets, .. } = stores;
    // All destinations are asked before anything is written: refused credentials are a mistake in the file.
    let mut found = Vec::new();
    for planned in &plan.connections {
        let asked = match ask(accounts, secrets, planned).await {
            Ok(asked) => same_account(planned, &asked, agreed.other_account).map(|()| asked),
            Err(failure) => Err(failure),
        };
        found.push(asked.map_err(|failure| failure.about(&format!("connection `{}`", planned.wanted.id)))?);
    }
    // What the file said of each is noted as soon as that is so: whatever fails later, nobody changed it by hand.
    let notes = Notes { state, by, known: plan.applied };
    for (planned, found) in plan.connections.into_iter().zip(found) {
        let handed_in = match &planned.credentials {
            Credentials::Given(given) => Some(stamp(given)),
            Credentials::Kept | Credentials::Existing(_) => None,
        };
        let saved = save_connection(&notes, &**secrets, planned, found, agreed.consent).await?;
        let (connection, outcome) = (saved.connection.clone(), saved.outcome);
        report.connections.push(saved);
        if outcome != Outcome::Unchanged || !notes.has_connection(&connection, handed_in.as_ref()) {
            notes.connection(&connection, handed_in).await?;
        }
    }
    for planned in plan.exports {
        let said = value(&ExportSpec::of(planned.role, &planned.wanted, planned.schedule.as_ref()));
        let (role, id) = (planned.role, planned.wanted.id.clone());
        let saved = save_export(stores, &notes, planned).await?;
        let outcome = saved.outcome;
        report.exports.push(saved);
        if outcome != Outcome::Unchanged || !notes.has_export(role, &id, &said) {
            notes.export(role, &id, &said).await?;
        }
    }
    // Exports first: none is ever over a connection that is gone.
    for SurplusExport { found, schedule, .. } in plan.surplus_exports {
        let id = found.export.id.clone();
        // While the export is there, doing this again finds both.
        stores.schedules.remove(&id).await?;
        if schedule.is_some() && notes.knows_export(found.role, &id) {
            notes.export(found.role, &id, &standing(found.role, &found.export, None)).await?;
        }
        found.remove(state).await?;
        // Now no further one begins.
        let cancelled = found.under_way(state).await?;
        found.cancel(state, &cancelled, by, "the export was removed").await?;
        report.removed.push(Removed { kind: Kind::Export, id: id.clone(), cancelled, connection: None });
        notes.gone(found.role, Kind::Export, &id).await?;
    }
    for SurplusConnection { found, .. } in plan.surplus_connections {
        let gone = remove::carry_out(state, remove::Thing::Connection(Box::new(found)), by).await?;
        let id = gone.id.clone();
        let (kind, cancelled) = (Kind::Connection, Vec::new());
        report.removed.push(Removed { kind, id: id.clone(), cancelled, connection: Some(gone) });
        notes.gone(Role::Administrators, Kind::Connection, &id).await?;
    }
    Ok(())
}

async fn save_connection(
    notes: &Notes<'_>,
    secrets: &dyn Secrets,
    planned: PlannedConnection,
    found: Found,
    agreement: Option<&Consent>,
) -> Result<SavedConnection, Failure> {
    let PlannedConnection { mut wanted, before, broken, .. } = planned;
    let state = notes.state;
    wanted.account = found.account.or(wanted.account);
    wanted.consent = wanted.consent.or_else(|| agreement.cloned());
    let renewed = found.new.is_some();
    // Whose they are goes first: if somebody else changed the connection, their credentials stay as well.
    let key = keys::connection(&wanted.id);
    let outcome = save_document(state, &key, &wanted, before.as_ref(), broken.as_ref()).await?;
    if let Some(new) = found.new {
        notes.connection(&wanted, None).await?;
        keeping::store(state, secrets, &wanted, &new).await?;
        // Whatever was wrong with the old credentials is over.
        state.set_health(&wanted.id, None).await?;
    }
    let outcome = if renewed && outcome == Outcome::Unchanged { Outcome::Changed } else { outcome };
    Ok(SavedConnection { connection: wanted, outcome })
}

async fn save_export(
    stores: &Stores<'_>,
    notes: &Notes<'_>,
    planned: PlannedExport,
) -> Result<SavedExport, Failure> {
    let changes_schedule = planned.changes_schedule();
    let PlannedExport { role, wanted, before, broken, schedule, schedule_before } = planned;
    let state = stores.state;
    let (here, elsewhere): (Vec<_>, Vec<_>) = before.into_iter().partition(|(found, _)| *found == role);
    let here = here.into_iter().next().map(|(_, found)| found);
    let (broken, beside): (Vec<_>, Vec<_>) = broken.into_iter().partition(|(found, _)| *found == role);
    let broken = broken.into_iter().next().map(|(_, broken)| broken);
    let key = keys::export(role, &wanted.id);
    let mut outcome = save_document(state, &key, &wanted, here.as_ref(), broken.as_ref()).await?;
    let elsewhere = elsewhere.into_iter().map(|(role, found)| (role, found.etag));
    for (role, etag) in elsewhere.chain(beside.into_iter().map(|(role, broken)| (role, broken.etag))) {
        // Its new place is written first, so that there never is none.
        let key = keys::export(role, &wanted.id);
        if !state.objects().delete_as(&key, &etag).await? {
            return Err(changed(&key));
        }
        outcome = Outcome::Changed;
    }
    if changes_schedule {
        notes.export(role, &wanted.id, &standing(role, &wanted, schedule_before.as_ref())).await?;
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
    broken: Option<&Broken>,
) -> Result<Outcome, Failure> {
    let (saved, outcome) = match (before, broken) {
        (Some(before), _) if before.body == *wanted => return Ok(Outcome::Unchanged),
        (Some(before), _) => (state.replace(key, wanted, &before.etag).await?, Outcome::Changed),
        (None, Some(broken)) => (state.replace(key, wanted, &broken.etag).await?, Outcome::Changed),
        (None, None) => (matches!(state.create(key, wanted).await?, Created::New(_)), Outcome::Created),
    };
    if saved {
        return Ok(outcome);
    }
    Err(changed(key))
}

fn changed(key: &str) -> Failure {
    Failure::new(format!("{key} was changed by somebody else just now")).hint("look at it, and apply again")
}
