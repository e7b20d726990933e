//! What the OAuth metadata endpoint answers, which tells the data centre of a token.

use std::time::Duration;

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::script::{json_answer, text_answer};

/// The data centre is `us19`.
pub(crate) fn us19() -> ResponseTemplate {
    at("us19")
}

fn at(dc: &str) -> ResponseTemplate {
    let body = json!({"dc": dc, "role": "owner", "accountname": "A", "user_id": 1,
                      "login": {"login_email": "person-1@example.com"}, "api_endpoint": "https://us19.api.mailchimp.com"});
    json_answer(200, &body)
}

fn dead(says: &'static str) -> Expected {
    let nothing = ["audience", "merge fields", "archived", "unsubscribed", "cleaned", "push"];
    let expected = Expected::failed(3, says).calls("metadata", MANY).reconnect();
    nothing.into_iter().fold(expected, |expected, route| expected.calls(route, 0))
}

pub(crate) fn group() -> Group {
    let done = |asked| Expected::completed(3).calls("metadata", asked);
    let then = |first: ResponseTemplate| [first, us19()];
    Group::new(
        "OAuth metadata",
        "For a connection with an OAuth token; a key names its data centre itself.",
        &["push"],
        [
            Case::new("200 with `dc`", done(1)),
            Case::new("200 with `error`: `invalid_token`", dead("(invalid_token); reconnect this account"))
                .on("metadata", [json_answer(200, &json!({"error": "invalid_token"}))]),
            Case::new("401 with JSON", dead("reconnect this account"))
                .on("metadata", [json_answer(401, &json!({"error": "invalid_token"}))])
                .doubtful(),
            Case::new("401 without JSON", dead("(HTTP 401); reconnect this account"))
                .on("metadata", [text_answer(401, "")])
                .doubtful(),
            Case::new(
                "200 with a `dc` that is none (`evil.org/`), then a good one",
                done(2).remark("no request goes there"),
            )
            .on("metadata", then(at("evil.org/"))),
            Case::new("200 without `dc`, then a good one", done(2))
                .on("metadata", then(json_answer(200, &json!({"role": "owner"})))),
            Case::new("200 with HTML, then a good one", done(2))
                .on("metadata", then(text_answer(200, "<html>"))),
            Case::new("429, then a good one", done(2)).on("metadata", then(text_answer(429, ""))),
            Case::new("403 without JSON, then a good one", done(2))
                .on("metadata", then(text_answer(403, "")))
                .doubtful(),
            Case::new("500, then a good one", done(2)).on("metadata", then(text_answer(500, ""))),
            Case::new("503 with “Request Blocked”, then a good one", done(2))
                .on("metadata", then(text_answer(503, "Request Blocked"))),
            Case::new("the connection breaks, then a good one", done(2))
                .on("metadata", [Reply::Breaks, us19().into()]),
            Case::new("no answer while the invocation lasts, then a good one", done(2).back(1))
                .on("metadata", then(us19().set_delay(Duration::from_secs(5))))
                .hasty(),
        ],
    )
    .with_secret(r#"{"access_token":"hush"}"#)
}
