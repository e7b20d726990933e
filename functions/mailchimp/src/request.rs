//! Mailchimp's calls.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use segue_delivery::{Request, Session};
use segue_segment::Profile;
use segue_state::{Export, NewContacts};
use serde::Serialize;

/// Mailchimp limits connections, not requests.
const ENDPOINT: &str = "api";

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

/// `POST /lists/{id}`: at most 500 members, a verdict for each.
pub(crate) fn push(session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request {
    // An export to Mailchimp without the choice is refused before it runs; this is the choice that sends no mail.
    let status = export.new_contacts.unwrap_or(NewContacts::Transactional).name();
    let members = profiles.iter().filter_map(|profile| {
        let merge_fields = MergeFields { first_name: profile.first_name, last_name: profile.last_name };
        Some(Member { email_address: profile.email()?, status, merge_fields })
    });
    let batch = Batch { members: members.collect(), update_existing: false, sync_tags: false };
    let mut headers = session.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Request {
        endpoint: ENDPOINT,
        method: Method::POST,
        url: format!(
            "{}/lists/{}?skip_duplicate_check=true&fields={FIELDS}",
            session.base, export.audience_id
        ),
        headers,
        // Texts only: this can't fail.
        body: serde_json::to_vec(&batch).unwrap_or_default().into(),
    }
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

    #[test]
    fn sends_new_people_and_leaves_the_others_alone() {
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
        let export: Export = serde_json::from_str(
            r#"{"id":"e","display_name":"E","connection":"c","audience_id":"a1b2","segments":["s"],
                "fields":{"email":"e"},"new_contacts":"pending"}"#,
        )
        .unwrap();
        let session = Session { base: "https://b/3.0".into(), headers: HeaderMap::new(), lifetime: None };
        let request = push(&session, &export, &profiles.iter().collect::<Vec<_>>());
        assert!(request.url.starts_with("https://b/3.0/lists/a1b2?skip_duplicate_check=true&fields="));
        insta::assert_snapshot!(
            String::from_utf8(request.body.to_vec()).unwrap(),
            @r#"{"members":[{"email_address":"jane@example.com","status":"pending","merge_fields":{"FNAME":"Jane \"J\" Doe"}},{"email_address":"joe@example.com","status":"pending"}],"update_existing":false,"sync_tags":false}"#
        );
    }
}
