//! Documents that can't be read: they are mended by the file that names them, and stand in nobody else's way.

use segue_state::{Connection, Role, keys};

use super::drift::refuse;
use super::tests::{Desk, FILE, outcomes};

async fn desk() -> Desk {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    desk
}

async fn write(desk: &Desk, key: &str, text: &str) {
    desk.state.objects().put(key, text.to_owned().into()).await.unwrap();
}

#[tokio::test]
async fn what_contributors_break_stands_in_nobody_elses_way() {
    let desk = desk().await;
    let large = format!(r#"{{"id": "{}"}}"#, "x".repeat(70_000));
    for (name, text) in [("torn", "{"), ("newer", r#"{"version": 9}"#), ("large", &large)] {
        write(&desk, &keys::export(Role::Contributors, name), text).await;
    }
    insta::assert_snapshot!(desk.says(FILE, true).await);
    let plan = desk.plan_of(FILE, "pk_x", true).await.unwrap();
    desk.saved(plan).await.1.unwrap();
    let kept = desk.bucket.keys();
    let kept = kept.iter().filter(|key| key.starts_with(&keys::exports(Role::Contributors)));
    assert_eq!(kept.count(), 3);
}

#[tokio::test]
async fn what_contributors_put_under_an_administrators_name_goes_and_does_not_make_it_drift() {
    for theirs in ["{", r#"{"version": 9}"#, &"x".repeat(70_000)] {
        let desk = desk().await;
        let key = keys::export(Role::Contributors, "vip");
        write(&desk, &key, theirs).await;
        refuse(&desk.changes(FILE, false).await).unwrap();
        desk.save(FILE, "pk_x", false).await.unwrap();
        // What a newer release wrote is not for this one to remove.
        assert_eq!(desk.bucket.keys().contains(&key), theirs.contains("version"), "{theirs:.20}");
        assert!(desk.state.export("vip").await.unwrap().is_some());
    }
    // The same, if it is an export.
    let desk = desk().await;
    let (_, mut export) = desk.state.export("vip").await.unwrap().unwrap();
    export.display_name = "Theirs".to_owned();
    desk.state.create(&keys::export(Role::Contributors, "vip"), &export).await.unwrap();
    refuse(&desk.changes(FILE, false).await).unwrap();
    desk.save(FILE, "pk_x", false).await.unwrap();
    assert!(!desk.bucket.keys().contains(&keys::export(Role::Contributors, "vip")));
    assert_eq!(desk.state.export("vip").await.unwrap().unwrap().1.display_name, "VIP");
}

#[tokio::test]
async fn a_file_mends_what_it_names() {
    let desk = desk().await;
    let export = keys::export(Role::Administrators, "vip");
    write(&desk, &export, r#"{"id": "vip", "nmae": 1}"#).await;
    write(&desk, &keys::connection("main"), "{").await;
    let without = FILE.replace("    credentials: {env: KEY}\n", "");
    let said = desk.says(&without, false).await;
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("    !")).collect();
    insta::assert_snapshot!(said.join("\n"));
    let drift = refuse(&desk.changes(&without, false).await).unwrap_err().to_string();
    assert!(drift.contains("connection `main`: it was changed by hand"), "{drift}");
    assert!(drift.contains("export `vip`: it was changed by hand"), "{drift}");
    let mended = desk.apply(&without, "", true).await;
    assert_eq!(outcomes(&mended), ["changed", "changed"]);
    let Connection { account, consent, .. } = desk.connection().await;
    assert_eq!(account.unwrap().id, "account-x");
    assert!(consent.is_some());
    assert!(desk.state.export("vip").await.unwrap().is_some());
}

#[tokio::test]
async fn what_somebody_mended_meanwhile_is_not_overwritten() {
    let desk = desk().await;
    let theirs = desk.connection().await;
    write(&desk, &keys::connection("main"), "{").await;
    let plan = desk.plan_of(FILE, "pk_x", false).await.unwrap();
    desk.state.put(&keys::connection("main"), &theirs).await.unwrap();
    let failure = desk.saved(plan).await.1.unwrap_err().to_string();
    assert!(failure.contains("changed by somebody else"), "{failure}");
    assert_eq!(desk.connection().await, theirs);
}

#[tokio::test]
async fn a_connection_that_cant_be_read_is_not_pruned_unseen() {
    let desk = desk().await;
    write(&desk, &keys::connection("torn"), "{").await;
    let refused = desk.plan_of(FILE, "pk_x", true).await.unwrap_err().to_string();
    assert!(refused.contains("config/connections/torn.json"), "{refused}");
    assert!(refused.contains("`segue connection remove torn`"), "{refused}");
}

#[tokio::test]
async fn what_somebody_wrote_does_not_look_like_a_line_of_the_plan() {
    let desk = desk().await;
    let forged = r#"{"id": "x", "a\n+ export forged": 1}"#;
    for name in ["vip", "torn"] {
        write(&desk, &keys::export(Role::Contributors, name), forged).await;
    }
    let said = desk.says(FILE, true).await;
    assert_eq!(said.matches("+ export forged").count(), 4, "{said}");
    assert!(!said.lines().any(|line| line.starts_with('+')), "{said}");
}
