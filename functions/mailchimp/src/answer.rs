//! Mailchimp's answers: a 200 has a verdict for each row.

use std::collections::HashMap;

use segue_delivery::{Answer, Refusal, Taken, Verdict};
use segue_segment::{Profile, Reason};
use segue_state::config::Account;
use serde::Deserialize;
use serde_json::Value;

/// The answer to a batch. Every field is optional: a gateway, or a later version, may leave it out.
#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    errors: Vec<RowError>,
    error_count: Option<u64>,
    total_created: Option<u64>,
    total_updated: Option<u64>,
}

#[derive(Deserialize)]
struct RowError {
    email_address: Option<String>,
    error: Option<String>,
    error_code: Option<String>,
}

#[derive(Deserialize)]
struct Job {
    id: String,
}

#[derive(Deserialize)]
struct Root {
    account_id: String,
    account_name: Option<String>,
}

/// What became of a batch.
pub(crate) fn push(profiles: &[&Profile<'_>], answer: &Answer) -> Verdict {
    if let Some(trouble) = answer.trouble() {
        return trouble;
    }
    match answer.status {
        200..=299 => match answer.json::<Batch>().filter(Batch::is_one) {
            Some(batch) => Verdict::Taken(rows(profiles, batch)),
            // A contact that is there already is left alone, so sending it all again does no harm.
            None => Verdict::Again { after: None },
        },
        // One contact may spoil the whole call: "did not match any of the schemas".
        400 => Verdict::Halve(Reason::Refused),
        _ => refusal(answer),
    }
}

/// What became of a batch of operations: it is a job, to be followed.
pub(crate) fn batch(answer: &Answer) -> Verdict {
    if !answer.is_success() {
        return refusal(answer);
    }
    match answer.json::<Job>() {
        Some(job) => Verdict::Started { job: job.id },
        // Bringing the same contacts up to date again changes nothing.
        None => Verdict::Again { after: None },
    }
}

/// What an answer means that is no success, whatever was asked.
pub(crate) fn refusal(answer: &Answer) -> Verdict {
    if let Some(trouble) = answer.trouble() {
        return trouble;
    }
    match answer.status {
        401 => Verdict::Denied(Refusal::Reconnect),
        // A 403 without a JSON body is throttling (mailchimp.com/developer/marketing/docs/errors).
        403 if answer.json::<Value>().is_none_or(|body| !body.is_object()) => Verdict::Again { after: None },
        403 => Verdict::Refused(Refusal::Forbidden),
        404 => Verdict::Refused(Refusal::UnknownAudience),
        413 => Verdict::Halve(Reason::ProfileTooLarge),
        status => Verdict::Refused(Refusal::Malformed(status)),
    }
}

impl Batch {
    /// Whether this is the answer to a batch at all.
    const fn is_one(&self) -> bool {
        self.total_created.is_some() || self.error_count.is_some()
    }
}

fn rows(profiles: &[&Profile<'_>], batch: Batch) -> Taken {
    let index: HashMap<&str, usize> =
        profiles.iter().enumerate().filter_map(|(index, profile)| Some((profile.email()?, index))).collect();
    let mut taken = Taken::default();
    let listed = batch.errors.len() as u64;
    for error in batch.errors {
        let text = error.error.as_deref().unwrap_or_default();
        if error.error_code.as_deref() == Some("ERROR_CONTACT_EXISTS")
            || text.contains("is already a list member")
        {
            taken.already_there += 1;
            continue;
        }
        let reason = reason(text);
        let email = error.email_address.unwrap_or_default().trim().to_ascii_lowercase();
        match index.get(email.as_str()) {
            Some(&row) => taken.rejected.push((row, reason)),
            // The echo may be escaped or left out: counted all the same.
            None => taken.unattributed.push(reason),
        }
    }
    let sent = profiles.len() as u64;
    let counted = batch.error_count.unwrap_or(listed).max(listed).min(sent);
    taken.unattributed.extend((listed..counted).map(|_| Reason::Refused));
    let done = batch.total_created.unwrap_or(0) + batch.total_updated.unwrap_or(0) + counted;
    taken.unknown = sent.saturating_sub(done);
    taken
}

/// Only two error codes are documented; everything else is told by the text, which is not kept.
pub(crate) fn reason(text: &str) -> Reason {
    const TEXTS: [(&str, Reason); 7] = [
        ("looks fake or invalid", Reason::AddressRefused),
        ("valid email address", Reason::AddressRefused),
        ("compliance state", Reason::ComplianceState),
        ("permanently deleted", Reason::PermanentlyDeleted),
        ("signed up to a lot of lists", Reason::SignupsThrottled),
        ("merge fields", Reason::AttributeRefused),
        ("did not match any of the schemas", Reason::AttributeRefused),
    ];
    TEXTS.iter().find(|(part, _)| text.contains(part)).map_or(Reason::Refused, |(_, reason)| *reason)
}

/// Whose key it is.
pub(crate) fn account(answer: &Answer) -> Option<Account> {
    answer.json::<Root>().map(|root| Account { id: root.account_id, name: root.account_name })
}

#[cfg(test)]
mod tests {
    use segue_segment::{Chunk, ChunkWriter, Email, RowRef, destination::Form};

    use super::*;

    fn chunk(emails: &[&str]) -> Chunk {
        let mut writer = ChunkWriter::new(Form::Profiles);
        let mut buffer = String::new();
        for (row, email) in (1..).zip(emails) {
            let email = Email::normalise(email.as_bytes(), &mut buffer).unwrap();
            writer.push_profile(RowRef { part: 0, row }, email, None, None);
        }
        Chunk::decode(writer.finish()).unwrap()
    }

    fn verdict(status: u16, body: &str) -> Verdict {
        let chunk = chunk(&["a@example.com", "b@example.com", "c@example.com"]);
        let profiles: Vec<_> = chunk.profiles().collect();
        let answer = Answer { status, retry_after: None, body: body.to_owned().into() };
        push(&profiles.iter().collect::<Vec<_>>(), &answer)
    }

    fn taken(body: &str) -> Taken {
        match verdict(200, body) {
            Verdict::Taken(taken) => taken,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_is_there_already_is_accepted_and_counted() {
        let body = r#"{"errors":[{"email_address":"b@example.com","error_code":"ERROR_CONTACT_EXISTS","error":"x"}],
                       "error_count":1,"total_created":2,"total_updated":0}"#;
        assert_eq!(taken(body), Taken { already_there: 1, ..Taken::default() });
    }

    #[test]
    fn every_known_text_has_its_reason() {
        for (text, reason) in [
            ("x@y.z looks fake or invalid, please enter a real email address.", Reason::AddressRefused),
            ("Please provide a valid email address.", Reason::AddressRefused),
            (
                "x is in a compliance state due to unsubscribe, bounce, or compliance review",
                Reason::ComplianceState,
            ),
            ("x was permanently deleted and cannot be re-imported.", Reason::PermanentlyDeleted),
            (
                "x has signed up to a lot of lists very recently; we're not allowing more",
                Reason::SignupsThrottled,
            ),
            ("Your merge fields were invalid.", Reason::AttributeRefused),
            ("something new", Reason::Refused),
        ] {
            let body = serde_json::json!({
                "errors": [{"email_address": " C@example.com", "error": text, "error_code": "ERROR_GENERIC"}],
                "error_count": 1, "total_created": 2, "total_updated": 0,
            });
            assert_eq!(taken(&body.to_string()).rejected, [(2, reason)], "{text}");
        }
    }

    #[test]
    fn what_can_not_be_mapped_is_counted_and_never_dropped() {
        let body = r#"{"errors":[{"email_address":"&quot;a&quot;@example.com","error":"x"},{"error":"y"}],
                       "error_count":3,"total_created":0,"total_updated":0}"#;
        let taken = taken(body);
        assert_eq!((taken.rejected.len(), taken.unattributed.len(), taken.unknown), (0, 3, 0));
    }

    #[test]
    fn what_the_counts_leave_out_is_unknown() {
        assert_eq!(taken(r#"{"errors":[],"error_count":0,"total_created":1}"#).unknown, 2);
    }

    #[test]
    fn each_status_has_its_meaning() {
        let again = Verdict::Again { after: None };
        assert_eq!(verdict(200, "<html>"), again);
        assert_eq!(verdict(200, "{}"), again);
        assert_eq!(verdict(429, ""), again);
        assert_eq!(verdict(503, "Request Blocked"), again);
        assert_eq!(verdict(403, ""), again);
        assert_eq!(verdict(403, r#"{"title":"Forbidden"}"#), Verdict::Refused(Refusal::Forbidden));
        assert_eq!(verdict(401, r#"{"title":"API Key Invalid"}"#), Verdict::Denied(Refusal::Reconnect));
        assert_eq!(verdict(404, "{}"), Verdict::Refused(Refusal::UnknownAudience));
        assert_eq!(verdict(400, "{}"), Verdict::Halve(Reason::Refused));
    }
}
