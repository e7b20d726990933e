//! What a push answers as a whole.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::lane::email;
use crate::rows::batch;
use crate::script::{json_answer, text_answer};

/// Takes everybody.
pub(crate) fn takes_all(request: &Request) -> ResponseTemplate {
    let body: Value = request.body_json().unwrap();
    batch(body["members"].as_array().unwrap().len(), &[])
}

/// Refuses every call that row 2 is in.
fn spoilt_by_two(request: &Request) -> ResponseTemplate {
    let spoilt = String::from_utf8_lossy(&request.body).contains(&email(2));
    if spoilt { problem(400, "Invalid Resource", "") } else { takes_all(request) }
}

/// An error of this title.
pub(crate) fn problem(status: u16, title: &str, detail: &str) -> ResponseTemplate {
    let body = json!({"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title,
                      "status": status, "detail": format!("{detail} person-1@example.com"), "instance": "a-b"});
    json_answer(status, &body)
}

pub(crate) fn group() -> Group {
    let cases = refusals().into_iter().chain(troubles());
    Group::new("Push: other answers", "", &["push"], cases)
}

fn refusals() -> Vec<Case> {
    let failed = |says| Expected::failed(3, says);
    let denied = || problem(401, "API Key Invalid", "");
    vec![
        Case::new("400 Invalid Resource, each half and each row too", failed("(HTTP 400)").calls("push", 5)).on(
            "push",
            [json_answer(
                400,
                &json!({"title": "Invalid Resource", "status": 400, "errors": [{"field": "", "message": "person-1"}],
                        "detail": "The resource submitted could not be validated. For field-specific details, see the 'errors' array."}),
            )],
        ),
        Case::new("400 without JSON, each half and each row too", failed("(HTTP 400)").calls("push", 5))
            .on("push", [text_answer(400, "<html>")]),
        Case::new(
            "400 as long as row 2 is in the call",
            Expected::completed(2).rejected(&[(2, "refused")]).calls("push", 5),
        )
        .on("push", [Reply::Reads(spoilt_by_two)])
        .doubtful(),
        Case::new("401 API Key Invalid, then a success with the same key", Expected::completed(3).calls("push", 2))
            .on("push", [Reply::Says(denied()), Reply::Reads(takes_all)])
            .doubtful(),
        Case::new("401 API Key Invalid, twice", failed("reconnect this account").calls("push", 2).reconnect())
            .on("push", [denied()]),
        Case::new("403 Forbidden with JSON", failed("may not write to this audience"))
            .on("push", [problem(403, "Forbidden", "")]),
        Case::new("403 with JSON, “The API key provided is linked to datacenter 'us6'”", failed("may not write to this audience"))
            .on("push", [problem(403, "Wrong Datacenter", "The API key provided is linked to datacenter 'us6'")]),
        Case::new("404 Resource Not Found", failed("check `audience_id`")).on("push", [problem(404, "Resource Not Found", "")]),
        Case::new("405 Method Not Allowed", failed("(HTTP 405)")).on("push", [problem(405, "Method Not Allowed", "")]),
        Case::new("414", failed("(HTTP 414)")).on("push", [text_answer(414, "")]),
        Case::new("422", failed("(HTTP 422)")).on("push", [problem(422, "Unprocessable Entity", "")]),
        Case::new("426", failed("(HTTP 426)")).on("push", [problem(426, "Upgrade Required", "")]),
    ]
}

fn troubles() -> Vec<Case> {
    let done = || Expected::completed(3).calls("push", 2);
    let then = |first: ResponseTemplate| [Reply::Says(first), Reply::Reads(takes_all)];
    let hint = |seconds| text_answer(429, "").insert_header("retry-after", seconds);
    vec![
        Case::new("403 without a body (throttling), then a success", done())
            .on("push", then(text_answer(403, ""))),
        Case::new("403 with HTML (throttling), then a success", done())
            .on("push", then(text_answer(403, "<html>too much</html>"))),
        Case::new("403 without a body until the run's deadline", {
            let failed = Expected::failed(3, "the run's deadline passed (the destination was not available)");
            failed.calls("push", MANY).until_deadline()
        })
        .on("push", [text_answer(403, "")])
        .deadline(),
        Case::new("429 Too Many Requests without a hint, then a success", done()).on(
            "push",
            then(problem(
                429,
                "Too Many Requests",
                "You have exceeded the limit of 10 simultaneous connections.",
            )),
        ),
        Case::new("429 without a body, then a success", done()).on("push", then(text_answer(429, ""))),
        Case::new("429 with `Retry-After: 600`, then a success", done().pause(600))
            .on("push", then(hint("600")))
            .doubtful(),
        Case::new("500, then a success", done()).on("push", then(problem(500, "InternalServerError", ""))),
        Case::new("502 with HTML, then a success", done()).on("push", then(text_answer(502, "<html>"))),
        Case::new("503 with HTML “Request Blocked”, then a success", done())
            .on("push", then(text_answer(503, "<html>Request Blocked</html>"))),
        Case::new("504, then a success", done()).on("push", then(text_answer(504, ""))),
        Case::new("the connection breaks, then a success", done())
            .on("push", [Reply::Breaks, Reply::Reads(takes_all)]),
        Case::new(
            "no answer while the invocation lasts, then a success",
            done().back(1).remark("no crash is counted"),
        )
        .on("push", then(batch(3, &[]).set_delay(Duration::from_secs(5))))
        .hasty(),
    ]
}
