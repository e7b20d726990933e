//! Removing what a file does not name: never by an oversight.

use segue_state::{Connection, Export, Open, Role, Run, RunId, keys};

use super::command::agreed_to_remove;
use super::tests::{Desk, FILE};
use crate::prompt::tests::Scripted;

/// With the connections `main` and `gone`, and the exports `vip` and `old`.
async fn desk() -> Desk {
    let desk = Desk::new();
    desk.apply(&FILE.replace("id: vip", "id: old").replace("main", "gone"), "pk_x", true).await;
    desk.apply(FILE, "pk_x", true).await;
    desk
}

#[tokio::test]
async fn a_section_that_was_forgotten_removes_nothing() {
    let desk = desk().await;
    let (connections, exports) = FILE.split_once("exports:").unwrap();
    let exports = format!("exports:{exports}");
    let mut said = Vec::new();
    for text in [connections, exports.as_str(), &format!("connections:\n{exports}"), "{}"] {
        said.push(desk.plan_of(text, "pk_x", true).await.unwrap_err().to_string());
        desk.plan_of(text, "pk_x", false).await.unwrap();
    }
    insta::assert_snapshot!(said.concat(), @r"
    error: segue.yaml: it has no section `exports`, and --prune would remove all exports that the stack has; if that is meant, write `exports: []`
    hint: nothing was saved
    error: segue.yaml: it has no section `connections`, and --prune would remove all connections that the stack has; if that is meant, write `connections: []`
    hint: nothing was saved
    error: segue.yaml: it has no section `connections`, and --prune would remove all connections that the stack has; if that is meant, write `connections: []`
    hint: nothing was saved
    error: segue.yaml: it has no section `connections`, and --prune would remove all connections that the stack has; if that is meant, write `connections: []`
    error: segue.yaml: it has no section `exports`, and --prune would remove all exports that the stack has; if that is meant, write `exports: []`
    hint: nothing was saved
    ");
    let meant = desk.plan_of("connections: []\nexports: []", "pk_x", true).await.unwrap();
    assert_eq!(meant.surplus().unwrap(), "the exports `old`, `vip` and the connections `gone`, `main`");
}

#[tokio::test]
async fn contributors_remove_what_is_theirs() {
    let desk = desk().await;
    let theirs =
        FILE.split_once("exports:").unwrap().1.replace("id: vip", "id: theirs\n    role: contributors");
    let others = theirs.replace("id: theirs", "id: others");
    desk.apply(&format!("exports:{theirs}{}", others.trim_start_matches('\n')), "pk_x", false).await;
    desk.state.objects().put(&keys::export(Role::Administrators, "bad"), "{".into()).await.unwrap();
    let plan = desk.pruned_by_contributors(&format!("exports:{theirs}")).await.unwrap();
    assert_eq!(plan.surplus().unwrap(), "the export `others`");
    let forgotten = desk.pruned_by_contributors("{}").await.unwrap_err().to_string();
    assert!(forgotten.contains("no section `exports`") && !forgotten.contains("connections"), "{forgotten}");
}

#[tokio::test]
async fn it_is_asked_before_anything_is_removed() {
    let desk = desk().await;
    let plan = desk.plan_of(FILE, "pk_x", true).await.unwrap();
    let nobody = agreed_to_remove(&plan, false, &mut Scripted::default()).unwrap_err();
    assert_eq!(nobody.status(), 2);
    insta::assert_snapshot!(nobody.to_string(), @r"
    error: --prune removes the export `old` and the connection `gone`: that needs a yes
    hint: there is no terminal to ask on: say --force; nothing was saved
    ");
    let mut no = Scripted::answering(&["no"]);
    let refused = agreed_to_remove(&plan, false, &mut no).unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.status()), ("error: nothing was saved\n", 1));
    assert!(no.heard[0].contains("the export `old` and the connection `gone`"), "{:?}", no.heard);
    agreed_to_remove(&plan, false, &mut Scripted::answering(&["yes"])).unwrap();
    agreed_to_remove(&plan, true, &mut Scripted::default()).unwrap();
    // There is nothing to ask where nothing goes.
    let plan = desk.plan_of(FILE, "pk_x", false).await.unwrap();
    agreed_to_remove(&plan, false, &mut Scripted::default()).unwrap();
}

#[tokio::test]
async fn what_somebody_changed_since_it_was_shown_is_not_removed() {
    let desk = desk().await;
    let plan = desk.plan_of(FILE, "pk_x", true).await.unwrap();
    let (_, export) = desk.state.export("old").await.unwrap().unwrap();
    let theirs = Export { display_name: "Theirs".into(), ..export };
    desk.state.put(&keys::export(Role::Administrators, "old"), &theirs).await.unwrap();
    let failure = desk.saved(plan).await.1.unwrap_err();
    assert!(failure.to_string().contains("`old` was changed by somebody else"), "{failure}");
    assert_eq!(desk.state.export("old").await.unwrap().unwrap().1, theirs);

    let plan = desk.plan_of(FILE, "pk_x", true).await.unwrap();
    let theirs = Connection { enabled: false, ..desk.state.connection("gone").await.unwrap().unwrap() };
    desk.state.put(&keys::connection("gone"), &theirs).await.unwrap();
    let failure = desk.saved(plan).await.1.unwrap_err();
    assert!(failure.to_string().contains("`gone` was changed by somebody else"), "{failure}");
    assert_eq!(desk.state.connection("gone").await.unwrap().unwrap(), theirs);
}

#[tokio::test]
async fn a_pruned_connection_ends_as_one_that_is_removed_by_hand() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let gone = FILE.replace("id: vip", "id: old").replace("main", "gone");
    desk.apply(&gone, "pk_x", true).await;
    // A run that began over it, of an export that is over another connection by now.
    let run = RunId::parse("20261122T163512Z-a").unwrap();
    let (_, export) = desk.state.export("old").await.unwrap().unwrap();
    let begun = Run { run: run.clone(), export, ..crate::run::tests::a_run("20261122T163512Z-a") };
    desk.state.create(&keys::open("vip", &run), &Open::new(begun.created_at)).await.unwrap();
    desk.state.create(&keys::run("vip", &run), &begun).await.unwrap();
    let plan = desk.plan_of(FILE, "pk_x", true).await.unwrap();
    let shown = desk.says(FILE, true).await;
    assert!(shown.contains("runs under way: vip 20261122T163512Z-a -> cancelled"), "{shown}");
    let (report, done) = desk.saved(plan).await;
    done.unwrap();
    let removed = report.removed[1].connection.as_ref().unwrap();
    assert_eq!((removed.cancelled.len(), removed.id.as_str()), (1, "gone"));
    let cancel = desk.state.cancel("vip", &run).await.unwrap().unwrap();
    assert_eq!(cancel.reason.as_deref(), Some("the connection `gone` was removed"));
}
