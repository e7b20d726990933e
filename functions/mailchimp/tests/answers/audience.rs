//! What the look-ups of the audience and of its merge fields answer, once a run before its first push.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, Reply};
use crate::push::problem;
use crate::script::{json_answer, text_answer};

pub(crate) fn found() -> ResponseTemplate {
    json_answer(200, &json!({"id": "AUD1", "name": "VIP"}))
}

/// Merge fields, and whether a contact must have them.
pub(crate) fn merge_fields(fields: &[(&str, bool)]) -> ResponseTemplate {
    let fields: Vec<Value> =
        fields.iter().map(|(tag, required)| json!({"tag": tag, "required": required})).collect();
    json_answer(200, &json!({"merge_fields": fields, "total_items": fields.len()}))
}

/// Nothing is sent.
fn refused(says: &'static str) -> Expected {
    Expected::failed(3, says).calls("push", 0)
}

pub(crate) fn group() -> Group {
    let done = || Expected::completed(3).calls("audience", 2);
    let then = |first: ResponseTemplate| [first, found()];
    let wrong_dc = "The API key provided is linked to datacenter 'us6'";
    Group::new(
        "Look-up of the audience",
        "Once a run, before its first push. What is said here of the credentials holds for each request.",
        &["audience", "push"],
        [
            Case::new("200", Expected::completed(3)),
            Case::new("404 Resource Not Found", refused("check `audience_id`")).on(
                "audience",
                [problem(404, "Resource Not Found", "The requested resource could not be found.")],
            ),
            Case::new(
                "401 API Key Invalid, twice",
                refused("reconnect this account").calls("audience", 2).reconnect(),
            )
            .on(
                "audience",
                [problem(
                    401,
                    "API Key Invalid",
                    "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
                )],
            ),
            Case::new("401, then a success with the same key", done())
                .on("audience", then(problem(401, "API Key Invalid", "")))
                .doubtful(),
            Case::new(
                "403 Forbidden, the key is of another data centre",
                refused("may not write to this audience"),
            )
            .on("audience", [problem(403, "Wrong Datacenter", wrong_dc)]),
            Case::new("403 without a body (throttling), then a success", done())
                .on("audience", then(text_answer(403, ""))),
            Case::new("403 with HTML (throttling), then a success", done())
                .on("audience", then(text_answer(403, "<html>"))),
            Case::new("429 Too Many Requests, then a success", done()).on(
                "audience",
                then(problem(
                    429,
                    "Too Many Requests",
                    "You have exceeded the limit of 10 simultaneous connections.",
                )),
            ),
            Case::new("429 without a body, then a success", done())
                .on("audience", then(text_answer(429, ""))),
            Case::new("500, then a success", done())
                .on("audience", then(problem(500, "InternalServerError", ""))),
            Case::new("503 with “Request Blocked”, then a success", done())
                .on("audience", then(text_answer(503, "<html>Request Blocked</html>"))),
            Case::new("200 with HTML, then a success", done())
                .on("audience", then(text_answer(200, "<html>"))),
            Case::new("the connection breaks, then a success", done())
                .on("audience", [Reply::Breaks, found().into()]),
        ],
    )
}

pub(crate) fn fields() -> Group {
    let done = || Expected::completed(3);
    Group::new(
        "Look-up of the merge fields",
        "The export of these cases maps the first name (`FNAME`), and not the last name.",
        &["merge fields", "push"],
        [
            Case::new("200, none is required", done()),
            Case::new("200, there is none at all", done()).on("merge fields", [merge_fields(&[])]),
            Case::new("200, `FNAME` is required", done())
                .on("merge fields", [merge_fields(&[("FNAME", true)])]),
            Case::new("200, `LNAME` is required", refused("requires the field LNAME"))
                .on("merge fields", [merge_fields(&[("FNAME", false), ("LNAME", true)])]),
            Case::new("200, `ADDRESS` is required", refused("requires the field ADDRESS"))
                .on("merge fields", [merge_fields(&[("FNAME", false), ("LNAME", false), ("ADDRESS", true)])]),
            Case::new("200, an entry does not say whether it is required", done())
                .on(
                    "merge fields",
                    [json_answer(200, &json!({"merge_fields": [{"tag": "BIRTHDAY"}], "total_items": 1}))],
                )
                .doubtful(),
            Case::new("200 with HTML, then a success", done().calls("merge fields", 2))
                .on("merge fields", [text_answer(200, "<html>"), merge_fields(&[])]),
            Case::new("403 without a body (throttling), then a success", done().calls("merge fields", 2))
                .on("merge fields", [text_answer(403, ""), merge_fields(&[])]),
            Case::new("403 with JSON", refused("may not write to this audience"))
                .on("merge fields", [problem(403, "Forbidden", "")]),
            Case::new("404", refused("check `audience_id`"))
                .on("merge fields", [problem(404, "Resource Not Found", "")]),
            Case::new("429, then a success", done().calls("merge fields", 2))
                .on("merge fields", [text_answer(429, ""), merge_fields(&[])]),
            Case::new("500, then a success", done().calls("merge fields", 2))
                .on("merge fields", [text_answer(500, ""), merge_fields(&[])]),
        ],
    )
}
