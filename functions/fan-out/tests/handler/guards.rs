//! Guards that an export sets: how many profiles at least, how much they may change, which columns there must be.

use segue_platform::Objects;
use segue_segment::Destination::Klaviyo;
use segue_state::finish::look;
use segue_state::{Export, RunId, Status, Summary, keys};
use serde_json::json;

use crate::bench::{Bench, name};

/// One export, with these limits.
async fn with_limits(change: impl FnOnce(&mut Export)) -> Bench {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    bench.export(Klaviyo, change).await;
    bench
}

fn file(profiles: usize) -> String {
    let rows = (0..profiles).map(|number| format!("p{number}@example.com,P\n"));
    format!("email,first_name\n{}", rows.collect::<String>())
}

/// Drops a file in this minute; how its run stands then.
async fn drop_at(bench: &Bench, minute: u8, content: &str) -> Summary {
    let known = bench.runs(Klaviyo).await;
    let mut event = bench.put("segments/vip/a.csv", content).await;
    event["time"] = json!(format!("2026-11-22T16:{minute:02}:00Z"));
    bench.handle(&event).await;
    let run = bench.runs(Klaviyo).await.into_iter().find(|run| !known.contains(run)).unwrap();
    look(&bench.app.state, &name(Klaviyo), &run).await.unwrap().unwrap()
}

/// As if everything of this run had been delivered.
async fn complete(bench: &Bench, summary: Summary) -> RunId {
    let key = keys::summary(&name(Klaviyo), &summary.run);
    let done = Summary { status: Status::Completed, ..summary };
    bench.app.state.put(&key, &done).await.unwrap();
    done.run
}

#[tokio::test]
async fn fewer_profiles_than_wanted_refuse_the_run() {
    let bench = with_limits(|export| export.limits.min_profiles = Some(3)).await;
    let twice = format!("{}p0@example.com,Again\nnobody,N\n", file(4));
    assert_eq!(drop_at(&bench, 1, &twice).await.status, Status::Delivering);
    let _ = bench.queue.take();
    // Three rows with an address, but only two people.
    let summary = drop_at(&bench, 2, &format!("{}p0@example.com,Again\n", file(2))).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("have 2 profiles") && summary.message.contains("wants 3 at least"));
    assert!(bench.queue.take().is_empty());
}

#[tokio::test]
async fn many_more_or_fewer_than_the_last_time_are_sent_with_a_warning() {
    let bench = with_limits(|_| {}).await;
    let first = drop_at(&bench, 1, &file(10)).await;
    assert!(first.warnings.is_empty(), "there is nothing to compare with");
    let first = complete(&bench, first).await;
    assert!(drop_at(&bench, 2, &file(15)).await.warnings.is_empty());
    let summary = drop_at(&bench, 3, &file(4)).await;
    assert_eq!(summary.status, Status::Delivering);
    assert_eq!(
        summary.warnings,
        [format!("the drops have 4 profiles, 60.0 % fewer than the 10 of the run {first}")]
    );
}

#[tokio::test]
async fn a_change_that_the_export_does_not_allow_refuses_the_run() {
    let bench = with_limits(|export| export.limits.change_share = Some(0.3)).await;
    let first = drop_at(&bench, 1, &file(10)).await;
    complete(&bench, first).await;
    let _ = bench.queue.take();
    let summary = drop_at(&bench, 2, &file(14)).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Refused, 14));
    assert!(summary.message.contains("40.0 % more than the 10"), "{}", summary.message);
    assert!(bench.queue.take().is_empty() && bench.keys("chunks/").len() == 1);
}

#[tokio::test]
async fn it_is_compared_with_completed_runs_over_the_same_segments_only() {
    let bench = with_limits(|export| export.segments.push("other".to_owned())).await;
    let before = drop_at(&bench, 1, &file(10)).await;
    complete(&bench, before).await;
    drop_at(&bench, 2, &file(100)).await;
    let mut event = bench.put("segments/other/a.csv", &file(100)).await;
    event["time"] = json!("2026-11-22T16:03:00Z");
    bench.handle(&event).await;
    let other = bench.runs(Klaviyo).await.pop().unwrap();
    let other = look(&bench.app.state, &name(Klaviyo), &other).await.unwrap().unwrap();
    assert!(other.warnings.is_empty(), "another segment");
    complete(&bench, other).await;
    assert!(drop_at(&bench, 4, &file(11)).await.warnings.is_empty(), "what is not completed does not count");
    // A record that can't be read does not stop anything either.
    let newest = bench.runs(Klaviyo).await.pop().unwrap();
    bench.bucket.put(&keys::summary(&name(Klaviyo), &newest), "?".into()).await.unwrap();
    assert_eq!(drop_at(&bench, 5, &file(40)).await.warnings.len(), 1);
}

#[tokio::test]
async fn a_column_that_is_expected_and_missing_refuses_the_run() {
    let bench = with_limits(|export| export.limits.columns = vec!["EMAIL".into(), "plan".into()]).await;
    let summary = drop_at(&bench, 1, &file(3)).await;
    assert_eq!(summary.status, Status::Refused);
    assert!(summary.message.contains("no column `plan`"), "{}", summary.message);
    let summary = drop_at(&bench, 2, "Plan,email,first_name\nx,a@example.com,A\n").await;
    assert_eq!(summary.status, Status::Delivering);
}

#[tokio::test]
async fn names_that_are_changed_are_counted_in_the_summary() {
    let bench = with_limits(|_| {}).await;
    let file = format!(
        "email,first_name\na@example.com,{}\nb@example.com,B\u{7}ob\nc@example.com, Cy \n",
        "x".repeat(300)
    );
    let summary = drop_at(&bench, 1, &file).await;
    assert_eq!((summary.attributes_changed.shortened, summary.attributes_changed.cleaned), (1, 1));
    let names: Vec<_> = bench.staged(Klaviyo).await.into_iter().map(|(_, _, name)| name.unwrap()).collect();
    assert_eq!(names, ["x".repeat(255), "Bob".to_owned(), "Cy".to_owned()]);
}

#[tokio::test]
async fn a_change_that_can_not_be_told_is_warned_of_where_it_would_refuse() {
    let bench = with_limits(|export| export.limits.change_share = Some(0.1)).await;
    assert!(drop_at(&bench, 1, &file(10)).await.warnings.is_empty(), "it is the first run");
    let second = drop_at(&bench, 2, &file(10)).await;
    assert_eq!(second.status, Status::Delivering);
    assert!(second.warnings[0].contains("none of the 1 runs before completed"), "{:?}", second.warnings);
}

#[tokio::test]
async fn an_expected_column_may_hold_anything() {
    let bench = with_limits(|export| {
        export.fields.email = "by.email".into();
        export.fields.first_name = None;
        export.limits.columns = ["since", "emails", "owed", "bytes", "by"].map(str::to_owned).to_vec();
    })
    .await;
    let dressed = include_bytes!("../../../../shared/source/tests/files/parquet/unfit.parquet");
    bench.drop_bytes(dressed).await;
    let message = bench.summary(Klaviyo).await.message;
    assert!(message.starts_with("1 of 2 rows (50.0 %) are invalid"), "it was read: {message}");
    let objects =
        br#"{"by": {"email": "a@example.com"}, "since": {"year": 1}, "emails": [1], "owed": 1, "bytes": 0}"#;
    assert_eq!(drop_at(&bench, 2, std::str::from_utf8(objects).unwrap()).await.status, Status::Delivering);
}
