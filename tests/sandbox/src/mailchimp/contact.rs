//! A contact: its status, its merge fields kept small, and the document that the API shows of it.
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

use crate::seed::MergeField;

/// What a contact is to its audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Subscribed,
    Unsubscribed,
    Cleaned,
    Pending,
    Transactional,
    Archived,
    /// Permanently deleted: shown nowhere, and can't be imported again.
    Forgotten,
}

impl Status {
    pub(super) const WORDS: [(&'static str, Self); 7] = [
        ("subscribed", Self::Subscribed),
        ("unsubscribed", Self::Unsubscribed),
        ("cleaned", Self::Cleaned),
        ("pending", Self::Pending),
        ("transactional", Self::Transactional),
        ("archived", Self::Archived),
        ("deleted", Self::Forgotten),
    ];

    /// A status that a client may send: `archived` appears only in answers.
    pub(super) fn sent(word: &str) -> Option<Self> {
        Self::WORDS[..5].iter().find(|(known, _)| *known == word).map(|(_, status)| *status)
    }

    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, status)| *status == self).map_or("", |(word, _)| word)
    }
}

/// The MD5 of the lower-case address: a contact's name in paths.
pub(super) type SubscriberHash = [u8; 16];

pub(super) fn subscriber_hash(email: &str) -> SubscriberHash {
    Md5::digest(email.to_lowercase().as_bytes()).into()
}

pub(super) fn hash_text(hash: SubscriberHash) -> String {
    hash.iter().fold(String::with_capacity(32), |text, byte| text + &format!("{byte:02x}"))
}

/// A contact of an audience.
pub(super) struct Contact {
    pub(super) email: Box<str>,
    pub(super) status: Status,
    /// It unsubscribed by itself, so that nobody else may subscribe it again.
    pub(super) left_by_self: bool,
    pub(super) vip: bool,
    /// Values by the position of their merge field; what isn't text is kept as JSON.
    merge: Vec<(u8, Box<str>)>,
    pub(super) tags: Vec<Box<str>>,
}

impl Contact {
    pub(super) fn new(email: &str, status: Status) -> Self {
        let (merge, tags) = (Vec::new(), Vec::new());
        Self { email: email.into(), status, left_by_self: false, vip: false, merge, tags }
    }

    /// Sets merge fields. Unknown tags are ignored without a word; `""` takes a value away.
    pub(super) fn merge(&mut self, fields: &[MergeField], values: &Map<String, Value>) {
        for (tag, value) in values {
            let Some(position) = fields.iter().position(|field| field.tag == *tag) else { continue };
            let position = u8::try_from(position).unwrap_or(u8::MAX);
            self.merge.retain(|(known, _)| *known != position);
            match value {
                Value::String(text) if text.is_empty() => {}
                Value::String(text) => self.merge.push((position, text.as_str().into())),
                other => self.merge.push((position, other.to_string().into())),
            }
        }
        self.merge.shrink_to_fit();
    }

    /// Whether it has a value for the merge field at a position.
    pub(super) fn has(&self, position: usize) -> bool {
        self.merge.iter().any(|(known, _)| usize::from(*known) == position)
    }

    /// The merge fields that it has a value for.
    pub(super) fn merge_fields(&self, fields: &[MergeField]) -> Map<String, Value> {
        let value = |position: u8, text: &str| {
            let field = fields.get(usize::from(position))?;
            let structured = matches!(field.kind.as_str(), "address" | "number");
            let parsed = if structured { text.parse().ok() } else { None };
            Some((field.tag.clone(), parsed.unwrap_or_else(|| Value::String(text.into()))))
        };
        self.merge.iter().filter_map(|(position, text)| value(*position, text)).collect()
    }

    /// The document that the API shows.
    pub(super) fn shown(&self, list: &str, fields: &[MergeField]) -> Value {
        let id = hash_text(subscriber_hash(&self.email));
        let mut merge_fields: Map<String, Value> =
            fields.iter().map(|field| (field.tag.clone(), Value::String(String::new()))).collect();
        merge_fields.append(&mut self.merge_fields(fields));
        let text = |tag: &str| merge_fields.get(tag).and_then(Value::as_str).unwrap_or_default();
        let full_name = format!("{} {}", text("FNAME"), text("LNAME")).trim().to_owned();
        let tags: Vec<Value> = self
            .tags
            .iter()
            .enumerate()
            .map(|(index, name)| json!({ "id": 1000 + index, "name": name }))
            .collect();
        json!({
            "id": id,
            "email_address": self.email,
            "unique_email_id": &id[..10],
            "contact_id": id,
            "full_name": full_name,
            "web_id": u32::from_str_radix(&id[..7], 16).unwrap_or_default(),
            "email_type": "html",
            "status": self.status.word(),
            "consents_to_one_to_one_messaging": true,
            "merge_fields": merge_fields,
            "interests": {},
            "stats": { "avg_open_rate": 0, "avg_click_rate": 0 },
            "ip_signup": "",
            "timestamp_signup": "",
            "ip_opt": "127.0.0.1",
            "timestamp_opt": "2026-11-01T10:00:00+00:00",
            "member_rating": 2,
            "last_changed": "2026-11-01T10:00:00+00:00",
            "language": "",
            "vip": self.vip,
            "email_client": "",
            "location": { "latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": "" },
            "source": "API - Generic",
            "tags_count": tags.len(),
            "tags": tags,
            "list_id": list,
            "_links": [],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_own_hash_vector_holds() {
        let hash = hash_text(subscriber_hash("Urist.McVankab@freddiesjokes.com"));
        assert_eq!(hash, "62eeb292278cc15f5817cb78f7790b08");
    }
}
