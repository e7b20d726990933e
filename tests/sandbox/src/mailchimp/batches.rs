//! `/batches`: calls to be made later, their results in a gzipped tar.
use std::io::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use serde_json::{Value, json};

use super::Mailchimp;
use super::account::paged;
use super::problem::{invalid, not_found, problem, unreadable};
use crate::call::{Answer, Call};
use crate::ids;

/// Batches that an account may have open.
const OPEN: usize = 500;
/// Operations that one request may carry.
const OPERATIONS: usize = 1000;
/// Results in one file of an archive. How many there are in the vendor's is not documented: more than one file.
const RESULTS: usize = 300;

/// A batch, and its results once it has run.
pub(super) struct Batch {
    account: usize,
    operations: Vec<Value>,
    submitted: Instant,
    takes: Duration,
    results: Option<Vec<u8>>,
    errored: usize,
}

impl Batch {
    fn status(&self, now: Instant) -> &'static str {
        if self.results.is_some() {
            return "finished";
        }
        let passed = now.saturating_duration_since(self.submitted).as_secs_f64();
        match passed / self.takes.as_secs_f64().max(f64::EPSILON) {
            share if share < 0.25 => "pending",
            share if share < 0.5 => "preprocessing",
            share if share < 0.75 => "started",
            _ => "finalizing",
        }
    }

    fn shown(&self, id: &str, origin: &str, now: Instant) -> Value {
        let finished = self.results.is_some();
        json!({
            "id": id,
            "status": self.status(now),
            "total_operations": self.operations.len(),
            "finished_operations": if finished { self.operations.len() } else { 0 },
            "errored_operations": self.errored,
            "submitted_at": "2026-11-01T10:00:00+00:00",
            "completed_at": if finished { "2026-11-01T10:00:01+00:00" } else { "" },
            "response_body_url":
                if finished { format!("{origin}/mailchimp/archive/{id}/results.tar.gz") } else { String::new() },
            "_links": [],
        })
    }
}

impl Mailchimp {
    pub(super) fn batches(&mut self, account: usize, call: &Call) -> Answer {
        let own = || self.batches.iter().filter(|(_, batch)| batch.account == account);
        if call.method == "GET" {
            let shown = own().map(|(id, batch)| batch.shown(id, &call.origin, call.at)).collect();
            return paged("batches", shown, call);
        }
        let Some(operations) = call.json.as_ref().and_then(|body| body["operations"].as_array()) else {
            return unreadable();
        };
        let fits = |operation: &Value| operation["method"].is_string() && operation["path"].is_string();
        if operations.is_empty() || operations.len() > OPERATIONS || !operations.iter().all(fits) {
            return invalid(&[(
                "operations".into(),
                "Between 1 and 1000 operations, each with method and path.",
            )]);
        }
        if own().filter(|(_, batch)| batch.results.is_none()).count() >= OPEN {
            return problem(429, "Too Many Requests", "You have more than 500 pending batches.", Value::Null);
        }
        let id = ids::opaque(10).to_lowercase();
        let batch = Batch {
            account,
            operations: operations.clone(),
            submitted: call.at,
            takes: self.batch_time,
            results: None,
            errored: 0,
        };
        let shown = batch.shown(&id, &call.origin, call.at);
        self.batches.insert(id, batch);
        Answer::json(200, &shown)
    }

    pub(super) fn batch(&mut self, account: usize, id: &str, call: &Call) -> Answer {
        let Some(batch) = self.batches.get(id).filter(|batch| batch.account == account) else {
            return not_found();
        };
        if call.method == "DELETE" {
            self.batches.remove(id);
            return Answer::empty(204);
        }
        Answer::json(200, &batch.shown(id, &call.origin, call.at))
    }

    pub(super) fn batch_results(&self, id: &str) -> Answer {
        let results = self.batches.get(id).and_then(|batch| batch.results.clone());
        results.map_or_else(not_found, |results| Answer::of_type(200, "application/gzip", results))
    }

    /// Runs what is due. Nothing in here waits: a batch is done when somebody looks after its time.
    pub(super) fn run_due_batches(&mut self, now: Instant) {
        let due = |batch: &Batch| {
            batch.results.is_none() && now.saturating_duration_since(batch.submitted) >= batch.takes
        };
        let due: Vec<String> =
            self.batches.iter().filter(|(_, batch)| due(batch)).map(|(id, _)| id.clone()).collect();
        for id in due {
            let Some(batch) = self.batches.get(&id) else { continue };
            let (account, operations) = (batch.account, batch.operations.clone());
            let results: Vec<Value> =
                operations.iter().map(|operation| self.run_operation(account, operation, now)).collect();
            if let Some(batch) = self.batches.get_mut(&id) {
                batch.errored =
                    results.iter().filter(|result| result["status_code"].as_u64() >= Some(400)).count();
                batch.results = archive(results).ok();
            }
        }
    }

    fn run_operation(&mut self, account: usize, operation: &Value, now: Instant) -> Value {
        let body = operation["body"].as_str().unwrap_or_default();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in operation["params"].as_object().into_iter().flatten() {
            query.append_pair(name, value.as_str().unwrap_or(&value.to_string()));
        }
        let call = Call {
            method: operation["method"].as_str().unwrap_or_default().into(),
            path: operation["path"].as_str().unwrap_or_default().into(),
            query: query.finish(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            json: Call::parse(body.as_bytes()),
            origin: String::new(),
            at: now,
        };
        let parts = call.segments();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let answer = match parts.as_slice() {
            // A batch can't hold batches, and a query is no part of a path: it belongs into `params`.
            ["batches", ..] => not_found(),
            _ if call.path.contains('?') => not_found(),
            _ if self.failing_operations > 0 => {
                self.failing_operations -= 1;
                super::fault(500)
            }
            path => super::projection::projected(self.route(account, path, &call), &call),
        };
        json!({
            "status_code": answer.status,
            "operation_id": operation["operation_id"],
            "response": String::from_utf8_lossy(&answer.body),
        })
    }
}

/// A gzipped tar of several files of results, in the old `ustar` form that every reader knows. Operations run side by
/// side, so the results have no order: here the last comes first.
fn archive(mut results: Vec<Value>) -> std::io::Result<Vec<u8>> {
    results.reverse();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&header("./", 0, '5'))?;
    for (number, part) in results.chunks(RESULTS).enumerate() {
        let content = Value::Array(part.to_vec()).to_string().into_bytes();
        gzip.write_all(&header(&format!("./{number:08x}.json"), content.len(), '0'))?;
        gzip.write_all(&content)?;
        gzip.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()])?;
    }
    gzip.write_all(&[0; 1024])?;
    gzip.finish()
}

/// What stands before a file (type `0`) or a folder (type `5`) in a tar.
fn header(name: &str, size: usize, kind: char) -> [u8; 512] {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, &kind.to_string());
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
