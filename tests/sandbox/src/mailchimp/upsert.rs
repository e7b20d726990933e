//! What happens to one contact when a client sends it: the rules about status, consent and merge fields that the
//! single calls and the batch share.
use serde_json::{Map, Value};

use super::contact::{Contact, Status};
use super::list::List;
use crate::address::{plausible, singled_out};
use crate::seed::Rule;

/// A contact as a client sent it, checked against the schema.
pub(super) struct Wish<'a> {
    pub(super) email: &'a str,
    pub(super) status: Option<Status>,
    /// Used where the contact is new; only the single PUT has it.
    pub(super) status_if_new: Option<Status>,
    pub(super) merge_fields: Option<&'a Map<String, Value>>,
    pub(super) tags: Option<&'a [Value]>,
    pub(super) vip: Option<bool>,
    /// Whether a contact that is there may be changed.
    pub(super) update: bool,
    pub(super) sync_tags: bool,
    pub(super) skip_merge_validation: bool,
}

/// Why a contact was not taken.
pub(super) enum Trouble {
    Exists,
    Compliance,
    Forgotten,
    InvalidEmail,
    NoStatus,
    /// A rule singled it out; with the text after the address.
    Refused(String),
    Merge {
        field: String,
        message: &'static str,
    },
}

/// What was done with a contact that was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Created,
    Updated,
}

const FAKE: &str = "looks fake or invalid, please enter a real email address.";
const THROTTLED: &str =
    "has signed up to a lot of lists very recently; we're not allowing more signups for now";
const COMPLIANCE: &str =
    "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.";
const FORGOTTEN: &str = "was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list.";

impl Trouble {
    /// The title of the single calls' error document.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Exists => "Member Exists",
            Self::Compliance => "Member In Compliance State",
            Self::Forgotten => "Forgotten Email Not Subscribed",
            Self::InvalidEmail | Self::NoStatus | Self::Refused(_) | Self::Merge { .. } => "Invalid Resource",
        }
    }

    /// The sentence about an address.
    pub(super) fn text(&self, email: &str) -> String {
        match self {
            Self::Exists => format!(
                "{email} is already a list member, do you want to update? \
                 please provide update_existing:true in the request body"
            ),
            Self::Compliance => format!("{email} {COMPLIANCE}"),
            Self::Forgotten => format!("{email} {FORGOTTEN}"),
            Self::InvalidEmail => "Please provide a valid email address.".into(),
            Self::NoStatus => "Required fields were not provided: status".into(),
            Self::Refused(text) => format!("{email} {text}"),
            Self::Merge { .. } => "Your merge fields were invalid.".into(),
        }
    }
}

impl List {
    /// Takes a contact in or changes it.
    pub(super) fn upsert(&mut self, rules: &[Rule], wish: &Wish<'_>) -> Result<(usize, Done), Trouble> {
        if !plausible(wish.email) {
            return Err(Trouble::InvalidEmail);
        }
        let index = self.find(wish.email);
        let known = index.map(|index| &self.contacts[index]);
        let archived = known.is_some_and(|contact| contact.status == Status::Archived);
        match known.map(|contact| contact.status) {
            Some(Status::Forgotten) => return Err(Trouble::Forgotten),
            Some(status) if !wish.update && status != Status::Archived => return Err(Trouble::Exists),
            Some(_) => {}
            None => singled_out(rules, wish.email).map_or(Ok(()), |rule| Err(trouble_of(rule)))?,
        }
        let may_subscribe = known.is_none_or(|contact| {
            contact.status == Status::Subscribed
                || (contact.status != Status::Cleaned && !contact.left_by_self)
        });
        if wish.status == Some(Status::Subscribed) && !may_subscribe {
            return Err(Trouble::Compliance);
        }
        self.check_merge_fields(known, wish)?;
        let (index, done) = if let Some(index) = index {
            (index, if archived && wish.status.is_some() { Done::Created } else { Done::Updated })
        } else {
            let status = wish.status_if_new.or(wish.status).ok_or(Trouble::NoStatus)?;
            (self.add(Contact::new(wish.email, status)), Done::Created)
        };
        let contact = &mut self.contacts[index];
        if let Some(status) = wish.status.filter(|_| done == Done::Updated || archived) {
            contact.status = status;
            // Whoever confirms again, or is taken back after an admin's decision, has not left any more.
            contact.left_by_self &= status != Status::Subscribed;
        }
        contact.vip = wish.vip.unwrap_or(contact.vip);
        if let Some(values) = wish.merge_fields {
            contact.merge(&self.merge_fields, values);
        }
        if let Some(tags) = wish.tags {
            if wish.sync_tags {
                contact.tags.clear();
            }
            for tag in tags.iter().filter_map(Value::as_str) {
                if !contact.tags.iter().any(|known| **known == *tag) {
                    contact.tags.push(tag.into());
                }
            }
        }
        Ok((index, done))
    }

    fn check_merge_fields(&self, known: Option<&Contact>, wish: &Wish<'_>) -> Result<(), Trouble> {
        for (position, field) in self.merge_fields.iter().enumerate() {
            let sent = wish.merge_fields.and_then(|values| values.get(&field.tag));
            let empty = sent.is_some_and(|value| value.as_str() == Some(""));
            let trouble = |message| Err(Trouble::Merge { field: field.tag.clone(), message });
            let missing = empty || (sent.is_none() && !known.is_some_and(|contact| contact.has(position)));
            if field.required && missing && !wish.skip_merge_validation {
                return trouble("Please enter a value");
            }
            let number =
                |value: &Value| value.is_number() || value.as_str().is_some_and(|t| t.parse::<f64>().is_ok());
            if field.kind == "number" && sent.is_some_and(|value| !empty && !number(value)) {
                return trouble("Please enter a number");
            }
        }
        Ok(())
    }
}

fn trouble_of(rule: &Rule) -> Trouble {
    match rule.text.as_deref() {
        None | Some("fake") => Trouble::Refused(FAKE.into()),
        Some("throttled") => Trouble::Refused(THROTTLED.into()),
        Some("compliance") => Trouble::Compliance,
        Some("forgotten") => Trouble::Forgotten,
        Some(text) => Trouble::Refused(text.into()),
    }
}
