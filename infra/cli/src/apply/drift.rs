//! What was changed by hand since a file was applied, and noting what a file said.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use segue_platform::StoreError;
use segue_state::document::Created;
use segue_state::{Applied, AppliedItem, Connection, Role, State, StateError, keys};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::changes::{Change, flat, value};
use super::plan::Plan;
use super::specs::ConnectionSpec;
use crate::Failure;

/// What an item of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A connection.
    Connection,
    /// An export.
    Export,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Export => "export",
        }
    }
}

/// Of what a file says; the same for the same configuration.
fn digest(said: &Value) -> String {
    let mut fields = Map::new();
    flat("", said, &mut fields);
    let mut lines: Vec<String> = fields.iter().map(|(field, value)| format!("{field}: {value}")).collect();
    lines.sort();
    HEXLOWER.encode(&Sha256::digest(lines.join("\n"))[..16])
}

/// How what there is was changed by hand, if it was, and if the file would overwrite that. `wanted` is `None` for what
/// is to be removed.
pub(super) fn drift(
    plan: &Plan,
    kind: Kind,
    role: Role,
    id: &str,
    now: Option<&Value>,
    wanted: Option<&Value>,
) -> Option<String> {
    let noted = noted(plan, kind, role, id);
    match (now, noted) {
        (Some(now), _) if wanted == Some(now) => None,
        (Some(now), Some(item)) if digest(now) == item.digest => None,
        (Some(_), Some(item)) => Some(format!("it was changed by hand {}", since(item))),
        (Some(_), None) => Some("it was made by hand: no file that named it was applied".to_owned()),
        (None, Some(item)) => Some(format!("it was removed by hand {}", since(item))),
        (None, None) => None,
    }
}

/// How a connection was signed in to by hand, if the file would lead it back: `stored` is the stamp of the credentials
/// that it has.
pub(super) fn signed_in(plan: &Plan, before: &Connection, stored: Option<&str>) -> Option<String> {
    let item = noted(plan, Kind::Connection, Role::Administrators, &before.id)?;
    let leads_elsewhere = match (&item.account, &before.account) {
        (Some(noted), Some(now)) => *noted != now.id,
        _ => false,
    };
    if leads_elsewhere {
        return Some(format!("it was led to another account by hand {}", since(item)));
    }
    let others = item.credentials.as_deref().zip(stored).is_some_and(|(noted, stored)| noted != stored);
    others.then(|| format!("its credentials were changed by hand {}", since(item)))
}

fn since(item: &AppliedItem) -> String {
    format!("since {} applied it at {}", item.by, item.at.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

/// What is noted of an item; an export may have had the other role.
fn noted<'a>(plan: &'a Plan, kind: Kind, role: Role, id: &str) -> Option<&'a AppliedItem> {
    match kind {
        Kind::Connection => plan.applied.get(&Role::Administrators)?.connections.get(id),
        Kind::Export => {
            let of = |role: Role| plan.applied.get(&role).and_then(|applied| applied.exports.get(id));
            of(role).or_else(|| Role::ALL.into_iter().find_map(of))
        }
    }
}

/// Refuses to overwrite what was changed by hand.
///
/// # Errors
/// [`Failure`] with all of that.
pub fn refuse(changes: &[Change]) -> Result<(), Failure> {
    let drifted = changes.iter().filter_map(|change| {
        let drift = change.drift.as_ref()?;
        Some(Failure::new(format!("{} `{}`: {drift}", change.kind.name(), change.id)))
    });
    Failure::together(drifted.collect()).map_err(|failure| {
        failure.hint("nothing was saved; `segue config export` shows what there is, and without --refuse-drift the file wins")
    })
}

/// Notes what a file said, item by item, as soon as it is so.
pub(super) struct Notes<'a> {
    /// Where it is noted.
    pub(super) state: &'a State,
    /// Who applies the file.
    pub(super) by: &'a str,
    /// What was noted when it was planned: what says the same need not be noted again.
    pub(super) known: BTreeMap<Role, Applied>,
}

#[derive(Debug, Default)]
struct Sheet {
    said: Applied,
    gone: Vec<(Kind, String)>,
}

impl Notes<'_> {
    /// Whether a connection was noted as it stands, with the credentials that the file handed in.
    pub(super) fn has_connection(&self, saved: &Connection, credentials: Option<&String>) -> bool {
        let found =
            self.known.get(&Role::Administrators).and_then(|applied| applied.connections.get(&saved.id));
        found.is_some_and(|item| {
            item.digest == digest(&value(&ConnectionSpec::of(saved)))
                && item.account.as_ref() == saved.account.as_ref().map(|account| &account.id)
                && (credentials.is_none() || item.credentials.as_ref() == credentials)
        })
    }

    /// Whether an export was noted at all.
    pub(super) fn knows_export(&self, role: Role, id: &str) -> bool {
        self.known.get(&role).is_some_and(|applied| applied.exports.contains_key(id))
    }

    /// Whether an export was noted as it stands, and of no other role.
    pub(super) fn has_export(&self, role: Role, id: &str, said: &Value) -> bool {
        let of = |role: Role| self.known.get(&role).and_then(|applied| applied.exports.get(id));
        let elsewhere = Role::ALL.into_iter().any(|other| other != role && of(other).is_some());
        !elsewhere && of(role).is_some_and(|item| item.digest == digest(said))
    }

    fn item(&self, said: &Value) -> AppliedItem {
        let (digest, at, by) = (digest(said), Timestamp::now(), self.by.to_owned());
        AppliedItem { digest, at, by, account: None, credentials: None }
    }

    /// A connection as it was saved, and the stamp of the credentials that the file handed in.
    pub(super) async fn connection(
        &self,
        saved: &Connection,
        credentials: Option<String>,
    ) -> Result<(), Failure> {
        let item = self.item(&value(&ConnectionSpec::of(saved)));
        let account = saved.account.as_ref().map(|account| account.id.clone());
        let mut sheet = Sheet::default();
        sheet.said.connections.insert(saved.id.clone(), AppliedItem { account, credentials, ..item });
        self.keep(Role::Administrators, &sheet).await
    }

    /// An export as it was saved, which is of no other role any more.
    pub(super) async fn export(&self, role: Role, id: &str, said: &Value) -> Result<(), Failure> {
        let mut sheet = Sheet::default();
        sheet.said.exports.insert(id.to_owned(), self.item(said));
        self.keep(role, &sheet).await?;
        for other in Role::ALL.into_iter().filter(|other| *other != role) {
            self.gone(other, Kind::Export, id).await?;
        }
        Ok(())
    }

    /// That it was removed.
    pub(super) async fn gone(&self, role: Role, kind: Kind, id: &str) -> Result<(), Failure> {
        let gone = vec![(kind, id.to_owned())];
        self.keep(role, &Sheet { gone, ..Sheet::default() }).await
    }

    /// Who may not is told nothing: only what was changed by hand can't be told then.
    async fn keep(&self, role: Role, sheet: &Sheet) -> Result<(), Failure> {
        match keep(self.state, role, sheet).await {
            Err(StateError::Store(StoreError::Denied { .. })) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn keep(state: &State, role: Role, sheet: &Sheet) -> Result<(), StateError> {
    let key = keys::applied(role);
    loop {
        let found = state.read::<Applied>(&key).await?;
        let before = found.as_ref().map(|found| found.body.clone()).unwrap_or_default();
        let mut now = before.clone();
        renew(&mut now.connections, &sheet.said.connections);
        renew(&mut now.exports, &sheet.said.exports);
        for (kind, id) in &sheet.gone {
            match kind {
                Kind::Connection => now.connections.remove(id),
                Kind::Export => now.exports.remove(id),
            };
        }
        if now == before {
            return Ok(());
        }
        let done = match found {
            None => matches!(state.create(&key, &now).await?, Created::New(_)),
            Some(found) => state.replace(&key, &now, &found.etag).await?,
        };
        if done {
            return Ok(());
        }
    }
}

/// What says the same as before keeps its time.
fn renew(known: &mut BTreeMap<String, AppliedItem>, said: &BTreeMap<String, AppliedItem>) {
    for (id, item) in said {
        let before = known.get(id);
        // Credentials that the file does not hand in are those of before.
        let credentials =
            item.credentials.clone().or_else(|| before.and_then(|known| known.credentials.clone()));
        let item = AppliedItem { credentials, ..item.clone() };
        let says = |item: &AppliedItem| (item.digest.clone(), item.account.clone(), item.credentials.clone());
        if before.is_none_or(|known| says(known) != says(&item)) {
            known.insert(id.clone(), item);
        }
    }
}
