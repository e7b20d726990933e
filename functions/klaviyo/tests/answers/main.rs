//! Every answer that Klaviyo is known to give, and what becomes of the rows: the source of a section of
//! `infra/docs/answers.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/answers/mod.rs"]
mod answers;
mod errors;
mod import;
mod job;
#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../../tests/support/lane.rs"]
mod lane;
mod pointers;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/script.rs"]
mod script;

use answers::{Route, Table, check};
use klaviyo::Klaviyo;

/// What is asked of Klaviyo.
const TABLE: Table = Table {
    destination: "klaviyo",
    make: |server| Box::new(Klaviyo::at(server.to_owned())),
    secret: r#"{"private_key":"pk_hush"}"#,
    routes: &[
        Route {
            name: "import",
            request: "POST /api/profile-bulk-import-jobs",
            usual: |_| import::accepted(),
            asked: 1,
            signed: true,
        },
        Route {
            name: "job",
            request: "GET /api/profile-bulk-import-jobs/*",
            usual: |_| job::complete(0),
            asked: 1,
            signed: true,
        },
        Route {
            name: "import errors",
            request: "GET /api/profile-bulk-import-jobs/*/import-errors?page[size]=100",
            usual: |_| errors::none(),
            asked: 0,
            signed: true,
        },
    ],
};

#[tokio::test]
async fn every_answer_of_klaviyo_has_its_line() {
    check(TABLE, vec![import::group(), pointers::group(), job::group(), errors::group()]).await;
}
