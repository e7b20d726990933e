//! What a push answers: a count, never a verdict on a row.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::script::{json_answer, text_answer};
use crate::token::token;

/// Takes everybody.
pub(crate) fn takes_all(request: &Request) -> ResponseTemplate {
    took(hashes(request))
}

/// How many people a push has.
fn hashes(request: &Request) -> usize {
    let body: Value = request.body_json().unwrap();
    body["users"][0]["data"].as_array().unwrap().len()
}

fn took(count: usize) -> ResponseTemplate {
    counted("SUCCESS", &json!({"number_uploaded_users": count}))
}

fn counted(word: &str, user: &Value) -> ResponseTemplate {
    sub_request(word, &json!({"sub_request_status": word, "user": user}))
}

fn sub_request(word: &str, sub: &Value) -> ResponseTemplate {
    json_answer(200, &json!({"request_status": word, "request_id": "57c4", "users": [sub]}))
}

fn error(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({"request_status": "ERROR", "request_id": "98e2", "error_code": code,
                      "debug_message": "about person-1@example.com", "display_message": "We're sorry"});
    json_answer(status, &body)
}

fn at_most_two(request: &Request) -> ResponseTemplate {
    if hashes(request) > 2 { text_answer(413, "too large") } else { takes_all(request) }
}

fn throttled(seconds: &str) -> ResponseTemplate {
    text_answer(429, "").insert_header("retry-after", seconds)
}

pub(crate) fn group() -> Group {
    let cases = successes().into_iter().chain(refusals()).chain(troubles());
    Group::new("Push", "", &["push"], cases)
}

fn successes() -> Vec<Case> {
    let done = Expected::completed;
    vec![
        Case::new(
            "200, `number_uploaded_users` is what was sent",
            done(3).warns("can use an audience from 1000 matched people on"),
        ),
        Case::new("200, `number_uploaded_users` is below what was sent", done(1).unknown(2))
            .on("push", [took(1)]),
        Case::new("200, `number_uploaded_users` is 0", done(0).unknown(3)).on("push", [took(0)]),
        Case::new("200, `number_uploaded_users` is above what was sent", done(3))
            .on("push", [took(9)])
            .doubtful(),
        Case::new("200 without `number_uploaded_users`", done(0).unknown(3))
            .on("push", [counted("SUCCESS", &json!({}))])
            .doubtful(),
        Case::new("200 with `SUCCESS` and no `users`", done(0).unknown(3))
            .on("push", [json_answer(200, &json!({"request_status": "SUCCESS"}))])
            .doubtful(),
        Case::new("200, status words in small letters", done(3))
            .on("push", [counted("success", &json!({"number_uploaded_users": 3}))]),
        Case::new("200 with HTML, then a success", done(3).calls("push", 2))
            .on("push", [Reply::Says(text_answer(200, "<html>")), Reply::Reads(takes_all)]),
        Case::new("200 without a body, then a success", done(3).calls("push", 2))
            .on("push", [Reply::Says(text_answer(200, "")), Reply::Reads(takes_all)]),
    ]
}

fn refusals() -> Vec<Case> {
    let failed = |says| Expected::failed(3, says);
    let odd = json!({"sub_request_status": "ERROR", "sub_request_error_reason": "person-1@example.com"});
    vec![
        Case::new("200 with `SUCCESS`, and a sub-request with `ERROR`", failed("(HTTP 200)"))
            .on("push", [sub_request("SUCCESS", &odd)])
            .doubtful(),
        Case::new("200 with `request_status` `ERROR`", failed("(HTTP 200)"))
            .on("push", [json_answer(200, &json!({"request_status": "ERROR", "users": []}))])
            .doubtful(),
        Case::new(
            "400, then with a new token a success",
            Expected::completed(3).calls("token", 2).calls("push", 2),
        )
        .on("token", [token("one"), token("two")])
        .on("push", [Reply::Says(error(400, "E1001")), Reply::Reads(takes_all)])
        .doubtful(),
        Case::new("400 twice", failed("(HTTP 400)").calls("token", 2).calls("push", 2))
            .on("token", [token("one"), token("two")])
            .on("push", [error(400, "E1001")]),
        Case::new(
            "401 without JSON, then with a new token a success",
            Expected::completed(3).calls("token", 2).calls("push", 2),
        )
        .on("token", [token("one"), token("two")])
        .on("push", [Reply::Says(text_answer(401, "unauthorized")), Reply::Reads(takes_all)]),
        Case::new(
            "401 with JSON, twice",
            failed("reconnect this account").calls("token", 2).calls("push", 2).reconnect(),
        )
        .on("token", [token("one"), token("two")])
        .on("push", [error(401, "E3003")]),
        Case::new("403 with `E3002`", failed("may not write to this audience"))
            .on("push", [error(403, "E3002")]),
        Case::new("403 without a body", failed("may not write to this audience"))
            .on("push", [text_answer(403, "")])
            .doubtful(),
        Case::new("404", failed("check `audience_id`")).on("push", [error(404, "E2002")]).doubtful(),
        Case::new("405", failed("(HTTP 405)")).on("push", [text_answer(405, "")]).doubtful(),
        Case::new("413 to every row alone", failed("refused the call as malformed").calls("push", 5))
            .on("push", [text_answer(413, "")])
            .doubtful(),
        Case::new("413 to more than two rows", Expected::completed(4).calls("push", 3))
            .rows(4)
            .on("push", [Reply::Reads(at_most_two)])
            .doubtful(),
    ]
}

fn troubles() -> Vec<Case> {
    let done = || Expected::completed(3).calls("push", 2);
    let then = |first: ResponseTemplate| [Reply::Says(first), Reply::Reads(takes_all)];
    vec![
        Case::new("429 without a hint, then a success", done()).on("push", then(text_answer(429, ""))),
        Case::new("429 with `Retry-After: 1`, then a success", done())
            .on("push", then(throttled("1")))
            .doubtful(),
        Case::new("429 with `Retry-After: 600`, then a success", done().pause(600))
            .on("push", then(throttled("600")))
            .doubtful(),
        Case::new("429 with a `Retry-After` that is no number, then a success", done())
            .on("push", then(throttled("Sun, 22 Nov 2026 20:00:00 GMT")))
            .doubtful(),
        Case::new(
            "429 until the run's deadline",
            Expected::failed(3, "the run's deadline passed").calls("push", MANY).until_deadline(),
        )
        .on("push", [throttled("600")])
        .deadline(),
        Case::new("408, then a success", done()).on("push", then(text_answer(408, ""))).doubtful(),
        Case::new("500, then a success", done()).on("push", then(text_answer(500, "oops"))),
        Case::new("502 with HTML, then a success", done()).on("push", then(text_answer(502, "<html>"))),
        Case::new("503, then a success", done()).on("push", then(text_answer(503, ""))),
        Case::new("504, then a success", done()).on("push", then(text_answer(504, ""))),
        Case::new("the connection breaks, then a success", done())
            .on("push", [Reply::Breaks, Reply::Reads(takes_all)]),
        Case::new(
            "no answer while the invocation lasts, then a success",
            done().back(1).remark("no crash is counted"),
        )
        .on("push", then(took(3).set_delay(Duration::from_secs(5))))
        .hasty(),
    ]
}
