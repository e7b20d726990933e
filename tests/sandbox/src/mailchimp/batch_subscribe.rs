//! `POST /lists/{id}`: up to 500 contacts, answered with 200 and a verdict a row.
use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::contact::{Status, subscriber_hash};
use super::list::List;
use super::members::schema_errors;
use super::problem::{invalid, problem, unreadable};
use super::upsert::{Done, Trouble, Wish};
use crate::call::{Answer, Call};
use crate::seed::Rule;

/// Contacts that one request may carry.
const MOST: usize = 500;

impl List {
    pub(super) fn batch_subscribe(&mut self, rules: &[Rule], call: &Call) -> Answer {
        let Some(body) = call.json.as_ref().and_then(Value::as_object) else { return unreadable() };
        let Some(members) = body.get("members").and_then(Value::as_array) else {
            return invalid(&[("members".into(), "Required fields were not provided: members")]);
        };
        if members.len() > MOST {
            return invalid(&[("members".into(), "The maximum number of members per request is 500.")]);
        }
        let mut errors = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let prefix = format!("members.item:{index}");
            match member.as_object() {
                None => errors.push((prefix, "Schema describes object")),
                Some(member) if !member.get("email_address").is_some_and(Value::is_string) => {
                    errors.push((prefix, "Required fields were not provided: email_address"));
                }
                Some(member) => errors.extend(
                    schema_errors(member)
                        .into_iter()
                        .map(|(field, text)| (format!("{prefix}.{field}"), text)),
                ),
            }
        }
        if !errors.is_empty() {
            return invalid(&errors);
        }
        let mut seen = HashSet::new();
        let fresh: Vec<bool> =
            members.iter().map(|member| seen.insert(subscriber_hash(email(member)))).collect();
        if !call.flag("skip_duplicate_check")
            && let Some(index) = fresh.iter().position(|fresh| !fresh)
        {
            let detail = format!("Duplicate items found for following email(s): {}", email(&members[index]));
            return problem(400, "Bad Request", &detail, Value::Null);
        }
        let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or(false);
        let (update, sync_tags) = (flag("update_existing"), flag("sync_tags"));
        let skip_merge_validation = call.flag("skip_merge_validation");
        // Five hundred whole contacts are worth building only where the answer is to hold them.
        let echoed = call.param("fields").is_none_or(|fields| fields.contains("_members"));
        let mut answers = Answers::default();
        // Of an address that comes twice, the first appearance wins.
        for member in members.iter().zip(fresh).filter_map(|(member, fresh)| fresh.then_some(member)) {
            let wish = Wish {
                email: email(member),
                status: member["status"].as_str().and_then(Status::sent),
                status_if_new: None,
                merge_fields: member["merge_fields"].as_object(),
                tags: member["tags"].as_array().map(Vec::as_slice),
                vip: member["vip"].as_bool(),
                update,
                sync_tags,
                skip_merge_validation,
            };
            answers.repeats += usize::from(self.find(wish.email).is_some());
            match self.upsert(rules, &wish) {
                Ok((index, done)) => {
                    let contact = &self.contacts[index];
                    let shown =
                        if echoed { contact.shown(&self.id, &self.merge_fields) } else { Value::Null };
                    if done == Done::Created { &mut answers.created } else { &mut answers.updated }
                        .push(shown);
                }
                Err(trouble) => answers.errors.push(row_error(wish.email, &trouble)),
            }
        }
        answers.into_answer(members.len())
    }
}

fn email(member: &Value) -> &str {
    member["email_address"].as_str().unwrap_or_default()
}

fn row_error(email: &str, trouble: &Trouble) -> Value {
    let code = if matches!(trouble, Trouble::Exists) { "ERROR_CONTACT_EXISTS" } else { "ERROR_GENERIC" };
    let (field, message) = match trouble {
        Trouble::Merge { field, message } => (field.as_str(), *message),
        _ => ("", ""),
    };
    let mut error = Map::new();
    error.insert("email_address".into(), email.into());
    error.insert("error".into(), trouble.text(email).into());
    error.insert("error_code".into(), code.into());
    error.insert("field".into(), field.into());
    error.insert("field_message".into(), message.into());
    Value::Object(error)
}

/// The verdicts of one request.
#[derive(Default)]
struct Answers {
    created: Vec<Value>,
    updated: Vec<Value>,
    errors: Vec<Value>,
    repeats: usize,
}

impl Answers {
    fn into_answer(self, rows: usize) -> Answer {
        let body = json!({
            "total_created": self.created.len(),
            "total_updated": self.updated.len(),
            "error_count": self.errors.len(),
            "new_members": self.created,
            "updated_members": self.updated,
            "errors": self.errors,
            "_links": [],
        });
        Answer::json(200, &body).counting(rows, self.repeats)
    }
}
