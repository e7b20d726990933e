//! Reading the functions' logs.

use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use serde_json::json;
use wiremock::matchers::{body_partial_json, body_string_contains};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

const RUN: &str = "20261122T163512Z-a";

fn args() -> Args {
    Args { meant: Meant::latest("e"), level: Level::Trace, since: None, until: None }
}

fn fields(level: &str) -> Value {
    json!({
        "timestamp": "2026-11-22T16:35:13.5Z", "level": level, "message": "a call has to be repeated",
        "status": 429, "attempt": 2, "export": "e", "run": RUN, "target": "segue_delivery::attempt",
    })
}

#[test]
fn a_line_is_told_by_its_run_and_shown_with_its_fields() {
    let run = RunId::parse(RUN).unwrap();
    let text = fields("WARN");
    let fields = about(&run, &text.to_string()).unwrap();
    assert_eq!(Level::of(&fields), Level::Warn);
    let line = Line { at: 5, function: "klaviyo", fields };
    insta::assert_snapshot!(shown(&line), @"2026-11-22T16:35:13.5Z WARN  klaviyo   a call has to be repeated attempt=2 status=429");
    assert!(about(&RunId::parse("20261122T163512Z-b").unwrap(), &text.to_string()).is_none());
    assert!(about(&run, "START RequestId: x").is_none());
}

#[test]
fn only_the_functions_that_had_to_do_with_it_are_asked() {
    let run = super::super::tests::a_run(RUN);
    assert_eq!(groups(&run), [("fan-out", "FanOutLogGroup"), ("klaviyo", "KlaviyoLogGroup")]);
    assert_eq!(groups(&Run { destination: None, ..run }).len(), 1);
}

#[test]
fn where_there_are_too_many_the_newest_stay_and_the_rest_is_told() {
    let line = |at| Line { at, function: "fan-out", fields: Map::new() };
    let at = |lines: &[Line]| lines.iter().map(|line| line.at).collect::<Vec<_>>();
    let mut lines = vec![line(3), line(1), line(2)];
    assert!(!newest(&mut lines, 3));
    assert_eq!(at(&lines), [1, 2, 3]);
    assert!(newest(&mut lines, 2));
    assert_eq!(at(&lines), [2, 3]);
    let said = left_out(&Stack::of("two", &[]), &super::super::tests::a_run(RUN), 1_795_365_313_500);
    insta::assert_snapshot!(said, @"warning: only the newest 10000 lines are shown; see the older ones with `segue --stack two run logs e 20261122T163512Z-a --until 2026-11-22T16:35:13.5Z`, or fewer with --level or --since");
}

fn page(first: usize, count: usize, next: Option<&str>) -> ResponseTemplate {
    let events: Vec<_> = (first..first + count)
        .map(|at| json!({"timestamp": at, "message": fields(if at % 2 == 0 { "WARN" } else { "INFO" }).to_string()}))
        .collect();
    ResponseTemplate::new(200).set_body_json(json!({"events": events, "nextToken": next}))
}

fn client(server: &MockServer) -> Client {
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::for_tests())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(server.uri())
        .build();
    Client::from_conf(config)
}

/// A log of 24,000 lines, in pages, of which every second one is a warning.
async fn long_log() -> MockServer {
    let server = MockServer::start().await;
    for (token, answer) in [("one", page(8_000, 8_000, Some("two"))), ("two", page(0, 8_000, None))] {
        let of = body_partial_json(json!({"nextToken": token}));
        Mock::given(of).respond_with(answer).with_priority(1).mount(&server).await;
    }
    let newest_first = body_partial_json(json!({"startFromHead": false}));
    Mock::given(newest_first).respond_with(page(16_000, 8_000, Some("one"))).mount(&server).await;
    server
}

#[tokio::test]
async fn a_log_is_read_from_its_end_until_there_is_enough() {
    let server = long_log().await;
    let run = super::super::tests::a_run(RUN);
    let found = fetched(&client(&server), "group", "klaviyo", &run, &args(), None).await.unwrap();
    assert_eq!((found.lines.len(), found.more), (16_000, true));
    let warnings = Args { level: Level::Warn, ..args() };
    let found = fetched(&client(&server), "group", "klaviyo", &run, &warnings, None).await.unwrap();
    assert_eq!((found.lines.len(), found.more), (12_000, false), "what does not count is read over");
}

#[tokio::test]
async fn only_lines_of_the_time_asked_for_are_fetched() {
    let server = MockServer::start().await;
    Mock::given(body_string_contains("group")).respond_with(page(0, 0, None)).mount(&server).await;
    let run = super::super::tests::a_run(RUN);
    let hour = |hour: i8| Some(run.created_at.checked_add(SignedDuration::from_hours(hour.into())).unwrap());
    for (since, until) in [(None, None), (hour(-5), None), (hour(1), hour(2))] {
        let asked = Args { since, until, ..args() };
        fetched(&client(&server), "group", "klaviyo", &run, &asked, until).await.unwrap();
    }
    let asked = server.received_requests().await.unwrap();
    let bodies: Vec<Value> = asked.iter().map(Request::body_json).map(Result::unwrap).collect();
    let opened = run.created_at.as_millisecond() - 60_000;
    let later = run.created_at.as_millisecond() + 3_600_000;
    assert_eq!(
        bodies.iter().map(|body| (body["startTime"].as_i64(), body["endTime"].as_i64())).collect::<Vec<_>>(),
        [(Some(opened), None), (Some(opened), None), (Some(later), Some(later + 3_600_000))]
    );
}

#[tokio::test]
async fn nothing_is_looked_through_that_was_logged_long_after_the_end() {
    let state = super::super::tests::configured().await;
    let run = super::super::tests::sealed(&state, RUN).await;
    for chunk in 0..2 {
        super::super::tests::answered(&state, &run, chunk, segue_state::Outcome::Delivered).await;
    }
    let sealed = state.sealed("e", &run.run).await.unwrap().unwrap();
    assert_eq!(ended(&state, &run).await.unwrap(), None, "it is under way as long as it is not closed");
    segue_state::finish::finish(&state, &run, &sealed).await.unwrap().unwrap();
    let until: Timestamp = "2026-11-22T17:37:00Z".parse().unwrap();
    assert_eq!(ended(&state, &run).await.unwrap(), Some(until));
}

#[tokio::test]
async fn who_reads_too_often_is_told_so() {
    let server = MockServer::start().await;
    let throttled = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
    Mock::given(body_string_contains("group"))
        .respond_with(ResponseTemplate::new(400).set_body_json(throttled))
        .mount(&server)
        .await;
    let client = Client::from_conf(
        client(&server).config().to_builder().retry_config(RetryConfig::disabled()).build(),
    );
    let run = super::super::tests::a_run(RUN);
    let Err(failure) = fetched(&client, "group", "klaviyo", &run, &args(), None).await else {
        panic!("throttled")
    };
    insta::assert_snapshot!(failure.to_string(), @r"
    error: the log group group is read too often just now, by you or by others
    hint: try again in a minute, or ask for less with --since and --until
    ");
}
