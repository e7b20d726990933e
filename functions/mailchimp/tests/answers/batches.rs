//! What `/batches` answers, and the link to a batch's results.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::archive::{archive, cut_off, no_archive, result};
use crate::push::problem;
use crate::script::{json_answer, text_answer};

/// A batch was made.
pub(crate) fn made() -> ResponseTemplate {
    json_answer(
        200,
        &json!({"id": "8b2428d747", "status": "pending", "total_operations": 0, "response_body_url": ""}),
    )
}

/// A batch is finished, and its results are at the same server.
pub(crate) fn finished(request: &Request) -> ResponseTemplate {
    let host = request.headers["host"].to_str().unwrap();
    state("finished", &format!("http://{host}/results/8b2428d747.tar.gz?X-Amz-Signature=s"))
}

/// The same, and one operation failed.
fn one_failed(request: &Request) -> ResponseTemplate {
    let host = request.headers["host"].to_str().unwrap();
    json_answer(
        200,
        &json!({"id": "8b2428d747", "status": "finished", "total_operations": 3, "finished_operations": 3,
                "errored_operations": 1, "response_body_url": format!("http://{host}/results/8b2428d747.tar.gz")}),
    )
}

fn state(status: &str, url: &str) -> ResponseTemplate {
    json_answer(
        200,
        &json!({"id": "8b2428d747", "status": status, "total_operations": 3, "finished_operations": 3,
                "errored_operations": 0, "submitted_at": "2026-11-22T13:40:00+00:00", "response_body_url": url}),
    )
}

/// All three rows went well.
pub(crate) fn all_well() -> ResponseTemplate {
    archive(&[&three(&[])])
}

/// The results of three rows, in one file: these, and the others went well.
pub(crate) fn three(odd: &[(usize, Value)]) -> String {
    let of = |row: usize| odd.iter().find(|(odd, _)| *odd == row).map(|(_, result)| result.clone());
    let results: Vec<Value> = (0..3).map(|row| of(row).unwrap_or_else(|| well(row))).collect();
    serde_json::to_string(&results).unwrap()
}

/// A row went well.
pub(crate) fn well(row: usize) -> Value {
    result(
        &row.to_string(),
        200,
        &json!({"id": "i", "email_address": "person-1@example.com", "status": "subscribed"}),
    )
}

/// What a run makes of a batch: its message is handed back until the batch is finished.
pub(crate) fn followed(expected: Expected) -> Expected {
    expected.calls("push", 0).calls("batch", 1).calls("status", 1).calls("results", 1).back(1)
}

fn nothing_sent(says: &'static str) -> Expected {
    Expected::failed(3, says).calls("push", 0).calls("batch", 1)
}

pub(crate) fn group() -> Group {
    let cases = batch().into_iter().chain(status()).chain(results());
    Group::new(
        "`existing_contacts: update`: the batch, its status and its results",
        "Each row is a `PUT` of its own in a batch. The message is handed back until the batch is finished; then its \
         results are read. The link to them is followed without credentials.",
        &["batch", "status", "results"],
        cases,
    )
    .choosing(&json!({"existing_contacts": "update"}))
}

fn batch() -> Vec<Case> {
    let done = || followed(Expected::completed(3));
    let again = || done().calls("batch", 2);
    let then = |first: ResponseTemplate| [first, made()];
    vec![
        Case::new("batch: 200 with an id", done()),
        Case::new("batch: 400", nothing_sent("(HTTP 400)")).on("batch", [problem(400, "Bad Request", "")]),
        Case::new("batch: 401 twice", nothing_sent("reconnect this account").calls("batch", 2).reconnect())
            .on("batch", [problem(401, "API Key Invalid", "")]),
        Case::new("batch: 403 with JSON", nothing_sent("may not write to this audience"))
            .on("batch", [problem(403, "Forbidden", "")]),
        Case::new("batch: 403 without a body (throttling), then an id", again())
            .on("batch", then(text_answer(403, ""))),
        Case::new("batch: 429 (500 batches are open), then an id", again())
            .on("batch", then(problem(429, "Too Many Requests", "You have more than 500 pending batches.")))
            .doubtful(),
        Case::new("batch: 500, then an id", again()).on("batch", then(text_answer(500, ""))),
        Case::new("batch: 503 with “Request Blocked”, then an id", again())
            .on("batch", then(text_answer(503, "<html>Request Blocked</html>"))),
        Case::new("batch: 200 with HTML, then an id", again()).on("batch", then(text_answer(200, "<html>"))),
        Case::new("batch: 200 without an id, then one", again())
            .on("batch", then(json_answer(200, &json!({})))),
        Case::new("batch: the connection breaks, then an id", again())
            .on("batch", [Reply::Breaks, made().into()]),
        Case::new("batch: no answer while the invocation lasts, then an id", again().back(2))
            .on("batch", then(made().set_delay(Duration::from_secs(5))))
            .hasty(),
    ]
}

fn status() -> Vec<Case> {
    let done = |looks: usize| followed(Expected::completed(3)).calls("status", looks);
    let later = |states: &[&str]| -> Vec<Reply> {
        states.iter().map(|status| Reply::Says(state(status, ""))).chain([Reply::Reads(finished)]).collect()
    };
    let then = |first: ResponseTemplate| [Reply::Says(first), Reply::Reads(finished)];
    let lost = |says| followed(Expected::completed(0).unknown(3).says(says)).calls("results", 0);
    vec![
        Case::new(
            "status: `pending`, `preprocessing`, `started`, `finalizing`, then `finished`",
            done(5).back(5),
        )
        .on("status", later(&["pending", "preprocessing", "started", "finalizing"])),
        Case::new("status: a word that nobody knows, then `finished`", done(2).back(2))
            .on("status", later(&["paused"]))
            .doubtful(),
        Case::new(
            "status: `started` until the run's deadline",
            lost("the run's deadline passed").calls("status", MANY).until_deadline(),
        )
        .on("status", [state("started", "")])
        .deadline(),
        Case::new("status: 404, the batch is not known any more", lost("does not know the job any more"))
            .on("status", [problem(404, "Resource Not Found", "")]),
        Case::new(
            "status: `finished` without a link, `errored_operations` is 0",
            followed(Expected::completed(3)).calls("results", 0),
        )
        .on("status", [state("finished", "")])
        .doubtful(),
        Case::new(
            "status: `finished` without a link, `errored_operations` is 1",
            lost("results can't be had any more"),
        )
        .on("status", [json_answer(200, &json!({"id": "8b", "status": "finished", "errored_operations": 1}))])
        .doubtful(),
        Case::new(
            "status: `finished` without a link and without counts",
            lost("results can't be had any more"),
        )
        .on("status", [json_answer(200, &json!({"id": "8b", "status": "finished"}))])
        .doubtful(),
        Case::new("status: 401 twice, then `finished`", done(3).back(2).reconnect()).on(
            "status",
            [
                Reply::Says(problem(401, "API Key Invalid", "")),
                Reply::Says(problem(401, "API Key Invalid", "")),
                Reply::Reads(finished),
            ],
        ),
        Case::new("status: 403 without a body (throttling), then `finished`", done(2))
            .on("status", then(text_answer(403, ""))),
        Case::new("status: 403 with JSON", lost("may not write to this audience"))
            .on("status", [problem(403, "Forbidden", "")]),
        Case::new("status: 429, then `finished`", done(2)).on("status", then(text_answer(429, ""))),
        Case::new("status: 500, then `finished`", done(2)).on("status", then(text_answer(500, ""))),
        Case::new("status: 200 with HTML, then `finished`", done(2))
            .on("status", then(text_answer(200, "<html>"))),
        Case::new("status: the connection breaks, then `finished`", done(2))
            .on("status", [Reply::Breaks, Reply::Reads(finished)]),
    ]
}

fn results() -> Vec<Case> {
    let done = |asked: usize| followed(Expected::completed(3)).calls("results", asked);
    let told_nothing = || Expected::completed(0).unknown(3).says("results can't be had any more");
    let lost = || followed(told_nothing()).calls("results", 3);
    let odd = |answer, reply: ResponseTemplate| {
        Case::new(answer, lost()).on("status", [Reply::Reads(one_failed)]).on("results", [reply])
    };
    let then = |first: ResponseTemplate| [first, all_well()];
    let one = |row: usize| serde_json::to_string(&[well(row)]).unwrap();
    vec![
        Case::new("results: three files in the archive", done(1))
            .on("results", [archive(&[&one(0), &one(1), &one(2)])]),
        Case::new("results: 403 (the link has expired), `errored_operations` is 0", done(3))
            .on("results", [text_answer(403, "<Error>AccessDenied</Error>")])
            .doubtful(),
        odd(
            "results: 403 (the link has expired), `errored_operations` is 1",
            text_answer(403, "<Error>AccessDenied</Error>"),
        )
        .doubtful(),
        odd("results: 404, `errored_operations` is 1", text_answer(404, "")).doubtful(),
        Case::new("results: HTML instead of an archive, `errored_operations` is 0", done(3))
            .on("results", [text_answer(200, "<html>")])
            .doubtful(),
        odd("results: HTML instead of an archive, `errored_operations` is 1", text_answer(200, "<html>"))
            .doubtful(),
        odd("results: an archive that is cut off, `errored_operations` is 1", cut_off(&[&three(&[])]))
            .doubtful(),
        odd(
            "results: a gzipped JSON file that is no archive, `errored_operations` is 1",
            no_archive(&three(&[])),
        )
        .doubtful(),
        odd(
            "results: a file in the archive is no JSON, `errored_operations` is 1",
            archive(&[&one(0), "<html>"]),
        )
        .doubtful(),
        Case::new("results: 429, then the archive", done(2)).on("results", then(text_answer(429, ""))),
        Case::new("results: 500, then the archive", done(2)).on("results", then(text_answer(500, ""))),
        Case::new("results: 503, then the archive", done(2))
            .on("results", then(text_answer(503, "SlowDown"))),
        Case::new("results: the connection breaks, then the archive", done(2))
            .on("results", [Reply::Breaks, all_well().into()]),
        Case::new("results: a redirect, `errored_operations` is 1", lost())
            .on("status", [Reply::Reads(one_failed)])
            .on("results", [text_answer(302, "").insert_header("location", "https://elsewhere.example/")])
            .doubtful(),
    ]
}
