//! An audience: its merge fields and contacts, found by hash, address or contact id.
use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::account::paged;
use super::contact::{Contact, Status, SubscriberHash, hash_text, subscriber_hash};
use crate::audiences::MailchimpMember;
use crate::call::{Answer, Call};
use crate::seed::MergeField;

/// An audience.
pub(super) struct List {
    pub(super) id: String,
    pub(super) account_id: String,
    name: String,
    pub(super) merge_fields: Vec<MergeField>,
    /// In the order they came, which is the order that pages have.
    pub(super) contacts: Vec<Contact>,
    by_hash: HashMap<SubscriberHash, u32>,
}

impl List {
    pub(super) fn new(id: &str, account_id: &str, name: &str) -> Self {
        let field = |(tag, name, kind): (&str, &str, &str)| {
            let (tag, name, kind) = (tag.to_owned(), name.to_owned(), kind.to_owned());
            MergeField { tag, name, kind, required: false }
        };
        let standard = [
            ("FNAME", "First Name", "text"),
            ("LNAME", "Last Name", "text"),
            ("ADDRESS", "Address", "address"),
            ("PHONE", "Phone Number", "phone"),
        ];
        Self {
            id: id.into(),
            account_id: account_id.into(),
            name: name.into(),
            merge_fields: standard.into_iter().map(field).collect(),
            contacts: Vec::new(),
            by_hash: HashMap::new(),
        }
    }

    /// Replaces the merge fields; contacts keep the values of those that stay.
    pub(super) fn replace_merge_fields(&mut self, fields: Vec<MergeField>) {
        let old = std::mem::replace(&mut self.merge_fields, fields);
        for contact in &mut self.contacts {
            let values = contact.merge_fields(&old);
            let (email, status) = (contact.email.clone(), contact.status);
            let mut renewed = Contact::new(&email, status);
            renewed.merge(&self.merge_fields, &values);
            renewed.left_by_self = contact.left_by_self;
            renewed.vip = contact.vip;
            renewed.tags = std::mem::take(&mut contact.tags);
            *contact = renewed;
        }
    }

    /// Where the contact with this address is, permanently deleted ones included.
    pub(super) fn find(&self, email: &str) -> Option<usize> {
        self.by_hash.get(&subscriber_hash(email)).map(|index| *index as usize)
    }

    /// Where the contact with this hash, address or contact id is, as paths name it.
    pub(super) fn find_in_path(&self, name: &str) -> Option<usize> {
        let index = if name.contains('@') {
            self.find(name)?
        } else {
            let mut hash = SubscriberHash::default();
            for (byte, pair) in hash.iter_mut().zip(name.as_bytes().chunks(2)) {
                *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
            }
            (hash_text(hash) == name.to_lowercase())
                .then(|| self.by_hash.get(&hash))?
                .map(|index| *index as usize)?
        };
        (self.contacts[index].status != Status::Forgotten).then_some(index)
    }

    /// Takes a new contact in.
    pub(super) fn add(&mut self, contact: Contact) -> usize {
        let index = self.contacts.len();
        self.by_hash.insert(subscriber_hash(&contact.email), u32::try_from(index).unwrap_or(u32::MAX));
        self.contacts.push(contact);
        index
    }

    /// Puts a contact in as a seed says, whatever the rules.
    pub(super) fn put_in(
        &mut self,
        email: &str,
        status: &str,
        by_self: bool,
        values: &Map<String, Value>,
        tags: &[String],
    ) -> Result<(), String> {
        let known = Status::WORDS.iter().find(|(word, _)| *word == status);
        let (_, status) = known.ok_or_else(|| format!("no such status: {status}"))?;
        let index = self.find(email).unwrap_or_else(|| self.add(Contact::new(email, *status)));
        let contact = &mut self.contacts[index];
        contact.status = *status;
        contact.left_by_self = by_self;
        contact.merge(&self.merge_fields, values);
        contact.tags = tags.iter().map(|tag| tag.as_str().into()).collect();
        Ok(())
    }

    pub(super) fn count(&self, status: &str) -> usize {
        self.contacts.iter().filter(|contact| contact.status.word() == status).count()
    }

    /// The document that the API shows.
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "web_id": 1001,
            "name": self.name,
            "contact": { "company": "Sandbox", "address1": "1 Loopback Lane", "city": "Nowhere", "country": "US" },
            "permission_reminder": "",
            "use_archive_bar": true,
            "campaign_defaults": { "from_name": "", "from_email": "", "subject": "", "language": "en" },
            "date_created": "2026-11-01T10:00:00+00:00",
            "list_rating": 0,
            "email_type_option": false,
            "visibility": "prv",
            "double_optin": false,
            "has_welcome": false,
            "marketing_permissions": false,
            "modules": [],
            "stats": {
                "member_count": self.count("subscribed"),
                "total_contacts": self.contacts.iter().filter(|contact| contact.status != Status::Forgotten).count(),
                "unsubscribe_count": self.count("unsubscribed"),
                "cleaned_count": self.count("cleaned"),
                "merge_field_count": self.merge_fields.len(),
            },
            "_links": [],
        })
    }

    pub(super) fn all_merge_fields(&self, call: &Call) -> Answer {
        let shown = |(index, field): (usize, &MergeField)| {
            json!({
                "merge_id": index + 1,
                "tag": field.tag,
                "name": field.name,
                "type": field.kind,
                "required": field.required,
                "default_value": "",
                "public": false,
                "display_order": index + 2,
                "options": { "size": 25 },
                "help_text": "",
                "list_id": self.id,
                "_links": [],
            })
        };
        paged("merge_fields", self.merge_fields.iter().enumerate().map(shown).collect(), call)
    }

    /// Everybody but the permanently deleted, by address.
    pub(super) fn listed(&self) -> Vec<MailchimpMember> {
        let there = self.contacts.iter().filter(|contact| contact.status != Status::Forgotten);
        let mut members: Vec<MailchimpMember> = there.map(|contact| self.member_of(contact)).collect();
        members.sort_unstable_by(|a, b| a.email_address.cmp(&b.email_address));
        members
    }

    fn member_of(&self, contact: &Contact) -> MailchimpMember {
        let mut tags: Vec<String> = contact.tags.iter().map(|tag| tag.clone().into()).collect();
        tags.sort_unstable();
        MailchimpMember {
            email_address: contact.email.clone().into(),
            status: contact.status.word().into(),
            merge_fields: contact.merge_fields(&self.merge_fields),
            tags,
        }
    }
}
