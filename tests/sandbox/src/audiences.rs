//! What is in each audience, as `GET /sandbox/audiences` tells it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who is in which audience now. Everything is sorted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Audiences {
    /// Hashes, lower-case hex, by segment.
    pub snapchat: BTreeMap<String, Vec<String>>,
    /// Contacts by audience, archived and unsubscribed ones too: the status tells. Those that were permanently
    /// deleted are not shown.
    pub mailchimp: BTreeMap<String, Vec<MailchimpMember>>,
    /// Profiles by list.
    pub klaviyo: BTreeMap<String, Vec<KlaviyoMember>>,
}

/// A contact of a Mailchimp audience.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailchimpMember {
    /// The address as it was first sent.
    pub email_address: String,
    /// `subscribed`, `unsubscribed`, `cleaned`, `pending`, `transactional` or `archived`.
    pub status: String,
    /// The merge fields that it has a value for.
    pub merge_fields: Map<String, Value>,
    /// Its active tags, sorted.
    pub tags: Vec<String>,
}

/// A profile on a Klaviyo list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KlaviyoMember {
    /// The address.
    pub email: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
}
