//! `segue export show`: everything about one export.

use segue_state::{Export, Limits};
use serde_json::Value;

use super::desk::Desk;
use super::export_id;
use super::found::Found;
use super::standing::Standing;
use super::view::View;
use crate::Failure;
use crate::output::{Screen, table};
use crate::stack::Stack;

/// Show one export.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The export.
    #[arg(value_name = "EXPORT", value_parser = export_id)]
    pub export: String,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(desk: &Desk<'_>, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let found = Found::find(desk.state, &args.export).await?;
    let connection = found.connection(desk.state).await?;
    let schedule = desk.schedules.get(&args.export).await?;
    let schedule = schedule.as_ref().and_then(|own| own.of_role(found.role)).cloned();
    let view = View::of(desk.state, found.role, found.export, connection.as_ref(), schedule).await?;
    screen.json(&view)?;
    screen.line(&whole(desk.stack, &view))
}

fn whole(stack: &Stack, view: &View) -> String {
    let export = &view.export;
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| rows.push((name.to_owned(), value.to_owned()));
    add("export", &export.id);
    add("name", &export.display_name);
    add("status", view.status);
    if let Some(why) = &view.blocked_by {
        add("", why);
    }
    add("who may edit", view.role.name());
    let over = format!("{} ({})", export.connection, view.destination());
    add("connection", if export.is_detached() { "none" } else { &over });
    add("audience", &export.audience_id);
    add("segments", &export.segments.join(", "));
    add("e-mail", &export.fields.email);
    for (name, column) in [("first name", &export.fields.first_name), ("last name", &export.fields.last_name)]
    {
        if let Some(column) = column {
            add(name, column);
        }
    }
    for (name, value) in choices(export) {
        add(&name, &value);
    }
    add("started by", &super::desk::starters(stack, export));
    add("own schedule", &view.schedule.as_ref().map_or_else(|| "none".to_owned(), Standing::words));
    add("last run", &view.ran());
    table(&[], 0..0, rows.into_iter().map(|(name, value)| vec![name, value]).collect())
}

/// What is not as by default, and the limits, as a file names them.
fn choices(export: &Export) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Ok(whole) = serde_json::to_value(export) else { return found };
    for field in ["source", "new_contacts", "existing_contacts", "people_who_left", "tags"] {
        if let Some(value) = whole.get(field) {
            flat(field, value, &mut found);
        }
    }
    if let Ok(limits) = serde_json::to_value(Limits { warn_change_share: None, ..export.limits.clone() }) {
        flat("limits", &limits, &mut found);
    }
    let warned = export.limits.warn_change_share.map_or_else(|| "none".to_owned(), |share| share.to_string());
    found.retain(|(field, _)| field != "limits.warn_change_share");
    found.push(("limits.warn_change_share".to_owned(), warned));
    found
}

fn flat(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flat(&format!("{path}.{name}"), value, found);
            }
        }
        Value::Array(items) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            found.push((path.to_owned(), words.join(", ")));
        }
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}
