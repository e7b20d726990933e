//! Commands about several exports, one of which fails.

use serde_json::{Value, json};

use super::schedules::Schedules;
use super::tests::World;
use crate::output::Output;
use crate::prompt::tests::Scripted;

/// Two exports with schedules; the scheduler fails for the first one.
async fn half_working() -> World {
    let world = World::with_export().await;
    world.run(&["duplicate", "vip", "copy"]).await.unwrap();
    world.run(&["schedule", "set", "vip", "copy", "--rate", "1 day"]).await.unwrap();
    world.schedules.fail_for(Some("vip"));
    world
}

/// What scripts are told, and how it fails.
async fn told(world: &World, words: &[&str]) -> (Value, String) {
    let (said, outcome) = world.told(words, &mut Scripted::default(), Output::Json).await;
    (serde_json::from_str(&said).unwrap(), outcome.unwrap_err().to_string())
}

#[tokio::test]
async fn what_a_removal_leaves_is_taken_away_by_doing_it_again() {
    let world = half_working().await;
    let (said, failed) = told(&world, &["remove", "vip", "copy", "--force"]).await;
    insta::assert_snapshot!(failed, @r"
    error: the export `vip` is removed, but not its schedule: the schedule of `vip` can't be had
    hint: the schedule starts nothing without its export; take it away with: segue export remove vip
    ");
    assert_eq!(said[1], json!({"export": "copy", "cancelled": []}));
    assert!(said[0]["error"].as_str().unwrap().contains("is removed, but not its schedule"), "{said}");
    // The export went first: a schedule without it starts nothing, an export without its schedule would run on.
    assert!(world.export("vip").await.is_none() && world.export("copy").await.is_none());
    assert!(world.schedules.get("vip").await.unwrap().is_some());

    world.schedules.fail_for(None);
    let again = world.run(&["remove", "vip", "--force"]).await.unwrap();
    assert!(again.starts_with("removed the schedule of the export `vip`, which was gone already"), "{again}");
    assert!(world.schedules.all().await.unwrap().is_empty());
    assert!(world.run(&["remove", "vip", "--force"]).await.is_err());
}

#[tokio::test]
async fn a_schedule_that_fails_does_not_keep_the_others_waiting() {
    let world = half_working().await;
    let (said, failed) = told(&world, &["schedule", "set", "vip", "copy", "--rate", "2 days"]).await;
    assert_eq!(failed, "error: the schedule of `vip` can't be had\n");
    assert_eq!(said[0], json!({"export": "vip", "error": "the schedule of `vip` can't be had"}));
    assert_eq!(said[1], json!({"export": "copy", "schedule": {"rate": "2 days"}}));
    let (said, _) = told(&world, &["schedule", "remove", "vip", "copy"]).await;
    assert_eq!((said[0]["export"].as_str(), said[1]["schedule"].is_null()), (Some("vip"), true));
    assert!(world.schedules.get("copy").await.unwrap().is_none());
}

#[tokio::test]
async fn what_can_not_be_read_can_be_removed() {
    let world = World::with_export().await;
    let key = segue_state::keys::export(segue_state::Role::Administrators, "vip");
    world.state.objects().put(&key, "no document".into()).await.unwrap();
    let said = world.run(&["remove", "vip", "--force"]).await.unwrap();
    assert!(said.starts_with(&format!("removed {key}, which could not be read")), "{said}");
    assert!(world.export("vip").await.is_none());
}
