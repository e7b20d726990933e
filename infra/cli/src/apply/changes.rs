//! What a plan changes, item by item and field by field, and what was changed by hand before.

use segue_platform::Secrets;
use segue_state::{Connection, Export, Limits, Role, Triggers, Versioned};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::credentials::Credentials;
use super::drift::{Kind, drift};
use super::plan::{Plan, PlannedConnection, PlannedExport};
use super::save::stored;
use super::specs::{ConnectionSpec, ExportSpec};
use crate::Failure;
use crate::export::standing::{Own, Standing};
use crate::output::Screen;

/// Where a schedule stands that no file can say.
const FOREIGN: &str = "schedule.expression";

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

/// All changes of a plan, in the order in which they are done.
///
/// # Errors
/// [`Failure`] if the stored credentials can't be compared.
pub async fn changes(plan: &Plan, secrets: &dyn Secrets, agree: bool) -> Result<Vec<Change>, Failure> {
    let mut all = Vec::new();
    for planned in &plan.connections {
        all.push(of_connection(plan, planned, secrets, agree).await?);
    }
    all.extend(plan.exports.iter().map(|planned| of_export(plan, planned)));
    for (found, schedule) in &plan.surplus_exports {
        let before = standing(found.role, &found.export, schedule.as_ref());
        let drift = drift(plan, Kind::Export, found.role, &found.export.id, Some(&before), None);
        let (kind, id) = (Kind::Export, found.export.id.clone());
        all.push(Change { kind, id, action: Action::Remove, fields: Vec::new(), drift });
    }
    for Versioned { body: connection, .. } in &plan.surplus_connections {
        let before = value(&ConnectionSpec::of(connection));
        let drift = drift(plan, Kind::Connection, Role::Administrators, &connection.id, Some(&before), None);
        let (kind, id) = (Kind::Connection, connection.id.clone());
        all.push(Change { kind, id, action: Action::Remove, fields: Vec::new(), drift });
    }
    Ok(all)
}

async fn of_connection(
    plan: &Plan,
    planned: &PlannedConnection,
    secrets: &dyn Secrets,
    agree: bool,
) -> Result<Change, Failure> {
    let id = planned.wanted.id.clone();
    let before = planned.before.as_ref().map(|before| &before.body);
    let (was, is) = (
        before.map(|before| value(&ConnectionSpec::of(before))),
        value(&ConnectionSpec::of(&planned.wanted)),
    );
    let mut fields = differences(was.as_ref(), &is);
    let secret = |connection: &Connection| json!(format!("the secret {}", connection.secret));
    let is_new = match &planned.credentials {
        Credentials::Given(given) => !stored(secrets, &planned.wanted.secret, given).await?,
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
    if planned.wanted.consent.is_none() && agree {
        let (before, after) =
            (json!("not given"), json!(format!("to version {} of the terms", Connection::TERMS)));
        fields.push(Field { field: "consent".to_owned(), before, after });
    }
    let drift = drift(plan, Kind::Connection, Role::Administrators, &id, was.as_ref(), Some(&is));
    Ok(Change { kind: Kind::Connection, id, action: action(before.is_some(), &fields), fields, drift })
}

fn of_export(plan: &Plan, planned: &PlannedExport) -> Change {
    let id = planned.wanted.id.clone();
    // Where it stands under both roles, since a change of its role broke off, the change is still to be made.
    let elsewhere = planned.before.iter().find(|(role, _)| *role != planned.role);
    let own = planned.schedule_before.as_ref();
    let before = elsewhere.or_else(|| planned.before.first());
    let before = before.map(|(role, found)| standing(*role, &found.body, own));
    let wanted = value(&ExportSpec::of(planned.role, &planned.wanted, planned.schedule.as_ref()));
    let mut fields = differences(before.as_ref(), &wanted);
    if let Some(own) = own
        && planned.schedule.is_some()
        && elsewhere.is_none()
        && own.groups() != [planned.role]
    {
        let groups = own.groups().into_iter().map(Role::name).collect::<Vec<_>>();
        let (before, after) = (json!(groups), json!([planned.role.name()]));
        fields.push(Field { field: "schedule.group".to_owned(), before, after });
    }
    let drift = drift(plan, Kind::Export, planned.role, &id, before.as_ref(), Some(&wanted));
    Change { kind: Kind::Export, id, action: action(before.is_some(), &fields), fields, drift }
}

/// What there is of an export, as a file would say it; of a schedule that no file can say, what EventBridge Scheduler has.
fn standing(role: Role, export: &Export, own: Option<&Own>) -> Value {
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
        let after = after.or(default).unwrap_or_default();
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

/// Prints what would change.
///
/// # Errors
/// [`Failure`] if the output can't be written.
pub fn print(all: &[Change], screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(&json!({ "changes": all }))?;
    for Change { kind, id, action, fields, drift } in
        all.iter().filter(|change| change.action != Action::Keep)
    {
        let mark = match action {
            Action::Create => "+",
            Action::Change => "~",
            Action::Remove => "-",
            Action::Keep => "=",
        };
        screen.line(&format!("{mark} {} {id}", kind.name()))?;
        for Field { field, before, after } in fields {
            screen.line(&match action {
                Action::Create => format!("    {field}: {}", words(after)),
                _ if field == FOREIGN => {
                    format!("    {field}: {}, not Segue's form -> {}", words(before), words(after))
                }
                _ => format!("    {field}: {} -> {}", words(before), words(after)),
            })?;
        }
        if let Some(drift) = drift {
            screen.line(&format!("    ! {drift}"))?;
        }
    }
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
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
