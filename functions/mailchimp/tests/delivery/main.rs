//! Chunks to a scripted Mailchimp: each status and each oddity that the API is known for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

mod batches;
#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../../tests/support/lane.rs"]
mod lane;
mod lane_of_calls;
mod look_ups;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../../tests/support/script.rs"]
mod script;

use mailchimp::Mailchimp;
use segue_state::Status;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use lane::{Bench, email};
use script::{json_answer, script, text_answer};

const LIST: &str = "/us19/3.0/lists/AUD1";
const KEY: &str = r#"{"api_key":"0123-us19"}"#;
/// Requests before a run's first push: the audience, its fields, and the three lists of people who left.
const LOOK_UPS: u64 = 5;
const HTML: &str = "<html>too much</html>";

struct Chimp {
    server: MockServer,
    bench: Bench,
}

impl Chimp {
    async fn new(pushes: impl Respond + 'static) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST")).and(path(LIST)).respond_with(pushes).mount(&server).await;
        // The look-ups: an audience without required fields, which nobody has left.
        let found = json!({"id": "AUD1", "name": "VIP", "merge_fields": [], "members": [], "total_items": 0});
        let look_ups = Mock::given(method("GET")).respond_with(json_answer(200, &found)).with_priority(9);
        look_ups.mount(&server).await;
        let (base, metadata) = (format!("{}/{{dc}}/3.0", server.uri()), format!("{}/metadata", server.uri()));
        let make = move || Box::new(Mailchimp::at(base.clone(), metadata.clone())) as _;
        Self { bench: Bench::new(make, KEY).await, server }
    }

    async fn pushes(&self) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        let pushes = all.into_iter().filter(|request| request.url.path() == LIST && request.method == "POST");
        pushes.collect()
    }
}

fn members(request: &Request) -> Vec<String> {
    let body: Value = request.body_json().unwrap();
    let members = body["members"].as_array().unwrap();
    members.iter().map(|member| member["email_address"].as_str().unwrap().to_owned()).collect()
}

/// The answer to a batch: so many created, and these errors.
fn batch(created: usize, errors: &[Value]) -> ResponseTemplate {
    let count = errors.len();
    json_answer(
        200,
        &json!({"errors": errors, "error_count": count, "total_created": created, "total_updated": 0}),
    )
}

fn error(row: u64, text: &str) -> Value {
    json!({"email_address": email(row), "error": format!("{} {text}", email(row)), "error_code": "ERROR_GENERIC"})
}

fn exists(row: u64) -> Value {
    json!({"email_address": email(row), "error": "is already a list member", "error_code": "ERROR_CONTACT_EXISTS"})
}

/// Takes everybody.
fn takes_all(request: &Request) -> ResponseTemplate {
    batch(members(request).len(), &[])
}

#[tokio::test]
async fn a_chunk_goes_out_in_calls_of_five_hundred() {
    let chimp = Chimp::new(takes_all).await;
    let run = chimp.bench.run(1200, 45_000).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.api_calls),
        (Status::Completed, 1200, LOOK_UPS + 3)
    );
    let pushes = chimp.pushes().await;
    let mut sent: Vec<String> = pushes.iter().flat_map(members).collect();
    assert!(pushes.iter().all(|push| members(push).len() <= 500));
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len(), 1200);
}

#[tokio::test]
async fn people_who_are_there_are_never_touched_and_new_ones_get_the_status_of_the_export() {
    let chimp = Chimp::new(takes_all).await;
    let run = chimp.bench.run(1, 10).await;
    chimp.bench.play_out(&run).await;
    let push = &chimp.pushes().await[0];
    let body: Value = push.body_json().unwrap();
    assert_eq!(
        (&body["update_existing"], &body["members"][0]["status"]),
        (&json!(false), &json!("subscribed"))
    );
    assert_eq!(push.headers["authorization"], "Basic c2VndWU6MDEyMy11czE5");
    assert!(push.url.query().unwrap().contains("skip_duplicate_check=true"));
}

#[tokio::test]
async fn each_row_has_its_verdict_and_its_reason() {
    let errors = [
        error(2, "looks fake or invalid, please enter a real email address."),
        error(3, "is in a compliance state due to unsubscribe, bounce, or compliance review"),
        error(4, "was permanently deleted and cannot be re-imported."),
        error(5, "has signed up to a lot of lists very recently"),
    ];
    let chimp = Chimp::new(batch(2, &errors)).await;
    let run = chimp.bench.run(6, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.rejected), (Status::Completed, 2, 4));
    let rejected = chimp.bench.rejected(&run, 0).await;
    let reasons = ["address_refused", "compliance_state", "permanently_deleted", "signups_throttled"];
    assert_eq!(rejected, (2..).zip(reasons.map(str::to_owned)).collect::<Vec<_>>());
    assert!(!chimp.bench.everything_recorded().await.contains("person-"), "a vendor's text was kept");
}

#[tokio::test]
async fn who_is_there_already_counts_as_accepted_and_is_told() {
    let chimp = Chimp::new(batch(3, &[exists(1), exists(4)])).await;
    let run = chimp.bench.run(5, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.already_there, summary.counts.rejected), (5, 2, 0));
    assert!(chimp.bench.rejected(&run, 0).await.is_empty());
}

#[tokio::test]
async fn an_error_that_names_nobody_we_sent_is_counted_all_the_same() {
    let escaped = json!({"email_address": "&quot;p&quot;@example.com", "error": "Please provide a valid email address."});
    let chimp = Chimp::new(batch(2, &[escaped, json!({"error": "x", "error_code": "ERROR_NEW"})])).await;
    let run = chimp.bench.run(4, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (2, 2));
    let expected = [(0, "address_refused".to_owned()), (0, "refused".to_owned())];
    assert_eq!(chimp.bench.rejected(&run, 0).await, expected);
}

#[tokio::test]
async fn errors_that_are_counted_and_not_listed_are_rejected_too() {
    let body = json!({"errors": [], "error_count": 2, "total_created": 3, "total_updated": 0});
    let chimp = Chimp::new(json_answer(200, &body)).await;
    let run = chimp.bench.run(5, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (3, 2));
}

#[tokio::test]
async fn what_the_counts_leave_out_is_unknown() {
    let chimp = Chimp::new(batch(3, &[])).await;
    let run = chimp.bench.run(5, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.unknown), (3, 2));
}

#[tokio::test]
async fn a_403_without_json_is_throttling() {
    let chimp = Chimp::new(script([text_answer(403, ""), text_answer(403, HTML), batch(2, &[])])).await;
    let run = chimp.bench.run(2, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.retries), (Status::Completed, 2));
}

#[tokio::test]
async fn a_403_with_json_is_for_good() {
    let body = json!({"title": "Forbidden", "status": 403, "detail": "person-1@example.com"});
    let chimp = Chimp::new(json_answer(403, &body)).await;
    let run = chimp.bench.run(2, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert_eq!(chimp.pushes().await.len(), 1);
    assert!(!chimp.bench.everything_recorded().await.contains("person-1"));
}

#[tokio::test]
async fn an_unknown_audience_fails_the_run_at_once_and_says_what_to_check() {
    let chimp = Chimp::new(json_answer(404, &json!({"title": "Resource Not Found"}))).await;
    let run = chimp.bench.run(2, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!(summary.status, Status::Failed);
    assert!(summary.message.contains("audience_id"), "{}", summary.message);
    assert_eq!(chimp.pushes().await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_refused_twice_fails_the_run_and_asks_for_a_reconnect() {
    let chimp = Chimp::new(json_answer(401, &json!({"title": "API Key Invalid"}))).await;
    let run = chimp.bench.run(2, 10).await;
    assert_eq!(chimp.bench.play_out(&run).await.status, Status::Failed);
    assert!(chimp.bench.health().await.unwrap().contains("reconnect"));
    assert_eq!(chimp.pushes().await.len(), 2);
}

#[tokio::test]
async fn a_key_that_an_operator_changed_meanwhile_is_used_after_a_401() {
    let chimp = Chimp::new(json_answer(401, &json!({"title": "API Key Invalid"}))).await;
    // The basic authorisation of `segue:4567-us19`.
    let fresh = Mock::given(path(LIST)).and(header("authorization", "Basic c2VndWU6NDU2Ny11czE5"));
    fresh.respond_with(takes_all).with_priority(1).mount(&chimp.server).await;
    let first = chimp.bench.run(1, 10).await;
    assert_eq!(chimp.bench.play_out(&first).await.status, Status::Failed);
    // The old key is cached now; nobody restarts the process.
    chimp.bench.set_secret(r#"{"api_key":"4567-us19"}"#).await;
    let second = chimp.bench.run(1, 10).await;
    assert_eq!(chimp.bench.play_out(&second).await.status, Status::Completed);
}

#[tokio::test]
async fn too_many_connections_and_gateways_troubles_are_waited_out() {
    let busy = json!({"title": "Too Many Requests", "detail": "You have exceeded the limit of 10 simultaneous connections."});
    let answers =
        [json_answer(429, &busy), text_answer(503, "Request Blocked"), text_answer(200, HTML), batch(2, &[])];
    let chimp = Chimp::new(script(answers)).await;
    let run = chimp.bench.run(2, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.retries), (Status::Completed, 2, 3));
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let chimp = Chimp::new(takes_all).await;
    let breaks = Mock::given(path(LIST))
        .respond_with_err(|_: &Request| std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        .up_to_n_times(1)
        .with_priority(1);
    breaks.mount(&chimp.server).await;
    let run = chimp.bench.run(700, 45_000).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 700));
}

#[tokio::test]
async fn an_oauth_token_is_asked_for_its_data_centre_once() {
    let chimp = Chimp::new(takes_all).await;
    let metadata = Mock::given(path("/metadata")).and(header("authorization", "OAuth hush"));
    metadata.respond_with(json_answer(200, &json!({"dc": "us19"}))).expect(1).mount(&chimp.server).await;
    chimp.bench.set_secret(r#"{"access_token":"hush"}"#).await;
    let run = chimp.bench.run(2, 1).await;
    assert_eq!(chimp.bench.play_out(&run).await.status, Status::Completed);
    assert!(chimp.pushes().await.iter().all(|push| push.headers["authorization"] == "Bearer hush"));
}

#[tokio::test]
async fn a_dead_oauth_token_is_told_by_the_body_of_a_200_and_asks_for_a_reconnect() {
    let chimp = Chimp::new(takes_all).await;
    let metadata = Mock::given(path("/metadata"));
    metadata.respond_with(json_answer(200, &json!({"error": "invalid_token"}))).mount(&chimp.server).await;
    chimp.bench.set_secret(r#"{"access_token":"hush"}"#).await;
    let run = chimp.bench.run(2, 10).await;
    assert_eq!(chimp.bench.play_out(&run).await.status, Status::Failed);
    assert!(chimp.bench.health().await.unwrap().contains("reconnect"));
    assert!(chimp.pushes().await.is_empty());
}

#[tokio::test]
async fn a_malformed_secret_fails_the_run_and_names_the_field_but_no_value() {
    for secret in ["{}", r#"{"api_key":"canary"}"#, r#"{"api_key":"canary-evil.org/"}"#] {
        let chimp = Chimp::new(takes_all).await;
        chimp.bench.set_secret(secret).await;
        let run = chimp.bench.run(2, 10).await;
        let summary = chimp.bench.play_out(&run).await;
        assert_eq!(summary.status, Status::Failed);
        assert!(summary.message.contains("`api_key`"), "{}", summary.message);
        assert!(!chimp.bench.everything_recorded().await.contains("canary"));
    }
}
