//! Snapchat's answers. There is never a verdict on a row: only a count.

use segue_delivery::{Answer, Refusal, Taken, Verdict};
use segue_segment::Reason;
use segue_state::config::Account;
use serde::Deserialize;

#[derive(Deserialize)]
struct Envelope {
    request_status: Option<String>,
    #[serde(default)]
    users: Vec<SubRequest>,
}

#[derive(Deserialize)]
struct SubRequest {
    sub_request_status: Option<String>,
    user: Option<Uploaded>,
}

#[derive(Deserialize)]
struct Uploaded {
    number_uploaded_users: Option<u64>,
}

#[derive(Deserialize)]
struct MeEnvelope {
    me: Me,
}

#[derive(Deserialize)]
struct Me {
    id: String,
    display_name: Option<String>,
}

/// What became of `sent` identifiers.
pub(crate) fn push(sent: u64, answer: &Answer) -> Verdict {
    match answer.status {
        200..=299 => counted(sent, answer),
        413 => Verdict::Halve(Reason::ProfileTooLarge),
        _ => refusal(answer),
    }
}

/// What an answer means that is no success, whatever was asked.
pub(crate) fn refusal(answer: &Answer) -> Verdict {
    if let Some(trouble) = answer.trouble() {
        return trouble;
    }
    match answer.status {
        // The body of a 401 is bare text: it is not looked at.
        401 => Verdict::Denied(Refusal::Reconnect),
        // Some of its endpoints answer 400 to an access token that is none any more (segmentio/segment-docs #5173).
        400 => Verdict::Denied(Refusal::Malformed(400)),
        403 => Verdict::Refused(Refusal::Forbidden),
        404 => Verdict::Refused(Refusal::UnknownAudience),
        status => Verdict::Refused(Refusal::Malformed(status)),
    }
}

/// The case of the status words varies in the vendor's own examples.
pub(crate) fn succeeded(word: Option<&str>) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case("success"))
}

fn counted(sent: u64, answer: &Answer) -> Verdict {
    // Sending a set of hashes again is harmless, so an answer that makes no sense is asked for again.
    let Some(envelope) = answer.json::<Envelope>() else { return Verdict::Again { after: None } };
    let failed = envelope.users.iter().any(|sub| !succeeded(sub.sub_request_status.as_deref()));
    if !succeeded(envelope.request_status.as_deref()) || failed {
        return Verdict::Refused(Refusal::Malformed(answer.status));
    }
    let counts = envelope.users.iter().filter_map(|sub| sub.user.as_ref()?.number_uploaded_users);
    let uploaded: u64 = counts.sum();
    Verdict::Taken(Taken { unknown: sent.saturating_sub(uploaded), ..Taken::default() })
}

/// Whom the token belongs to.
pub(crate) fn account(answer: &Answer) -> Option<Account> {
    answer.json::<MeEnvelope>().map(|envelope| Account { id: envelope.me.id, name: envelope.me.display_name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &'static str) -> Verdict {
        push(3, &Answer { status, retry_after: None, body: body.into() })
    }

    fn unknown(unknown: u64) -> Verdict {
        Verdict::Taken(Taken { unknown, ..Taken::default() })
    }

    #[test]
    fn the_count_is_what_was_accepted_in_either_case() {
        let body = r#"{"request_status":"SUCCESS","users":[{"sub_request_status":"success","user":{"number_uploaded_users":3}}]}"#;
        assert_eq!(verdict(200, body), unknown(0));
        let body = r#"{"request_status":"success","users":[{"sub_request_status":"SUCCESS","user":{"number_uploaded_users":1}}]}"#;
        assert_eq!(verdict(200, body), unknown(2));
        assert_eq!(verdict(200, r#"{"request_status":"SUCCESS"}"#), unknown(3));
    }

    #[test]
    fn a_failing_sub_request_is_a_failure_whatever_the_status() {
        let body = r#"{"request_status":"SUCCESS","users":[{"sub_request_status":"ERROR"}]}"#;
        assert_eq!(verdict(200, body), Verdict::Refused(Refusal::Malformed(200)));
    }

    #[test]
    fn each_status_has_its_meaning_whatever_the_body() {
        let again = Verdict::Again { after: None };
        assert_eq!(verdict(200, "<html>"), again);
        assert_eq!(verdict(429, ""), again);
        assert_eq!(verdict(500, "oops"), again);
        assert_eq!(verdict(401, "unauthorized"), Verdict::Denied(Refusal::Reconnect));
        assert_eq!(verdict(403, r#"{"error_code":"E3002"}"#), Verdict::Refused(Refusal::Forbidden));
        assert_eq!(verdict(404, ""), Verdict::Refused(Refusal::UnknownAudience));
        assert_eq!(verdict(400, ""), Verdict::Denied(Refusal::Malformed(400)));
        assert_eq!(verdict(413, ""), Verdict::Halve(Reason::ProfileTooLarge));
        assert_eq!(verdict(405, ""), Verdict::Refused(Refusal::Malformed(405)));
    }
}
