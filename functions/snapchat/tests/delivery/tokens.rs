//! Tokens of Snapchat: exchanged, refreshed, rotated, dead.

use std::time::Duration;

use secrecy::ExposeSecret;
use segue_platform::Secrets;
use segue_state::Status;
use serde_json::{Value, json};
use snapchat::Snapchat;
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer};

use crate::lane::{Bench, MINUTES, Played, SECRET};
use crate::script::{json_answer, text_answer};
use crate::{GOOD, Snap, USERS, customer_list, token, took};

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_the_call_made_again() {
    let snap = Snap::new([text_answer(401, "unauthorized"), took(2)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.retries), (Status::Completed, 2, 1));
    let bearers: Vec<_> =
        snap.requests(USERS).await.iter().map(|push| push.headers["authorization"].clone()).collect();
    assert_eq!(bearers, ["Bearer one", "Bearer two"]);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_fails_the_run_and_asks_for_a_reconnect() {
    let snap = Snap::new([text_answer(401, "unauthorized")]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(snap.bench.health().await.unwrap().contains("reconnect"));
    assert_eq!(snap.pushes().await, 2);
    assert!(snap.bench.is_staged(&run, 0), "a failed chunk is needed for its retry");
}

#[tokio::test]
async fn a_dead_refresh_token_fails_the_run_and_asks_for_a_reconnect() {
    let dead =
        json_answer(400, &json!({"error": "invalid_grant", "error_description": "for jo@example.com"}));
    let snap = Snap::with_tokens([dead], [took(1)]).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(summary.message.contains("invalid_grant") && summary.message.contains("reconnect"));
    assert!(snap.bench.health().await.unwrap().contains("reconnect"));
    assert_eq!((snap.tokens().await, snap.pushes().await), (1, 0));
    assert!(!snap.bench.everything_recorded().await.contains("jo@example.com"));
}

#[tokio::test]
async fn a_reconnect_that_came_while_the_old_token_was_found_dead_is_used() {
    let server = MockServer::start().await;
    customer_list(&server).await;
    let (base, token_url) = (format!("{}/v1", server.uri()), format!("{}/token", server.uri()));
    let bench = Bench::new(move || Box::new(Snapchat::at(base.clone(), token_url.clone())) as _, GOOD).await;
    // Slow enough for the operator to come in between.
    let dead = json_answer(400, &json!({"error": "invalid_grant"})).set_delay(Duration::from_millis(400));
    let asks = |text| Mock::given(method("POST")).and(path("/token")).and(body_string_contains(text));
    asks("refresh_token=first").respond_with(dead).expect(1).mount(&server).await;
    asks("refresh_token=second").respond_with(token("two")).expect(1).mount(&server).await;
    let users = Mock::given(path(USERS)).and(header("authorization", "Bearer two"));
    users.respond_with(took(2)).expect(1).mount(&server).await;

    let run = bench.run(2, 10).await;
    let reconnect = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.set_secret(&GOOD.replace("first", "second")).await;
    };
    let (played, ()) = tokio::join!(bench.deliver(&run, 0), reconnect);
    assert_eq!(played, Played::Done);
    assert_eq!(bench.summary(&run).await.status, Status::Completed);
    assert_eq!(bench.health().await, None);
}

#[tokio::test]
async fn a_rotated_token_whose_process_was_killed_is_found_and_made_the_current_one() {
    let server = MockServer::start().await;
    customer_list(&server).await;
    let (base, token_url) = (format!("{}/v1", server.uri()), format!("{}/token", server.uri()));
    let bench = Bench::new(move || Box::new(Snapchat::at(base.clone(), token_url.clone())) as _, GOOD).await;
    bench.secrets.stage(SECRET, &GOOD.replace("first", "second").into());
    let dead = json_answer(400, &json!({"error": "invalid_grant"}));
    let asks = |text| Mock::given(method("POST")).and(path("/token")).and(body_string_contains(text));
    asks("refresh_token=first").respond_with(dead).expect(1).mount(&server).await;
    asks("refresh_token=second").respond_with(token("two")).expect(1).mount(&server).await;
    Mock::given(path(USERS)).respond_with(took(2)).expect(1).mount(&server).await;
    let run = bench.run(2, 10).await;
    assert_eq!(bench.play_out(&run).await.status, Status::Completed);
    assert!(bench.secrets.get(SECRET).await.unwrap().text.expose_secret().contains("second"));
}

#[tokio::test]
async fn a_connection_that_works_again_is_not_called_broken_any_more() {
    let snap = Snap::new([took(1)]).await;
    snap.bench
        .state
        .set_health(crate::lane::CONNECTION, Some("reconnect this account".into()))
        .await
        .unwrap();
    let run = snap.bench.run(1, 10).await;
    assert_eq!(snap.bench.play_out(&run).await.status, Status::Completed);
    assert_eq!(snap.bench.health().await, None);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_stored_and_the_rest_of_the_secret_kept() {
    let rotated = json!({"access_token": "one", "expires_in": 3600, "refresh_token": "second"});
    let snap = Snap::with_tokens([json_answer(200, &rotated)], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    assert_eq!(snap.bench.play_out(&run).await.status, Status::Completed);
    let stored = snap.bench.secrets.get(SECRET).await.unwrap();
    let stored: Value = serde_json::from_str(stored.text.expose_secret()).unwrap();
    assert_eq!(stored["refresh_token"], "second");
    assert_eq!((&stored["client_id"], &stored["client_secret"]), (&json!("id"), &json!("hush")));
}

#[tokio::test]
async fn a_rotated_token_never_takes_the_place_of_an_operators_reconnect() {
    let rotated = json!({"access_token": "one", "expires_in": 3600, "refresh_token": "second"});
    let slow = json_answer(200, &rotated).set_delay(Duration::from_millis(400));
    let snap = Snap::with_tokens([slow], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    let reconnect = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        snap.bench.set_secret(&GOOD.replace("first", "operators")).await;
    };
    let (played, ()) = tokio::join!(snap.bench.deliver(&run, 0), reconnect);
    assert_eq!(played, Played::Done);
    let stored = snap.bench.secrets.get(SECRET).await.unwrap();
    assert!(stored.text.expose_secret().contains("operators"));
}

#[tokio::test]
async fn a_busy_token_endpoint_is_asked_again() {
    let snap =
        Snap::with_tokens([text_answer(429, ""), text_answer(503, "busy"), token("one")], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    assert_eq!(snap.bench.deliver(&run, 0).await, Played::Done);
    assert_eq!((snap.tokens().await, snap.pushes().await), (3, 1));
}

#[tokio::test]
async fn a_token_endpoint_that_hangs_is_no_crash() {
    let hangs = token("one").set_delay(Duration::from_secs(15));
    let snap = Snap::with_tokens([hangs, token("two")], [took(1)]).await;
    let run = snap.bench.run(1, 10).await;
    // What is kept back to record the end is ten seconds.
    snap.bench.deliver_again(&run, 0, Duration::from_millis(10_600)).await.pause();
    let progress = snap.bench.progress(&run, 0).await;
    assert_eq!((progress.pauses, progress.running, progress.crashes), (1, false, 0));
    assert_eq!(snap.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(snap.bench.summary(&run).await.status, Status::Completed);
}

#[tokio::test]
async fn a_secret_that_is_missing_fails_the_run_and_is_named() {
    let snap = Snap::new([took(2)]).await;
    snap.bench.configure(|connection| connection.secret = "stack/elsewhere".to_owned(), |_| {}).await;
    let run = snap.bench.run(2, 10).await;
    let summary = snap.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(summary.message.contains("`stack/elsewhere` does not exist"), "{}", summary.message);
}

#[tokio::test]
async fn a_malformed_secret_fails_the_run_and_names_the_field_but_no_value() {
    for (secret, words) in [
        (r#"{"client_id":"canary","refresh_token":"canary"}"#, "`client_secret`"),
        (r#"{"client_id":"canary","client_secret":7,"refresh_token":"canary"}"#, "`client_secret`"),
        (r#"{"client_id":"canary","client_secret":"canary","refresh_token":""}"#, "`refresh_token`"),
        ("canary", "no JSON object"),
    ] {
        let snap = Snap::new([took(2)]).await;
        snap.bench.set_secret(secret).await;
        let run = snap.bench.run(2, 10).await;
        let summary = snap.bench.play_out(&run).await;
        assert_eq!(summary.status, Status::Failed);
        assert!(summary.message.contains(words), "{}", summary.message);
        assert!(!snap.bench.everything_recorded().await.contains("canary"));
    }
}
