//! Mailchimp's error document, and the errors that more than one call answers with.
use serde_json::{Value, json};

use crate::call::Answer;
use crate::ids;

/// An error document; `errors` is left out where it is null. `instance` equals the request's id.
pub(super) fn problem(status: u16, title: &str, detail: &str, errors: Value) -> Answer {
    let instance = ids::uuid();
    let mut body = json!({
        "type": "https://mailchimp.com/developer/marketing/docs/errors/",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
    });
    if !errors.is_null() {
        body["errors"] = errors;
    }
    typed(status, &body).with("x-request-id", &instance)
}

/// `Member Exists` is known to come without a `type`.
pub(super) fn member_exists(email: &str) -> Answer {
    let detail = format!("{email} is already a list member. Use PUT to insert or update list members.");
    let instance = ids::uuid();
    let body = json!({ "title": "Member Exists", "status": 400, "detail": detail, "instance": instance });
    typed(400, &body).with("x-request-id", &instance)
}

fn typed(status: u16, body: &Value) -> Answer {
    Answer::of_type(status, "application/problem+json; charset=utf-8", body.to_string().into_bytes())
}

/// The body doesn't fit the schema: nothing of it is applied.
pub(super) fn invalid(errors: &[(String, &str)]) -> Answer {
    let detail =
        "The resource submitted could not be validated. For field-specific details, see the 'errors' array.";
    let errors: Vec<Value> =
        errors.iter().map(|(field, message)| json!({ "field": field, "message": message })).collect();
    problem(400, "Invalid Resource", detail, Value::Array(errors))
}

pub(super) fn unreadable() -> Answer {
    let detail = "We encountered an unspecified JSON parsing error.";
    problem(400, "JSON Parse Error", detail, Value::Null)
}

pub(super) fn not_found() -> Answer {
    problem(404, "Resource Not Found", "The requested resource could not be found.", Value::Null)
}

pub(super) fn forbidden(detail: &str) -> Answer {
    problem(403, "Forbidden", detail, Value::Null)
}

/// A key or token that isn't known.
pub(crate) fn denied() -> Answer {
    let detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter.";
    problem(401, "API Key Invalid", detail, Value::Null)
}

/// More connections at once than a user may have. There is no hint when to come back.
pub(crate) fn crowded() -> Answer {
    let detail = "You have exceeded the limit of 10 simultaneous connections.";
    problem(429, "Too Many Requests", detail, Value::Null)
}

/// What a scripted fault answers where it brings no body.
pub(crate) fn fault(status: u16) -> Answer {
    match status {
        401 => denied(),
        403 => forbidden("You don't have permission to access the requested resource."),
        404 => not_found(),
        429 => crowded(),
        500 => problem(500, "InternalServerError", "An unexpected internal error has occurred.", Value::Null),
        501.. => Answer::of_type(status, "text/html", b"<html><body>Request Blocked</body></html>".to_vec()),
        _ => problem(status, "Bad Request", "Scripted by the sandbox.", Value::Null),
    }
}
