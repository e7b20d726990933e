//! Klaviyo's JSON:API errors.
use std::time::Duration;

use serde_json::{Value, json};

use crate::call::Answer;
use crate::ids;

/// One error of a document.
pub(super) struct Problem {
    status: u16,
    code: &'static str,
    title: &'static str,
    detail: String,
    source: Value,
}

impl Problem {
    pub(super) fn invalid(detail: &str) -> Self {
        let (code, title) = ("invalid", "Invalid input.");
        Self { status: 400, code, title, detail: detail.into(), source: json!({}) }
    }

    /// Says which part of the body is meant.
    pub(super) fn at(mut self, pointer: &str) -> Self {
        self.source = json!({ "pointer": pointer });
        self
    }

    /// Says which query parameter is meant.
    pub(super) fn in_parameter(mut self, name: &str) -> Self {
        self.source = json!({ "parameter": name });
        self
    }

    fn other(status: u16, code: &'static str, title: &'static str, detail: &str) -> Self {
        Self { status, code, title, detail: detail.into(), source: json!({ "pointer": "/data/" }) }
    }

    fn shown(&self) -> Value {
        json!({
            "id": ids::uuid(),
            "status": self.status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": self.source,
            "links": {},
            "meta": {},
        })
    }
}

/// A document with one error.
pub(super) fn failed(problem: &Problem) -> Answer {
    all_failed(std::slice::from_ref(problem))
}

/// A document with as many errors as there are; the first one's status is the answer's.
pub(super) fn all_failed(problems: &[Problem]) -> Answer {
    let status = problems.first().map_or(400, |problem| problem.status);
    document(status, &json!({ "errors": problems.iter().map(Problem::shown).collect::<Vec<_>>() }))
}

/// A JSON:API document.
pub(super) fn document(status: u16, body: &Value) -> Answer {
    Answer::of_type(status, "application/vnd.api+json", body.to_string().into_bytes())
}

pub(crate) fn denied() -> Answer {
    let title = "Incorrect authentication credentials.";
    failed(&Problem::other(401, "authentication_failed", title, title))
}

pub(super) fn anonymous() -> Answer {
    let title = "Authentication credentials were not provided.";
    failed(&Problem::other(401, "not_authenticated", title, title))
}

pub(super) fn forbidden() -> Answer {
    let title = "You do not have permission to perform this action.";
    failed(&Problem::other(403, "permission_denied", title, title))
}

pub(super) fn not_found(detail: &str) -> Answer {
    failed(&Problem::other(404, "not_found", "Not found.", detail))
}

pub(super) fn not_allowed(method: &str) -> Answer {
    let detail = format!("Method \"{method}\" not allowed.");
    failed(&Problem::other(405, "method_not_allowed", "Method not allowed.", &detail))
}

pub(super) fn gone() -> Answer {
    failed(&Problem::other(410, "gone", "Gone.", "The requested revision has been retired."))
}

pub(super) fn too_large() -> Answer {
    let title = "Payload too large.";
    failed(&Problem::other(413, "payload_too_large", title, "The maximum payload size is 5MB."))
}

pub(super) fn unsupported_type(found: &str) -> Answer {
    let detail = format!("Unsupported media type \"{found}\" in request.");
    failed(&Problem::other(415, "unsupported_media_type", "Unsupported media type.", &detail))
}

/// Too many requests. `Retry-After` is there, the rate limit headers and the content type are not, as recorded.
pub(super) fn throttled(wait: Duration) -> Answer {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let detail = format!("Request was throttled. Expected available in {seconds} {unit}.");
    let mut answer = failed(&Problem::other(429, "throttled", "Request was throttled.", &detail));
    answer.headers.clear();
    answer.with("retry-after", &seconds)
}

/// What a scripted fault answers where it brings no body.
pub(crate) fn fault(status: u16) -> Answer {
    match status {
        401 => denied(),
        403 => forbidden(),
        404 => not_found("Scripted by the sandbox."),
        410 => gone(),
        413 => too_large(),
        429 => throttled(Duration::from_secs(1)),
        500.. => {
            failed(&Problem::other(status, "error", "A server error occurred.", "A server error occurred."))
        }
        _ => failed(&Problem { status, ..Problem::invalid("Scripted by the sandbox.") }),
    }
}
