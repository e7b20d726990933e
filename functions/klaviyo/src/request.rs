//! Klaviyo's calls that push.

use std::ops::Range;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use segue_delivery::{Request, Session};
use segue_segment::Profile;
use serde::Serialize;
use serde_json::json;

/// `POST /api/profile-bulk-import-jobs`.
pub(crate) const IMPORT: &str = "import";
/// `GET /api/accounts`, once when connecting.
const ACCOUNTS: &str = "accounts";

/// Klaviyo takes 10,000 profiles a call.
const MAX_PROFILES: usize = 10_000;
/// Klaviyo takes 5 MB a call. Whether that is 5,000,000 or 5,242,880 is not documented: some room is left.
const MAX_BYTES: usize = 4_500_000;
/// Klaviyo takes 100 KB a profile.
const MAX_PROFILE_BYTES: usize = 100_000;
/// What surrounds the profiles, with room to spare.
const ENVELOPE: usize = 1_000;
/// What surrounds the texts of one profile.
const FRAME: usize = 96;

#[derive(Serialize)]
struct Resource<'a> {
    r#type: &'static str,
    attributes: Attributes<'a>,
}

/// What is not known is left out; null would not clear it either.
#[derive(Serialize)]
struct Attributes<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
}

/// Splits profiles by count and by the bytes of the encoded body.
pub(crate) fn calls(profiles: &[Profile<'_>]) -> Vec<Range<usize>> {
    let mut calls = Vec::new();
    let (mut from, mut bytes) = (0, ENVELOPE);
    for (index, profile) in profiles.iter().enumerate() {
        let size = size(profile);
        if index > from && (index - from >= MAX_PROFILES || bytes + size > MAX_BYTES) {
            calls.push(from..index);
            (from, bytes) = (index, ENVELOPE);
        }
        bytes += size;
    }
    if from < profiles.len() {
        calls.push(from..profiles.len());
    }
    calls
}

/// At least what a profile takes in JSON: an escaped character has six bytes at the most.
fn size(profile: &Profile<'_>) -> usize {
    let texts = [profile.email(), profile.first_name, profile.last_name];
    let escaped = |text: &str| {
        text.bytes().map(|b| if b < 0x20 || b == b'"' || b == b'\\' { 6 } else { 1 }).sum::<usize>()
    };
    FRAME + texts.into_iter().flatten().map(escaped).sum::<usize>()
}

/// Whether Klaviyo would not take this profile, whoever else is in the call.
pub(crate) fn is_too_large(profile: &Profile<'_>) -> bool {
    size(profile) > MAX_PROFILE_BYTES
}

/// Imports profiles and adds them to a list. Their consent is left alone: a new profile is not subscribed by it.
pub(crate) fn push(session: &Session, list: &str, profiles: &[&Profile<'_>]) -> Request {
    let resources: Vec<Resource<'_>> = profiles
        .iter()
        .filter_map(|profile| {
            let (first_name, last_name) = (profile.first_name, profile.last_name);
            let attributes = Attributes { email: profile.email()?, first_name, last_name };
            Some(Resource { r#type: "profile", attributes })
        })
        .collect();
    let body = Import {
        data: Job {
            r#type: "profile-bulk-import-job",
            attributes: JobAttributes { profiles: Data { data: resources } },
            relationships: json!({"lists": {"data": [{"type": "list", "id": list}]}}),
        },
    };
    let mut headers = session.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.api+json"));
    Request {
        endpoint: IMPORT,
        method: Method::POST,
        url: format!("{}/api/profile-bulk-import-jobs", session.base),
        headers,
        // Texts only: this can't fail.
        body: serde_json::to_vec(&body).unwrap_or_default().into(),
    }
}

#[derive(Serialize)]
struct Import<'a> {
    data: Job<'a>,
}

#[derive(Serialize)]
struct Job<'a> {
    r#type: &'static str,
    attributes: JobAttributes<'a>,
    /// Beside the attributes, inside `data`: elsewhere it is ignored and nobody joins the list.
    relationships: serde_json::Value,
}

#[derive(Serialize)]
struct JobAttributes<'a> {
    profiles: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    data: Vec<Resource<'a>>,
}

/// Whose key it is.
pub(crate) fn account(session: &Session) -> Request {
    Request {
        endpoint: ACCOUNTS,
        method: Method::GET,
        url: format!("{}/api/accounts", session.base),
        headers: session.headers.clone(),
        body: Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use segue_segment::{Chunk, ChunkWriter, Email, RowRef, destination::Form};

    use super::*;

    fn chunk(count: u64, first: Option<&str>) -> Chunk {
        let mut writer = ChunkWriter::new(Form::Profiles);
        let mut buffer = String::new();
        for row in 1..=count {
            let email = format!("p{row}@example.com");
            let email = Email::normalise(email.as_bytes(), &mut buffer).unwrap();
            writer.push_profile(RowRef { part: 0, row }, email, first, None);
        }
        Chunk::decode(writer.finish()).unwrap()
    }

    fn session() -> Session {
        Session { base: "https://b".into(), headers: HeaderMap::new(), lifetime: None }
    }

    #[test]
    fn joins_the_list_and_leaves_out_what_is_not_known() {
        let chunk = chunk(1, Some("Jané"));
        let profiles: Vec<_> = chunk.profiles().collect();
        let request = push(&session(), "YafG4m", &profiles.iter().collect::<Vec<_>>());
        insta::assert_snapshot!(
            String::from_utf8(request.body.to_vec()).unwrap(),
            @r#"{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[{"type":"profile","attributes":{"email":"p1@example.com","first_name":"Jané"}}]}},"relationships":{"lists":{"data":[{"id":"YafG4m","type":"list"}]}}}}"#
        );
    }

    #[test]
    fn a_call_is_bounded_by_count() {
        let chunk = chunk(20_001, None);
        let profiles: Vec<_> = chunk.profiles().collect();
        assert_eq!(calls(&profiles), [0..10_000, 10_000..20_000, 20_000..20_001]);
        assert!(calls(&[]).is_empty());
    }

    #[test]
    fn a_profile_is_bounded_by_its_bytes_as_they_are_sent() {
        let too_large = |name: &str| is_too_large(&chunk(1, Some(name)).profiles().next().unwrap());
        assert!(!too_large(&"x".repeat(99_000)));
        assert!(too_large(&"x".repeat(100_000)));
        assert!(too_large(&"\"".repeat(20_000)), "what is escaped counts");
    }

    #[test]
    fn a_call_is_bounded_by_the_bytes_of_its_body() {
        let long = "\"".repeat(250);
        let chunk = chunk(9_000, Some(&long));
        let profiles: Vec<_> = chunk.profiles().collect();
        let calls = calls(&profiles);
        assert!(calls.len() > 1);
        assert_eq!(calls.iter().map(ExactSizeIterator::len).sum::<usize>(), 9_000);
        for call in calls {
            let rows: Vec<_> = profiles[call].iter().collect();
            assert!(push(&session(), "l", &rows).body.len() <= MAX_BYTES);
        }
    }
}
