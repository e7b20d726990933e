//! Requests: the schedule's and the operator's runs over the latest drops.

use std::time::Duration;

use fan_out::handle;
use jiff::Timestamp;
use segue_platform::Deadline;
use segue_segment::Destination::{self, Klaviyo, Mailchimp, Snapchat};
use segue_state::{Role, Status, TriggerKind};
use serde_json::{Value, json};

use crate::bench::{Bench, name};

fn on_demand(exports: &Value) -> Value {
    json!({"request": "run", "exports": exports, "id": "request-1", "requested_by": "arn:someone",
           "requested_at": "2026-11-22T16:35:12Z", "trigger": "on_demand"})
}

fn refresh() -> Value {
    json!({"request": "refresh", "scheduled_time": "2026-11-22T17:00:00Z"})
}

async fn with_drop() -> Bench {
    let bench = Bench::new().await;
    bench.put("segments/vip/old.csv", "email,first_name\nold@example.com,Old\n").await;
    // The latest is told by the time of its upload.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    bench.put("segments/vip/new.csv", "email,first_name\nnew@example.com,New\n").await;
    bench
}

#[tokio::test]
async fn a_request_runs_the_exports_that_it_names_over_the_latest_drop() {
    let bench = with_drop().await;
    bench.handle(&on_demand(&json!([name(Klaviyo)]))).await;
    let run = bench.run(Klaviyo).await;
    assert_eq!((run.trigger.kind, run.trigger.by.as_deref()), (TriggerKind::OnDemand, Some("arn:someone")));
    assert_eq!(run.drops[0].parts[0].key, "segments/vip/new.csv");
    assert_eq!(bench.staged(Klaviyo).await[0].1, "new@example.com");
    assert!(bench.runs(Snapchat).await.is_empty());
}

#[tokio::test]
async fn the_same_request_twice_is_one_run_even_if_a_newer_drop_came_in_between() {
    let bench = with_drop().await;
    bench.handle(&on_demand(&json!([name(Klaviyo)]))).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    bench.put("segments/vip/newest.csv", "email,first_name\nnewest@example.com,N\n").await;
    bench.handle(&on_demand(&json!([name(Klaviyo)]))).await;
    assert_eq!(bench.run(Klaviyo).await.drops[0].parts[0].key, "segments/vip/new.csv");
}

#[tokio::test]
async fn a_request_without_names_runs_everything_that_is_enabled() {
    let bench = with_drop().await;
    bench.export(Mailchimp, |export| export.enabled = false).await;
    bench.handle(&on_demand(&Value::Null)).await;
    assert_eq!(bench.messages().len(), 2);
    assert!(bench.runs(Mailchimp).await.is_empty());
}

#[tokio::test]
async fn a_disabled_export_that_is_named_is_refused_and_says_so() {
    let bench = with_drop().await;
    bench.export(Klaviyo, |export| export.enabled = false).await;
    bench.handle(&on_demand(&json!([name(Klaviyo), "nobody"]))).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("is paused"), "{}", summary.message);
}

#[tokio::test]
async fn an_exports_own_schedule_passes_over_it_while_it_is_paused_or_detached() {
    let bench = with_drop().await;
    bench.export(Klaviyo, |export| export.enabled = false).await;
    bench.export(Snapchat, |export| export.connection.clear()).await;
    let due = json!({"request": "run", "exports": [name(Klaviyo), name(Snapchat), name(Mailchimp)],
                     "id": "schedule/2026-11-22T17:00:00Z", "requested_at": "2026-11-22T17:00:00Z",
                     "trigger": "schedule"});
    bench.handle(&due).await;
    assert!(bench.runs(Klaviyo).await.is_empty() && bench.runs(Snapchat).await.is_empty());
    assert_eq!(bench.run(Mailchimp).await.trigger.kind, TriggerKind::Schedule);
    // Whoever asks for it is told.
    bench.handle(&on_demand(&json!([name(Snapchat)]))).await;
    let summary = bench.summary(Snapchat).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("segue export attach"), "{}", summary.message);
}

#[tokio::test]
async fn a_segment_without_a_drop_refuses_the_run_and_says_where_to_put_one() {
    let bench = Bench::new().await;
    bench.handle(&on_demand(&json!([name(Klaviyo)]))).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("segue segment put vip"), "{}", summary.message);
}

#[tokio::test]
async fn the_schedule_runs_exports_with_its_trigger_once_each_time() {
    let bench = with_drop().await;
    bench.export(Snapchat, |export| export.triggers.schedule = false).await;
    bench.handle(&refresh()).await;
    bench.handle(&refresh()).await;
    assert!(bench.runs(Snapchat).await.is_empty());
    assert_eq!(bench.run(Klaviyo).await.trigger.kind, TriggerKind::Schedule);
    let mut later = refresh();
    later["scheduled_time"] = json!("2026-11-22T18:00:00Z");
    bench.handle(&later).await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 2);
}

#[tokio::test]
async fn exports_over_the_same_segments_share_a_pass_and_each_other_group_gets_an_invocation() {
    let bench = with_drop().await;
    bench.export(Klaviyo, |export| export.segments = vec!["other".into()]).await;
    bench.put("segments/other/a.csv", "email,first_name\no@example.com,O\n").await;
    bench.handle(&refresh()).await;
    assert!(bench.keys("runs/").is_empty(), "nothing is read by the invocation that divides the work");
    let payloads = bench.invoke.take();
    assert_eq!(payloads.len(), 2);
    for payload in &payloads {
        bench.handle(&serde_json::from_str(payload).unwrap()).await;
    }
    assert!(bench.invoke.take().is_empty());
    assert_eq!(bench.messages().len(), 3);
    for destination in Destination::ALL {
        assert_eq!(bench.run(destination).await.trigger.kind, TriggerKind::Schedule);
    }
}

#[tokio::test]
async fn a_run_over_several_segments_is_de_duplicated_and_limited_over_all_of_them() {
    let bench = with_drop().await;
    bench
        .export(Klaviyo, |export| {
            export.segments = vec!["vip".into(), "other".into()];
            export.limits.profiles = Some(2);
        })
        .await;
    bench.put("segments/other/a.csv", "first_name,email\nO,NEW@example.com\nP,p@example.com\n").await;
    bench.handle(&on_demand(&json!([name(Klaviyo)]))).await;
    let sealed = bench.sealed(Klaviyo).await.unwrap();
    assert_eq!((sealed.read, sealed.duplicate, sealed.profiles), (3, 1, 2));
    let who: Vec<_> = bench.staged(Klaviyo).await.into_iter().map(|(_, who, _)| who).collect();
    assert_eq!(who, ["new@example.com", "p@example.com"]);
}

#[tokio::test]
async fn a_schedule_that_asks_for_what_it_can_not_have_is_a_failure_that_somebody_hears_of() {
    let bench = with_drop().await;
    let mut request = on_demand(&json!([name(Klaviyo), "gone"]));
    request["trigger"] = json!("schedule");
    request["requested_at"] = json!(Timestamp::now());
    for (role, problem) in [
        (Role::Contributors, "is the administrators', who alone run it"),
        (Role::Administrators, "the export `gone`, which does not exist"),
    ] {
        let deadline = Deadline::after(Duration::from_mins(10));
        let error = handle(&bench.app, &request, role, deadline).await.unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
    // What it names rightly ran all the same.
    assert_eq!((bench.messages().len(), bench.runs(Klaviyo).await.len()), (1, 1));
}

#[tokio::test]
async fn more_runs_than_one_pass_serves_are_all_served() {
    let bench = with_drop().await;
    for number in 0..70 {
        bench.export(Klaviyo, |export| export.id = format!("more-{number}")).await;
    }
    let names: Vec<String> = (0..70).map(|number| format!("more-{number}")).collect();
    bench.handle(&on_demand(&json!(names))).await;
    assert_eq!(bench.messages().len(), 70);
}
