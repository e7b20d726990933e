//! Chunks to a scripted Mailchimp: each status and each oddity that the API is known for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

#[allow(dead_code, reason = "each destination uses a part of the bench")]
#[path = "../../../tests/support/lane.rs"]
mod lane;
#[allow(dead_code, reason = "each destination uses a part of it")]
#[path = "../../../tests/support/script.rs"]
mod script;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lane::{Bench, EXPORT, MINUTES, Played, QUEUE, email};
use mailchimp::Mailchimp;
use script::{at_once, json_answer, script, text_answer};
use segue_state::receipt::{Rest, conclude};
use segue_state::{Outcome, Progress, Status, finish, keys};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const LIST: &str = "/us19/3.0/lists/AUD1";
const KEY: &str = r#"{"api_key":"0123-us19"}"#;
const HTML: &str = "<html>too much</html>";

struct Chimp {
    server: MockServer,
    bench: Bench,
}

impl Chimp {
    async fn new(pushes: impl Respond + 'static) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST")).and(path(LIST)).respond_with(pushes).mount(&server).await;
        let (base, metadata) = (format!("{}/{{dc}}/3.0", server.uri()), format!("{}/metadata", server.uri()));
        let make = move || Box::new(Mailchimp::at(base.clone(), metadata.clone())) as _;
        Self { bench: Bench::new(make, KEY).await, server }
    }

    async fn pushes(&self) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|request| request.url.path() == LIST).collect()
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
    assert_eq!((summary.status, summary.counts.accepted, summary.api_calls), (Status::Completed, 1200, 3));
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
async fn never_more_than_nine_calls_are_under_way_at_once() {
    const EACH: Duration = Duration::from_millis(200);
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = arrivals.clone();
    let chimp = Chimp::new(move |request: &Request| {
        noted.lock().unwrap().push(Instant::now());
        takes_all(request).set_delay(EACH)
    })
    .await;
    let run = chimp.bench.run(15_000, 45_000).await;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 15_000);
    let most = at_once(&arrivals.lock().unwrap(), EACH);
    assert!((2..=9).contains(&most), "{most} at once");
}

#[tokio::test]
async fn a_share_of_the_budget_is_a_share_of_the_connections() {
    const EACH: Duration = Duration::from_millis(100);
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = arrivals.clone();
    let chimp = Chimp::new(move |request: &Request| {
        noted.lock().unwrap().push(Instant::now());
        takes_all(request).set_delay(EACH)
    })
    .await;
    chimp.bench.configure(|connection| connection.budget_share = 25, |_| {}).await;
    let run = chimp.bench.run(5_000, 45_000).await;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 5_000);
    assert!(at_once(&arrivals.lock().unwrap(), EACH) <= 2);
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

/// Takes everybody, except that the call with row 501 gets `other`.
async fn with_second_call(other: impl Respond + 'static) -> Chimp {
    let chimp = Chimp::new(takes_all).await;
    let second = Mock::given(path(LIST)).and(body_string_contains(email(501)));
    second.respond_with(other).with_priority(1).mount(&chimp.server).await;
    chimp
}

#[tokio::test]
async fn calls_that_went_through_before_a_hand_back_are_not_made_again() {
    let throttled = text_answer(429, "").insert_header("retry-after", "100");
    let chimp = with_second_call(script([throttled, batch(500, &[])])).await;
    let run = chimp.bench.run(1200, 45_000).await;
    chimp.bench.deliver_again(&run, 0, Duration::from_secs(30)).await.pause();
    assert_eq!(chimp.pushes().await.len(), 3);
    assert_eq!(chimp.bench.progress(&run, 0).await.calls.len(), 2);
    assert_eq!(chimp.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(chimp.pushes().await.len(), 4);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!((summary.counts.accepted, summary.api_calls), (1200, 4));
}

#[tokio::test]
async fn a_call_that_fails_for_good_leaves_the_others_delivered_and_a_retry_makes_only_that_one() {
    let chimp =
        with_second_call(script([json_answer(400, &json!({"title": "Invalid Resource"})), batch(500, &[])]))
            .await;
    let run = chimp.bench.run(1200, 45_000).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.failed), (Status::Partial, 700, 500));

    let doc = chimp.bench.state.run(EXPORT, &run).await.unwrap().unwrap();
    let later = Timestamp::now() + Duration::from_hours(1);
    let messages = finish::retry(&chimp.bench.state, &doc, later).await.unwrap();
    assert_eq!(chimp.bench.play(&messages[0].body(), QUEUE, 1, MINUTES).await, Played::Done);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.failed),
        (Status::Completed, 1200, 0)
    );
    assert_eq!(chimp.pushes().await.len(), 4);
}

#[tokio::test]
async fn what_a_crash_repeats_is_counted_once() {
    let there: Vec<Value> = (1..=3).map(exists).collect();
    let chimp = Chimp::new(batch(0, &there)).await;
    let run = chimp.bench.run(3, 10).await;
    let killed = Progress { running: true, ..Progress::new(0, Timestamp::now()) };
    chimp.bench.set_progress(&run, 0, &killed).await;
    assert_eq!(chimp.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.read), (Status::Completed, 3, 3));
}

#[tokio::test]
async fn a_run_that_is_cancelled_in_the_middle_of_a_chunk_stops_before_its_next_group_of_calls() {
    let chimp =
        Chimp::new(|request: &Request| takes_all(request).set_delay(Duration::from_millis(1100))).await;
    // One connection, so that calls come one after the other.
    chimp.bench.configure(|connection| connection.budget_share = 12, |_| {}).await;
    let run = chimp.bench.run(5000, 45_000).await;
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        chimp.bench.cancel(&run).await;
    };
    let (played, ()) = tokio::join!(chimp.bench.deliver(&run, 0), cancel);
    assert_eq!(played, Played::Done);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!(summary.status, Status::Cancelled);
    assert!(chimp.pushes().await.len() <= 3, "{} calls", chimp.pushes().await.len());
    assert_eq!(summary.counts.accepted + summary.counts.cancelled, 5000);
    assert_eq!(chimp.bench.receipt(&run, 0).await.outcome, Outcome::Cancelled);
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

/// Takes as many batches as it has been allowed, and is busy otherwise.
struct Allowed(Arc<Mutex<usize>>);

impl Respond for Allowed {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut left = self.0.lock().unwrap();
        if *left == 0 {
            return text_answer(503, "busy").insert_header("retry-after", "100");
        }
        *left -= 1;
        batch(members(request).len(), &[])
    }
}

#[tokio::test]
async fn pauses_grow_only_while_nothing_is_delivered() {
    let left = Arc::new(Mutex::new(1));
    let chimp = Chimp::new(Allowed(left.clone())).await;
    let run = chimp.bench.run(1_200, 1_200).await;
    let mut fruitless = Vec::new();
    for allowed in [1, 0, 0, 1] {
        *left.lock().unwrap() = allowed;
        chimp.bench.deliver_again(&run, 0, Duration::from_mins(1)).await.pause();
        let progress = chimp.bench.progress(&run, 0).await;
        fruitless.push((progress.pauses, progress.fruitless));
    }
    assert_eq!(fruitless, [(1, 1), (2, 2), (3, 3), (4, 1)]);
    *left.lock().unwrap() = 9;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 1_200);
}

#[tokio::test]
async fn what_is_delivered_after_the_chunk_was_given_up_counts_as_delivered() {
    let slow = batch(3, &[]).set_delay(Duration::from_millis(600));
    let chimp = Chimp::new(slow).await;
    let run = chimp.bench.run(3, 10).await;
    // The resumer concludes it at the deadline, in the very moment in which an invocation delivers it.
    let given_up = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let progress = Progress::new(0, Timestamp::now());
        let (receipt, _) = conclude(0, 3, &progress, Rest::Failed, Some("the run's deadline passed".into()));
        chimp.bench.state.create(&keys::receipt(EXPORT, &run, 0), &receipt).await.unwrap();
        let (run, sealed) =
            (chimp.bench.state.run(EXPORT, &run).await, chimp.bench.state.sealed(EXPORT, &run).await);
        finish::finish(&chimp.bench.state, &run.unwrap().unwrap(), &sealed.unwrap().unwrap()).await.unwrap();
    };
    tokio::join!(chimp.bench.deliver(&run, 0), given_up);
    assert_eq!(chimp.bench.receipt(&run, 0).await.outcome, Outcome::Delivered);
    let summary = chimp.bench.summary(&run).await;
    assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 3));
}
