//! What an import answers, except for a 400 about rows.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::script::{json_answer, text_answer};

/// 202, with a job.
pub(crate) fn accepted() -> ResponseTemplate {
    let attributes = json!({"status": "queued", "total_count": 3, "completed_count": 0, "failed_count": 0,
                            "completed_at": null, "expires_at": "2026-11-29T13:40:00+00:00"});
    let body =
        json!({"data": {"type": "profile-bulk-import-job", "id": "V0JoWEhO", "attributes": attributes}});
    json_answer(202, &body).insert_header("ratelimit-remaining", "9")
}

/// The addresses in an import.
pub(crate) fn imported(request: &Request) -> Vec<String> {
    let body: Value = request.body_json().unwrap();
    let profiles = body["data"]["attributes"]["profiles"]["data"].as_array().unwrap();
    profiles.iter().map(|profile| profile["attributes"]["email"].as_str().unwrap().to_owned()).collect()
}

/// An error that is not about a row.
pub(crate) fn error(status: u16, code: &str, detail: &str, pointer: &str) -> ResponseTemplate {
    let error = json!({"id": "u", "status": status, "code": code, "title": "T", "detail": format!("{detail} person-1@example.com"),
                       "source": {"pointer": pointer}, "links": [], "meta": {}});
    json_answer(status, &json!({"errors": [error]}))
}

/// A 429 as it was recorded: with a `Retry-After`, without a content type and without the rate-limit headers.
pub(crate) fn throttled(seconds: &str) -> ResponseTemplate {
    ResponseTemplate::new(429).insert_header("retry-after", seconds)
}

/// Nothing was imported, so that there is no job.
pub(crate) fn failed(says: &'static str) -> Expected {
    no_job(Expected::failed(3, says))
}

pub(crate) fn no_job(expected: Expected) -> Expected {
    expected.calls("job", 0)
}

fn at_most_two(request: &Request) -> ResponseTemplate {
    if imported(request).len() > 2 { text_answer(413, "") } else { accepted() }
}

fn too_large_with_row_2(request: &Request) -> ResponseTemplate {
    if imported(request).contains(&crate::lane::email(2)) { text_answer(413, "") } else { accepted() }
}

pub(crate) fn group() -> Group {
    let cases = refusals().into_iter().chain(troubles());
    Group::new("Import", "", &["import"], cases)
}

fn refusals() -> Vec<Case> {
    vec![
        Case::new("202 with a job", Expected::completed(3)),
        Case::new("400 “List ID … does not exist.” with the pointer `/data`", failed("check `audience_id`"))
            .on("import", [error(400, "invalid", "List ID AUD1 does not exist.", "/data")]),
        Case::new(
            "401 `authentication_failed`, then a success with the same key",
            Expected::completed(3).calls("import", 2),
        )
        .on("import", [error(401, "authentication_failed", "", ""), accepted()])
        .doubtful(),
        Case::new(
            "401 `authentication_failed`, twice",
            failed("reconnect this account").calls("import", 2).reconnect(),
        )
        .on("import", [error(401, "authentication_failed", "Incorrect authentication credentials.", "")]),
        Case::new(
            "400 `authentication_failed` (older pages say so of a bad key)",
            failed("reconnect this account").calls("import", 2).reconnect(),
        )
        .on("import", [error(400, "authentication_failed", "Incorrect authentication credentials.", "")])
        .doubtful(),
        Case::new("403 `permission_denied`", failed("may not write to this audience"))
            .on("import", [error(403, "permission_denied", "", "")]),
        Case::new("404 `not_found`", failed("check `audience_id`"))
            .on("import", [error(404, "not_found", "A list with id `AUD1` does not exist.", "")]),
        Case::new("405", failed("(HTTP 405)")).on("import", [text_answer(405, "")]).doubtful(),
        Case::new("409 `duplicate_profile`", failed("(HTTP 409)"))
            .on("import", [error(409, "duplicate_profile", "", "")])
            .doubtful(),
        Case::new("410, the revision is retired", failed("upgrade Segue"))
            .on("import", [text_answer(410, "")]),
        Case::new("413 to more than two rows", Expected::completed(4).calls("import", 3).calls("job", 2))
            .rows(4)
            .on("import", [Reply::Reads(at_most_two)])
            .doubtful(),
        Case::new(
            "413 to whatever has row 2",
            Expected::completed(3).rejected(&[(2, "profile_too_large")]).calls("import", 5).calls("job", 2),
        )
        .rows(4)
        .on("import", [Reply::Reads(too_large_with_row_2)])
        .doubtful(),
        Case::new("422", failed("(HTTP 422)")).on("import", [text_answer(422, "")]).doubtful(),
    ]
}

fn troubles() -> Vec<Case> {
    let done = || Expected::completed(3).calls("import", 2);
    let then = |first: ResponseTemplate| [first, accepted()];
    vec![
        Case::new("202 without a body, then a job", done()).on("import", then(text_answer(202, ""))),
        Case::new("202 with HTML, then a job", done()).on("import", then(text_answer(202, "<html>"))),
        Case::new("202 without an id, then a job", done())
            .on("import", then(json_answer(202, &json!({"data": {}})))),
        Case::new("429 with `Retry-After: 1`, then a job", done()).on("import", then(throttled("1"))),
        Case::new("429 with `Retry-After: 600`, then a job", done().pause(600))
            .on("import", then(throttled("600"))),
        Case::new("429 without `Retry-After`, then a job", done())
            .on("import", then(text_answer(429, "")))
            .doubtful(),
        Case::new("429 until the run's deadline", {
            let failed = Expected::failed(3, "the run's deadline passed (the destination was not available)");
            no_job(failed).calls("import", MANY).until_deadline()
        })
        .on("import", [throttled("600")])
        .deadline(),
        Case::new("500, then a job", done()).on("import", then(text_answer(500, ""))),
        Case::new("502 with HTML, then a job", done()).on("import", then(text_answer(502, "<html>"))),
        Case::new("503, then a job", done()).on("import", then(text_answer(503, ""))),
        Case::new("the connection breaks, then a job", done())
            .on("import", [Reply::Breaks, accepted().into()]),
        Case::new(
            "no answer while the invocation lasts, then a job",
            done()
                .back(1)
                .remark("the first import may have begun a job too: importing twice changes nothing"),
        )
        .on("import", then(accepted().set_delay(Duration::from_secs(5))))
        .hasty(),
    ]
}
