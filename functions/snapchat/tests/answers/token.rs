//! What the token endpoint answers.

use std::time::Duration;

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, Reply};
use crate::script::{json_answer, text_answer};

/// A token that is good for an hour.
pub(crate) fn token(text: &str) -> ResponseTemplate {
    json_answer(200, &json!({"access_token": text, "token_type": "Bearer", "expires_in": 3600}))
}

fn denied(status: u16, error: &str) -> ResponseTemplate {
    let body = json!({"error": error, "error_description": "of person-1@example.com"});
    json_answer(status, &body)
}

/// Nothing is sent without a token.
fn dead(says: &'static str) -> Expected {
    Expected::failed(3, says).calls("audience", 0).calls("push", 0).reconnect()
}

pub(crate) fn group() -> Group {
    let rotated = json!({"access_token": "one", "expires_in": 1800, "refresh_token": "second"});
    let done = || Expected::completed(3);
    Group::new(
        "Token endpoint",
        "A token is kept in the process until a minute before it ends.",
        &["token", "push"],
        [
            Case::new("200 with a token and its `expires_in`, no `refresh_token`", done())
                .on("token", [token("one")]),
            Case::new(
                "200 with a new `refresh_token`",
                done().remark("the new refresh token is stored in the secret"),
            )
            .on("token", [json_answer(200, &rotated)]),
            Case::new("200 with `expires_in` of less than a minute", done().calls("token", 2)).on(
                "token",
                [json_answer(200, &json!({"access_token": "one", "expires_in": 30})), token("two")],
            ),
            Case::new("200 without `expires_in`", done())
                .on("token", [json_answer(200, &json!({"access_token": "one"}))]),
            Case::new("200 with HTML, then a token", done().calls("token", 2))
                .on("token", [text_answer(200, "<html>"), token("one")]),
            Case::new("200 without `access_token`, then a token", done().calls("token", 2))
                .on("token", [json_answer(200, &json!({"token_type": "Bearer"})), token("one")]),
            Case::new("400 `invalid_grant`", dead("(invalid_grant); reconnect this account"))
                .on("token", [denied(400, "invalid_grant")]),
            Case::new("401 `invalid_grant`", dead("(invalid_grant); reconnect this account"))
                .on("token", [denied(401, "invalid_grant")]),
            Case::new(
                "400 `invalid_grant`, while an operator stores new credentials",
                done().calls("token", 2),
            )
            .on("token", [denied(400, "invalid_grant").set_delay(Duration::from_millis(700)), token("two")])
            .reconnect(r#"{"client_id":"id","client_secret":"hush","refresh_token":"second"}"#),
            Case::new("401 `invalid_client`", dead("(invalid_client); reconnect this account"))
                .on("token", [denied(401, "invalid_client")]),
            Case::new("400 `unauthorized_client`", dead("(unauthorized_client); reconnect this account"))
                .on("token", [denied(400, "unauthorized_client")]),
            Case::new("400 with an error that is in no standard", dead("(HTTP 400); reconnect this account"))
                .on("token", [denied(400, "person-1@example.com")]),
            Case::new("403 with HTML, then a token", done().calls("token", 2))
                .on("token", [text_answer(403, "<html>"), token("one")]),
            Case::new("429, then a token", done().calls("token", 2))
                .on("token", [text_answer(429, ""), token("one")]),
            Case::new("500, then 503 with HTML, then a token", done().calls("token", 3))
                .on("token", [text_answer(500, "oops"), text_answer(503, "<html>"), token("one")]),
            Case::new("the connection breaks, then a token", done().calls("token", 2))
                .on("token", [Reply::Breaks, token("one").into()]),
            Case::new(
                "no answer while the invocation lasts, then a token",
                done().calls("token", 2).back(1).remark("no crash is counted"),
            )
            .on("token", [token("one").set_delay(Duration::from_secs(5)), token("two")])
            .hasty(),
        ],
    )
}
