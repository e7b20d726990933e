//! Finding the run that is meant.

use segue_state::{Open, Part, keys};

use super::super::tests::{a_run, configured};
use super::*;

const OLD: &str = "20261122T163512Z-b";
const NEW: &str = "20261123T163512Z-a";

/// An export with two runs over the same key; the drops differ.
async fn twice() -> State {
    let state = configured().await;
    for (id, etag) in [(OLD, "one"), (NEW, "two")] {
        let mut run = a_run(id);
        run.drops[0].parts =
            vec![Part { key: "segments/vip/a.csv".into(), etag: Some(etag.into()), size: 5 }];
        state.create(&keys::run("e", &run.run), &run).await.unwrap();
    }
    state
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn meant(first: &str, run: Option<&str>) -> Meant {
    Meant { first: First::parse(first).unwrap(), run: run.map(|run| Which::parse(run).unwrap()) }
}

#[test]
fn a_run_is_told_from_an_export() {
    assert_eq!(First::parse(OLD), Ok(First::Run(RunId::parse(OLD).unwrap())));
    for export in ["vip", "20261122", "20261122t163512z-b"] {
        assert_eq!(First::parse(export), Ok(First::Export(export.to_owned())), "{export}");
    }
    for text in ["", "../x", "a/b", "E", "20261122T163512Z", "20261122T163512Z-../x"] {
        assert!(First::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_the_functions_take_for_no_id_is_none_here() {
    for text in ["a", "vip-to-klaviyo", "0", &"a".repeat(63)] {
        assert!(export_id(text).is_ok(), "{text}");
    }
    for text in ["-a", "a-", "-", &"a".repeat(64)] {
        assert!(export_id(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_run_alone_finds_its_export_whether_it_is_over_or_not() {
    let state = twice().await;
    let this = |id| Which::This(RunId::parse(id).unwrap());
    assert_eq!(meant(OLD, None).find(&state).await, Ok(("e".to_owned(), this(OLD))));
    let opened = RunId::parse("20261124T000000Z-c").unwrap();
    state.create(&keys::open("e", &opened), &Open::new(at("2026-11-24T00:00:00Z"))).await.unwrap();
    assert_eq!(meant(opened.as_str(), None).find(&state).await.unwrap().0, "e");
    let missing = meant("20260101T000000Z-x", None).find(&state).await.unwrap_err();
    insta::assert_snapshot!(missing.to_string(), @r"
    error: no export has a run `20260101T000000Z-x`
    hint: `segue run list` shows runs; one that is about to begin is found with its export only
    ");
    assert_eq!(meant(OLD, Some(NEW)).find(&state).await.unwrap_err().status(), 2);
}

#[tokio::test]
async fn what_stops_or_sends_again_takes_the_latest_only_if_that_is_said() {
    let state = twice().await;
    assert_eq!(meant("e", None).find(&state).await, Ok(("e".to_owned(), Which::Latest)));
    let mut expressly = MeantExpressly { first: First::Export("e".into()), run: None };
    assert_eq!(expressly.find(&state).await.unwrap_err().status(), 2);
    expressly.run = Some(Which::Latest);
    assert_eq!(expressly.find(&state).await, Ok(("e".to_owned(), Which::Latest)));
}

#[tokio::test]
async fn a_run_before_the_time_does_not_count() {
    let state = twice().await;
    let found = async |after: &str| Which::After(at(after)).find(&state, "e").await.unwrap();
    assert_eq!(found("2026-11-22T16:35:12.9Z").await.unwrap().as_str(), OLD);
    assert_eq!(found("2026-11-22T16:35:13Z").await.unwrap().as_str(), NEW);
    assert_eq!(found("2026-11-23T16:35:13Z").await, None);
}

#[tokio::test]
async fn a_drop_is_told_from_another_one_of_its_name() {
    let state = twice().await;
    let found = async |key: &str, etag: Option<&str>| {
        let dropped = Dropped {
            at: at("2026-11-22T16:35:12Z"),
            key: format!("segments/vip/{key}"),
            etag: etag.map(str::to_owned),
        };
        Which::Of(dropped).find(&state, "e").await.unwrap().map(|run| run.to_string())
    };
    assert_eq!(found("a.csv", Some("\"two\"")).await.as_deref(), Some(NEW));
    assert_eq!(found("a.csv", None).await.as_deref(), Some(OLD));
    assert_eq!(found("a.csv", Some("three")).await, None);
    assert_eq!(found("b.csv", None).await, None);
}
