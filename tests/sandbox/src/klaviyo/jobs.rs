//! Import jobs: queued, processing, complete; what failed in them; their expiry.
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::account::Account;
use super::errors::{document, failed, not_found};
use super::paging::{Page, one_of};
use super::{Imports, OriginalPayload};
use crate::call::{Answer, Call};
use crate::ids;

/// Job records are gone after seven days.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// A profile of a job.
pub(super) struct Row {
    pub(super) attributes: Map<String, Value>,
    /// Why it will fail, and what the error shows of it.
    pub(super) refused: Option<(String, Value)>,
}

/// What becomes of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It runs to its end.
    Complete,
    /// It is cancelled at its end.
    Cancelled,
    /// It has no end.
    Stalled,
}

/// What failed in a job.
struct Failure {
    id: String,
    index: usize,
    text: String,
    original: Value,
}

/// An import job.
pub(super) struct Job {
    /// Emptied when the job is done.
    rows: Vec<Row>,
    lists: Vec<String>,
    total: usize,
    failures: Vec<Failure>,
    profiles: Vec<u32>,
    created: Instant,
    created_at: Timestamp,
    takes: Duration,
    fate: Fate,
    done: bool,
}

impl Job {
    pub(super) fn new(rows: Vec<Row>, lists: Vec<String>, now: Instant, takes: Duration, fate: Fate) -> Self {
        Self {
            total: rows.len(),
            rows,
            lists,
            failures: Vec::new(),
            profiles: Vec::new(),
            created: now,
            created_at: Timestamp::now(),
            takes,
            fate,
            done: false,
        }
    }

    fn status(&self, now: Instant) -> &'static str {
        let passed = now.saturating_duration_since(self.created);
        match (self.done, self.fate) {
            (true, Fate::Cancelled) => "cancelled",
            (true, _) => "complete",
            (false, _) if passed < self.takes / 3 => "queued",
            (false, _) => "processing",
        }
    }

    /// The job as the API shows it.
    fn shown(&self, id: &str, call: &Call) -> Value {
        let status = self.status(call.at);
        let after = |time: Duration| {
            let time = SignedDuration::try_from(time).unwrap_or_default();
            self.created_at.saturating_add(time).map_or(Value::Null, |at| stamp(at).into())
        };
        let complete = status == "complete";
        let failed = self.failures.len();
        let lists: Vec<Value> = self.lists.iter().map(|id| json!({ "type": "list", "id": id })).collect();
        json!({
            "type": "profile-bulk-import-job",
            "id": id,
            "attributes": {
                "status": status,
                "created_at": stamp(self.created_at),
                "total_count": self.total,
                "completed_count": if complete { self.total - failed } else { 0 },
                "failed_count": failed,
                "completed_at": if self.done { after(self.takes) } else { Value::Null },
                "expires_at": after(KEPT),
                "started_at": if status == "queued" { Value::Null } else { after(self.takes / 3) },
            },
            "relationships": { "lists": { "data": lists } },
            "links": { "self": format!("{}/klaviyo/api/profile-bulk-import-jobs/{id}/", call.origin) },
        })
    }

    pub(super) fn document(&self, id: &str, call: &Call) -> Value {
        json!({ "data": self.shown(id, call) })
    }
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

fn no_job() -> Answer {
    not_found("Invalid job id")
}

impl Account {
    /// Does what is due, in the order it was asked for, and forgets what has expired.
    pub(super) fn finish_due_jobs(&mut self, now: Instant) {
        let age = |job: &Job| now.saturating_duration_since(job.created);
        self.jobs.retain(|_, job| age(job) < KEPT);
        let mut due: Vec<(Instant, String)> = self
            .jobs
            .iter()
            .filter(|(_, job)| !job.done && job.fate != Fate::Stalled && age(job) >= job.takes)
            .map(|(id, job)| (job.created, id.clone()))
            .collect();
        due.sort_unstable();
        for (_, id) in due {
            let Some(mut job) = self.jobs.remove(&id) else { continue };
            let rows = std::mem::take(&mut job.rows);
            job.done = true;
            for (index, row) in rows.into_iter().enumerate().filter(|_| job.fate == Fate::Complete) {
                if let Some((text, original)) = row.refused {
                    job.failures.push(Failure { id: ids::uuid(), index, text, original });
                    continue;
                }
                let (profile, _) = self.upsert(&row.attributes);
                job.profiles.push(profile);
                for list in &job.lists {
                    self.lists.get_mut(list).map(|list| list.members.insert(profile));
                }
            }
            self.jobs.insert(id, job);
        }
    }

    /// Loses the records of jobs; stalled ones stay, since nobody is ever done with them.
    pub(super) fn forget_jobs(&mut self) {
        self.jobs.retain(|_, job| job.fate == Fate::Stalled);
    }

    pub(super) fn all_jobs(&self, call: &Call) -> Answer {
        let page = match Page::of(call, 20, 100) {
            Ok(page) => page,
            Err(problem) => return failed(&problem),
        };
        let statuses = call.param("filter").and_then(|filter| one_of(&filter, "status"));
        let fits = |job: &Job| {
            statuses.as_ref().is_none_or(|wanted| wanted.iter().any(|s| s == job.status(call.at)))
        };
        let jobs = self.jobs.iter().filter(|(_, job)| fits(job));
        let (items, links) = page.cut(jobs.map(|(id, job)| job.shown(id, call)), call);
        document(200, &json!({ "data": items, "links": links }))
    }

    pub(super) fn job(&self, id: &str, call: &Call) -> Answer {
        self.jobs.get(id).map_or_else(no_job, |job| document(200, &job.document(id, call)))
    }

    pub(super) fn job_errors(&self, id: &str, call: &Call, imports: &Imports) -> Answer {
        let Some(job) = self.jobs.get(id) else { return no_job() };
        let page = match Page::of(call, 20, 100) {
            Ok(page) => page,
            Err(problem) => return failed(&problem),
        };
        let nameless = imports.original == OriginalPayload::Nothing;
        let shown = |failure: &Failure| {
            json!({
                "type": "import-error",
                "id": failure.id,
                "attributes": {
                    "code": "invalid",
                    "title": "Invalid input.",
                    "detail": failure.text,
                    "source": { "pointer": format!("/data/attributes/profiles/data/{}/attributes/email", failure.index) },
                    "original_payload": if nameless { Value::Null } else { failure.original.clone() },
                },
            })
        };
        let (items, links) = page.cut(job.failures.iter().map(shown), call);
        document(200, &json!({ "data": items, "links": links }))
    }

    pub(super) fn job_lists(&self, id: &str, call: &Call, whole: bool) -> Answer {
        let Some(job) = self.jobs.get(id) else { return no_job() };
        let known = job.lists.iter().filter_map(|id| Some((id, self.lists.get(id)?)));
        let shown = known
            .map(|(id, list)| if whole { list.shown(id, call) } else { json!({ "type": "list", "id": id }) });
        document(200, &json!({ "data": shown.collect::<Vec<_>>() }))
    }

    pub(super) fn job_profiles(&self, id: &str, call: &Call, whole: bool) -> Answer {
        self.jobs.get(id).map_or_else(no_job, |job| self.profile_page(job.profiles.clone(), call, whole))
    }
}
