//! Whose account a connection leads to: never another one unseen.

use segue_state::{Connection, keys};

use super::changes::{Change, changes};
use super::drift::refuse;
use super::tests::{Desk, FILE, Somebody};
use crate::connection::keeping;

async fn desk() -> Desk {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    desk
}

async fn with_key(desk: &Desk, text: &str, key: &str) -> Vec<Change> {
    let plan = desk.plan(text, key).await.unwrap();
    changes(&plan, &Somebody, &desk.secrets, false).await.unwrap()
}

/// What `segue connection connect` does.
async fn by_hand(desk: &Desk, key: &str, account: &str) {
    let before = desk.connection().await;
    let account = segue_state::config::Account { id: account.into(), name: None };
    let after = Connection { account: Some(account), ..before };
    desk.state.put(&keys::connection("main"), &after).await.unwrap();
    let credentials = serde_json::json!({"private_key": key}).to_string().into();
    keeping::store(&desk.state, &*desk.secrets, &after, &credentials).await.unwrap();
}

#[tokio::test]
async fn another_account_is_shown_and_needs_a_yes() {
    let desk = desk().await;
    let found = with_key(&desk, FILE, "pk_y").await;
    let found: Vec<String> =
        found[0].fields.iter().map(|it| format!("{}: {} -> {}", it.field, it.before, it.after)).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    credentials: "the secret segue/klaviyo/main" -> "those that were handed in"
    account: "account-x" -> "account-y"
    "#);
    let plan = desk.plan(FILE, "pk_y").await.unwrap();
    let refused = desk.saved(plan).await.1.unwrap_err();
    insta::assert_snapshot!(refused.to_string(), @r"
    error: connection `main`: these credentials belong to account-y, and the connection was made for account-x
    hint: nothing was saved; if that is meant, say so with --other-account: runs under way are stopped then, and its exports need other audience ids
    ");
    assert_eq!(desk.connection().await.account.unwrap().id, "account-x");
    desk.save(FILE, "pk_y", false).await.unwrap();
    assert_eq!(desk.connection().await.account.unwrap().id, "account-y");
}

#[tokio::test]
async fn another_secret_may_be_another_account_too() {
    let desk = desk().await;
    let stored = r#"{"private_key":"pk_z"}"#.to_owned().into();
    desk.secrets.store("segue/klaviyo/other", &stored).await.unwrap();
    let text = FILE.replace("{env: KEY}", "{secret: segue/klaviyo/other}");
    let found = with_key(&desk, &text, "pk_x").await;
    assert!(found[0].fields.iter().any(|field| field.field == "account" && field.after == "account-z"));
    let plan = desk.plan(&text, "pk_x").await.unwrap();
    let refused = desk.saved(plan).await.1.unwrap_err().to_string();
    assert!(refused.contains("--other-account"), "{refused}");
}

#[tokio::test]
async fn credentials_that_are_refused_are_told_of_before_anything_is_saved() {
    let desk = desk().await;
    let found = with_key(&desk, FILE, "pk_dead").await;
    let account = found[0].fields.iter().find(|field| field.field == "account").unwrap();
    assert_eq!(account.after, "not known: Klaviyo refused the credentials");
}

#[tokio::test]
async fn at_snapchat_a_plan_uses_no_token_up() {
    let desk = Desk::new();
    let text = FILE.replace("klaviyo", "snapchat");
    let credentials = |token: &str| {
        serde_json::json!({"client_id": "a", "client_secret": "b", "refresh_token": token, "private_key": "pk_x"})
            .to_string()
    };
    let plan = desk.plan_with(&text, &credentials("one")).await.unwrap();
    desk.saved(plan).await.1.unwrap();
    let plan = desk.plan_with(&text, &credentials("two")).await.unwrap();
    let found = changes(&plan, &Somebody, &desk.secrets, false).await.unwrap();
    let account = found[0].fields.iter().find(|field| field.field == "account").unwrap();
    assert_eq!(account.after, "asked when this is applied");
}

#[tokio::test]
async fn who_signed_in_by_hand_is_not_overwritten_when_asked_not_to() {
    let desk = desk().await;
    refuse(&with_key(&desk, FILE, "pk_x").await).unwrap();
    // The same account, by a new key: the file would bring the old key back.
    by_hand(&desk, "pk_new", "account-x").await;
    let refused = refuse(&with_key(&desk, FILE, "pk_x").await).unwrap_err().to_string();
    assert!(refused.contains("its credentials were changed by hand since arn:op applied it"), "{refused}");
    by_hand(&desk, "pk_z", "account-z").await;
    let refused = refuse(&with_key(&desk, FILE, "pk_x").await).unwrap_err().to_string();
    assert!(refused.contains("it was led to another account by hand since arn:op"), "{refused}");
    // A file that names no credentials leads nowhere else.
    let without = FILE.replace("    credentials: {env: KEY}\n", "");
    refuse(&with_key(&desk, &without, "").await).unwrap();
    // Once the file has won, nothing drifts any more.
    desk.save(FILE, "pk_x", false).await.unwrap();
    refuse(&with_key(&desk, FILE, "pk_x").await).unwrap();
    refuse(&with_key(&desk, FILE, "pk_y").await).unwrap();
}

#[tokio::test]
async fn what_was_saved_before_it_failed_is_told_and_does_not_drift() {
    let desk = desk().await;
    let text = FILE.replace("Main", "Renamed")
        + "  - {id: two, display_name: Two, connection: main, audience_id: a, segments: [vip], fields: {email: email}}\n";
    let plan = desk.plan(&text, "pk_x").await.unwrap();
    let theirs = desk.state.export("vip").await.unwrap().unwrap().1;
    let key = keys::export(segue_state::Role::Administrators, "two");
    desk.state.create(&key, &segue_state::Export { id: "two".into(), ..theirs }).await.unwrap();
    let (report, done) = desk.saved(plan).await;
    assert!(done.unwrap_err().to_string().contains("two.json was changed by somebody else"));
    assert_eq!((report.connections.len(), report.exports.len()), (1, 1));
    // Another file that comes after that finds what this one saved, not what nobody applied.
    let next = FILE.replace("Main", "Again");
    refuse(&with_key(&desk, &next, "pk_x").await).unwrap();
}
