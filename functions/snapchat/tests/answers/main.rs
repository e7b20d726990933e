//! Every answer that Snapchat is known to give, and what becomes of the rows: the source of a section of
//! `infra/docs/answers.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/answers/mod.rs"]
mod answers;
mod audience;
#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../../tests/support/lane.rs"]
mod lane;
mod push;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/script.rs"]
mod script;
mod token;

use answers::{Route, Table, check};
use snapchat::Snapchat;

/// What is asked of Snapchat.
const TABLE: Table = Table {
    destination: "snapchat",
    make: |server| {
        Box::new(Snapchat::at(format!("{server}/v1"), format!("{server}/login/oauth2/access_token")))
    },
    secret: r#"{"client_id":"id","client_secret":"hush","refresh_token":"first"}"#,
    routes: &[
        Route {
            name: "token",
            request: "POST /login/oauth2/access_token",
            usual: |_| token::token("one"),
            asked: 1,
            signed: false,
        },
        Route {
            name: "audience",
            request: "GET /v1/segments/AUD1",
            usual: |_| audience::first_party(),
            asked: 1,
            signed: true,
        },
        Route {
            name: "push",
            request: "POST /v1/segments/AUD1/users",
            usual: push::takes_all,
            asked: 1,
            signed: true,
        },
    ],
};

#[tokio::test]
async fn every_answer_of_snapchat_has_its_line() {
    check(TABLE, vec![token::group(), audience::group(), push::group()]).await;
}
