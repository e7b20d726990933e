//! `POST /api/profile-bulk-import-jobs`: everything about the request is checked before anything is imported.
use serde_json::{Map, Value};

use super::account::Account;
use super::errors::{Problem, all_failed, document, failed, too_large, unsupported_type};
use super::jobs::{Fate, Job, Row};
use super::profiles::identifier;
use super::{Imports, OriginalPayload};
use crate::address::{plausible, singled_out};
use crate::call::{Answer, Call};
use crate::ids;

const MOST_PROFILES: usize = 10_000;
/// Whether 5 MB means this or 5 MiB is not documented; the smaller one catches more.
const MOST_BYTES: usize = 5_000_000;
const MOST_BYTES_A_PROFILE: usize = 100_000;

const ATTRIBUTES: [&str; 12] = [
    "email",
    "phone_number",
    "external_id",
    "_kx",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    "location",
    "properties",
];

const PROFILES: &str = "/data/attributes/profiles/data";

impl Account {
    pub(super) fn import(&mut self, call: &Call, imports: &mut Imports) -> Answer {
        let content_type = call.header("content-type").split(';').next().unwrap_or_default().trim();
        if !["application/vnd.api+json", "application/json"].contains(&content_type) {
            return unsupported_type(content_type);
        }
        if call.body.len() > MOST_BYTES {
            return too_large();
        }
        let (profiles, lists) = match checked(call.json.as_ref()) {
            Ok(checked) => checked,
            Err(problems) => return all_failed(&problems),
        };
        if let Some(unknown) = lists.iter().find(|id| !self.lists.contains_key(**id)) {
            return failed(&Problem::invalid(&format!("List ID {unknown} does not exist.")).at("/data"));
        }
        let mut emails = profiles.iter().filter_map(|profile| profile["attributes"]["email"].as_str());
        if let Some(rule) = emails.find_map(|email| singled_out(&imports.silent, email)) {
            // All profiles are pointed at, none in particular.
            let detail = rule.text.as_deref().unwrap_or("Invalid input.");
            return failed(&Problem::invalid(detail).at(PROFILES));
        }
        let row = |profile: &Value| {
            let attributes = profile["attributes"].as_object().cloned().unwrap_or_default();
            let email = attributes.get("email").and_then(Value::as_str).unwrap_or_default();
            let refused = singled_out(&imports.fail, email).map(|rule| {
                let text = rule.text.clone().unwrap_or_else(|| "The profile could not be imported.".into());
                let original = match imports.original {
                    OriginalPayload::Resource => profile.clone(),
                    OriginalPayload::Attributes => profile["attributes"].clone(),
                    OriginalPayload::Nothing => Value::Null,
                };
                (text, original)
            });
            Row { attributes, refused }
        };
        let rows: Vec<Row> = profiles.iter().map(row).collect();
        let there = |row: &Row| {
            identifier(&row.attributes).is_some_and(|key| self.by_identifier.contains_key(key.as_str()))
        };
        let (total, repeats) = (rows.len(), rows.iter().filter(|row| there(row)).count());
        let fate = if imports.cancel > 0 {
            imports.cancel -= 1;
            Fate::Cancelled
        } else if imports.stall > 0 {
            imports.stall -= 1;
            Fate::Stalled
        } else {
            Fate::Complete
        };
        let lists = lists.into_iter().map(str::to_owned).collect();
        let job = Job::new(rows, lists, call.at, imports.takes, fate);
        // Their ids have no fixed length and are safe in URLs.
        let id = ids::opaque(56 + fastrand::usize(..5));
        let shown = job.document(&id, call);
        self.jobs.insert(id, job);
        document(202, &shown).counting(total, repeats)
    }
}

/// The profiles and the ids of the lists, or what is wrong with them. Shapes are checked before addresses, so the
/// errors of a second attempt may be new ones.
fn checked(body: Option<&Value>) -> Result<(&[Value], Vec<&str>), Vec<Problem>> {
    let one = |detail: &str, pointer: &str| vec![Problem::invalid(detail).at(pointer)];
    let body = body.ok_or_else(|| one("The request body could not be parsed as JSON.", "/"))?;
    let data = body["data"].as_object().ok_or_else(|| one("'data' is a required field.", "/data"))?;
    if data.get("type").and_then(Value::as_str) != Some("profile-bulk-import-job") {
        return Err(one("'type' must be 'profile-bulk-import-job'.", "/data/type"));
    }
    let attributes = data.get("attributes").and_then(Value::as_object);
    if let Some(field) = attributes.and_then(|fields| fields.keys().find(|field| *field != "profiles")) {
        let detail = format!("'{field}' is not a valid field for the resource 'profile-bulk-import-job'.");
        return Err(one(&detail, &format!("/data/attributes/{field}")));
    }
    let profiles =
        attributes.and_then(|fields| fields.get("profiles")).and_then(|profiles| profiles["data"].as_array());
    let profiles =
        profiles.ok_or_else(|| one("'profiles' is a required field.", "/data/attributes/profiles"))?;
    if profiles.is_empty() || profiles.len() > MOST_PROFILES {
        return Err(one("Between 1 and 10000 profiles are accepted per request.", PROFILES));
    }
    let problems: Vec<Problem> =
        profiles.iter().enumerate().flat_map(|(at, profile)| shape(at, profile)).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let email = |profile: &Value| profile["attributes"]["email"].as_str().is_none_or(plausible);
    let malformed = profiles.iter().enumerate().filter(|(_, profile)| !email(profile));
    let problems: Vec<Problem> = malformed
        .map(|(at, _)| {
            Problem::invalid("Invalid email address.").at(&format!("{PROFILES}/{at}/attributes/email"))
        })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut ids = Vec::new();
    if let Some(lists) = data.get("relationships").and_then(|relationships| relationships.get("lists")) {
        let lists = lists["data"].as_array();
        for list in lists.ok_or_else(|| one("'data' must be an array.", "/data/relationships/lists/data"))? {
            let id = list["id"].as_str().filter(|_| list["type"] == "list");
            ids.push(id.ok_or_else(|| one("A list needs type and id.", "/data/relationships/lists/data"))?);
        }
    }
    Ok((profiles, ids))
}

/// What is wrong with the shape of one profile.
fn shape(at: usize, profile: &Value) -> Vec<Problem> {
    let here = |detail: &str, rest: &str| Problem::invalid(detail).at(&format!("{PROFILES}/{at}{rest}"));
    let Some(attributes) = profile["attributes"].as_object().filter(|_| profile["type"] == "profile") else {
        return vec![here("A profile needs type 'profile' and attributes.", "")];
    };
    let no_field = |field: &str| format!("'{field}' is not a valid field for the resource 'profile'.");
    let mut problems = Vec::new();
    let outer = profile.as_object().into_iter().flat_map(Map::keys);
    for field in outer.filter(|field| !["type", "id", "attributes", "meta"].contains(&field.as_str())) {
        problems.push(here(&no_field(field), &format!("/{field}")));
    }
    for (field, value) in attributes {
        let rest = format!("/attributes/{field}");
        match ATTRIBUTES.iter().position(|known| known == field) {
            None => problems.push(here(&no_field(field), &rest)),
            // All but the last two, location and properties, are text or null.
            Some(known) if known < 10 && !(value.is_string() || value.is_null()) => {
                problems.push(here(&format!("'{field}' must be a string."), &rest));
            }
            Some(_) => {}
        }
    }
    if identifier(attributes).is_none() {
        problems.push(here("One of email, phone_number, external_id or _kx is required.", "/attributes"));
    }
    if profile.to_string().len() > MOST_BYTES_A_PROFILE {
        problems.push(here("The maximum payload size per profile is 100KB.", ""));
    }
    problems
}
