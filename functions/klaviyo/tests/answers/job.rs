//! What the status of a job answers.

use std::time::Duration;

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::errors::{listed, page};
use crate::import::{error, throttled};
use crate::script::{json_answer, text_answer};

/// A finished job of which so many rows failed.
pub(crate) fn complete(failed: u64) -> ResponseTemplate {
    job("complete", failed)
}

/// A finished job that counts fewer completed rows than there are, and no failure.
pub(crate) fn complete_in_part() -> ResponseTemplate {
    let attributes = json!({"status": "complete", "total_count": 3, "completed_count": 2, "failed_count": 0});
    json_answer(200, &json!({"data": {"attributes": attributes}}))
}

fn job(status: &str, failed: u64) -> ResponseTemplate {
    let attributes =
        json!({"status": status, "total_count": 3, "completed_count": 3 - failed, "failed_count": failed});
    json_answer(
        200,
        &json!({"data": {"type": "profile-bulk-import-job", "id": "V0JoWEhO", "attributes": attributes}}),
    )
}

pub(crate) fn group() -> Group {
    let done = |looks| Expected::completed(3).calls("job", looks);
    let then = |first: ResponseTemplate| [first, complete(0)];
    let lost = |says| Expected::completed(0).unknown(3).says(says).calls("import errors", 0);
    Group::new(
        "Job",
        "Looked at with growing pauses, which no function sleeps through. A job that was started is never started again.",
        &["job"],
        [
            Case::new("`complete`, `failed_count` is 0", done(1)),
            Case::new(
                "`complete`, `failed_count` is 1",
                Expected::completed(2).rejected(&[(2, "address_refused")]).calls("import errors", 1),
            )
            .on("job", [complete(1)])
            .on("import errors", [page(&[listed(2)], None)]),
            Case::new("`queued`, `processing`, then `complete`", done(3))
                .on("job", [job("queued", 0), job("processing", 0), complete(0)]),
            Case::new("a status that nobody knows, then `complete`", done(2))
                .on("job", then(job("paused", 0)))
                .doubtful(),
            Case::new(
                "a status that nobody knows until the run's deadline",
                lost("the run's deadline passed").calls("job", MANY),
            )
            .on("job", [job("completed", 0)])
            .doubtful()
            .deadline(),
            Case::new("`cancelled`", lost("the destination cancelled the job"))
                .on("job", [job("cancelled", 0)]),
            Case::new("`complete` without `failed_count`", done(1).calls("import errors", 1))
                .on("job", [json_answer(200, &json!({"data": {"attributes": {"status": "complete"}}}))])
                .doubtful(),
            Case::new(
                "404 “Invalid job id” (the record expires after seven days)",
                lost("does not know the job any more"),
            )
            .on("job", [error(404, "not_found", "Invalid job id", "")]),
            Case::new(
                "`processing` until the run's deadline",
                lost("the run's deadline passed").calls("job", MANY),
            )
            .on("job", [job("processing", 0)])
            .deadline(),
            Case::new(
                "500 until the run's deadline",
                lost("the run's deadline passed").calls("job", MANY).until_deadline(),
            )
            .on("job", [text_answer(500, "")])
            .deadline(),
            Case::new("401, then `complete` with the same key", done(2))
                .on("job", then(text_answer(401, "")))
                .doubtful(),
            Case::new(
                "401 twice, then `complete`",
                done(3)
                    .reconnect()
                    .back(1)
                    .remark("the job is read once somebody has reconnected the account"),
            )
            .on("job", [text_answer(401, ""), text_answer(401, ""), complete(0)]),
            Case::new(
                "403 `permission_denied`",
                lost("may not write to this audience").remark("what was imported can't be told"),
            )
            .on("job", [error(403, "permission_denied", "", "")]),
            Case::new("410, the revision is retired", lost("upgrade Segue"))
                .on("job", [text_answer(410, "")]),
            Case::new("429 with `Retry-After: 1`, then `complete`", done(2)).on("job", then(throttled("1"))),
            Case::new("429 with `Retry-After: 600`, then `complete`", done(2).pause(600))
                .on("job", then(throttled("600"))),
            Case::new("500, then `complete`", done(2)).on("job", then(text_answer(500, ""))),
            Case::new("200 with HTML, then `complete`", done(2)).on("job", then(text_answer(200, "<html>"))),
            Case::new("200 without a status, then `complete`", done(2))
                .on("job", then(json_answer(200, &json!({"data": {"attributes": {}}})))),
            Case::new("the connection breaks, then `complete`", done(2))
                .on("job", [Reply::Breaks, complete(0).into()]),
            Case::new("an answer after half a second", done(1))
                .on("job", [complete(0).set_delay(Duration::from_millis(500))]),
        ],
    )
}
