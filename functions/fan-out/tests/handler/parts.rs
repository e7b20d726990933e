//! Drops of many part files: what closes them, what is in them, and what does not start a run.

use segue_platform::Objects;
use segue_segment::Destination::{Klaviyo, Snapchat};
use segue_state::{Status, TriggerKind, keys};
use serde_json::{Value, json};

use crate::bench::{Bench, name};

const FOLDER: &str = "segments/vip/2026-11-22/";

fn csv(names: &[&str]) -> String {
    let rows = names.iter().map(|name| format!("{name}@example.com,{name}\n"));
    format!("email,first_name\n{}", rows.collect::<String>())
}

/// Puts a file of the drop. Its event must not do anything.
async fn part(bench: &Bench, key: &str, content: &str) {
    let event = bench.put(&format!("{FOLDER}{key}"), content).await;
    let before = bench.bucket.keys();
    bench.handle(&event).await;
    assert_eq!(bench.bucket.keys(), before, "{key} started something");
}

async fn close(bench: &Bench, marker: &str, content: &str) -> Value {
    let event = bench.put(&format!("{FOLDER}{marker}"), content).await;
    bench.handle(&event).await;
    event
}

async fn with_parts() -> Bench {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    part(&bench, "part-2.csv", &csv(&["c", "a"])).await;
    part(&bench, "part-1.csv", "").await;
    part(&bench, "part-0.csv", &csv(&["a", "b"])).await;
    part(&bench, "country=de/part-0.csv", &csv(&["d"])).await;
    part(&bench, "_temporary/0/part-9.csv", &csv(&["never"])).await;
    part(&bench, ".part-0.csv.crc", "crc").await;
    bench
}

async fn who(bench: &Bench) -> Vec<String> {
    let staged = bench.staged(Klaviyo).await;
    staged.into_iter().map(|(_, who, _)| who.replace("@example.com", "")).collect()
}

async fn read(bench: &Bench) -> Vec<String> {
    let run = bench.run(Klaviyo).await;
    assert!(run.parts().all(|part| part.etag.is_some()), "a part is not pinned");
    run.parts().map(|part| part.key.replace(FOLDER, "")).collect()
}

#[tokio::test]
async fn success_closes_a_drop_over_all_its_parts_in_the_order_of_their_keys() {
    let bench = with_parts().await;
    close(&bench, "_SUCCESS", "").await;
    assert_eq!(read(&bench).await, ["country=de/part-0.csv", "part-0.csv", "part-1.csv", "part-2.csv"]);
    assert_eq!(who(&bench).await, ["d", "a", "b", "c"]);
    let sealed = bench.sealed(Klaviyo).await.unwrap();
    assert_eq!((sealed.read, sealed.duplicate, sealed.profiles), (5, 1, 4));
    assert_eq!(bench.messages().len(), 1);
}

#[tokio::test]
async fn a_manifest_closes_a_drop_over_the_parts_that_it_names_in_its_order() {
    let entry = |n: &str| json!({"url": format!("s3://drops/{FOLDER}part-{n}.csv"), "mandatory": true});
    for (marker, manifest) in [
        ("_manifest.json", json!({"parts": ["part-2.csv", "part-1.csv", format!("{FOLDER}part-0.csv")]})),
        ("manifest", json!({"entries": [entry("2"), entry("1"), entry("0")]})),
    ] {
        let bench = with_parts().await;
        close(&bench, marker, &manifest.to_string()).await;
        assert_eq!(read(&bench).await, ["part-2.csv", "part-1.csv", "part-0.csv"]);
        assert_eq!(who(&bench).await, ["c", "a", "b"]);
    }
}

#[tokio::test]
async fn rejected_rows_name_their_part() {
    let bench = with_parts().await;
    part(&bench, "part-3.csv", "email,first_name\ne@example.com,E\nnobody,N\n").await;
    close(&bench, "_SUCCESS", "").await;
    let pages = bench.keys(&keys::rejected(&name(Klaviyo), &bench.run(Klaviyo).await.run));
    let page = segue_platform::Objects::get(&*bench.bucket, &pages[0]).await.unwrap().unwrap().bytes;
    assert_eq!(page, "{\"part\":4,\"row\":2,\"reason\":\"not_an_address\"}\n");
}

#[tokio::test]
async fn the_marker_again_is_the_same_run_and_put_anew_another_one() {
    let bench = with_parts().await;
    let event = close(&bench, "_SUCCESS", "").await;
    bench.handle(&event).await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 1);
    close(&bench, "_SUCCESS", "").await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 2);
}

#[tokio::test]
async fn a_late_part_starts_no_run_and_is_read_by_the_next_one() {
    let bench = with_parts().await;
    close(&bench, "_SUCCESS", "").await;
    part(&bench, "part-9.csv", &csv(&["late"])).await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 1);
    assert!(!who(&bench).await.contains(&"late".to_owned()));
    close(&bench, "_SUCCESS", "").await;
    let runs = bench.runs(Klaviyo).await;
    let mut parts = Vec::new();
    for run in &runs {
        parts.push(bench.app.state.run(&name(Klaviyo), run).await.unwrap().unwrap().parts().count());
    }
    parts.sort_unstable();
    assert_eq!(parts, [4, 5]);
}

#[tokio::test]
async fn of_a_marker_and_a_manifest_the_manifest_counts() {
    let bench = with_parts().await;
    close(&bench, "manifest.json", &json!({"parts": ["part-0.csv"]}).to_string()).await;
    part(&bench, "_SUCCESS", "").await;
    assert_eq!(read(&bench).await, ["part-0.csv"]);
}

/// Closes the drop, and expects its run to be refused.
async fn refused(bench: &Bench, marker: &str, content: &str) -> String {
    close(bench, marker, content).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!((summary.status, summary.segments), (Status::Refused, vec!["vip".to_owned()]));
    assert!(bench.queue.take().is_empty() && bench.keys("chunks/").is_empty());
    assert!(bench.app.state.open_runs().await.unwrap().is_empty());
    summary.message
}

#[tokio::test]
async fn a_part_that_the_manifest_names_and_that_is_not_there_refuses_the_run() {
    let bench = with_parts().await;
    let message = refused(&bench, "manifest.json", r#"{"parts": ["part-0.csv", "part-7.csv"]}"#).await;
    assert!(message.contains(&format!("not there: {FOLDER}part-7.csv;")), "{message}");
}

#[tokio::test]
async fn a_manifest_that_is_none_and_a_drop_without_parts_refuse_the_run() {
    let message = refused(&with_parts().await, "manifest.json", "part-0.csv\n").await;
    assert!(message.contains("it is no JSON"), "{message}");
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    let message = refused(&bench, "_SUCCESS", "").await;
    assert!(message.contains("has no parts"), "{message}");
}

#[tokio::test]
async fn only_empty_parts_are_no_rows() {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    for key in ["a", "b"] {
        part(&bench, key, "").await;
    }
    let message = refused(&bench, "_SUCCESS", "").await;
    assert!(message.contains("no rows"), "{message}");
}

#[tokio::test]
async fn what_is_wrong_with_one_part_refuses_the_run_and_names_the_part() {
    let bench = with_parts().await;
    part(&bench, "part-3.csv", "mail,first_name\ne@example.com,E\n").await;
    let message = refused(&bench, "_SUCCESS", "").await;
    assert!(message.contains(&format!("{FOLDER}part-3.csv")) && message.contains("`email`"), "{message}");
}

#[tokio::test]
async fn a_part_that_is_replaced_while_the_run_is_opened_refuses_it() {
    let bench = with_parts().await;
    let event = close(&bench, "_SUCCESS", "").await;
    let run = bench.run(Klaviyo).await.run;
    segue_platform::Objects::delete(&*bench.bucket, &keys::sealed(&name(Klaviyo), &run)).await.unwrap();
    let _ = bench.queue.take();
    part(&bench, "part-0.csv", &csv(&["other"])).await;
    bench.handle(&event).await;
    let summary = bench.summary(Klaviyo).await;
    assert!(summary.message.contains("part-0.csv was replaced"), "{}", summary.message);
    assert!(bench.queue.take().is_empty());
}

#[tokio::test]
async fn a_marker_that_is_taken_away_again_refuses_the_run() {
    let bench = with_parts().await;
    let marker = format!("{FOLDER}_SUCCESS");
    let event = bench.put(&marker, "").await;
    segue_platform::Objects::delete(&*bench.segments, &marker).await.unwrap();
    bench.handle(&event).await;
    assert!(bench.summary(Klaviyo).await.message.contains("was replaced or removed"));
}

#[tokio::test]
async fn a_marker_of_a_segment_that_nobody_wants_is_not_even_looked_into() {
    let bench = Bench::new().await;
    let event = bench.put("segments/nobodys/d/manifest.json", "?").await;
    bench.handle(&event).await;
    assert!(bench.keys("runs/").is_empty());
}

fn on_demand(id: &str) -> Value {
    json!({"request": "run", "exports": [name(Klaviyo), name(Snapchat)], "id": id, "requested_by": "arn:someone",
           "requested_at": "2026-11-22T16:35:12Z", "trigger": "on_demand"})
}

#[tokio::test]
async fn the_latest_drop_is_the_one_that_was_closed_last_be_it_a_file_or_many() {
    let later = || tokio::time::sleep(std::time::Duration::from_millis(5));
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.triggers.upload = false).await;
    bench.put("segments/vip/a.csv", &csv(&["single"])).await;
    later().await;
    let latest = async |id: &str| {
        bench.handle(&on_demand(id)).await;
        let runs = bench.runs(Klaviyo).await;
        let mut newest = None;
        for run in runs {
            let run = bench.app.state.run(&name(Klaviyo), &run).await.unwrap().unwrap();
            if newest.as_ref().is_none_or(|other: &segue_state::Run| other.created_at < run.created_at) {
                newest = Some(run);
            }
        }
        let run = newest.unwrap();
        assert_eq!(run.trigger.kind, TriggerKind::OnDemand);
        run.parts().map(|part| part.key.replace("segments/vip/", "")).collect::<Vec<_>>()
    };
    bench.put("segments/vip/d1/part-0.csv", &csv(&["x"])).await;
    assert_eq!(latest("open").await, ["a.csv"], "it is not closed yet");
    later().await;
    bench.put("segments/vip/d1/_SUCCESS", "").await;
    assert_eq!(latest("closed").await, ["d1/part-0.csv"]);
    later().await;
    bench.put("segments/vip/b.csv", &csv(&["single"])).await;
    assert_eq!(latest("file").await, ["b.csv"]);
    later().await;
    bench.put("segments/vip/d1/part-1.csv", &csv(&["y"])).await;
    assert_eq!(latest("late part").await, ["b.csv"], "a part does not make a drop newer");
    later().await;
    bench.put("segments/vip/d2/p.csv", &csv(&["z"])).await;
    bench.put("segments/vip/d2/q.csv", &csv(&["z"])).await;
    bench.put("segments/vip/d2/manifest.json", r#"{"parts": ["q.csv"]}"#).await;
    later().await;
    bench.put("segments/vip/d2/_SUCCESS", "").await;
    assert_eq!(latest("manifest").await, ["d2/q.csv"]);
}

#[tokio::test]
async fn staged_again_a_run_that_never_could_start_says_the_same() {
    let bench = with_parts().await;
    let message = refused(&bench, "manifest.json", r#"{"parts": ["part-0.csv", "part-7.csv"]}"#).await;
    let run = bench.run(Klaviyo).await;
    // As if it had been cut off between the run's record and its end.
    for key in bench.keys("runs/").into_iter().filter(|key| !key.ends_with("run.json")) {
        bench.bucket.delete(&key).await.unwrap();
    }
    bench.handle(&json!({"request": "restage", "export": name(Klaviyo), "run": run.run})).await;
    assert_eq!(bench.summary(Klaviyo).await.message, message);
}

#[tokio::test]
async fn an_empty_drop_of_one_segment_is_not_hidden_by_that_of_another() {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    bench.export(Klaviyo, |export| export.segments = vec!["vip".into(), "other".into()]).await;
    bench.put("segments/vip/a.csv", &csv(&["a"])).await;
    bench.put("segments/other/b.csv", "").await;
    let request = json!({"request": "run", "exports": [name(Klaviyo)], "id": "r", "requested_by": "arn:someone",
                         "requested_at": "2026-11-22T16:35:12Z", "trigger": "on_demand"});
    bench.handle(&request).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("segments/other/b.csv: the file is empty"), "{}", summary.message);
}
