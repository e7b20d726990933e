//! Klaviyo's answers to a push: a job, or the rows that stood in its way.

use segue_delivery::{Answer, Refusal, Verdict};
use segue_segment::Reason;
use segue_state::config::Account;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Created {
    data: Id,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: Option<String>,
    detail: Option<String>,
    source: Option<Value>,
}

/// What became of a push.
pub(crate) fn push(answer: &Answer) -> Verdict {
    if answer.is_success() {
        return match answer.json::<Created>() {
            Some(created) => Verdict::Started { job: created.data.id },
            // Importing the same profiles again changes nothing.
            None => Verdict::Again { after: None },
        };
    }
    match answer.status {
        400 => obstacle(answer),
        404 => Verdict::Refused(Refusal::UnknownAudience),
        // Whether 5 MB are 5,000,000 bytes, and of what, is not documented.
        413 => Verdict::Halve(Reason::ProfileTooLarge),
        _ => refusal(answer),
    }
}

/// What an answer means that is neither a success nor about rows, whatever was asked.
pub(crate) fn refusal(answer: &Answer) -> Verdict {
    if let Some(trouble) = answer.trouble() {
        return trouble;
    }
    match answer.status {
        401 => Verdict::Denied(Refusal::Reconnect),
        403 => Verdict::Refused(Refusal::Forbidden),
        410 => Verdict::Refused(Refusal::Retired(410)),
        status => Verdict::Refused(Refusal::Malformed(status)),
    }
}

/// A 400 names the rows because of which nothing at all was imported, or the list that does not exist.
fn obstacle(answer: &Answer) -> Verdict {
    let errors = answer.json::<Errors>().map(|errors| errors.errors).unwrap_or_default();
    let rows: Vec<(usize, Reason)> = errors.iter().filter_map(|error| row(pointer(error)?)).collect();
    if !rows.is_empty() {
        return Verdict::Without(rows);
    }
    // Older pages say that a bad or missing key is answered with 400.
    let of_the_key = |error: &ErrorObject| {
        matches!(error.code.as_deref(), Some("authentication_failed" | "not_authenticated"))
    };
    if errors.iter().any(of_the_key) {
        return Verdict::Denied(Refusal::Reconnect);
    }
    if errors.iter().any(damns_the_list) {
        return Verdict::Refused(Refusal::UnknownAudience);
    }
    Verdict::Halve(Reason::Refused)
}

/// "List ID … does not exist." at `/data`, or anything that points at the list.
fn damns_the_list(error: &ErrorObject) -> bool {
    let detail = error.detail.as_deref().unwrap_or_default().to_ascii_lowercase();
    let missing = detail.contains("list id") && detail.contains("does not exist");
    missing || pointer(error).is_some_and(|pointer| pointer.starts_with("/data/relationships/lists"))
}

fn pointer(error: &ErrorObject) -> Option<&str> {
    error.source.as_ref()?.get("pointer")?.as_str()
}

/// `/data/attributes/profiles/data/{index}/attributes/email` names a row and a field.
fn row(pointer: &str) -> Option<(usize, Reason)> {
    let rest = pointer.strip_prefix("/data/attributes/profiles/data/")?;
    let (index, field) = rest.split_once('/').unwrap_or((rest, ""));
    let reason = if field.ends_with("email") { Reason::AddressRefused } else { Reason::AttributeRefused };
    Some((index.parse().ok()?, reason))
}

/// Whose key it is.
pub(crate) fn account(answer: &Answer) -> Option<Account> {
    let body = answer.json::<Value>()?;
    let account = body.get("data")?.get(0)?;
    let name = account.pointer("/attributes/contact_information/organization_name").and_then(Value::as_str);
    Some(Account { id: account.get("id")?.as_str()?.to_owned(), name: name.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> Verdict {
        push(&Answer { status, retry_after: None, body: body.to_owned().into() })
    }

    fn error(pointer: &str, detail: &str) -> String {
        serde_json::json!({"errors": [{"id": "u", "status": 400, "code": "invalid", "title": "Invalid input.",
                                       "detail": detail, "source": {"pointer": pointer}, "links": [], "meta": {}}]})
        .to_string()
    }

    #[test]
    fn a_job_is_known_by_its_id() {
        let body = r#"{"data":{"type":"profile-bulk-import-job","id":"V0JoWEhO","attributes":{}}}"#;
        assert_eq!(verdict(202, body), Verdict::Started { job: "V0JoWEhO".into() });
        assert_eq!(verdict(202, ""), Verdict::Again { after: None });
    }

    #[test]
    fn a_400_names_the_rows_that_stand_in_the_way() {
        let body = error("/data/attributes/profiles/data/17/attributes/email", "x@y is not valid");
        assert_eq!(verdict(400, &body), Verdict::Without(vec![(17, Reason::AddressRefused)]));
        let body = error("/data/attributes/profiles/data/3/attributes/first_name", "too long");
        assert_eq!(verdict(400, &body), Verdict::Without(vec![(3, Reason::AttributeRefused)]));
    }

    #[test]
    fn a_400_may_be_about_the_list() {
        let body = error("/data", "List ID NOPE01 does not exist.");
        assert_eq!(verdict(400, &body), Verdict::Refused(Refusal::UnknownAudience));
        let body = error("/data/relationships/lists/data/0/id", "invalid");
        assert_eq!(verdict(400, &body), Verdict::Refused(Refusal::UnknownAudience));
    }

    #[test]
    fn a_400_may_be_about_the_key() {
        let body = r#"{"errors":[{"code":"authentication_failed","detail":"Incorrect authentication credentials."}]}"#;
        assert_eq!(verdict(400, body), Verdict::Denied(Refusal::Reconnect));
    }

    #[test]
    fn a_400_that_names_nothing_is_about_some_row() {
        for body in ["{}".to_owned(), "<html>".to_owned(), error("/data", "invalid profile")] {
            assert_eq!(verdict(400, &body), Verdict::Halve(Reason::Refused));
        }
    }

    #[test]
    fn each_status_has_its_meaning() {
        assert_eq!(verdict(401, ""), Verdict::Denied(Refusal::Reconnect));
        assert_eq!(verdict(403, ""), Verdict::Refused(Refusal::Forbidden));
        assert_eq!(verdict(404, ""), Verdict::Refused(Refusal::UnknownAudience));
        assert_eq!(verdict(410, ""), Verdict::Refused(Refusal::Retired(410)));
        assert_eq!(verdict(413, ""), Verdict::Halve(Reason::ProfileTooLarge));
        assert_eq!(verdict(500, ""), Verdict::Again { after: None });
    }
}
