//! Profiles: upserting by identifier, showing them, looking them up by address.
use serde_json::{Map, Value, json};

use super::account::Account;
use super::errors::{Problem, document, failed};
use super::paging::{Page, one_of};
use crate::call::{Answer, Call};

/// What people agreed to; an import never changes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    NeverSubscribed,
    Subscribed,
    Unsubscribed,
}

/// A profile.
pub(super) struct Profile {
    pub(super) email: Option<Box<str>>,
    pub(super) first_name: Option<Box<str>>,
    pub(super) last_name: Option<Box<str>>,
    pub(super) consent: Consent,
    /// All other attributes, for the few profiles that have any.
    rest: Option<Box<Map<String, Value>>>,
}

/// The id of the profile at a position: 26 characters, as Klaviyo's are.
pub(super) fn id_of(index: u32) -> String {
    format!("01SBX{index:021}")
}

/// The position behind an id.
pub(super) fn index_of(id: &str) -> Option<u32> {
    let digits = id.strip_prefix("01SBX").filter(|digits| digits.len() == 21)?;
    digits.parse().ok()
}

/// What a profile is known by: its address, or else another identifier.
pub(super) fn identifier(attributes: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let other = |name: &'static str| text(name).map(|value| format!("{name}:{value}"));
    let email = text("email").map(str::to_lowercase);
    email.or_else(|| other("external_id")).or_else(|| other("phone_number")).or_else(|| other("_kx"))
}

impl Account {
    /// Creates or changes a profile: only values that aren't null are written. Says whether it was there.
    pub(super) fn upsert(&mut self, attributes: &Map<String, Value>) -> (u32, bool) {
        let key = identifier(attributes).unwrap_or_default();
        let known = self.by_identifier.get(key.as_str()).copied();
        let index = known.unwrap_or_else(|| {
            let index = u32::try_from(self.profiles.len()).unwrap_or(u32::MAX);
            let consent = Consent::NeverSubscribed;
            self.profiles.push(Profile {
                email: None,
                first_name: None,
                last_name: None,
                consent,
                rest: None,
            });
            self.by_identifier.insert(key.into(), index);
            index
        });
        let profile = &mut self.profiles[index as usize];
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_null()) {
            let text = || value.as_str().map(Into::into);
            match name.as_str() {
                "email" => profile.email = value.as_str().map(|email| email.to_lowercase().into()),
                "first_name" => profile.first_name = text(),
                "last_name" => profile.last_name = text(),
                _ => drop(profile.rest.get_or_insert_default().insert(name.clone(), value.clone())),
            }
        }
        (index, known.is_some())
    }

    /// The document that the API shows.
    pub(super) fn shown_profile(&self, index: u32, call: &Call) -> Value {
        let profile = &self.profiles[index as usize];
        let id = id_of(index);
        let rest =
            |name: &str| profile.rest.as_ref().and_then(|rest| rest.get(name)).cloned().unwrap_or_default();
        let mut attributes = json!({
            "email": profile.email,
            "phone_number": rest("phone_number"),
            "external_id": rest("external_id"),
            "first_name": profile.first_name,
            "last_name": profile.last_name,
            "organization": rest("organization"),
            "locale": rest("locale"),
            "title": rest("title"),
            "image": rest("image"),
            "created": "2026-11-01T10:00:00+00:00",
            "updated": "2026-11-01T10:00:00+00:00",
            "last_event_date": null,
            "location": rest("location"),
            "properties": rest("properties"),
        });
        if call.param("additional-fields[profile]").is_some_and(|fields| fields.contains("subscriptions")) {
            let consent = match profile.consent {
                Consent::NeverSubscribed => "NEVER_SUBSCRIBED",
                Consent::Subscribed => "SUBSCRIBED",
                Consent::Unsubscribed => "UNSUBSCRIBED",
            };
            attributes["subscriptions"] = json!({ "email": { "marketing": { "consent": consent } } });
        }
        let link = format!("{}/klaviyo/api/profiles/{id}/", call.origin);
        json!({ "type": "profile", "id": id, "attributes": attributes, "links": { "self": link } })
    }

    /// Profiles as whole documents, or as ids only.
    pub(super) fn profile_page(&self, indices: Vec<u32>, call: &Call, whole: bool) -> Answer {
        let page = match Page::of(call, 20, 100) {
            Ok(page) => page,
            Err(problem) => return failed(&problem),
        };
        let shown = |index: u32| {
            if whole {
                self.shown_profile(index, call)
            } else {
                json!({ "type": "profile", "id": id_of(index) })
            }
        };
        let (items, links) = page.cut(indices.into_iter(), call);
        document(200, &json!({ "data": items.into_iter().map(shown).collect::<Vec<_>>(), "links": links }))
    }

    pub(super) fn all_profiles(&self, call: &Call) -> Answer {
        match self.filtered(call) {
            Ok(Some(indices)) => self.profile_page(indices, call, true),
            Ok(None) => {
                self.profile_page((0..u32::try_from(self.profiles.len()).unwrap_or(0)).collect(), call, true)
            }
            Err(problem) => failed(&problem),
        }
    }

    /// The profiles that the filter picks, in order; nothing where there is no filter.
    pub(super) fn filtered(&self, call: &Call) -> Result<Option<Vec<u32>>, Problem> {
        let Some(filter) = call.param("filter") else { return Ok(None) };
        let mut indices: Vec<u32> = if let Some(emails) = one_of(&filter, "email") {
            emails
                .iter()
                .filter_map(|email| self.by_identifier.get(email.to_lowercase().as_str()).copied())
                .collect()
        } else if let Some(ids) = one_of(&filter, "id") {
            ids.iter()
                .filter_map(|id| index_of(id))
                .filter(|index| (*index as usize) < self.profiles.len())
                .collect()
        } else {
            return Err(
                Problem::invalid(&format!("Invalid filter provided: {filter}")).in_parameter("filter")
            );
        };
        indices.sort_unstable();
        indices.dedup();
        Ok(Some(indices))
    }
}
