//! The calls for one contact, and the pages of all.
use serde_json::{Map, Value, json};

use super::account::page;
use super::contact::Status;
use super::list::List;
use super::problem::{invalid, member_exists, not_found, problem, unreadable};
use super::upsert::{Done, Trouble, Wish};
use crate::call::{Answer, Call};
use crate::seed::Rule;

impl List {
    pub(super) fn all_members(&self, call: &Call) -> Answer {
        let Some((count, offset)) = page(call) else {
            return invalid(&[("count".into(), "Value must be between 0 and 1000.")]);
        };
        let status = call.param("status");
        if status.as_deref().is_some_and(|word| !Status::WORDS[..6].iter().any(|(known, _)| *known == word)) {
            let words =
                "Value must be one of: subscribed, unsubscribed, cleaned, pending, transactional, archived";
            return invalid(&[("status".into(), words)]);
        }
        let asked = || {
            let there = self.contacts.iter().filter(|contact| contact.status != Status::Forgotten);
            there.filter(|contact| status.as_deref().is_none_or(|status| contact.status.word() == status))
        };
        let page: Vec<Value> = asked()
            .skip(offset)
            .take(count)
            .map(|contact| contact.shown(&self.id, &self.merge_fields))
            .collect();
        let total = asked().count();
        Answer::json(200, &json!({ "members": page, "list_id": self.id, "total_items": total, "_links": [] }))
    }

    pub(super) fn member(&self, name: &str) -> Answer {
        self.find_in_path(name).map_or_else(not_found, |index| self.shown_at(index))
    }

    /// Answers 200, not 201, for a new contact; revives an archived one.
    pub(super) fn create_member(&mut self, rules: &[Rule], call: &Call) -> Answer {
        let body = match checked(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let (Some(email), Some(_)) = (text(body, "email_address"), text(body, "status")) else {
            return invalid(&[(String::new(), "Required fields were not provided: email_address, status")]);
        };
        let wish = Wish { update: false, ..wish(body, email, call) };
        self.answered(rules, &wish)
    }

    pub(super) fn put_member(&mut self, rules: &[Rule], name: &str, call: &Call) -> Answer {
        let body = match checked(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let known = self.find_in_path(name);
        if known.is_none() && (text(body, "email_address").is_none() || text(body, "status_if_new").is_none())
        {
            return invalid(&[(
                String::new(),
                "Required fields were not provided: email_address, status_if_new",
            )]);
        }
        let known_email = known.map(|index| self.contacts[index].email.to_string());
        let email = known_email.as_deref().or_else(|| text(body, "email_address")).unwrap_or_default();
        let new = text(body, "status_if_new").and_then(Status::sent).filter(|_| known.is_none());
        let wish = Wish { status_if_new: new, ..wish(body, email, call) };
        self.answered(rules, &wish)
    }

    pub(super) fn patch_member(&mut self, rules: &[Rule], name: &str, call: &Call) -> Answer {
        let body = match checked(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let Some(index) = self.find_in_path(name) else { return not_found() };
        let email = self.contacts[index].email.to_string();
        self.answered(rules, &wish(body, &email, call))
    }

    /// Archives; a contact that can't be archived any more is a 405, not a 404.
    pub(super) fn archive_member(&mut self, name: &str) -> Answer {
        let Some(index) = self.find_in_path(name) else { return not_found() };
        let status = &mut self.contacts[index].status;
        if matches!(status, Status::Archived | Status::Pending | Status::Cleaned) {
            let detail = "This list member cannot be removed. \
                          Can not archive a contact that is bounced, pending or archived";
            return problem(405, "Method Not Allowed", detail, Value::Null).with("allow", &"GET, PUT");
        }
        *status = Status::Archived;
        Answer::empty(204).counting(1, 0)
    }

    pub(super) fn forget_member(&mut self, name: &str) -> Answer {
        let Some(index) = self.find_in_path(name) else { return not_found() };
        self.contacts[index].status = Status::Forgotten;
        Answer::empty(204)
    }

    pub(super) fn tag_member(&mut self, name: &str, call: &Call) -> Answer {
        let Some(index) = self.find_in_path(name) else { return not_found() };
        let Some(tags) = call.json.as_ref().and_then(|body| body["tags"].as_array()) else {
            return invalid(&[("tags".into(), "Required fields were not provided: tags")]);
        };
        let contact = &mut self.contacts[index];
        for tag in tags {
            let name = tag["name"].as_str().unwrap_or_default();
            contact.tags.retain(|known| **known != *name);
            match tag["status"].as_str() {
                Some("active") => contact.tags.push(name.into()),
                Some("inactive") => {}
                _ => return invalid(&[("tags.status".into(), "Value must be one of: inactive, active")]),
            }
        }
        Answer::empty(204)
    }

    pub(super) fn member_tags(&self, name: &str) -> Answer {
        let Some(index) = self.find_in_path(name) else { return not_found() };
        let tags = &self.contacts[index].tags;
        let shown: Vec<Value> =
            tags.iter().enumerate().map(|(id, tag)| json!({ "id": id, "name": tag })).collect();
        Answer::json(200, &json!({ "total_items": tags.len(), "tags": shown, "_links": [] }))
    }

    fn shown_at(&self, index: usize) -> Answer {
        Answer::json(200, &self.contacts[index].shown(&self.id, &self.merge_fields))
    }

    fn answered(&mut self, rules: &[Rule], wish: &Wish<'_>) -> Answer {
        match self.upsert(rules, wish) {
            Ok((index, done)) => self.shown_at(index).counting(1, usize::from(done == Done::Updated)),
            Err(Trouble::Exists) => member_exists(wish.email),
            Err(trouble) => {
                let errors = match &trouble {
                    Trouble::Merge { field, message } => json!([{ "field": field, "message": message }]),
                    _ => Value::Null,
                };
                problem(400, trouble.title(), &trouble.text(wish.email), errors)
            }
        }
    }
}

/// The body, once it fits the schema.
fn checked(call: &Call) -> Result<&Map<String, Value>, Answer> {
    let body = call.json.as_ref().and_then(Value::as_object).ok_or_else(unreadable)?;
    let errors = schema_errors(body);
    if errors.is_empty() { Ok(body) } else { Err(invalid(&errors)) }
}

fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    body.get(field).and_then(Value::as_str)
}

fn wish<'a>(body: &'a Map<String, Value>, email: &'a str, call: &Call) -> Wish<'a> {
    Wish {
        email,
        status: text(body, "status").and_then(Status::sent),
        status_if_new: None,
        merge_fields: body.get("merge_fields").and_then(Value::as_object),
        tags: body.get("tags").and_then(Value::as_array).map(Vec::as_slice),
        vip: body.get("vip").and_then(Value::as_bool),
        update: true,
        sync_tags: false,
        skip_merge_validation: call.flag("skip_merge_validation"),
    }
}

/// What of a contact doesn't fit the schema. This is checked before any row is looked at, and fails the request.
pub(super) fn schema_errors(member: &Map<String, Value>) -> Vec<(String, &'static str)> {
    let mut errors = Vec::new();
    for field in ["status", "status_if_new"] {
        match member.get(field) {
            None => {}
            Some(Value::String(word)) if Status::sent(word).is_some() => {}
            Some(_) => {
                errors.push((
                    field.into(),
                    "Value must be one of: subscribed, unsubscribed, cleaned, pending, transactional",
                ));
            }
        }
    }
    match member.get("merge_fields") {
        None => {}
        Some(Value::Object(values)) => {
            let unfit = values
                .iter()
                .filter(|(_, value)| matches!(value, Value::Null | Value::Bool(_) | Value::Array(_)));
            errors.extend(unfit.map(|(tag, _)| {
                (format!("merge_fields.{tag}"), "Data did not match any of the schemas described in anyOf.")
            }));
        }
        Some(_) => errors.push(("merge_fields".into(), "Schema describes object")),
    }
    if member.get("tags").is_some_and(|tags| !tags.is_array()) {
        errors.push(("tags".into(), "Schema describes array"));
    }
    errors
}
