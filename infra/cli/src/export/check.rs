//! What is wrong with an export, wherever it comes from: a file or options.

use std::collections::BTreeSet;

use segue_segment::Destination;
use segue_state::config::{Problem, check_export};
use segue_state::{Connection, Export, Role, SharedWith};

use super::timing::Timing;
use crate::Failure;

/// What an export has to know of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Where it leads.
    pub destination: Destination,
    /// Who may use it.
    pub shared_with: SharedWith,
}

impl From<&Connection> for Over {
    fn from(connection: &Connection) -> Self {
        Self { destination: connection.destination, shared_with: connection.shared_with }
    }
}

/// All that is wrong with an export over this connection, `None` if it is detached: the field, and the text.
#[must_use]
pub fn check(export: &Export, role: Role, over: Option<Over>) -> Vec<(&'static str, String)> {
    let problems = over.map_or_else(|| of_any(export), |over| check_export(export, over.destination));
    let problems = problems.into_iter();
    let problems = problems.chain(fan_out::options::options(&export.source).err().into_iter().flatten());
    let mut found: Vec<_> = problems.map(|problem| (problem.field, problem.to_string())).collect();
    let shared = over.is_none_or(|over| over.shared_with == SharedWith::Contributors);
    if role == Role::Contributors && !shared {
        let text = format!("`connection`: `{}` is not shared with contributors", export.connection);
        found.push(("connection", text));
    }
    found
}

/// What is wrong wherever it leads: a detached export may be attached to any destination.
fn of_any(export: &Export) -> Vec<Problem> {
    let [one, others @ ..] = Destination::ALL.map(|destination| check_export(export, destination));
    one.into_iter().filter(|problem| others.iter().all(|problems| problems.contains(problem))).collect()
}

/// All that is wrong with a schedule: the field, and the text.
#[must_use]
pub fn check_schedule(timing: &Timing) -> Vec<(String, String)> {
    let found = timing.problems().into_iter().map(|(field, text)| {
        let field = if field.is_empty() { "schedule".to_owned() } else { format!("schedule.{field}") };
        let text = format!("`{field}`: {text}");
        (field, text)
    });
    found.collect()
}

/// An export that was put together by options.
///
/// # Errors
/// [`Failure`] of wrong use with all that is wrong.
pub fn demand(export: &Export, role: Role, over: Option<Over>) -> Result<(), Failure> {
    let problems = check(export, role, over);
    let options: BTreeSet<&str> = problems.iter().filter_map(|(field, _)| option(field)).collect();
    let hint = match options.into_iter().collect::<Vec<_>>().join(", ") {
        options if options.is_empty() => "nothing was saved".to_owned(),
        options => format!("nothing was saved; see {options}"),
    };
    let failures = problems.iter().map(|(_, text)| Failure::usage(format!("export `{}`: {text}", export.id)));
    Failure::together(failures.collect()).map_err(|failure| failure.hint(hint))
}

/// The option that a field of an export is said with.
fn option(field: &str) -> Option<&'static str> {
    let found = match field {
        "display_name" => "--display-name",
        "audience_id" => "--audience",
        "segments" => "--segment",
        "fields.email" => "--email",
        "fields.first_name" => "--first-name",
        "fields.last_name" => "--last-name",
        "new_contacts" => "--new-contacts",
        "existing_contacts" => "--existing-contacts",
        "people_who_left" => "--people-who-left",
        "tags" => "--tag",
        "limits.profiles" => "--max-profiles",
        "limits.min_profiles" => "--min-profiles",
        "limits.invalid_share" => "--invalid-share",
        "limits.change_share" => "--change-share",
        "limits.warn_change_share" => "--warn-change-share",
        "limits.deadline_minutes" => "--deadline-minutes",
        _ => return None,
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detached_export_has_to_be_right_for_some_destination_only() {
        let export = |extra: serde_json::Value| -> Export {
            let mut whole = serde_json::json!({
                "id": "e", "display_name": "E", "connection": "", "audience_id": "a1", "segments": ["vip"],
                "fields": {"email": "email", "first_name": "first"},
            });
            whole.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            serde_json::from_value(whole).unwrap()
        };
        assert_eq!(check(&export(serde_json::json!({})), Role::Contributors, None), []);
        let fields: Vec<_> = check(&export(serde_json::json!({"segments": []})), Role::Administrators, None)
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        assert_eq!(fields, ["segments"]);
    }
}
