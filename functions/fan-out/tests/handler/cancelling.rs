//! Runs that somebody cancels before anything of them was sent.

use segue_platform::Objects;
use segue_segment::Destination::Klaviyo;
use segue_state::{Cancel, Status, keys};

use crate::bench::{Bench, name};

async fn cancel(bench: &Bench) {
    let run = bench.run(Klaviyo).await;
    let cancel = Cancel {
        by: "arn:ann".into(),
        at: "2026-11-22T16:35:12Z".parse().unwrap(),
        reason: Some("wrong file".into()),
    };
    bench.app.state.create(&keys::cancel(&name(Klaviyo), &run.run), &cancel).await.unwrap();
}

/// A run as it is while its drop is read.
async fn staging() -> Bench {
    let bench = Bench::new().await;
    bench.only(&[Klaviyo]).await;
    bench.drop("email,first_name\na@example.com,A\na@example.com,A\nb@example.com,B\n").await;
    let run = bench.run(Klaviyo).await;
    for key in bench.keys("chunks/").into_iter().chain([keys::sealed(&name(Klaviyo), &run.run)]) {
        bench.app.state.objects().delete(&key).await.unwrap();
    }
    assert_eq!(bench.messages().len(), 1);
    cancel(&bench).await;
    bench
}

#[tokio::test]
async fn one_whose_staging_died_is_not_staged_again() {
    let bench = staging().await;
    let run = bench.run(Klaviyo).await;
    bench.handle(&serde_json::json!({"request": "restage", "export": name(Klaviyo), "run": run.run})).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!((summary.status, summary.counts.read), (Status::Cancelled, 0));
    assert_eq!(summary.message, "cancelled by arn:ann before anything was sent: wrong file");
    assert!(bench.messages().is_empty() && bench.keys("open/").is_empty());
}

#[tokio::test]
async fn one_whose_staging_died_ends_with_the_resumers_next_look() {
    let bench = staging().await;
    let run = bench.run(Klaviyo).await;
    // The people whom it had staged until then.
    let staged = keys::chunk(&name(Klaviyo), &run.run, "died", 0);
    bench.bucket.put(&staged, b"people".to_vec().into()).await.unwrap();
    bench.handle(&serde_json::json!({"request": "resume"})).await;
    assert_eq!(bench.summary(Klaviyo).await.status, Status::Cancelled);
    assert!(bench.keys("open/").is_empty() && bench.invoke.take().is_empty());
    assert_eq!(bench.keys("chunks/"), [""; 0], "nobody needs them, and nobody looks here again");
}

#[tokio::test]
async fn one_that_is_being_read_is_sealed_as_cancelled_and_its_counts_add_up() {
    let bench = staging().await;
    let run = bench.run(Klaviyo).await;
    let deadline = segue_platform::Deadline::after(std::time::Duration::from_mins(10));
    fan_out::staging::stage(&bench.app, &[run], deadline).await.unwrap();
    let summary = bench.summary(Klaviyo).await;
    let counts = summary.counts;
    assert_eq!((summary.status, counts.read, counts.duplicate), (Status::Cancelled, 3, 1));
    assert_eq!((counts.cancelled, counts.pending, summary.chunks), (2, 0, 0));
    assert!(bench.messages().is_empty() && bench.keys("chunks/").is_empty());
}
