//! Starting runs.

use std::sync::Arc;

use async_trait::async_trait;
use fan_out::invocation::Invocation;
use segue_platform::memory::{Asked, Before, MemoryBucket, MemoryInvoke, Watched};
use segue_platform::{Objects, StoreError};
use segue_state::{Connection, SharedWith, keys};

use super::super::tests::{config, configured};
use super::*;

#[tokio::test]
async fn fan_out_is_asked_once_and_the_ids_are_those_that_it_will_make() {
    let invoke = MemoryInvoke::default();
    let at: Timestamp = "2026-11-22T16:35:12.345678901Z".parse().unwrap();
    let names = vec!["one".to_owned(), "two".to_owned()];
    let selection = Selection { segment: Some("vip".into()), drop: None };
    let started = start(&invoke, "fan-out", names, selection, "arn:me".into(), at).await.unwrap();
    let sent = invoke.take();
    let event = serde_json::from_str(&sent[0]).unwrap();
    let Invocation::Request(Request::Run { exports, id, requested_by, requested_at, trigger, segment, drop }) =
        Invocation::parse(&event).unwrap()
    else {
        panic!("another request")
    };
    assert_eq!((sent.len(), exports.unwrap().len(), requested_by.as_deref()), (1, 2, Some("arn:me")));
    assert_eq!((requested_at, trigger), (at, TriggerKind::OnDemand));
    assert_eq!((segment.as_deref(), drop), (Some("vip"), None));
    assert_eq!(started[1].run, RunId::of(requested_at, &["two", &id]));
}

#[tokio::test]
async fn what_can_not_run_is_refused_before_anything_is_started() {
    let state = configured().await;
    let disabled: Export = serde_json::from_value(config("off", false).1).unwrap();
    state.create(&keys::export(Role::Contributors, "off"), &disabled).await.unwrap();
    let chosen = async |args: &Args| {
        let selection = Selection { segment: args.segment.clone(), drop: args.drop.clone() };
        super::chosen(&state, args, Role::Administrators, (&selection, "segments/"))
            .await
            .map(|chosen| chosen.names)
    };
    insta::assert_snapshot!(chosen(&args(&["e", "off", "x"])).await.unwrap_err().to_string(), @r"
    error: the export `off` is paused; let it run again with `segue export resume off`, and start a new run
    error: there is no export `x`; the exports are e, off
    hint: nothing was started
    ");
    assert_eq!(chosen(&args(&["e", "e"])).await.unwrap(), ["e"]);
    assert_eq!(chosen(&Args { all: true, ..args(&[]) }).await.unwrap(), ["e"]);
    let trial = Args { dry_run: true, ..args(&["off"]) };
    assert_eq!(chosen(&trial).await.unwrap(), ["off"], "a dry run tells why it may not run");
    let other = Args { segment: Some("other".into()), ..args(&["e"]) };
    insta::assert_snapshot!(chosen(&other).await.unwrap_err().to_string(), @r"
    error: the export `e` does not send `other`: it sends vip
    hint: nothing was started
    ");
    let drop = Args { all: true, drop: Some("segments/other/a.csv".into()), ..args(&[]) };
    insta::assert_snapshot!(chosen(&drop).await.unwrap_err().to_string(), @r"
    error: no enabled export sends `segments/other/a.csv`
    hint: see what exports send with `segue export list`
    ");
}

#[tokio::test]
async fn contributors_start_their_own_exports_only() {
    let state = configured().await;
    let theirs: Export = serde_json::from_value(config("theirs", true).1).unwrap();
    state.create(&keys::export(Role::Contributors, "theirs"), &theirs).await.unwrap();
    let chosen = async |args: &Args| {
        super::chosen(&state, args, Role::Contributors, (&Selection::default(), "segments/")).await
    };
    let all = Args { all: true, ..args(&[]) };
    let Chosen { names, unread } = chosen(&all).await.unwrap();
    assert!(names.is_empty());
    insta::assert_snapshot!(unread.failure().unwrap_err().to_string(), @"error: an export was left out: `theirs`: the connection `c` is not shared with contributors; ask an administrator to share it");

    let found = state.read::<Connection>(&keys::connection("c")).await.unwrap().unwrap();
    let shared = Connection { shared_with: SharedWith::Contributors, ..found.body };
    assert!(state.replace(&keys::connection("c"), &shared, &found.etag).await.unwrap());
    assert_eq!(chosen(&all).await.unwrap().names, ["theirs"]);
    insta::assert_snapshot!(chosen(&args(&["e"])).await.unwrap_err().to_string(), @r"
    error: the export `e` is the administrators', who alone run it
    hint: nothing was started
    ");
}

#[tokio::test]
async fn an_export_over_a_connection_that_cant_be_read_stops_no_other() {
    let state = configured().await;
    let over: Export = serde_json::from_value(config("over", true).1).unwrap();
    let over = Export { connection: "odd".into(), ..over };
    state.create(&keys::export(Role::Administrators, "over"), &over).await.unwrap();
    state.objects().put(&keys::connection("odd"), "{".into()).await.unwrap();
    let all = Args { all: true, ..args(&[]) };
    let chosen = chosen(&state, &all, Role::Administrators, (&Selection::default(), "segments/")).await;
    let Chosen { names, unread } = chosen.unwrap();
    assert_eq!(names, ["e"]);
    let left_out = unread.failure().unwrap_err().to_string();
    assert!(left_out.contains("`over`") && left_out.contains("odd.json is malformed"), "{left_out}");
}

fn args(exports: &[&str]) -> Args {
    Args {
        exports: exports.iter().map(|name| (*name).to_owned()).collect(),
        all: false,
        segment: None,
        drop: None,
        dry_run: false,
        wait: false,
        timeout: None,
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_left_out_and_said() {
    let state = configured().await;
    for whose in Role::ALL {
        state
            .objects()
            .put(&keys::export(whose, &format!("bad-{}", whose.name())), "{".into())
            .await
            .unwrap();
    }
    let all = Args { all: true, ..args(&[]) };
    let chosen = async |role| chosen(&state, &all, role, (&Selection::default(), "segments/")).await;
    let of_administrators = chosen(Role::Administrators).await.unwrap();
    assert_eq!(of_administrators.names, ["e"]);
    let mut heard = crate::prompt::tests::Scripted::default();
    of_administrators.unread.note(&mut heard);
    assert!(heard.heard.concat().contains("bad-contributors.json"), "{:?}", heard.heard);
    let failed = of_administrators.unread.failure().unwrap_err().to_string();
    assert!(
        failed.contains("an export was left out") && failed.contains("bad-administrators.json"),
        "{failed}"
    );
    assert!(!failed.contains("bad-contributors"), "{failed}");

    let none = chosen(Role::Contributors).await.unwrap_err().to_string();
    assert!(none.contains("there is no enabled export") && none.contains("bad-contributors.json"), "{none}");
    assert!(!none.contains("bad-administrators"), "{none}");
}

/// Denies reading an export of the contributors'.
struct Denying;

#[async_trait]
impl Before for Denying {
    async fn before(&self, asked: Asked, key: &str) -> Result<(), StoreError> {
        if asked == Asked::Open && key.starts_with(&keys::exports(Role::Contributors)) {
            return Err(StoreError::Denied { key: key.to_owned(), action: "read" });
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_aws_denies_is_said_as_well() {
    let bucket = Arc::new(MemoryBucket::default());
    bucket.put(&keys::export(Role::Contributors, "locked"), "{}".into()).await.unwrap();
    let state = State::new(Arc::new(Watched::new(bucket, Denying)));
    let all = Args { all: true, ..args(&[]) };
    let none = chosen(&state, &all, Role::Contributors, (&Selection::default(), "segments/")).await;
    let none = none.unwrap_err().to_string();
    assert!(none.contains("an export was left out") && none.contains("contributors/locked.json"), "{none}");
}
