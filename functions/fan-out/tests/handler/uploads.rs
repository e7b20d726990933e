//! Uploads: which runs they start, what is staged, and what stops a run before anything is sent.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fan_out::handle;
use segue_platform::memory::{Asked, Before, Watched};
use segue_platform::{Deadline, Objects, StoreError};
use segue_segment::Destination::{self, Klaviyo, Mailchimp, Snapchat};
use segue_state::{Op, Role, SharedWith, State, Status, keys};
use serde_json::json;

use crate::bench::{Bench, name};

const FILE: &str = "email,first_name,secret\n\
                    Jane.Doe@Example.com ,Jané,canary\n\
                    nobody,X,canary\n\
                    joe@example.com,,canary\n\
                    jane.doe@example.com,Other,canary\n\
                    kim@example.com,Kim,canary\n\
                    lee@example.com,Lee,canary\n";

#[tokio::test]
async fn an_upload_seals_a_run_for_each_export_and_queues_its_chunks() {
    let bench = Bench::new().await;
    bench.drop(FILE).await;
    let messages = bench.messages();
    assert_eq!(messages.len(), 3);
    for destination in Destination::ALL {
        let (run, sealed) = (bench.run(destination).await, bench.sealed(destination).await.unwrap());
        assert_eq!((sealed.read, sealed.invalid, sealed.duplicate, sealed.profiles), (6, 1, 1, 4));
        let (url, message) =
            messages.iter().find(|(_, message)| message.export == name(destination)).unwrap();
        assert_eq!(*url, format!("https://sqs/{destination}.fifo"));
        assert_eq!((&message.run, message.chunk, message.op), (&run.run, 0, Op::Add));
        assert_eq!(run.lane, format!("{destination}-account"));
    }
}

#[tokio::test]
async fn chunks_hold_what_was_in_the_file_and_only_the_mapped_fields() {
    let bench = Bench::new().await;
    bench.drop(FILE).await;
    let row = |row, who: &str, first: Option<&str>| (row, who.to_owned(), first.map(str::to_owned));
    assert_eq!(
        bench.staged(Klaviyo).await,
        [
            row(1, "jane.doe@example.com", Some("Jané")),
            row(3, "joe@example.com", None),
            row(5, "kim@example.com", Some("Kim")),
            row(6, "lee@example.com", Some("Lee")),
        ]
    );
    assert!(bench.staged(Mailchimp).await.iter().all(|(_, _, first)| first.is_none()));
    // The destination's own test vector: SHA-256 of `jane.doe@example.com`.
    let hash = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d";
    assert_eq!(bench.staged(Snapchat).await[0], row(1, hash, None));
}

#[tokio::test]
async fn nothing_personal_is_outside_of_the_chunks() {
    let bench = Bench::new().await;
    bench.drop(FILE).await;
    for key in bench.bucket.keys() {
        let bytes = bench.bucket.get(&key).await.unwrap().unwrap().bytes;
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("canary"), "{key} has a field that is not mapped");
        if !key.starts_with("chunks/") || key.contains("snapchat") {
            for person in ["jane", "jané", "joe", "kim", "86e0b9e5"] {
                assert!(!text.contains(person), "{key} names {person}");
            }
        }
    }
    for (_, message) in bench.queue.take() {
        assert!(!format!("{message:?}").contains('@'));
    }
}

#[tokio::test]
async fn invalid_rows_are_listed_by_number_and_reason() {
    let bench = Bench::new().await;
    bench.drop(FILE).await;
    let pages = bench.keys(&keys::rejected(&name(Klaviyo), &bench.run(Klaviyo).await.run));
    assert_eq!(pages.len(), 1);
    let page = bench.bucket.get(&pages[0]).await.unwrap().unwrap().bytes;
    assert_eq!(page, "{\"part\":0,\"row\":2,\"reason\":\"not_an_address\"}\n");
}

#[tokio::test]
async fn the_same_event_twice_is_one_run_with_the_same_messages() {
    let bench = Bench::new().await;
    let event = bench.put("segments/vip/a.csv", FILE).await;
    bench.handle(&event).await;
    let ids = || {
        let sent = bench.queue.take().into_iter();
        sent.map(|(url, message)| (url, message.group, message.once)).collect::<Vec<_>>()
    };
    let first = ids();
    let chunks = bench.keys("chunks/");
    bench.handle(&event).await;
    // The queue knows them by their deduplication ids and drops them.
    assert_eq!(ids(), first);
    assert_eq!(bench.keys("chunks/"), chunks);
    bench.run(Snapchat).await;
}

#[tokio::test]
async fn the_same_event_after_the_run_ended_does_nothing() {
    let bench = Bench::new().await;
    let event = bench.put("segments/vip/a.csv", "email\n").await;
    bench.handle(&event).await;
    let summary = bench.summary(Snapchat).await;
    bench.handle(&event).await;
    assert_eq!(bench.summary(Snapchat).await, summary);
    assert!(bench.queue.take().is_empty());
    assert!(bench.app.state.open_runs().await.unwrap().is_empty(), "an ended run is open again");
}

#[tokio::test]
async fn the_same_file_put_again_on_purpose_runs_again() {
    let bench = Bench::new().await;
    bench.drop(FILE).await;
    bench.drop(FILE).await;
    assert_eq!(bench.runs(Snapchat).await.len(), 2);
    assert_eq!(bench.messages().len(), 6);
}

#[tokio::test]
async fn a_classic_notification_is_understood_too() {
    let bench = Bench::new().await;
    bench.put("segments/vip/a b+c.csv", FILE).await;
    let event = json!({"Records": [{"eventSource": "aws:s3", "eventTime": "2026-11-22T16:35:12.000Z",
        "s3": {"bucket": {"name": "drops"}, "object": {"key": "segments/vip/a+b%2Bc.csv", "size": 187, "sequencer": "1"}}}]});
    bench.handle(&event).await;
    assert_eq!(bench.messages().len(), 3);
}

#[tokio::test]
async fn what_is_no_drop_is_ignored() {
    let bench = Bench::new().await;
    for key in
        ["segments/vip/2026/part-0.csv", "segments/vip/_SUCCESS", "segments/a.csv", "elsewhere/vip/a.csv"]
    {
        let event = bench.put(key, FILE).await;
        bench.handle(&event).await;
    }
    let mut foreign = bench.put("segments/vip/a.csv", FILE).await;
    foreign["detail"]["bucket"]["name"] = json!("another");
    bench.handle(&foreign).await;
    let unwanted = bench.put("segments/nobodys/a.csv", FILE).await;
    bench.handle(&unwanted).await;
    assert!(bench.keys("runs/").is_empty() && bench.keys("open/").is_empty());
    assert!(bench.queue.take().is_empty());
}

#[tokio::test]
async fn an_export_that_is_disabled_or_not_triggered_by_uploads_does_not_run() {
    let bench = Bench::new().await;
    bench.export(Snapchat, |export| export.enabled = false).await;
    bench.export(Mailchimp, |export| export.triggers.upload = false).await;
    bench.drop(FILE).await;
    assert!(bench.runs(Snapchat).await.is_empty() && bench.runs(Mailchimp).await.is_empty());
    assert_eq!(bench.messages().len(), 1);
}

#[tokio::test]
async fn a_malformed_export_does_not_stop_the_others() {
    let bench = Bench::new().await;
    let key = keys::export(Role::Administrators, &name(Snapchat));
    bench.edit(&key, |export| export["surprise"] = json!(1)).await;
    bench.drop(FILE).await;
    assert!(bench.runs(Snapchat).await.is_empty());
    assert_eq!(bench.messages().len(), 2);
}

#[tokio::test]
async fn a_run_that_can_not_be_opened_yet_does_not_keep_the_drop_from_the_others() {
    let bench = Bench::new().await;
    let key = keys::connection(Klaviyo.name());
    let sound = bench.bucket.get(&key).await.unwrap().unwrap().bytes;
    bench.bucket.put(&key, json!({"version": 99}).to_string().into()).await.unwrap();
    let event = bench.put("segments/vip/a.csv", FILE).await;
    let deadline = Deadline::after(Duration::from_mins(10));
    let error = handle(&bench.app, &event, Role::Administrators, deadline).await.unwrap_err();
    assert!(error.to_string().contains("wait for the upgrade"), "{error}");
    assert_eq!(bench.messages().len(), 2);
    // Lambda brings the event again.
    bench.bucket.put(&key, sound).await.unwrap();
    bench.handle(&event).await;
    // The queue knows the chunks again that it has already.
    let again = bench.messages();
    assert_eq!(again.iter().filter(|(_, message)| message.export == name(Klaviyo)).count(), 1);
    for destination in Destination::ALL {
        assert_eq!(bench.runs(destination).await.len(), 1);
    }
}

/// Fails when the contributors' exports are read.
struct Outage;

#[async_trait]
impl Before for Outage {
    async fn before(&self, asked: Asked, key: &str) -> Result<(), StoreError> {
        let theirs = asked == Asked::Open && key.starts_with(&keys::exports(Role::Contributors));
        let failed =
            || StoreError::Failed { key: key.to_owned(), action: "read", problem: "SlowDown".to_owned() };
        if theirs { Err(failed()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn an_outage_at_a_contributors_export_brings_the_event_again_and_keeps_nobody_waiting() {
    let mut bench = Bench::new().await;
    bench.connect(Klaviyo, |connection| connection.shared_with = SharedWith::Contributors).await;
    let ours = keys::export(Role::Administrators, &name(Klaviyo));
    let export = bench.bucket.get(&ours).await.unwrap().unwrap().bytes;
    bench.bucket.delete(&ours).await.unwrap();
    bench.bucket.put(&keys::export(Role::Contributors, &name(Klaviyo)), export).await.unwrap();
    let sound = bench.app.state.clone();
    bench.app.state = State::new(Arc::new(Watched::new(bench.bucket.clone(), Outage)));
    let event = bench.put("segments/vip/a.csv", FILE).await;
    let deadline = Deadline::after(Duration::from_mins(10));
    let error = handle(&bench.app, &event, Role::Administrators, deadline).await.unwrap_err();
    assert!(error.to_string().contains("SlowDown"), "{error}");
    assert_eq!((bench.messages().len(), bench.runs(Klaviyo).await.len()), (2, 0));
    bench.app.state = sound;
    bench.handle(&event).await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 1);
}

/// Drops `file` for one export, and expects it to be refused.
async fn refused(bench: &Bench, file: &str) -> String {
    bench.only(&[Klaviyo]).await;
    bench.drop(file).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused, "{}", summary.message);
    summary.counts.check().unwrap();
    assert!(bench.queue.take().is_empty(), "something was queued");
    assert!(bench.keys("chunks/").is_empty(), "profiles are left behind");
    assert!(bench.app.state.open_runs().await.unwrap().is_empty());
    summary.message
}

#[tokio::test]
async fn a_missing_column_refuses_the_run_and_names_those_that_there_are() {
    let message = refused(&Bench::new().await, "mail,first_name\na@example.com,A\n").await;
    assert!(
        message.contains("segments/vip/a.csv") && message.contains("`email`") && message.contains("mail")
    );
}

#[tokio::test]
async fn an_empty_file_and_a_header_only_refuse_the_run() {
    for file in ["", "email,first_name\n"] {
        let message = refused(&Bench::new().await, file).await;
        assert!(!message.is_empty());
    }
}

#[tokio::test]
async fn malformed_files_refuse_the_run_and_say_in_which_row() {
    for (file, words) in [
        ("email,first_name\na@example.com,A\nb@example.com,B,C\n", "row 2"),
        ("email,first_name\na@example.com,A\n\"b@example.com,B\n", "row 2"),
    ] {
        let message = refused(&Bench::new().await, file).await;
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("example.com"), "{message}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_refuse_the_run_and_say_in_which_row() {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    let event = bench.put("segments/vip/a.csv", "email,first_name\na@example.com,A\nb@example.com,?\n").await;
    let mut bytes = bench.segments.get("segments/vip/a.csv").await.unwrap().unwrap().bytes.to_vec();
    let at = bytes.iter().position(|&byte| byte == b'?').unwrap();
    bytes[at] = 0xff;
    let mut event = event;
    bench.segments.put("segments/vip/a.csv", bytes.into()).await.unwrap();
    event["detail"]["object"]["etag"] =
        json!(bench.segments.get("segments/vip/a.csv").await.unwrap().unwrap().etag);
    bench.handle(&event).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("row 2") && summary.message.contains("UTF-8"), "{}", summary.message);
}

#[tokio::test]
async fn too_many_invalid_rows_refuse_the_run() {
    let message = refused(&Bench::new().await, "email,first_name\na@example.com,A\nx,\ny,\n").await;
    assert!(message.contains("2 of 3 rows"), "{message}");
}

#[tokio::test]
async fn more_profiles_than_the_limit_refuse_the_run_and_not_its_neighbours() {
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.limits.profiles = Some(3)).await;
    bench.drop(FILE).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Refused, 4));
    assert!(summary.message.contains("limit is 3"), "{}", summary.message);
    assert_eq!(bench.messages().len(), 2);
    assert!(bench.keys("chunks/vip-to-klaviyo/").is_empty());
}

#[tokio::test]
async fn a_connection_that_can_not_be_used_refuses_the_run() {
    for (words, change) in [
        ("is disabled", (|connection| connection.enabled = false) as fn(&mut segue_state::Connection)),
        ("consented", |connection| connection.consent = None),
    ] {
        let bench = Bench::new().await;
        bench.connect(Klaviyo, change).await;
        let message = refused(&bench, FILE).await;
        assert!(message.contains(words), "{message}");
    }
    let bench = Bench::new().await;
    bench.bucket.delete(&keys::connection("klaviyo")).await.unwrap();
    let message = refused(&bench, FILE).await;
    assert!(message.contains("does not exist"), "{message}");
}

#[tokio::test]
async fn a_contributors_export_needs_a_connection_that_is_shared() {
    let bench = Bench::new().await;
    let (from, to) = (
        keys::export(Role::Administrators, "vip-to-klaviyo"),
        keys::export(Role::Contributors, "vip-to-klaviyo"),
    );
    let export = bench.bucket.get(&from).await.unwrap().unwrap().bytes;
    bench.bucket.delete(&from).await.unwrap();
    bench.bucket.put(&to, export).await.unwrap();
    let message = refused(&bench, FILE).await;
    assert!(message.contains("not shared with contributors"), "{message}");

    bench.connect(Klaviyo, |connection| connection.shared_with = SharedWith::Contributors).await;
    bench.drop(FILE).await;
    assert_eq!(bench.messages().len(), 1);
}

#[tokio::test]
async fn a_configuration_that_no_command_of_ours_wrote_refuses_the_run() {
    let bench = Bench::new().await;
    bench.export(Mailchimp, |export| export.new_contacts = None).await;
    bench.only(&[Mailchimp]).await;
    bench.drop(FILE).await;
    let summary = bench.summary(Mailchimp).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("new_contacts"), "{}", summary.message);
}

#[tokio::test]
async fn a_drop_that_was_replaced_before_it_was_read_is_refused_and_the_newer_one_runs() {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    let older = bench.put("segments/vip/a.csv", "email,first_name\nold@example.com,Old\n").await;
    let newer = bench.put("segments/vip/a.csv", FILE).await;
    bench.handle(&older).await;
    assert!(bench.summary(Klaviyo).await.message.contains("was replaced or removed"));
    assert!(bench.queue.take().is_empty());
    bench.handle(&newer).await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 2);
    assert_eq!(bench.messages().len(), 1);
}

#[tokio::test]
async fn a_drop_that_was_removed_is_refused() {
    let bench = Bench::new().await;
    let event = bench.put("segments/vip/a.csv", FILE).await;
    bench.segments.delete("segments/vip/a.csv").await.unwrap();
    bench.handle(&event).await;
    assert_eq!(bench.summary(Klaviyo).await.status, Status::Refused);
}

#[tokio::test]
async fn too_little_time_is_a_refusal_that_says_so() {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    let event = bench.put("segments/vip/a.csv", FILE).await;
    handle(&bench.app, &event, Role::Administrators, Deadline::after(Duration::from_secs(5))).await.unwrap();
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("the time ran out"), "{}", summary.message);
    assert!(bench.keys("chunks/").is_empty() && bench.queue.take().is_empty());
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_it_was_read_sends_nothing() {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    let event = bench.put("segments/vip/a.csv", FILE).await;
    bench.handle(&event).await;
    let run = bench.run(Klaviyo).await.run;
    // As if the first invocation had been killed right after it opened the run.
    for key in bench.keys("runs/").into_iter().filter(|key| !key.ends_with("run.json")) {
        bench.bucket.delete(&key).await.unwrap();
    }
    let _ = bench.queue.take();
    let cancel = json!({"by": "arn:someone", "at": "2026-11-22T17:00:00Z"});
    bench.bucket.put(&keys::cancel(&name(Klaviyo), &run), cancel.to_string().into()).await.unwrap();
    bench.handle(&event).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Cancelled);
    assert!(summary.message.contains("arn:someone"));
    assert!(bench.queue.take().is_empty());
}

#[tokio::test]
async fn an_event_that_is_none_of_ours_fails_the_invocation() {
    let bench = Bench::new().await;
    let result = handle(
        &bench.app,
        &json!({"hello": 1}),
        Role::Administrators,
        Deadline::after(Duration::from_mins(1)),
    )
    .await;
    assert!(result.is_err());
}
