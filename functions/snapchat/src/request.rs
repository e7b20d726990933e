//! Snapchat's calls.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use segue_delivery::{Request, Session};
use segue_segment::{Identity, Profile};

/// The API as a whole: its limit holds for an access token, whatever is called.
pub(crate) const ENDPOINT: &str = "api";

const HEAD: &[u8] = br#"{"users":[{"schema":["EMAIL_SHA256"],"data":["#;
const TAIL: &[u8] = b"]}]}";
/// `["` + 64 digits + `"],`
const ROW: usize = 69;

/// `POST /segments/{id}/users`: at most 100,000 identifiers of one type.
pub(crate) fn push(session: &Session, segment: &str, profiles: &[&Profile<'_>]) -> Request {
    let mut body = Vec::with_capacity(HEAD.len() + TAIL.len() + profiles.len() * ROW);
    body.extend_from_slice(HEAD);
    for (index, profile) in profiles.iter().enumerate() {
        // Snapchat's chunks hold nothing but hashes.
        let Identity::Hash(hash) = profile.identity else { continue };
        body.extend_from_slice(if index == 0 { b"[\"" } else { b",[\"" });
        hash.write_hex(&mut body);
        body.extend_from_slice(b"\"]");
    }
    body.extend_from_slice(TAIL);
    let mut headers = session.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let url = format!("{}/segments/{segment}/users", session.base);
    Request { endpoint: ENDPOINT, method: Method::POST, url, headers, body: body.into() }
}

/// `GET /me`: whom the token belongs to.
pub(crate) fn account(session: &Session) -> Request {
    Request {
        endpoint: ENDPOINT,
        method: Method::GET,
        url: format!("{}/me", session.base),
        headers: session.headers.clone(),
        body: Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use segue_segment::{EmailHash, RowRef};

    use super::*;

    #[test]
    fn sends_one_identifier_a_row_and_nothing_else() {
        let session = Session { base: "https://b/v1".into(), headers: HeaderMap::new(), lifetime: None };
        let profile = |byte| Profile {
            at: RowRef { part: 0, row: 1 },
            identity: Identity::Hash(EmailHash::from_bytes([byte; 32])),
            first_name: None,
            last_name: None,
        };
        let request = push(&session, "567", &[&profile(0x0a), &profile(0xb0)]);
        assert_eq!(request.url, "https://b/v1/segments/567/users");
        insta::assert_snapshot!(
            String::from_utf8(request.body.to_vec()).unwrap(),
            @r#"{"users":[{"schema":["EMAIL_SHA256"],"data":[["0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"],["b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"]]}]}"#
        );
    }
}
