//! Following a bulk import job to its end: its status, then every page of its import errors.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use segue_delivery::{Answer, ErrorPage, JobState, Jobs, Lost, Request, Session, Told, Verdict};
use segue_segment::{Profile, Reason};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::answer::refusal;

/// `GET /api/profile-bulk-import-jobs/{id}`.
pub(crate) const STATUS: &str = "job";
/// `GET /api/profile-bulk-import-jobs/{id}/import-errors`.
pub(crate) const ERRORS: &str = "import-errors";
/// The largest page; left out, it would be 20.
const PAGE: u32 = 100;

/// Bulk import jobs.
pub(crate) struct ImportJobs;

#[derive(Deserialize)]
struct JobEnvelope {
    data: Job,
}

#[derive(Deserialize)]
struct Job {
    attributes: JobAttributes,
}

#[derive(Deserialize)]
struct JobAttributes {
    status: String,
    failed_count: Option<u64>,
    completed_count: Option<u64>,
    total_count: Option<u64>,
    created_at: Option<String>,
    completed_at: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    data: Vec<ImportError>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
struct ImportError {
    #[serde(default)]
    attributes: Value,
}

impl Jobs for ImportJobs {
    fn status(&self, session: &Session, job: &str) -> Request {
        get(session, STATUS, format!("{}/api/profile-bulk-import-jobs/{}", session.base, segment(job)))
    }

    fn read_status(&self, answer: &Answer) -> Result<JobState, Verdict> {
        // A job's record expires after seven days. Its errors expired with it.
        if answer.status == 404 {
            return Ok(JobState::Lost(Lost::Gone));
        }
        if !answer.is_success() {
            return Err(refusal(answer));
        }
        let Some(envelope) = answer.json::<JobEnvelope>() else { return Err(Verdict::Again { after: None }) };
        let JobAttributes { status, failed_count, completed_count, total_count, .. } =
            envelope.data.attributes;
        Ok(match status.as_str() {
            "complete"
                if failed_count == Some(0) && total_count.is_some() && completed_count >= total_count =>
            {
                JobState::Taken
            }
            "complete" => JobState::Complete { failed: failed_count, results: None },
            "cancelled" => JobState::Lost(Lost::Cancelled),
            _ => JobState::Running,
        })
    }

    fn took(&self, answer: &Answer) -> Option<Duration> {
        let job = answer.json::<JobEnvelope>()?.data.attributes;
        let at = |text: Option<String>| text?.parse::<Timestamp>().ok();
        Duration::try_from(at(job.completed_at)?.duration_since(at(job.created_at)?)).ok()
    }

    fn errors(&self, session: &Session, job: &str, next: Option<&str>) -> Request {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("page[size]", &PAGE.to_string());
        if let Some(cursor) = next {
            query.append_pair("page[cursor]", cursor);
        }
        let job = segment(job);
        let url =
            format!("{}/api/profile-bulk-import-jobs/{job}/import-errors?{}", session.base, query.finish());
        get(session, ERRORS, url)
    }

    fn read_errors(&self, profiles: &[&Profile<'_>], answer: &Answer) -> Result<ErrorPage, Verdict> {
        if answer.status == 404 {
            return Ok(ErrorPage { told: Told::None, ..ErrorPage::default() });
        }
        if !answer.is_success() {
            return Err(refusal(answer));
        }
        let Some(page) = answer.json::<Page>() else { return Err(Verdict::Again { after: None }) };
        let index: HashMap<&str, usize> = profiles
            .iter()
            .enumerate()
            .filter_map(|(index, profile)| Some((profile.email()?, index)))
            .collect();
        let mut read =
            ErrorPage { next: page.links.and_then(|links| cursor(&links.next?)), ..ErrorPage::default() };
        for error in page.data {
            let email = email(&error.attributes).map(|email| email.trim().to_ascii_lowercase());
            match email.and_then(|email| index.get(email.as_str()).copied()) {
                Some(row) => read.rejected.push((row, reason(&error.attributes))),
                None => read.unattributed.push(reason(&error.attributes)),
            }
        }
        Ok(read)
    }
}

fn get(session: &Session, endpoint: &'static str, url: String) -> Request {
    Request { endpoint, method: Method::GET, url, headers: session.headers.clone(), body: Bytes::new() }
}

/// A job's id is opaque: it goes into a path as it is, or not at all.
fn segment(job: &str) -> String {
    url::form_urlencoded::byte_serialize(job.as_bytes()).collect()
}

/// The cursor of a link. Only the cursor: a request with the key in it goes nowhere but to the configured base URL.
fn cursor(next: &str) -> Option<String> {
    let url = Url::parse(next).ok()?;
    url.query_pairs().find(|(name, _)| name == "page[cursor]").map(|(_, cursor)| cursor.into_owned())
}

/// The profile as it was sent: the whole resource, or its attributes.
fn email(error: &Value) -> Option<&str> {
    let payload = error.get("original_payload")?;
    payload.pointer("/attributes/email").or_else(|| payload.get("email"))?.as_str()
}

fn reason(error: &Value) -> Reason {
    let pointer = error.pointer("/source/pointer").and_then(Value::as_str).unwrap_or_default();
    match pointer {
        pointer if pointer.ends_with("email") => Reason::AddressRefused,
        pointer if pointer.contains("/attributes/") => Reason::AttributeRefused,
        _ => Reason::Refused,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use segue_segment::{Chunk, ChunkWriter, Email, RowRef, destination::Form};
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, retry_after: None, body: body.to_string().into() }
    }

    fn state(status: &str, failed: u64) -> Result<JobState, Verdict> {
        let body = json!({"data": {"attributes": {"status": status, "failed_count": failed}}});
        ImportJobs.read_status(&answer(200, &body))
    }

    #[test]
    fn a_job_runs_until_it_is_complete_or_lost() {
        assert_eq!(state("queued", 0), Ok(JobState::Running));
        assert_eq!(state("processing", 0), Ok(JobState::Running));
        assert_eq!(state("complete", 3), Ok(JobState::Complete { failed: Some(3), results: None }));
        assert_eq!(state("cancelled", 0), Ok(JobState::Lost(Lost::Cancelled)));
        assert_eq!(ImportJobs.read_status(&answer(404, &json!({}))), Ok(JobState::Lost(Lost::Gone)));
        assert_eq!(ImportJobs.read_status(&answer(200, &json!([]))), Err(Verdict::Again { after: None }));
        assert_eq!(
            ImportJobs.read_status(&answer(401, &json!({}))),
            Err(Verdict::Denied(segue_delivery::Refusal::Reconnect))
        );
    }

    #[test]
    fn a_job_that_says_that_it_completed_all_its_profiles_is_not_asked_for_errors() {
        let counted = |failed: u64, completed: u64| {
            let counts = json!({"status": "complete", "failed_count": failed, "completed_count": completed, "total_count": 5});
            ImportJobs.read_status(&answer(200, &json!({"data": {"attributes": counts}})))
        };
        assert_eq!(counted(0, 5), Ok(JobState::Taken));
        assert_eq!(counted(0, 4), Ok(JobState::Complete { failed: Some(0), results: None }));
        assert_eq!(counted(1, 5), Ok(JobState::Complete { failed: Some(1), results: None }));
    }

    #[test]
    fn how_long_a_job_took_is_what_its_times_say() {
        let took = |completed: Value| {
            let times = json!({"status": "complete", "created_at": "2026-09-04T13:40:00+00:00", "completed_at": completed});
            ImportJobs.took(&answer(200, &json!({"data": {"attributes": times}})))
        };
        assert_eq!(took(json!("2026-09-04T13:40:42+00:00")), Some(Duration::from_secs(42)));
        assert_eq!(took(Value::Null), None);
        assert_eq!(took(json!("2026-09-04T13:39:00+00:00")), None);
    }

    #[test]
    fn pages_are_asked_for_by_cursor_at_the_configured_host() {
        let session = Session { base: "https://b".into(), headers: HeaderMap::new(), lifetime: None };
        let request = ImportJobs.errors(&session, "V0/Jo", Some("a=b"));
        assert_eq!(
            request.url,
            "https://b/api/profile-bulk-import-jobs/V0%2FJo/import-errors?page%5Bsize%5D=100&page%5Bcursor%5D=a%3Db"
        );
    }

    #[test]
    fn errors_are_mapped_by_address_and_counted_otherwise() {
        let mut writer = ChunkWriter::new(Form::Profiles);
        let mut buffer = String::new();
        for (row, email) in [(1, "a@example.com"), (2, "b@example.com")] {
            let email = Email::normalise(email.as_bytes(), &mut buffer).unwrap();
            writer.push_profile(RowRef { part: 0, row }, email, None, None);
        }
        let chunk = Chunk::decode(writer.finish()).unwrap();
        let profiles: Vec<_> = chunk.profiles().collect();
        let error = |payload: Value, pointer: &str| {
            json!({"attributes": {"code": "invalid", "title": "t", "detail": "d",
                                "source": {"pointer": pointer}, "original_payload": payload}})
        };
        let body = json!({
            "data": [
                error(json!({"type": "profile", "attributes": {"email": "B@example.com"}}), "/data/attributes/email"),
                error(json!({"email": "a@example.com"}), "/data/attributes/first_name"),
                error(Value::Null, ""),
            ],
            "links": {"next": "https://elsewhere.example/x?page%5Bcursor%5D=next"},
        });
        let page = ImportJobs.read_errors(&profiles.iter().collect::<Vec<_>>(), &answer(200, &body)).unwrap();
        assert_eq!(page.rejected, [(1, Reason::AddressRefused), (0, Reason::AttributeRefused)]);
        assert_eq!(page.unattributed, [Reason::Refused]);
        assert_eq!(page.next.as_deref(), Some("next"));
    }
}
