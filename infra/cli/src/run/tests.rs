//! Looking at runs, and waiting for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use segue_platform::memory::MemoryBucket;
use segue_state::{Open, Outcome, Receipt, Run, Sealed, State, keys};

use super::watch::{Lines, Patience, until_it_ends, verdict};
use super::*;
use crate::output::Output;
use crate::prompt::tests::Scripted;
use crate::stack::Stack;

pub(crate) fn config(state_of: &str, enabled: bool) -> (serde_json::Value, serde_json::Value) {
    let connection = serde_json::json!({
        "id": "c", "display_name": "C", "destination": "klaviyo", "secret": "segue/klaviyo/c", "account": {"id": "acct"},
        "consent": {"terms": 1, "agreed_by": "arn", "agreed_at": "2026-11-22T00:00:00Z"},
    });
    let export = serde_json::json!({
        "id": state_of, "display_name": "E", "connection": "c", "audience_id": "a", "segments": ["vip"],
        "fields": {"email": "email"}, "enabled": enabled,
    });
    (connection, export)
}

/// A state bucket with a connection and an export that may send.
pub(crate) async fn configured() -> State {
    let state = State::new(Arc::new(MemoryBucket::default()));
    let (connection, export) = config("e", true);
    let connection: segue_state::Connection = serde_json::from_value(connection).unwrap();
    let export: segue_state::Export = serde_json::from_value(export).unwrap();
    state.create(&keys::connection("c"), &connection).await.unwrap();
    state.create(&keys::export(segue_state::Role::Administrators, "e"), &export).await.unwrap();
    state
}

pub(crate) fn a_run(id: &str) -> Run {
    serde_json::from_value(serde_json::json!({
        "run": id, "lane": "acct", "destination": "klaviyo",
        "trigger": {"kind": "upload", "at": "2026-11-22T16:35:12Z"},
        "drops": [{"segment": "vip", "parts": [{"key": "segments/vip/a.csv", "size": 5}]}],
        "created_at": "2026-11-22T16:35:13Z", "export": config("e", true).1,
    }))
    .unwrap()
}

/// Opens a run, and seals it with two chunks of ten profiles.
pub(crate) async fn sealed(state: &State, id: &str) -> Run {
    let run = a_run(id);
    let seal = Sealed {
        attempt: "a".into(),
        read: 30,
        invalid: 6,
        invalid_by_reason: BTreeMap::from([(segue_segment::Reason::Empty, 6)]),
        duplicate: 4,
        profiles: 20,
        chunks: 2,
        profiles_per_chunk: 10,
        ended: None,
        warnings: Vec::new(),
        attributes_changed: segue_segment::attribute::Changed::default(),
        sources: Vec::new(),
        sealed_at: "2026-11-22T16:36:00Z".parse().unwrap(),
        deadline: "2026-11-23T16:36:00Z".parse().unwrap(),
    };
    state.create(&keys::open("e", &run.run), &Open::new(run.created_at)).await.unwrap();
    state.create(&keys::run("e", &run.run), &run).await.unwrap();
    state.create(&keys::sealed("e", &run.run), &seal).await.unwrap();
    run
}

pub(crate) async fn answered(state: &State, run: &Run, chunk: u32, outcome: Outcome) {
    let of = |wanted| if outcome == wanted { 10 } else { 0 };
    let now = "2026-11-22T16:37:00Z".parse().unwrap();
    let receipt = Receipt {
        chunk,
        generation: 0,
        outcome,
        profiles: 10,
        accepted: of(Outcome::Delivered),
        already_there: 0,
        rejected: 0,
        rejected_by_reason: BTreeMap::new(),
        unknown: 0,
        failed: of(Outcome::Failed),
        cancelled: of(Outcome::Cancelled),
        api_calls: 1,
        retries: 0,
        started_at: now,
        finished_at: now,
        message: (outcome == Outcome::Failed).then(|| "Klaviyo did not answer; try again later".into()),
    };
    state.put(&keys::receipt("e", &run.run, chunk), &receipt).await.unwrap();
    if outcome == Outcome::Failed {
        // What may be sent once more is kept.
        state.objects().put(&keys::chunk("e", &run.run, "a", chunk), "{}".into()).await.unwrap();
    }
}

async fn printed(command: Command, state: &State, output: Output) -> Result<String, Failure> {
    let mut out = Vec::new();
    let mut screen = Screen::new(output, &mut out);
    match command {
        Command::List(args) => list::run(state, &args, &mut Scripted::default(), &mut screen).await?,
        Command::Show(args) => show::run(&Stack::of("segue", &[]), state, &args, &mut screen).await?,
        _ => panic!("no reading command"),
    }
    Ok(String::from_utf8(out).unwrap())
}

fn list(export: Option<&str>, limit: u16) -> Command {
    Command::List(list::Args { export: export.map(Into::into), limit, ..list::Args::default() })
}

fn show(export: &str, run: &str) -> Command {
    Command::Show(show::Args { meant: which::Meant::of(export, run) })
}

#[tokio::test]
async fn a_run_that_a_newer_release_wrote_hides_no_other() {
    let state = two_runs().await;
    let key = keys::summary("e", &segue_state::RunId::parse("20261124T163512Z-c").unwrap());
    state.objects().put(&key, r#"{"version": 99}"#.into()).await.unwrap();
    let Command::List(args) = list(None, 20) else { panic!() };
    for output in [Output::Text, Output::Json] {
        let (mut out, mut person) = (Vec::new(), Scripted::default());
        list::run(&state, &args, &mut person, &mut Screen::new(output, &mut out)).await.unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains(OLD) && said.contains(NEW), "{said}");
        let note = &person.heard[0];
        assert!(
            note.starts_with("note: a run could not be read: ") && note.contains("20261124T163512Z-c"),
            "{note}"
        );
    }
}

const OLD: &str = "20261122T163512Z-b";
const NEW: &str = "20261123T163512Z-a";

async fn two_runs() -> State {
    let state = configured().await;
    let old = sealed(&state, OLD).await;
    answered(&state, &old, 0, Outcome::Delivered).await;
    answered(&state, &old, 1, Outcome::Failed).await;
    let new = sealed(&state, NEW).await;
    answered(&state, &new, 0, Outcome::Delivered).await;
    state
}

#[tokio::test]
async fn runs_are_listed_newest_first() {
    let state = two_runs().await;
    insta::assert_snapshot!(printed(list(None, 20), &state, Output::Text).await.unwrap(), @r"
    export  run                 status      read  invalid  duplicate  accepted  rejected  unknown  failed  cancelled  pending  chunks  message
    e       20261123T163512Z-a  delivering    30        6          4        10         0        0       0          0       10     1/2  1 of 2 chunks are done
    e       20261122T163512Z-b  partial       30        6          4        10         0        0      10          0        0       2  10 profiles could not be delivered: Klaviyo did not answer; try again later; then `segue run retry e 20261122T163512Z-b`
    ");
    let newest = printed(list(Some("e"), 1), &state, Output::Json).await.unwrap();
    let newest: serde_json::Value = serde_json::from_str(&newest).unwrap();
    assert_eq!((newest.as_array().unwrap().len(), newest[0]["run"].as_str()), (1, Some(NEW)));
}

#[tokio::test]
async fn runs_are_filtered_by_state_and_time() {
    let state = two_runs().await;
    let ids = async |args: list::Args| {
        let found = printed(Command::List(args), &state, Output::Json).await.unwrap();
        let found: Vec<serde_json::Value> = serde_json::from_str(&found).unwrap();
        found.iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let args = || list::Args { limit: 1, ..list::Args::default() };
    let between: jiff::Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    assert_eq!(ids(args()).await, [NEW]);
    assert_eq!(ids(list::Args { state: vec![segue_state::Status::Partial], ..args() }).await, [OLD]);
    assert_eq!(ids(list::Args { until: Some(between), ..args() }).await, [OLD]);
    assert_eq!(ids(list::Args { since: Some(between), limit: 5, ..args() }).await, [NEW]);
    let none = list::Args { state: vec![segue_state::Status::Refused], ..args() };
    assert_eq!(printed(Command::List(none), &state, Output::Text).await.unwrap(), "no run is like that\n");
}

#[tokio::test]
async fn an_export_without_runs_has_none_and_one_that_is_not_there_is_told_apart() {
    let state = configured().await;
    assert_eq!(printed(list(Some("e"), 20), &state, Output::Text).await.unwrap(), "there are no runs yet\n");
    assert_eq!(printed(list(None, 20), &state, Output::Json).await.unwrap(), "[]\n");
    let missing = printed(list(Some("x"), 20), &state, Output::Text).await.unwrap_err();
    insta::assert_snapshot!(missing.to_string(), @r"
    error: there is no export `x`
    hint: the exports are e
    ");
}

#[tokio::test]
async fn a_run_is_shown_with_everything_that_is_known() {
    let state = two_runs().await;
    insta::assert_snapshot!(printed(show("e", OLD), &state, Output::Text).await.unwrap(), @r"
    export       e
    run          20261122T163512Z-b
    status       partial
    message      10 profiles could not be delivered: Klaviyo did not answer; try again later; then `segue run retry e 20261122T163512Z-b`
    what to do   mend what the message says, then send what failed once more with: segue run retry e 20261122T163512Z-b; a changed export needs a new run: segue run start e
    destination  Klaviyo, over the connection c
    segments     vip
    drop         segments/vip/a.csv
    trigger      upload
    started      2026-11-22T16:35:13Z
    finished     2026-11-22T16:37:00Z
    read         30
    invalid      6
      empty      6
    duplicate    4
    unchanged    0
    accepted     10
    rejected     0
    unknown      0
    failed       10
    cancelled    0
    pending      0
    chunks       2
    API calls    2
    retries      0
    ");
    let latest = printed(show("e", "latest"), &state, Output::Json).await.unwrap();
    let latest: serde_json::Value = serde_json::from_str(&latest).unwrap();
    assert_eq!((latest["run"].as_str(), latest["pending"].as_u64()), (Some(NEW), Some(10)));
    let missing = printed(show("e", "20260101T000000Z-x"), &state, Output::Text).await.unwrap_err();
    insta::assert_snapshot!(missing.to_string(), @r"
    error: the export `e` has no run `20260101T000000Z-x`
    hint: `segue run list e` shows its runs; `latest` is the newest
    ");
}

async fn watched(
    state: &State,
    which: &Which,
    timeout: Duration,
) -> (Result<segue_state::Summary, Failure>, String) {
    let mut out = Vec::new();
    let mut screen = Screen::new(Output::Text, &mut out);
    let mut lines = Lines { screen: &mut screen, said: &mut None };
    let ended = until_it_ends(state, "e", which, Patience::short(timeout), &mut lines).await;
    (ended, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn watching_says_what_changes_and_ends_with_the_run() {
    let state = configured().await;
    let deliver = async {
        // Not there at first.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let run = sealed(&state, NEW).await;
        for chunk in 0..2 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            answered(&state, &run, chunk, Outcome::Delivered).await;
        }
    };
    let (watched, ()) = futures::join!(watched(&state, &Which::Latest, Duration::from_secs(20)), deliver);
    let (summary, said) = watched;
    assert!(verdict(&Stack::of("segue", &[]), &summary.unwrap()).is_ok());
    insta::assert_snapshot!(said, @r"
    e 20261123T163512Z-a delivering: 0 of 2 chunks are done
    e 20261123T163512Z-a delivering: 1 of 2 chunks are done
    e 20261123T163512Z-a completed: Klaviyo took all 20 profiles
    ");
}

#[tokio::test]
async fn patience_has_an_end_and_so_has_a_run_that_failed() {
    let state = two_runs().await;
    let stack = Stack::of("segue", &[]);
    let (late, _) = watched(&state, &Which::Latest, Duration::from_millis(5)).await;
    let (partial, _) = watched(&state, &Which::parse(OLD).unwrap(), Duration::from_secs(20)).await;
    let (missing, _) = watched(&state, &Which::parse("20260101T000000Z-x").unwrap(), Duration::ZERO).await;
    let said = [
        verdict(&stack, &late.unwrap()).unwrap_err(),
        verdict(&stack, &partial.unwrap()).unwrap_err(),
        missing.unwrap_err(),
    ];
    insta::assert_snapshot!(said.map(|failure| failure.to_string()).concat(), @r"
    error: the run 20261123T163512Z-a of `e` has not ended in time: 1 of 2 chunks are done
    hint: it goes on; watch it with: segue run watch e 20261123T163512Z-a
    error: the run 20261122T163512Z-b of `e` ended as partial: 10 profiles could not be delivered: Klaviyo did not answer; try again later; then `segue run retry e 20261122T163512Z-b`
    error: the export `e` has no run `20260101T000000Z-x`
    hint: `segue run list e` shows its runs; `latest` is the newest
    ");
}

#[test]
fn ids_that_could_reach_other_keys_are_refused() {
    for text in ["", "../x", "a/b", "E"] {
        assert!(export_id(text).is_err(), "{text}");
    }
    assert!(Which::parse("../x").is_err());
    assert_eq!(Which::parse("latest").unwrap(), Which::Latest);
}
