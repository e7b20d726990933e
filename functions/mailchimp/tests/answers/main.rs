//! Every answer that Mailchimp is known to give, and what becomes of the rows: the source of a section of
//! `infra/docs/answers.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/answers/mod.rs"]
mod answers;
mod archive;
mod audience;
mod batches;
#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../../tests/support/lane.rs"]
mod lane;
mod metadata;
mod operations;
mod people;
mod push;
mod rows;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/script.rs"]
mod script;

use answers::{Route, Table, check};
use mailchimp::Mailchimp;

/// What is asked of Mailchimp.
const TABLE: Table = Table {
    destination: "mailchimp",
    make: |server| {
        Box::new(Mailchimp::at(format!("{server}/{{dc}}/3.0"), format!("{server}/oauth2/metadata")))
    },
    secret: r#"{"api_key":"0123-us19"}"#,
    routes: &[
        Route {
            name: "metadata",
            request: "GET /oauth2/metadata",
            usual: |_| metadata::us19(),
            asked: 0,
            signed: true,
        },
        Route {
            name: "audience",
            request: "GET /us19/3.0/lists/AUD1",
            usual: |_| audience::found(),
            asked: 1,
            signed: true,
        },
        Route {
            name: "merge fields",
            request: "GET /us19/3.0/lists/AUD1/merge-fields",
            usual: |_| audience::merge_fields(&[("FNAME", false), ("LNAME", false)]),
            asked: 1,
            signed: true,
        },
        Route {
            name: "archived",
            request: "GET /us19/3.0/lists/AUD1/members?status=archived",
            usual: |_| people::nobody(),
            asked: 1,
            signed: true,
        },
        Route {
            name: "unsubscribed",
            request: "GET /us19/3.0/lists/AUD1/members?status=unsubscribed",
            usual: |_| people::nobody(),
            asked: 1,
            signed: true,
        },
        Route {
            name: "cleaned",
            request: "GET /us19/3.0/lists/AUD1/members?status=cleaned",
            usual: |_| people::nobody(),
            asked: 1,
            signed: true,
        },
        Route {
            name: "push",
            request: "POST /us19/3.0/lists/AUD1",
            usual: push::takes_all,
            asked: 1,
            signed: true,
        },
        Route {
            name: "batch",
            request: "POST /us19/3.0/batches",
            usual: |_| batches::made(),
            asked: 0,
            signed: true,
        },
        Route {
            name: "status",
            request: "GET /us19/3.0/batches/*",
            usual: batches::finished,
            asked: 0,
            signed: true,
        },
        Route {
            name: "results",
            request: "GET /results/*",
            usual: |_| batches::all_well(),
            asked: 0,
            signed: false,
        },
    ],
};

#[tokio::test]
async fn every_answer_of_mailchimp_has_its_line() {
    let mut groups = vec![metadata::group(), audience::group(), audience::fields(), people::group()];
    groups.extend([rows::group(), push::group(), batches::group(), operations::group()]);
    check(TABLE, groups).await;
}
