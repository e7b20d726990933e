//! Removing a connection while others work with it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use segue_platform::memory::{Asked, Before, MemoryBucket, Watched};
use segue_platform::{Objects, StoreError};
use segue_state::{Export, Role, RunId, State, keys};
use serde_json::json;

use super::managing_tests::{Bench, CALLER};
use super::remove::{Args, Removed, remove};
use super::*;
use crate::output::Output;
use crate::prompt::tests::Scripted;

async fn removed(bench: &Bench, prompt: &mut dyn Prompt) -> Result<Removed, Failure> {
    let args = Args { connection: "main".to_owned(), force: !prompt.is_terminal() };
    remove(&bench.state, &args, CALLER, prompt).await
}

/// Somebody who thinks for a while, in which others work.
struct Slow<'a, F: FnMut()>(&'a mut F);

impl<F: FnMut()> Prompt for Slow<'_, F> {
    fn is_terminal(&self) -> bool {
        true
    }

    fn say(&mut self, _: &str) {}

    fn text(&mut self, question: &str, _: Option<&str>) -> Result<String, Failure> {
        Err(Failure::new(question))
    }

    fn choose(&mut self, question: &str, _: &[&str], _: usize) -> Result<usize, Failure> {
        Err(Failure::new(question))
    }

    fn confirm(&mut self, _: &str) -> Result<bool, Failure> {
        (self.0)();
        Ok(true)
    }

    fn secret(&mut self, question: &str) -> Result<secrecy::SecretString, Failure> {
        Err(Failure::new(question))
    }
}

#[tokio::test]
async fn what_came_to_use_it_while_it_was_asked_is_detached_and_cancelled_too() {
    let bench = Bench::with(&[], json!({})).await;
    let mut late = None;
    let mut meanwhile = || {
        let work = async {
            let export = bench.export("late", Role::Contributors).await;
            late = Some(bench.run(&export).await);
        };
        work.now_or_never().unwrap();
    };
    let removed = removed(&bench, &mut Slow(&mut meanwhile)).await.unwrap();
    assert_eq!(removed.detached[0].export, "late");
    let (_, export) = bench.state.export("late").await.unwrap().unwrap();
    assert!(export.is_detached());
    let run = late.unwrap();
    assert_eq!(removed.cancelled[0].run, run);
    assert!(bench.state.cancel("late", &run).await.unwrap().is_some());
}

#[tokio::test]
async fn what_somebody_changed_while_it_was_asked_is_not_removed() {
    let bench = Bench::with(&[], json!({})).await;
    let mut meanwhile = || {
        bench.put("main", json!({"display_name": "Theirs"})).now_or_never().unwrap();
    };
    let failure = removed(&bench, &mut Slow(&mut meanwhile)).await.unwrap_err();
    assert!(failure.to_string().contains("changed by somebody else just now"), "{failure}");
    assert_eq!(bench.connection().await.display_name, "Theirs");
}

#[tokio::test]
async fn what_stays_is_the_same_however_its_exports_left_it() {
    let bench = Bench::with(&[("StateBucket", "state")], json!({})).await;
    let detached = bench.export("detached", Role::Administrators).await;
    let moved = bench.export("moved", Role::Administrators).await;
    let gone = bench.export("gone", Role::Contributors).await;
    let objects = bench.state.objects();
    let mut runs = Vec::new();
    for export in [&detached, &moved, &gone] {
        let run = bench.run(export).await;
        objects.put(&keys::chunk(&export.id, &run, "a", 0), "x".into()).await.unwrap();
        runs.push(run);
    }
    objects
        .put(&keys::chunk("moved", &RunId::of(jiff::Timestamp::now(), &["new"]), "a", 0), "x".into())
        .await
        .unwrap();
    let put = async |export: &Export, connection: &str| {
        let changed =
            Export { connection: connection.to_owned(), audience_id: "New".into(), ..export.clone() };
        bench.state.put(&keys::export(Role::Administrators, &export.id), &changed).await.unwrap();
    };
    put(&detached, "").await;
    put(&moved, "other").await;
    objects.delete(&keys::export(Role::Contributors, "gone")).await.unwrap();

    let removed = removed(&bench, &mut Scripted::default()).await.unwrap();
    assert_eq!((removed.detached.len(), removed.chunks), (0, 3));
    let mut out = Vec::new();
    removed.print(&bench.stack, &mut Screen::new(Output::Text, &mut out)).unwrap();
    let said =
        runs.iter().fold(String::from_utf8(out).unwrap(), |said, run| said.replace(&run.to_string(), "RUN"));
    let said = said.split_once("what stays").unwrap().1;
    insta::assert_snapshot!(said, @r"
    , and how to be rid of it:
    - the credentials, in the secret `segue/x/main`: aws secretsmanager delete-secret --secret-id segue/x/main; revoke them at Klaviyo as well
    - 3 staged chunks with profiles, encrypted, gone within 7 days by itself; at once:
        aws s3 rm --recursive s3://state/chunks/detached/
        aws s3 rm --recursive s3://state/chunks/gone/
        aws s3 rm --recursive s3://state/chunks/moved/RUN/
    - the people whom detached sent to Klaviyo, in its audience XyZ12: remove them there
    - the people whom gone sent to Klaviyo, in its audience XyZ12: remove them there
    - the people whom moved sent to Klaviyo, in its audience XyZ12: remove them there
    - the history of runs, which holds no personal data
    ");
}

/// Somebody saves the connection again just before it would be deleted.
struct Meddling(Arc<MemoryBucket>);

#[async_trait]
impl Before for Meddling {
    async fn before(&self, asked: Asked, key: &str) -> Result<(), StoreError> {
        if asked == Asked::DeleteAs {
            let found = self.0.get(key).await?.unwrap();
            self.0.put(key, found.bytes).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_is_written_in_the_last_moment_stays() {
    let mut bench = Bench::with(&[], json!({})).await;
    bench.state = State::new(Arc::new(Watched::new(bench.bucket.clone(), Meddling(bench.bucket.clone()))));
    insta::assert_snapshot!(removed(&bench, &mut Scripted::default()).await.unwrap_err().to_string(), @r"
    error: the connection `main` was changed by somebody else just now
    hint: its exports are detached and their runs cancelled; look with `segue connection show main`, and run this again
    ");
    assert!(!bench.connection().await.enabled, "nothing is sent over it until somebody enables it");
}

#[tokio::test]
async fn exports_and_runs_that_can_not_be_read_are_named() {
    let bench = Bench::with(&[], json!({})).await;
    let export = bench.export("ours", Role::Administrators).await;
    let run = bench.run(&export).await;
    let objects = bench.state.objects();
    objects.put(&keys::export(Role::Administrators, "broken"), "{".into()).await.unwrap();
    objects.put(&keys::run("ours", &run), "[]".into()).await.unwrap();
    let args = Args { connection: "main".to_owned(), force: false };
    let asked = remove(&bench.state, &args, CALLER, &mut Scripted::default()).await.unwrap_err().to_string();
    assert!(asked.contains("administrators/broken.json"), "{asked}");
    let removed = removed(&bench, &mut Scripted::default()).await.unwrap();
    let mut out = Vec::new();
    removed.print(&bench.stack, &mut Screen::new(Output::Text, &mut out)).unwrap();
    let said = String::from_utf8(out).unwrap().replace(&run.to_string(), "RUN");
    let said: Vec<&str> = said.lines().filter(|line| line.contains("could not be read")).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    an export could not be read: config/exports/administrators/broken.json is malformed: EOF while parsing an object at line 1 column 1; if it used `main`, nothing more of it is sent: mend or delete that document
    a run could not be read: runs/ours/RUN/run.json is malformed: it is no JSON object; if it used `main`, nothing more of it is sent: mend or delete that document
    ");
    assert!(bench.state.connection("main").await.unwrap().is_none());
}

#[tokio::test]
async fn one_that_cant_be_read_goes_with_what_uses_it() {
    let bench = Bench::with(&[], json!({})).await;
    let export = bench.export("vip", Role::Administrators).await;
    let run = bench.run(&export).await;
    bench.state.objects().put(&keys::connection("main"), "{".into()).await.unwrap();
    let removed = removed(&bench, &mut Scripted::default()).await.unwrap();
    assert!(removed.connection.is_none());
    assert_eq!((removed.detached.len(), removed.cancelled.len()), (1, 1));
    assert!(bench.state.cancel("vip", &run).await.unwrap().is_some());
    assert!(bench.state.connection("main").await.unwrap().is_none());
    let mut out = Vec::new();
    let stack = crate::stack::Stack::of("two", &[]);
    removed.print(&stack, &mut Screen::new(Output::Text, &mut out)).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains("the secret's name is `two/DESTINATION/main`"), "{said}");
}
