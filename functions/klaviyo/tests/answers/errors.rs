//! What the import errors of a finished job answer.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, Reply};
use crate::import::{error, throttled};
use crate::job::{complete, complete_in_part};
use crate::lane::email;
use crate::script::{json_answer, text_answer};

fn import_error(payload: &Value, pointer: &str) -> Value {
    json!({"type": "import-error", "id": "e", "attributes": {
        "code": "invalid", "title": "Invalid", "detail": "person-1@example.com is odd",
        "source": {"pointer": pointer}, "original_payload": payload}})
}

/// An error about a row's address.
pub(crate) fn listed(row: u64) -> Value {
    import_error(&json!({"type": "profile", "attributes": {"email": email(row)}}), "/data/attributes/email")
}

pub(crate) fn page(errors: &[Value], cursor: Option<&str>) -> ResponseTemplate {
    let next = cursor.map(|cursor| format!("https://a.klaviyo.com/x?page%5Bcursor%5D={cursor}"));
    json_answer(200, &json!({"data": errors, "links": {"next": next, "prev": null}}))
}

/// An empty page.
pub(crate) fn none() -> ResponseTemplate {
    page(&[], None)
}

const REFUSED: &str = "address_refused";

pub(crate) fn group() -> Group {
    let asked = |mut case: Case| {
        if case.expected.calls.iter().all(|(name, _)| *name != "import errors") {
            case.expected = case.expected.calls("import errors", 1);
        }
        case
    };
    let cases = rows().into_iter().chain(troubles()).map(asked);
    Group::new(
        "Import errors",
        "Read once the job is `complete` and does not say that all rows went well, 100 a page, to the last page. A page is asked for at the configured address, \
         wherever the link leads.",
        &["import errors"],
        cases,
    )
}

fn rows() -> Vec<Case> {
    let one = |reason| Expected::completed(2).rejected(&[(2, reason)]);
    let payload = |email: &str| json!({"type": "profile", "attributes": {"email": email}});
    let told = |answer, error: Value, expected| {
        Case::new(answer, expected).on("job", [complete(1)]).on("import errors", [page(&[error], None)])
    };
    vec![
        Case::new(
            "not asked for: the job says that all rows went well",
            Expected::completed(3).calls("import errors", 0),
        ),
        told("row 2, its e-mail", listed(2), one(REFUSED)),
        told(
            "row 2, its first name",
            import_error(&payload(&email(2)), "/data/attributes/first_name"),
            one("attribute_refused"),
        ),
        told("row 2, and nothing is pointed at", import_error(&payload(&email(2)), ""), one("refused")),
        told(
            "row 2, `original_payload` has the attributes only",
            import_error(&json!({"email": email(2)}), "/data/attributes/email"),
            one(REFUSED),
        )
        .doubtful(),
        told(
            "row 2, the address in capitals",
            import_error(&payload(&email(2).to_uppercase()), "/data/attributes/email"),
            one(REFUSED),
        ),
        told(
            "`original_payload` is null",
            import_error(&Value::Null, "/data/attributes/email"),
            Expected::completed(2).rejected(&[(0, REFUSED)]),
        ),
        told(
            "somebody who was not sent",
            import_error(&payload("x@example.org"), "/data/attributes/email"),
            Expected::completed(2).rejected(&[(0, REFUSED)]),
        ),
        Case::new("the same row twice", one(REFUSED))
            .on("job", [complete(1)])
            .on("import errors", [page(&[listed(2), listed(2)], None)]),
        Case::new(
            "a row, though `failed_count` is 0 and `completed_count` is below `total_count`",
            one(REFUSED),
        )
        .on("job", [complete_in_part()])
        .on("import errors", [page(&[listed(2)], None)])
        .doubtful(),
        Case::new("no rows, though `completed_count` is below `total_count`", Expected::completed(3))
            .on("job", [complete_in_part()])
            .doubtful(),
        Case::new(
            "one row, though `failed_count` is 3",
            Expected::completed(0).rejected(&[(2, REFUSED), (0, "refused"), (0, "refused")]),
        )
        .on("job", [complete(3)])
        .on("import errors", [page(&[listed(2)], None)]),
        Case::new(
            "no rows, though `failed_count` is 2",
            Expected::completed(1).rejected(&[(0, "refused"), (0, "refused")]),
        )
        .on("job", [complete(2)]),
        Case::new(
            "three pages",
            Expected::completed(0)
                .rejected(&[(1, REFUSED), (2, REFUSED), (3, REFUSED)])
                .calls("import errors", 3),
        )
        .on("job", [complete(3)])
        .on(
            "import errors",
            [page(&[listed(1)], Some("b")), page(&[listed(2)], Some("c")), page(&[listed(3)], None)],
        ),
        Case::new("a page without `links`", one(REFUSED))
            .on("job", [complete(1)])
            .on("import errors", [json_answer(200, &json!({"data": [listed(2)]}))])
            .doubtful(),
    ]
}

fn troubles() -> Vec<Case> {
    let expected = |asked| Expected::completed(2).rejected(&[(2, REFUSED)]).calls("import errors", asked);
    let last = || page(&[listed(2)], None);
    let case = |answer, expected, replies: Vec<Reply>| {
        Case::new(answer, expected).on("job", [complete(1)]).on("import errors", replies)
    };
    let then = |first: ResponseTemplate| vec![Reply::Says(first), Reply::Says(last())];
    let lost = |says| Expected::completed(0).unknown(3).says(says);
    vec![
        case("200 with HTML, then the page", expected(2), then(text_answer(200, "<html>"))),
        case("429 with `Retry-After: 1`, then the page", expected(2), then(throttled("1"))),
        case(
            "429 with `Retry-After: 600` on the second page, then the pages",
            expected(4).calls("job", 2).pause(600),
            vec![
                page(&[], Some("b")).into(),
                throttled("600").into(),
                page(&[], Some("b")).into(),
                last().into(),
            ],
        ),
        case("500, then the page", expected(2), then(text_answer(500, ""))),
        case("the connection breaks, then the page", expected(2), vec![Reply::Breaks, last().into()]),
        case("401, then the page with the same key", expected(2), then(text_answer(401, ""))).doubtful(),
        case(
            "401 twice, then the page",
            expected(3).calls("job", 2).reconnect().back(1),
            vec![text_answer(401, "").into(), text_answer(401, "").into(), last().into()],
        ),
        case(
            "403 `permission_denied`",
            lost("may not write to this audience"),
            vec![error(403, "permission_denied", "", "").into()],
        ),
        case(
            "404, the record expired in between",
            lost("results can't be had any more").calls("import errors", 3),
            vec![error(404, "not_found", "Invalid job id", "").into()],
        ),
    ]
}
