//! What a push answers about its rows, in a 200.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, Reply};
use crate::lane::email;
use crate::script::{json_answer, text_answer};

/// The answer to a push: so many created, and these errors.
pub(crate) fn batch(created: usize, errors: &[Value]) -> ResponseTemplate {
    json_answer(
        200,
        &json!({"errors": errors, "error_count": errors.len(), "total_created": created, "total_updated": 0}),
    )
}

fn error(row: u64, text: &str) -> Value {
    json!({"email_address": email(row), "error": text, "error_code": "ERROR_GENERIC", "field": "", "field_message": ""})
}

fn exists(row: u64) -> Value {
    let text = "is already a list member, do you want to update? please provide update_existing:true in the request body";
    json!({"email_address": email(row), "error": format!("{} {text}", email(row)), "error_code": "ERROR_CONTACT_EXISTS"})
}

/// Row 2 of 3 has this error.
fn second(answer: &'static str, text: &str, reason: &'static str) -> Case {
    Case::new(answer, Expected::completed(2).rejected(&[(2, reason)]))
        .on("push", [batch(2, &[error(2, &format!("{} {text}", email(2)))])])
}

pub(crate) fn group() -> Group {
    let cases = texts().into_iter().chain(shapes());
    Group::new(
        "Push: a 200, with a verdict for each row",
        "A text is recognised by a part of it, and not kept. That the texts about single contacts appear in the errors \
         of a batch word by word is not confirmed; what is not recognised is `refused`.",
        &[],
        cases,
    )
}

fn texts() -> Vec<Case> {
    vec![
        second(
            "row 2: “looks fake or invalid, please enter a real email address.”",
            "looks fake or invalid, please enter a real email address.",
            "address_refused",
        ),
        second("row 2: “Please provide a valid email address.”", "Please provide a valid email address.", "address_refused"),
        second(
            "row 2: “is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.”",
            "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.",
            "compliance_state",
        )
        .doubtful(),
        second(
            "row 2: “was permanently deleted and cannot be re-imported. The contact must re-subscribe …”",
            "was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list.",
            "permanently_deleted",
        )
        .doubtful(),
        second(
            "row 2: “has signed up to a lot of lists very recently; we're not allowing more signups for now”",
            "has signed up to a lot of lists very recently; we're not allowing more signups for now",
            "signups_throttled",
        ),
        second("row 2: “Your merge fields were invalid.”", "Your merge fields were invalid.", "attribute_refused"),
        second(
            "row 2: “Data did not match any of the schemas described in anyOf.”",
            "Data did not match any of the schemas described in anyOf.",
            "attribute_refused",
        ),
        second("row 2: a text that nobody knows", "is odd in a new way", "refused"),
        Case::new("row 2: `ERROR_CONTACT_EXISTS`", Expected::completed(3).already_there(1))
            .on("push", [batch(2, &[exists(2)])]),
        Case::new("all rows: `ERROR_CONTACT_EXISTS`", Expected::completed(3).already_there(3))
            .on("push", [batch(0, &[exists(1), exists(2), exists(3)])]),
        Case::new(
            "row 2: “is already a list member …” without the error code",
            Expected::completed(3).already_there(1),
        )
        .on("push", [batch(2, &[error(2, &format!("{} is already a list member, do you want to update?", email(2)))])])
        .doubtful(),
        Case::new("row 2: an error code that nobody knows", Expected::completed(2).rejected(&[(2, "refused")]))
            .on("push", [batch(2, &[json!({"email_address": email(2), "error": "x", "error_code": "ERROR_NEW"})])]),
    ]
}

fn shapes() -> Vec<Case> {
    let fake = "looks fake or invalid, please enter a real email address.";
    let elsewhere =
        |address: Value| json!({"email_address": address, "error": fake, "error_code": "ERROR_GENERIC"});
    let not_told = || Expected::completed(2).rejected(&[(0, "address_refused")]);
    vec![
        Case::new("all rows are new", Expected::completed(3)),
        Case::new("an error repeats the address in capitals", Expected::completed(2).rejected(&[(2, "address_refused")]))
            .on("push", [batch(2, &[elsewhere(json!(email(2).to_uppercase()))])]),
        Case::new("an error repeats an escaped address (`&quot;…`)", not_told())
            .on("push", [batch(2, &[elsewhere(json!("&quot;p&quot;@example.com"))])])
            .doubtful(),
        Case::new("an error names somebody who was not sent", not_told())
            .on("push", [batch(2, &[elsewhere(json!("x@example.org"))])]),
        Case::new("an error without an address", not_told())
            .on("push", [batch(2, &[json!({"error": fake, "error_code": "ERROR_GENERIC"})])]),
        Case::new("the same row in two errors", Expected::completed(2).rejected(&[(2, "address_refused")]))
            .on("push", [json_answer(
                200,
                &json!({"errors": [error(2, fake), error(2, fake)], "error_count": 1, "total_created": 2, "total_updated": 0}),
            )])
            .doubtful(),
        Case::new(
            "`error_count` is above the errors listed",
            Expected::completed(1).rejected(&[(2, "address_refused"), (0, "refused")]),
        )
        .on("push", [json_answer(
            200,
            &json!({"errors": [error(2, fake)], "error_count": 2, "total_created": 1, "total_updated": 0}),
        )]),
        Case::new("`total_created` and `error_count` leave rows out", Expected::completed(1).unknown(2))
            .on("push", [batch(1, &[])]),
        Case::new("the answer has `error_count` only", Expected::completed(0).unknown(3))
            .on("push", [json_answer(200, &json!({"error_count": 0}))])
            .doubtful(),
        Case::new("the answer has all members in full, whatever was asked for", Expected::completed(3))
            .on("push", [json_answer(
                200,
                &json!({"new_members": [{"email_address": email(1)}, {"email_address": email(2)}, {"email_address": email(3)}],
                        "updated_members": [], "errors": [], "total_created": 3, "total_updated": 0, "error_count": 0, "_links": []}),
            )])
            .doubtful(),
        Case::new("200 with HTML, then the verdicts", Expected::completed(3).calls("push", 2))
            .on("push", [Reply::Says(text_answer(200, "<html>")), Reply::Reads(crate::push::takes_all)]),
        Case::new("200 with `{}`, then the verdicts", Expected::completed(3).calls("push", 2))
            .on("push", [Reply::Says(json_answer(200, &json!({}))), Reply::Reads(crate::push::takes_all)]),
    ]
}
