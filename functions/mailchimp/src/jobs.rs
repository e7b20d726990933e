//! Following batches, by which existing contacts are brought up to date: their state, then the archive with the result
//! of every operation.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Method};
use segue_delivery::{Answer, ErrorPage, JobState, Jobs, Lost, Request, Session, Told, Verdict};
use segue_segment::{Profile, Reason};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::answer::{reason, refusal};
use crate::request::ENDPOINT;

/// The link to the archive leads to a store of files, which has no limit that is known.
const ARCHIVE: &str = "archive";
/// Largest archive when unpacked: five hundred contacts have some two megabytes.
const LONGEST: u64 = 64 << 20;

/// Batches.
pub(crate) struct Batches {
    /// Whether an archive may be fetched without TLS: only where the API itself is on this machine.
    plain: bool,
}

impl Batches {
    /// Of the API at this URL.
    pub(crate) fn below(base_url: &str) -> Self {
        Self { plain: base_url.starts_with("http:") }
    }

    /// A link that may be followed.
    fn is_safe(&self, link: &str) -> bool {
        Url::parse(link).is_ok_and(|url| url.scheme() == "https" || (self.plain && url.scheme() == "http"))
    }
}

#[derive(Deserialize)]
struct Batch {
    status: String,
    errored_operations: Option<u64>,
    response_body_url: Option<String>,
}

#[derive(Deserialize)]
struct OperationResult {
    status_code: u16,
    operation_id: Option<String>,
    response: Option<String>,
}

/// What an operation's own answer says when it failed.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl Jobs for Batches {
    fn status(&self, session: &Session, job: &str) -> Request {
        let id: String = url::form_urlencoded::byte_serialize(job.as_bytes()).collect();
        let url = format!(
            "{}/batches/{id}?fields=id,status,total_operations,finished_operations,errored_operations,response_body_url",
            session.base
        );
        let headers = session.headers.clone();
        Request { endpoint: ENDPOINT, method: Method::GET, url, headers, body: Bytes::new() }
    }

    fn read_status(&self, answer: &Answer) -> Result<JobState, Verdict> {
        if answer.status == 404 {
            return Ok(JobState::Lost(Lost::Gone));
        }
        if !answer.is_success() {
            return Err(refusal(answer));
        }
        let Some(batch) = answer.json::<Batch>() else { return Err(Verdict::Again { after: None }) };
        if batch.status != "finished" {
            return Ok(JobState::Running);
        }
        let results = batch.response_body_url.filter(|link| self.is_safe(link));
        // Without a link nothing can be told of each row, unless nothing failed.
        Ok(match (results, batch.errored_operations) {
            (None, Some(0)) => JobState::Taken,
            (None, _) => JobState::Lost(Lost::NoResults),
            (results, failed) => JobState::Complete { failed, results },
        })
    }

    /// The archive of results. The link carries its own right of access: the credentials stay here.
    fn errors(&self, _: &Session, _: &str, next: Option<&str>) -> Request {
        let url = next.unwrap_or_default().to_owned();
        Request { endpoint: ARCHIVE, method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    fn read_errors(&self, profiles: &[&Profile<'_>], answer: &Answer) -> Result<ErrorPage, Verdict> {
        if let Some(trouble) = answer.trouble() {
            return Err(trouble);
        }
        let results = answer.is_success().then(|| results(&answer.body)).flatten();
        Ok(match results {
            Some(results) => rows(profiles.len(), &results),
            None => ErrorPage { told: Told::None, ..ErrorPage::default() },
        })
    }

    /// An account may have 500 batches that are not finished; a chunk has 90.
    fn hold_lane(&self) -> bool {
        true
    }
}

/// The results in an archive, a gzipped tar of files with JSON; `None` if it can't be read to its end.
fn results(archive: &[u8]) -> Option<Vec<OperationResult>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(archive).take(LONGEST).read_to_end(&mut unpacked).ok()?;
    if unpacked.len() as u64 == LONGEST {
        return None;
    }
    let mut results = Vec::new();
    for entry in tar::Archive::new(unpacked.as_slice()).entries().ok()? {
        let mut entry = entry.ok()?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut text = Vec::new();
        entry.read_to_end(&mut text).ok()?;
        results.extend(serde_json::from_slice::<Vec<OperationResult>>(&text).ok()?);
    }
    Some(results)
}

/// What became of a row, the worst that any of its operations came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Unknown,
    Taken,
    Failed,
    Rejected(Reason),
}

/// What became of each row, by the ids that its operations were given.
fn rows(sent: usize, results: &[OperationResult]) -> ErrorPage {
    let mut rows = vec![Row::Unknown; sent];
    let mut page = ErrorPage { told: Told::All, ..ErrorPage::default() };
    // Contacts before tags: who was refused can't be tagged either, and that is not why.
    let tagging =
        |result: &&OperationResult| result.operation_id.as_deref().is_some_and(|id| id.ends_with(TAGS));
    let contacts = results.iter().filter(|result| !tagging(result));
    for result in contacts.chain(results.iter().filter(tagging)) {
        let id = result.operation_id.as_deref().map(|id| id.strip_suffix(TAGS).unwrap_or(id));
        let outcome = if tagging(&result) { tagged(result) } else { outcome(result) };
        match (id.and_then(|id| id.parse::<usize>().ok()).and_then(|row| rows.get_mut(row)), outcome) {
            // What happened to the contact counts, where that is not good already.
            (Some(Row::Rejected(_) | Row::Failed), _) | (None, Row::Taken | Row::Unknown) => {}
            (Some(row), outcome) => *row = outcome.max(*row),
            (None, Row::Rejected(reason)) => page.unattributed.push(reason),
            (None, Row::Failed) => page.failed += 1,
        }
    }
    page.failed += rows.iter().filter(|row| **row == Row::Failed).count() as u64;
    page.rejected = rows
        .iter()
        .enumerate()
        .filter_map(|(index, row)| match row {
            Row::Rejected(reason) => Some((index, *reason)),
            Row::Unknown | Row::Taken | Row::Failed => None,
        })
        .collect();
    let unknown = rows.iter().filter(|row| **row == Row::Unknown).count() as u64;
    page.unknown = unknown.saturating_sub(page.unattributed.len() as u64);
    page
}

/// Ends the id of the operation that tags a row.
pub(crate) const TAGS: char = 't';

/// A contact that can't be tagged since it is not there yet: Mailchimp does not say in which order a batch is done.
fn tagged(result: &OperationResult) -> Row {
    if result.status_code == 404 { Row::Failed } else { outcome(result) }
}

fn outcome(result: &OperationResult) -> Row {
    match result.status_code {
        200..=299 => Row::Taken,
        408 | 425 | 429 | 500..=599 => Row::Failed,
        _ => {
            let response = result.response.as_deref().unwrap_or_default();
            let problem = serde_json::from_str::<Value>(response).unwrap_or_default();
            let problem = serde_json::from_value(problem).unwrap_or(Problem { title: None, detail: None });
            let texts = [problem.detail, problem.title].into_iter().flatten();
            let known = texts.map(|text| reason(&text)).find(|reason| *reason != Reason::Refused);
            Row::Rejected(known.unwrap_or(Reason::Refused))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn batches() -> Batches {
        Batches::below("https://{dc}.api.mailchimp.com/3.0")
    }

    fn state(body: &Value) -> Result<JobState, Verdict> {
        batches().read_status(&Answer { status: 200, retry_after: None, body: body.to_string().into() })
    }

    fn archive(files: &[Value]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (number, file) in files.iter().enumerate() {
            let text = file.to_string();
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_cksum();
            tar.append_data(&mut header, format!("{number}.json"), text.as_bytes()).unwrap();
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    fn result(id: &str, status: u16, detail: &str) -> Value {
        json!({"status_code": status, "operation_id": id, "response": json!({"detail": detail, "title": "T"}).to_string()})
    }

    #[test]
    fn a_batch_runs_until_it_is_finished() {
        for status in ["pending", "preprocessing", "started", "finalizing", "something new"] {
            assert_eq!(state(&json!({"id": "b", "status": status})), Ok(JobState::Running), "{status}");
        }
        let link = "https://files.example/archive.tar.gz?signature=x";
        let finished = json!({"status": "finished", "errored_operations": 2, "response_body_url": link});
        assert_eq!(state(&finished), Ok(JobState::Complete { failed: Some(2), results: Some(link.into()) }));
        let gone = batches().read_status(&Answer { status: 404, retry_after: None, body: Bytes::new() });
        assert_eq!(gone, Ok(JobState::Lost(Lost::Gone)));
    }

    #[test]
    fn a_link_is_followed_over_tls_only_and_without_credentials() {
        let finished = json!({"status": "finished", "errored_operations": 1, "response_body_url": "http://127.0.0.1:9001/"});
        assert_eq!(state(&finished), Ok(JobState::Lost(Lost::NoResults)));
        let headers =
            HeaderMap::from_iter([(http::header::AUTHORIZATION, http::HeaderValue::from_static("Basic x"))]);
        let session = Session { base: "https://b".into(), headers, lifetime: None };
        assert!(batches().errors(&session, "b", Some("https://files.example/")).headers.is_empty());
    }

    #[test]
    fn each_row_is_what_the_worst_of_its_operations_came_to() {
        let files = [
            json!([result("0", 200, ""), result("0t", 200, ""), result("1t", 404, "no such contact")]),
            json!([result("1", 400, "x looks fake or invalid, please")]),
            json!([
                result("2", 200, ""),
                result("2t", 400, "no such tag"),
                result("3", 500, ""),
                result("3t", 404, "no such contact"),
                result("odd", 400, "")
            ]),
            // Not there yet when it was to be tagged.
            json!([result("6t", 404, "no such contact"), result("6", 200, "")]),
        ];
        let page = rows(7, &results(&archive(&files)).unwrap());
        assert_eq!(page.rejected, [(1, Reason::AddressRefused), (2, Reason::Refused)]);
        assert_eq!((page.failed, page.unattributed.len()), (2, 1));
        assert_eq!(
            (page.unknown, page.told),
            (1, Told::All),
            "rows 4 and 5 are not there, one of them was the odd one"
        );
    }

    #[test]
    fn an_archive_that_can_not_be_read_tells_nothing() {
        for broken in [&b"<html>"[..], &archive(&[json!({})]), &archive(&[json!([])])[..20]] {
            assert!(results(broken).is_none());
        }
    }
}
