//! What a configuration must fulfil besides being well-formed.

use segue_segment::Destination;

use super::{Connection, Export, Limits};

/// What is wrong with a configuration: the field, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {problem}")]
pub struct Problem {
    /// The field.
    pub field: &'static str,
    /// What is wrong, and what to do.
    pub problem: String,
}

fn problem(field: &'static str, problem: impl Into<String>) -> Problem {
    Problem { field, problem: problem.into() }
}

/// All that is wrong with a connection.
#[must_use]
pub fn check_connection(connection: &Connection) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(check_id(&connection.id));
    found.extend(check_name(&connection.display_name));
    if !(1..=100).contains(&connection.budget_share) {
        found.push(problem("budget_share", "use a whole number of percent from 1 to 100"));
    }
    found
}

/// All that is wrong with an export to this destination.
#[must_use]
pub fn check_export(export: &Export, destination: Destination) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(check_id(&export.id));
    found.extend(check_name(&export.display_name));
    found.extend(check_text("fields.email", &export.fields.email));
    if !export.audience_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        || export.audience_id.is_empty()
    {
        found.push(problem("audience_id", "use the id that the destination shows, letters and digits"));
    }
    if export.segments.is_empty() {
        found.push(problem("segments", "name at least one segment"));
    }
    for segment in &export.segments {
        if segment.is_empty() || segment.contains('/') {
            found.push(problem("segments", format!("`{segment}` is no segment's name; leave slashes out")));
        }
    }
    if !(0.0..=1.0).contains(&export.limits.invalid_share) {
        found.push(problem("limits.invalid_share", "use a share from 0 to 1"));
    }
    found.extend(check_limits(&export.limits));
    if !(1..=7 * 24 * 60).contains(&export.limits.deadline_minutes) {
        found.push(problem(
            "limits.deadline_minutes",
            "use 1 minute to 7 days (10080): chunks are kept no longer",
        ));
    }
    found.extend(check_choices(export, destination));
    found
}

fn check_limits(limits: &Limits) -> Vec<Problem> {
    let mut found = Vec::new();
    if limits.profiles == Some(0) {
        found.push(problem("limits.profiles", "use at least 1"));
    }
    if limits.min_profiles.is_some_and(|least| limits.profiles.is_some_and(|most| least > most)) {
        found.push(problem("limits.min_profiles", "use at most `limits.profiles`; no run could start"));
    }
    let shares = [
        ("limits.change_share", limits.change_share),
        ("limits.warn_change_share", limits.warn_change_share),
    ];
    let wrong = |share: f64| !share.is_finite() || share < 0.0;
    for (field, _) in shares.into_iter().filter(|(_, share)| share.is_some_and(wrong)) {
        found.push(problem(field, "use a share from 0 up, such as 0.5; 1 stands for twice as many, or none"));
    }
    if limits.columns.iter().any(|column| column.trim().is_empty()) || limits.columns.len() > 100 {
        found.push(problem("limits.columns", "name at most 100 columns, none of them empty"));
    }
    found
}

/// The choices that one destination needs and another does not know.
fn check_choices(export: &Export, destination: Destination) -> Vec<Problem> {
    let mut found = Vec::new();
    let names = export.fields.first_name.is_some() || export.fields.last_name.is_some();
    match destination {
        Destination::Snapchat if names => {
            found.push(problem(
                "fields",
                "Snapchat takes the e-mail address only; leave first_name and last_name out",
            ));
        }
        Destination::Mailchimp if export.new_contacts.is_none() => found.push(problem(
            "new_contacts",
            "say how new people are added: subscribed, pending, transactional or unsubscribed",
        )),
        Destination::Snapchat | Destination::Mailchimp | Destination::Klaviyo => {}
    }
    if destination != Destination::Mailchimp {
        let foreign = [
            ("new_contacts", export.new_contacts.is_some()),
            ("existing_contacts", export.existing_contacts.is_some()),
            ("people_who_left", export.people_who_left.is_some()),
            ("tags", !export.tags.is_empty()),
        ];
        let set = foreign.into_iter().filter(|(_, set)| *set);
        found.extend(set.map(|(field, _)| problem(field, "only Mailchimp has it; leave it out")));
    }
    // Mailchimp shortens longer tags without a word.
    let plain = |tag: &String| (1..=100).contains(&tag.chars().count()) && tag.trim() == tag;
    if export.tags.len() > 20 || !export.tags.iter().all(plain) {
        found
            .push(problem("tags", "use at most 20 tags of 1 to 100 characters, with no space at either end"));
    }
    found
}

/// Whether this can be the id of a connection or an export: ids are parts of keys.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && (1..=63).contains(&id.len()) && !id.starts_with('-') && !id.ends_with('-')
}

fn check_id(id: &str) -> Option<Problem> {
    (!is_id(id))
        .then(|| problem("id", "use 1 to 63 lower-case letters, digits and hyphens, no hyphen at either end"))
}

fn check_name(name: &str) -> Option<Problem> {
    let control = || {
        name.contains(char::is_control)
            .then(|| problem("display_name", "use one line, without control characters"))
    };
    check_text("display_name", name).or_else(control)
}

fn check_text(field: &'static str, text: &str) -> Option<Problem> {
    (text.trim().is_empty() || text.len() > 256).then(|| problem(field, "use 1 to 256 characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(json: &serde_json::Value) -> Export {
        let mut whole = serde_json::json!({
            "id": "e", "display_name": "E", "connection": "c", "audience_id": "a1",
            "segments": ["vip"], "fields": {"email": "email"},
        });
        whole.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn fields(json: &serde_json::Value, destination: Destination) -> Vec<&'static str> {
        check_export(&export(json), destination).into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_plain_export_is_fine_at_snapchat_and_klaviyo() {
        assert_eq!(fields(&serde_json::json!({}), Destination::Snapchat), [""; 0]);
        assert_eq!(fields(&serde_json::json!({}), Destination::Klaviyo), [""; 0]);
    }

    #[test]
    fn mailchimp_has_no_default_for_new_contacts_and_the_others_do_not_know_it() {
        assert_eq!(fields(&serde_json::json!({}), Destination::Mailchimp), ["new_contacts"]);
        let choice = serde_json::json!({"new_contacts": "pending"});
        assert_eq!(fields(&choice, Destination::Mailchimp), [""; 0]);
        assert_eq!(fields(&choice, Destination::Klaviyo), ["new_contacts"]);
    }

    #[test]
    fn mailchimps_choices_are_nobody_elses() {
        let choices = serde_json::json!({
            "new_contacts": "pending", "existing_contacts": "update", "people_who_left": "may_come_back",
            "tags": ["from Segue"],
        });
        assert_eq!(fields(&choices, Destination::Mailchimp), [""; 0]);
        let all = ["new_contacts", "existing_contacts", "people_who_left", "tags"];
        assert_eq!(fields(&choices, Destination::Snapchat), all);
        let blank = serde_json::json!({"new_contacts": "pending", "tags": [" "]});
        assert_eq!(fields(&blank, Destination::Mailchimp), ["tags"]);
    }

    #[test]
    fn snapchat_takes_no_names() {
        let names = serde_json::json!({"fields": {"email": "email", "first_name": "first"}});
        assert_eq!(fields(&names, Destination::Snapchat), ["fields"]);
        assert_eq!(fields(&names, Destination::Klaviyo), [""; 0]);
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let wrong = |limits: serde_json::Value| {
            fields(&serde_json::json!({ "limits": limits }), Destination::Klaviyo)
        };
        assert_eq!(wrong(serde_json::json!({"min_profiles": 3, "profiles": 2})), ["limits.min_profiles"]);
        assert_eq!(wrong(serde_json::json!({"change_share": -0.1})), ["limits.change_share"]);
        assert_eq!(wrong(serde_json::json!({"columns": ["id", " "]})), ["limits.columns"]);
        let fine = serde_json::json!({"min_profiles": 2, "profiles": 2, "change_share": 3.0,
            "warn_change_share": null, "columns": ["id"]});
        assert_eq!(wrong(fine), [""; 0]);
    }

    #[test]
    fn a_limit_that_is_not_set_is_not_written_so_that_an_older_release_reads_the_run() {
        let written = serde_json::to_value(export(&serde_json::json!({})).limits).unwrap();
        assert_eq!(written, serde_json::json!({"invalid_share": 0.2, "deadline_minutes": 1440}));
        let quiet = export(&serde_json::json!({"limits": {"warn_change_share": null}}));
        let again: Export = serde_json::from_value(serde_json::to_value(&quiet).unwrap()).unwrap();
        assert_eq!(again.limits.warn_change_share, None);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = serde_json::json!({
            "id": "../x", "display_name": " ", "audience_id": "a/b", "segments": ["a/b"],
            "limits": {"invalid_share": 2.0, "profiles": 0, "deadline_minutes": 0},
        });
        assert_eq!(
            fields(&wrong, Destination::Klaviyo),
            [
                "id",
                "display_name",
                "audience_id",
                "segments",
                "limits.invalid_share",
                "limits.profiles",
                "limits.deadline_minutes"
            ]
        );
    }
}
