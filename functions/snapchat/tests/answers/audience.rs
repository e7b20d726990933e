//! What the look-up of the audience answers, once a run before its first push.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, Reply};
use crate::script::{json_answer, text_answer};
use crate::token::token;

fn segment(fields: &Value) -> ResponseTemplate {
    let mut segment = json!({"id": "AUD1", "name": "VIP", "ad_account_id": "a-1", "retention_in_days": 9999});
    for (field, value) in fields.as_object().unwrap() {
        segment[field] = value.clone();
    }
    envelope("SUCCESS", &json!([{"sub_request_status": "SUCCESS", "segment": segment}]))
}

fn envelope(word: &str, segments: &Value) -> ResponseTemplate {
    json_answer(200, &json!({"request_status": word, "request_id": "57c4", "segments": segments}))
}

/// A customer list.
pub(crate) fn first_party() -> ResponseTemplate {
    segment(&json!({"source_type": "FIRST_PARTY", "status": "ACTIVE"}))
}

fn refused(says: &'static str) -> Expected {
    Expected::failed(3, says).calls("push", 0)
}

pub(crate) fn group() -> Group {
    let done = || Expected::completed(3);
    Group::new(
        "Look-up of the audience",
        "Once a run, before its first push.",
        &["audience", "push"],
        [
            Case::new("200, `source_type` is `FIRST_PARTY`", done()),
            Case::new("200 with the status word in small letters", done()).on(
                "audience",
                [envelope("success", &json!([{"sub_request_status": "success", "segment": {"id": "AUD1", "source_type": "FIRST_PARTY"}}]))],
            ),
            Case::new("200, the audience is freshly made (no `upload_status`, `targetable_status`)", done())
                .on("audience", [segment(&json!({"source_type": "FIRST_PARTY", "status": "PENDING"}))]),
            Case::new("200, `targetable_status` is `TOO_FEW_USERS`", done())
                .on("audience", [segment(&json!({"source_type": "FIRST_PARTY", "targetable_status": "TOO_FEW_USERS"}))]),
            Case::new("200, `source_type` is `ENGAGEMENT`", refused("of the type ENGAGEMENT"))
                .on("audience", [segment(&json!({"source_type": "ENGAGEMENT"}))]),
            Case::new("200, `source_type` is `LOOKALIKE`", refused("of the type LOOKALIKE"))
                .on("audience", [segment(&json!({"source_type": "LOOKALIKE"}))]),
            Case::new("200, `source_type` is left out", done()).on("audience", [segment(&json!({}))]).doubtful(),
            Case::new("200 without an audience in it", refused("check `audience_id`")).on("audience", [envelope("SUCCESS", &json!([]))]).doubtful(),
            Case::new("200 with a failing sub-request", refused("check `audience_id`"))
                .on("audience", [envelope("SUCCESS", &json!([{"sub_request_status": "ERROR", "sub_request_error_reason": "person-1"}]))])
                .doubtful(),
            Case::new("200 with HTML, then the audience", done().calls("audience", 2))
                .on("audience", [text_answer(200, "<html>"), first_party()]),
            Case::new("401, then with a new token the audience", done().calls("audience", 2).calls("token", 2))
                .on("token", [token("one"), token("two")])
                .on("audience", [text_answer(401, "unauthorized"), first_party()]),
            Case::new("401 twice", refused("reconnect this account").calls("audience", 2).calls("token", 2).reconnect())
                .on("token", [token("one"), token("two")])
                .on("audience", [text_answer(401, "unauthorized")]),
            Case::new("403 with `E3002`", refused("may not write to this audience"))
                .on("audience", [json_answer(403, &json!({"request_status": "ERROR", "error_code": "E3002"}))]),
            Case::new("404", refused("check `audience_id`"))
                .on("audience", [json_answer(404, &json!({"request_status": "ERROR"}))]),
            Case::new("404 without a body", refused("check `audience_id`")).on("audience", [text_answer(404, "")]).doubtful(),
            Case::new("429 without a hint, then the audience", done().calls("audience", 2))
                .on("audience", [text_answer(429, ""), first_party()]),
            Case::new("500, then the audience", done().calls("audience", 2))
                .on("audience", [text_answer(500, "oops"), first_party()]),
            Case::new("the connection breaks, then the audience", done().calls("audience", 2))
                .on("audience", [Reply::Breaks, first_party().into()]),
        ],
    )
}
