//! What was changed by hand since a file was applied, and noting what a file said.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use segue_platform::StoreError;
use segue_state::document::Created;
use segue_state::{Applied, AppliedItem, Role, State, StateError, keys};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::changes::{Change, flat, value};
use super::plan::Plan;
use super::specs::{ConnectionSpec, ExportSpec};
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
    let since = |item: &AppliedItem| {
        format!("since {} applied it at {}", item.by, item.at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    };
    match (now, noted) {
        (Some(now), _) if wanted == Some(now) => None,
        (Some(now), Some(item)) if digest(now) == item.digest => None,
        (Some(_), Some(item)) => Some(format!("it was changed by hand {}", since(item))),
        (Some(_), None) => Some("it was made by hand: no file that named it was applied".to_owned()),
        (None, Some(item)) => Some(format!("it was removed by hand {}", since(item))),
        (None, None) => None,
    }
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

/// What is to be noted of a plan that was carried out.
#[derive(Debug, Default)]
pub struct Note(BTreeMap<Role, Sheet>);

#[derive(Debug, Default)]
struct Sheet {
    said: Applied,
    gone: Vec<(Kind, String)>,
}

impl Note {
    /// Of this plan.
    #[must_use]
    pub fn of(plan: &Plan, by: &str) -> Self {
        let mut note = Self::default();
        let item =
            |said: &Value| AppliedItem { digest: digest(said), at: Timestamp::now(), by: by.to_owned() };
        for planned in &plan.connections {
            let sheet = note.0.entry(Role::Administrators).or_default();
            let said = value(&ConnectionSpec::of(&planned.wanted));
            sheet.said.connections.insert(planned.wanted.id.clone(), item(&said));
        }
        for planned in &plan.exports {
            let said = value(&ExportSpec::of(planned.role, &planned.wanted, planned.schedule.as_ref()));
            let id = planned.wanted.id.clone();
            note.0.entry(planned.role).or_default().said.exports.insert(id.clone(), item(&said));
            let moved = planned.before.iter().filter(|(role, _)| *role != planned.role);
            for (role, _) in moved {
                note.0.entry(*role).or_default().gone.push((Kind::Export, id.clone()));
            }
        }
        for (found, _) in &plan.surplus_exports {
            note.0.entry(found.role).or_default().gone.push((Kind::Export, found.export.id.clone()));
        }
        for connection in &plan.surplus_connections {
            let sheet = note.0.entry(Role::Administrators).or_default();
            sheet.gone.push((Kind::Connection, connection.body.id.clone()));
        }
        note
    }

    /// Keeps it. Who may not is told nothing: only what was changed by hand can't be told then.
    ///
    /// # Errors
    /// [`Failure`] if the state bucket fails.
    pub async fn keep(&self, state: &State) -> Result<(), Failure> {
        for (role, sheet) in &self.0 {
            match keep(state, *role, sheet).await {
                Err(StateError::Store(StoreError::Denied { .. })) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
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
        if known.get(id).is_none_or(|known| known.digest != item.digest) {
            known.insert(id.clone(), item.clone());
        }
    }
}
