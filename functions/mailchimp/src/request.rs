//! Mailchimp's calls.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use segue_delivery::{Request, Session};
use segue_segment::Profile;
use segue_state::{ExistingContacts, Export, NewContacts};
use serde::Serialize;

use crate::jobs::TAGS;
use crate::person;

/// Mailchimp limits connections, not requests.
pub(crate) const ENDPOINT: &str = "api";

/// What is asked for of the answer: each of 500 members would be echoed in full, with some forty fields.
const FIELDS: &str = "errors,error_count,total_created,total_updated";

#[derive(Serialize)]
struct Batch<'a> {
    members: Vec<Member<'a>>,
    /// People who are in the audience already are never touched: their status is their own decision.
    update_existing: bool,
    sync_tags: bool,
}

#[derive(Serialize)]
struct Member<'a> {
    email_address: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "MergeFields::is_empty")]
    merge_fields: MergeFields<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
}

#[derive(Serialize)]
struct Contact<'a> {
    email_address: &'a str,
    status_if_new: &'static str,
    #[serde(skip_serializing_if = "MergeFields::is_empty")]
    merge_fields: MergeFields<'a>,
}

#[derive(Serialize)]
struct Tags<'a> {
    tags: Vec<Tag<'a>>,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    status: &'static str,
}

#[derive(Serialize)]
struct Operations {
    operations: Vec<Operation>,
}

#[derive(Serialize)]
struct Operation {
    method: &'static str,
    path: String,
    /// JSON as a text: an unescaped line break in it would spoil the whole batch.
    body: String,
    operation_id: String,
}

impl Operation {
    fn new(method: &'static str, path: String, body: &impl Serialize, operation_id: String) -> Self {
        // Texts only: this can't fail.
        let body = serde_json::to_string(body).unwrap_or_default();
        Self { method, path, body, operation_id }
    }
}

/// An empty text would erase the field and null is refused, so what is not known is left out.
#[derive(Serialize)]
struct MergeFields<'a> {
    #[serde(rename = "FNAME", skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(rename = "LNAME", skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
}

impl MergeFields<'_> {
    const fn is_empty(&self) -> bool {
        self.first_name.is_none() && self.last_name.is_none()
    }
}

/// Pushes profiles as the export says what happens to contacts that are there already.
pub(crate) fn push(session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request {
    match export.existing_contacts() {
        ExistingContacts::Keep => add(session, export, profiles),
        ExistingContacts::Update => upsert(session, export, profiles),
    }
}

/// The status of new contacts. An export to Mailchimp without the choice is refused before it runs; this is the
/// choice that sends no mail.
fn status(export: &Export) -> &'static str {
    export.new_contacts.unwrap_or(NewContacts::Transactional).name()
}

/// `POST /lists/{id}`: at most 500 members, a verdict for each.
fn add(session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request {
    let members = profiles.iter().filter_map(|profile| {
        let (status, tags) = (status(export), export.tags.as_slice());
        Some(Member { email_address: profile.email()?, status, merge_fields: merge_fields(profile), tags })
    });
    let batch = Batch { members: members.collect(), update_existing: false, sync_tags: false };
    let path = format!("/lists/{}?skip_duplicate_check=true&fields={FIELDS}", export.audience_id);
    post(session, &path, &batch)
}

/// `POST /batches`: a contact that is there keeps its status, since `PUT` is given one for new contacts only.
fn upsert(session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request {
    let mut operations = Vec::with_capacity(profiles.len());
    for (row, profile) in profiles.iter().enumerate() {
        let (Some(email_address), Some(fingerprint)) = (profile.email(), person::fingerprint(profile)) else {
            continue;
        };
        let path = format!("/lists/{}/members/{}", export.audience_id, person::hex(fingerprint));
        let contact =
            Contact { email_address, status_if_new: status(export), merge_fields: merge_fields(profile) };
        operations.push(Operation::new("PUT", path.clone(), &contact, row.to_string()));
        if !export.tags.is_empty() {
            let tags = export.tags.iter().map(|name| Tag { name, status: "active" }).collect();
            operations.push(Operation::new(
                "POST",
                format!("{path}/tags"),
                &Tags { tags },
                format!("{row}{TAGS}"),
            ));
        }
    }
    post(session, "/batches?fields=id,status", &Operations { operations })
}

fn post(session: &Session, path: &str, body: &impl Serialize) -> Request {
    let mut headers = session.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Request {
        endpoint: ENDPOINT,
        method: Method::POST,
        url: format!("{}{path}", session.base),
        headers,
        // Texts only: this can't fail.
        body: serde_json::to_vec(body).unwrap_or_default().into(),
    }
}

const fn merge_fields<'a>(profile: &Profile<'a>) -> MergeFields<'a> {
    MergeFields { first_name: profile.first_name, last_name: profile.last_name }
}

/// `GET /`: whose key it is.
pub(crate) fn account(session: &Session) -> Request {
    Request {
        endpoint: ENDPOINT,
        method: Method::GET,
        url: format!("{}/?fields=account_id,account_name", session.base),
        headers: session.headers.clone(),
        body: Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use segue_segment::{Chunk, ChunkWriter, Email, RowRef, destination::Form};

    use super::*;

    fn requested(more: &serde_json::Value) -> Request {
        let mut writer = ChunkWriter::new(Form::Profiles);
        let mut buffer = String::new();
        for (row, email, first) in
            [(1, "jane@example.com", Some("Jane \"J\" Doe")), (2, "joe@example.com", None)]
        {
            let email = Email::normalise(email.as_bytes(), &mut buffer).unwrap();
            writer.push_profile(RowRef { part: 0, row }, email, first, None);
        }
        let chunk = Chunk::decode(writer.finish()).unwrap();
        let profiles: Vec<_> = chunk.profiles().collect();
        let mut export = serde_json::json!({
            "id": "e", "display_name": "E", "connection": "c", "audience_id": "a1b2", "segments": ["s"],
            "fields": {"email": "e"}, "new_contacts": "pending",
        });
        export.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let export = serde_json::from_value(export).unwrap();
        let session = Session { base: "https://b/3.0".into(), headers: HeaderMap::new(), lifetime: None };
        push(&session, &export, &profiles.iter().collect::<Vec<_>>())
    }

    fn text(request: &Request) -> String {
        String::from_utf8(request.body.to_vec()).unwrap()
    }

    #[test]
    fn sends_new_people_and_leaves_the_others_alone() {
        let request = requested(&serde_json::json!({}));
        assert!(request.url.starts_with("https://b/3.0/lists/a1b2?skip_duplicate_check=true&fields="));
        insta::assert_snapshot!(
            text(&request),
            @r#"{"members":[{"email_address":"jane@example.com","status":"pending","merge_fields":{"FNAME":"Jane \"J\" Doe"}},{"email_address":"joe@example.com","status":"pending"}],"update_existing":false,"sync_tags":false}"#
        );
    }

    #[test]
    fn tags_new_people() {
        let request = requested(&serde_json::json!({"tags": ["VIP", "2026"]}));
        assert_eq!(text(&request).matches(r#""tags":["VIP","2026"]"#).count(), 2);
    }

    #[test]
    fn brings_names_up_to_date_and_gives_a_status_to_new_people_only() {
        let request = requested(&serde_json::json!({"existing_contacts": "update"}));
        assert_eq!(request.url, "https://b/3.0/batches?fields=id,status");
        assert!(!text(&request).contains(r#"\"status\":"#));
        insta::assert_snapshot!(
            text(&request),
            @r#"{"operations":[{"method":"PUT","path":"/lists/a1b2/members/9e26471d35a78862c17e467d87cddedf","body":"{\"email_address\":\"jane@example.com\",\"status_if_new\":\"pending\",\"merge_fields\":{\"FNAME\":\"Jane \\\"J\\\" Doe\"}}","operation_id":"0"},{"method":"PUT","path":"/lists/a1b2/members/f5b8fb60c6116331da07c65b96a8a1d1","body":"{\"email_address\":\"joe@example.com\",\"status_if_new\":\"pending\"}","operation_id":"1"}]}"#
        );
    }

    #[test]
    fn tags_everybody_where_contacts_are_brought_up_to_date() {
        let request = requested(&serde_json::json!({"existing_contacts": "update", "tags": ["VIP"]}));
        assert!(text(&request).contains(
            r#"/tags","body":"{\"tags\":[{\"name\":\"VIP\",\"status\":\"active\"}]}","operation_id":"1t"}"#
        ));
    }
}
