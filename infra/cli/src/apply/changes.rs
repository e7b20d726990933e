//! What a plan changes, item by item and field by field, and what was changed by hand before.

use std::sync::Arc;

use segue_platform::Secrets;
use segue_state::{Broken, Connection, Export, Limits, Role, Triggers, Versioned};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::account::Accounts;
use super::credentials::{Credentials, holds, stamp};
use super::drift::{Kind, drift, signed_in};
use super::plan::{Plan, PlannedConnection, PlannedExport, SurplusConnection, SurplusExport};
use super::specs::{ConnectionSpec, ExportSpec};
use super::whose::{foretold, stored};
use crate::Failure;
use crate::export::standing::{Own, Standing};
use crate::output::Screen;

/// Where a schedule stands that no file can say.
const FOREIGN: &str = "schedule.expression";
/// Whose a connection's credentials are.
const ACCOUNT: &str = "account";
/// What is wrong with a document that is to be replaced.
const MALFORMED: &str = "malformed document";

/// What becomes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is removed.
    Remove,
    /// It stays as it is.
    Keep,
}

/// What becomes of a connection or an export.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Which of both.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// What becomes of it.
    pub action: Action,
    /// The fields that change.
    pub fields: Vec<Field>,
    /// How it was changed by hand since a file was applied, if it was.
    pub drift: Option<String>,
}

/// A field that changes. What is secret is never in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// Its path, as a file names it.
    pub field: String,
    /// What it is.
    pub before: Value,
    /// What it is to be.
    pub after: Value,
}

/// All changes of a plan, in the order in which they are done. `accounts` tell whose new credentials are.
///
/// # Errors
/// [`Failure`] if the stored credentials can't be compared.
pub async fn changes(
    plan: &Plan,
    accounts: &dyn Accounts,
    secrets: &Arc<dyn Secrets>,
    agree: bool,
) -> Result<Vec<Change>, Failure> {
    let mut all = Vec::new();
    for planned in &plan.connections {
        all.push(of_connection(plan, planned, accounts, secrets, agree).await?);
    }
    all.extend(plan.exports.iter().map(|planned| of_export(plan, planned)));
    for SurplusExport { found, schedule, runs } in &plan.surplus_exports {
        let before = standing(found.role, &found.export, schedule.as_ref());
        let drift = drift(plan, Kind::Export, found.role, &found.export.id, Some(&before), None);
        let (kind, id) = (Kind::Export, found.export.id.clone());
        let fields = cancelled(&runs.iter().map(ToString::to_string).collect::<Vec<_>>());
        all.push(Change { kind, id, action: Action::Remove, fields, drift });
    }
    for SurplusConnection { found: Versioned { body: connection, .. }, runs } in &plan.surplus_connections {
        let before = value(&ConnectionSpec::of(connection));
        let drift = drift(plan, Kind::Connection, Role::Administrators, &connection.id, Some(&before), None);
        let (kind, id) = (Kind::Connection, connection.id.clone());
        let fields =
            cancelled(&runs.iter().map(|(export, run)| format!("{export} {run}")).collect::<Vec<_>>());
        all.push(Change { kind, id, action: Action::Remove, fields, drift });
    }
    Ok(all)
}

/// Runs that are under way, and end with what is removed.
fn cancelled(runs: &[String]) -> Vec<Field> {
    if runs.is_empty() {
        return Vec::new();
    }
    let (before, after) = (json!(runs), json!("cancelled"));
    vec![Field { field: "runs under way".to_owned(), before, after }]
}

async fn of_connection(
    plan: &Plan,
    planned: &PlannedConnection,
    accounts: &dyn Accounts,
    secrets: &Arc<dyn Secrets>,
    agree: bool,
) -> Result<Change, Failure> {
    let id = planned.wanted.id.clone();
    let before = planned.before.as_ref().map(|before| &before.body);
    let broken = planned.broken.as_ref();
    let (was, is) = (
        before.map(|before| value(&ConnectionSpec::of(before))).or_else(|| broken.map(malformed)),
        value(&ConnectionSpec::of(&planned.wanted)),
    );
    let mut fields = differences(was.as_ref(), &is);
    let secret = |connection: &Connection| json!(format!("the secret {}", connection.secret));
    let stored = match &planned.credentials {
        Credentials::Given(_) => stored(&**secrets, &planned.wanted.secret).await?,
        Credentials::Kept | Credentials::Existing(_) => None,
    };
    let is_new = match &planned.credentials {
        Credentials::Given(given) => !stored.as_ref().is_some_and(|stored| holds(stored, given)),
        Credentials::Kept | Credentials::Existing(_) => false,
    };
    if is_new {
        fields.push(Field {
            field: "credentials".to_owned(),
            before: before.map_or(Value::Null, secret),
            after: json!("those that were handed in"),
        });
    } else if before.is_none_or(|before| before.secret != planned.wanted.secret) {
        fields.push(Field {
            field: "credentials".to_owned(),
            before: before.map_or(Value::Null, secret),
            after: secret(&planned.wanted),
        });
    }
    let foretold = foretold(accounts, secrets, planned, is_new).await;
    let is_led = is_new || foretold.is_some();
    fields.extend(foretold.map(|(before, after)| Field {
        field: ACCOUNT.to_owned(),
        before: json!(before),
        after: json!(after),
    }));
    if planned.wanted.consent.is_none() && agree {
        let (before, after) =
            (json!("not given"), json!(format!("to version {} of the terms", Connection::TERMS)));
        fields.push(Field { field: "consent".to_owned(), before, after });
    }
    let drift = drift(plan, Kind::Connection, Role::Administrators, &id, was.as_ref(), Some(&is));
    let drift = drift.or_else(|| {
        let before = before.filter(|_| is_led)?;
        signed_in(plan, before, stored.as_ref().map(stamp).as_deref())
    });
    let existed = before.is_some() || broken.is_some();
    Ok(Change { kind: Kind::Connection, id, action: action(existed, &fields), fields, drift })
}

/// What lies in the place of an item and is none, in the place of what a file would say of it.
fn malformed(broken: &Broken) -> Value {
    json!({ MALFORMED: broken.problem })
}

fn of_export(plan: &Plan, planned: &PlannedExport) -> Change {
    let id = planned.wanted.id.clone();
    // Where it stands under both roles, since a change of its role broke off, the change is still to be made.
    let elsewhere = planned.before.iter().find(|(role, _)| *role != planned.role);
    let own = planned.schedule_before.as_ref();
    let here = planned.before.iter().find(|(role, _)| *role == planned.role);
    let said = |(role, found): &(Role, Versioned<Export>)| standing(*role, &found.body, own);
    let broken = |(_, broken): &(Role, Broken)| malformed(broken);
    let in_place = planned.broken.iter().find(|(role, _)| *role == planned.role).map(broken);
    let before = elsewhere.or(here).map(said).or_else(|| in_place.clone());
    let wanted = value(&ExportSpec::of(planned.role, &planned.wanted, planned.schedule.as_ref()));
    let mut fields = differences(before.as_ref(), &wanted);
    for (role, Broken { problem, .. }) in planned.broken.iter().filter(|(role, _)| *role != planned.role) {
        let field = format!("{MALFORMED}, of {}", role.name());
        fields.push(Field { field, before: json!(problem), after: json!("removed") });
    }
    if let Some(own) = own
        && planned.schedule.is_some()
        && elsewhere.is_none()
        && own.groups() != [planned.role]
    {
        let groups = own.groups().into_iter().map(Role::name).collect::<Vec<_>>();
        let (before, after) = (json!(groups), json!([planned.role.name()]));
        fields.push(Field { field: "schedule.group".to_owned(), before, after });
    }
    // What somebody puts beside an export under the other role does not make this one drift.
    let now = here.map(said).or(in_place).or(before);
    let existed = now.is_some();
    let drift = drift(plan, Kind::Export, planned.role, &id, now.as_ref(), Some(&wanted));
    Change { kind: Kind::Export, id, action: action(existed, &fields), fields, drift }
}

/// What there is of an export, as a file would say it; of a schedule that no file can say, what EventBridge Scheduler has.
pub(super) fn standing(role: Role, export: &Export, own: Option<&Own>) -> Value {
    let schedule = own.and_then(|own| own.of_role(role));
    let mut said = value(&ExportSpec::of(role, export, schedule.and_then(Standing::timing)));
    if let Some(Standing::Foreign(foreign)) = schedule {
        said["schedule"] = value(foreign);
    }
    said
}

const fn action(existed: bool, fields: &[Field]) -> Action {
    match (existed, fields.is_empty()) {
        (false, _) => Action::Create,
        (true, true) => Action::Keep,
        (true, false) => Action::Change,
    }
}

/// As a file would say it, without what is as by default.
pub(super) fn value(spec: &impl Serialize) -> Value {
    serde_json::to_value(spec).unwrap_or_default()
}

/// What a field is that nobody said anything of.
fn by_default(field: &str) -> Option<Value> {
    let (limits, triggers) = (Limits::default(), Triggers::default());
    Some(match field {
        "role" | "shared_with" => json!(Role::Administrators),
        "budget_share" => json!(100),
        "enabled" | "schedule.enabled" | "source.header" => json!(true),
        "triggers.upload" => json!(triggers.upload),
        "triggers.schedule" => json!(triggers.schedule),
        "limits.invalid_share" => json!(limits.invalid_share),
        "limits.warn_change_share" => json!(limits.warn_change_share),
        "limits.deadline_minutes" => json!(limits.deadline_minutes),
        _ => return None,
    })
}

/// The fields that differ, each by its path. The id is not a field of what is told.
fn differences(before: Option<&Value>, after: &Value) -> Vec<Field> {
    let (mut old, mut new) = (Map::new(), Map::new());
    if let Some(before) = before {
        flat("", before, &mut old);
    }
    flat("", after, &mut new);
    let names: Vec<String> =
        new.keys().chain(old.keys().filter(|name| !new.contains_key(*name))).cloned().collect();
    let field = |name: String| {
        let default = by_default(&name);
        let (before, after) = (old.remove(&name), new.remove(&name));
        let before = before.or_else(|| default.clone()).unwrap_or_default();
        let mended = || (name == MALFORMED).then(|| json!("mended"));
        let after = after.or(default).or_else(mended).unwrap_or_default();
        (before != after && name != "id").then_some(Field { field: name, before, after })
    };
    names.into_iter().filter_map(field).collect()
}

pub(super) fn flat(path: &str, value: &Value, found: &mut Map<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flat(&path, value, found);
            }
        }
        other => {
            found.insert(path.to_owned(), other.clone());
        }
    }
}

/// The fields of an export that are others than before, a line each.
pub(crate) fn changed(role: Role, before: &Export, after: &Export) -> Vec<String> {
    let said = |export: &Export| value(&ExportSpec::of(role, export, None));
    let fields = differences(Some(&said(before)), &said(after));
    let line =
        |Field { field, before, after }: &Field| format!("{field}: {} -> {}", words(before), words(after));
    fields.iter().map(line).collect()
}

impl Change {
    /// As it is now that the connection was saved, which leads to this account: before, nobody may have known that.
    pub(super) fn leads_to(&mut self, account: &str) {
        for field in self.fields.iter_mut().filter(|field| field.field == ACCOUNT) {
            field.after = json!(account);
        }
        self.fields.retain(|field| field.field != ACCOUNT || field.before != field.after);
    }

    /// The fields that change, a line each, and what was changed by hand before.
    pub(super) fn lines(&self, is_done: bool) -> Vec<String> {
        let field = |Field { field, before, after }: &Field| {
            let (before, after) = (words(before), words(after));
            match self.action {
                Action::Create => format!("    {field}: {after}"),
                _ if field == FOREIGN => format!("    {field}: {before}, not Segue's form -> {after}"),
                _ if field == ACCOUNT && !is_done => {
                    format!("    {field}: {before} -> {after}; another one needs --other-account")
                }
                _ => format!("    {field}: {before} -> {after}"),
            }
        };
        let drift = self.drift.iter().map(|drift| format!("    ! {drift}"));
        self.fields.iter().map(field).chain(drift).collect()
    }
}

/// Prints what would change.
///
/// # Errors
/// [`Failure`] if the output can't be written.
pub fn print(all: &[Change], notes: &[String], screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(&json!({ "changes": all, "notes": notes }))?;
    for change in all.iter().filter(|change| change.action != Action::Keep) {
        let mark = match change.action {
            Action::Create => "+",
            Action::Change => "~",
            Action::Remove => "-",
            Action::Keep => "=",
        };
        screen.line(&format!("{mark} {} {}", change.kind.name(), change.id))?;
        change.lines(false).iter().try_for_each(|line| screen.line(line))?;
    }
    notes.iter().try_for_each(|note| screen.line(&format!("note: {}", note.replace('\n', " "))))?;
    let count = |wanted| all.iter().filter(|change| change.action == wanted).count();
    screen.line(&format!(
        "{} to make, {} to change, {} to remove, {} unchanged",
        count(Action::Create),
        count(Action::Change),
        count(Action::Remove),
        count(Action::Keep)
    ))
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        // What somebody wrote must not look like a line of the plan.
        Value::String(text) => text.replace('\n', " "),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
