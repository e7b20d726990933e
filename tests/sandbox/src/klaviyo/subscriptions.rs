//! Subscribing and unsubscribing, as little as it takes to see that consent was touched.
use serde_json::Value;

use super::account::Account;
use super::errors::{Problem, failed};
use super::profiles::Consent;
use crate::address::plausible;
use crate::call::{Answer, Call};

impl Account {
    /// Gives consent and puts the profiles on the list. 202, without a body.
    pub(super) fn subscribe(&mut self, call: &Call) -> Answer {
        self.change_consent(call, 1000, Consent::Subscribed)
    }

    /// Takes consent back and takes the profiles off the list.
    pub(super) fn unsubscribe(&mut self, call: &Call) -> Answer {
        self.change_consent(call, 100, Consent::Unsubscribed)
    }

    fn change_consent(&mut self, call: &Call, most: usize, consent: Consent) -> Answer {
        let data = call.json.as_ref().map_or(&Value::Null, |body| &body["data"]);
        let Some(profiles) = data["attributes"]["profiles"]["data"].as_array() else {
            return failed(
                &Problem::invalid("'profiles' is a required field.").at("/data/attributes/profiles"),
            );
        };
        if profiles.is_empty() || profiles.len() > most {
            let detail = format!("Between 1 and {most} profiles are accepted per call.");
            return failed(&Problem::invalid(&detail).at("/data/attributes/profiles/data"));
        }
        let email = |profile: &Value| profile["attributes"]["email"].as_str().is_some_and(plausible);
        if let Some(at) = profiles.iter().position(|profile| !email(profile)) {
            let pointer = format!("/data/attributes/profiles/data/{at}/attributes/email");
            return failed(&Problem::invalid("Invalid email address.").at(&pointer));
        }
        let list = data["relationships"]["list"]["data"]["id"].as_str();
        if let Some(unknown) = list.filter(|id| !self.lists.contains_key(*id)) {
            return failed(&Problem::invalid(&format!("List ID {unknown} does not exist.")).at("/data"));
        }
        let mut repeats = 0;
        for attributes in profiles.iter().filter_map(|profile| profile["attributes"].as_object()) {
            let only_email = attributes.iter().filter(|(name, _)| *name == "email");
            let (index, there) =
                self.upsert(&only_email.map(|(name, value)| (name.clone(), value.clone())).collect());
            self.profiles[index as usize].consent = consent;
            repeats += usize::from(there);
            if let Some(list) = list.and_then(|id| self.lists.get_mut(id)) {
                match consent {
                    Consent::Unsubscribed => list.members.remove(&index),
                    Consent::Subscribed | Consent::NeverSubscribed => list.members.insert(index),
                };
            }
        }
        Answer::empty(202).counting(profiles.len(), repeats)
    }
}
