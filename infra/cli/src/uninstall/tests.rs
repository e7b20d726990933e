//! Taking a stack away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use segue_state::Role;

use super::*;
use crate::export::standing::Own;
use crate::export::timing::Timing;
use crate::output::Output;
use crate::prompt::tests::Scripted;
use crate::run::tests::{configured, sealed};

/// What was done, in order.
struct Said {
    done: Mutex<Vec<String>>,
    /// Who has the stack's policies.
    holders: Result<Vec<Holder>, Failure>,
    /// Whether CloudFormation keeps the stack.
    stays: bool,
}

impl Default for Said {
    fn default() -> Self {
        Self { done: Mutex::default(), holders: Ok(Vec::new()), stays: false }
    }
}

impl Said {
    fn note(&self, what: &str) {
        self.done.lock().unwrap().push(what.to_owned());
    }
}

struct Fake<'a> {
    said: &'a Said,
    state: &'a State,
}

#[async_trait]
impl Deployed for Fake<'_> {
    async fn holders(&self) -> Result<Vec<Holder>, Failure> {
        self.said.holders.clone()
    }

    async fn secrets(&self) -> Result<Vec<String>, Failure> {
        Ok(vec!["segue/klaviyo/c".to_owned()])
    }

    fn bucket(&self) -> &'static str {
        "state"
    }

    async fn delete_secret(&self, name: &str) -> Result<(), Failure> {
        self.said.note(&format!("secret {name}"));
        Ok(())
    }

    async fn delete_stack(&self) -> Result<(), Failure> {
        if self.said.stays {
            return Err(Failure::new("the stack could not be deleted"));
        }
        // A function that wrote in the last moment.
        self.state.objects().put("lanes/klaviyo/acct.json", "{}".into()).await?;
        self.said.note("stack");
        Ok(())
    }

    async fn delete_bucket(&self) -> Result<(), Failure> {
        assert!(self.state.objects().list("").await?.is_empty(), "only an empty bucket can be deleted");
        self.said.note("bucket");
        Ok(())
    }
}

#[async_trait]
impl Schedules for Fake<'_> {
    async fn get(&self, _export: &str) -> Result<Option<Own>, Failure> {
        Ok(None)
    }

    async fn all(&self) -> Result<BTreeMap<String, Own>, Failure> {
        Ok(BTreeMap::new())
    }

    async fn every_name(&self) -> Result<BTreeSet<String>, Failure> {
        Ok(BTreeSet::from(["old".to_owned()]))
    }

    async fn put(&self, _role: Role, _export: &str, _timing: &Timing) -> Result<(), Failure> {
        Ok(())
    }

    async fn remove(&self, export: &str) -> Result<(), Failure> {
        self.said.note(&format!("schedule {export}"));
        Ok(())
    }
}

async fn uninstalled(
    state: &State,
    args: &Args,
    prompt: &mut Scripted,
) -> (Result<Uninstalled, Failure>, Vec<String>) {
    taken_away(state, args, prompt, true).await
}

/// Where the stack `stands`, or is deleted already.
async fn taken_away(
    state: &State,
    args: &Args,
    prompt: &mut Scripted,
    stands: bool,
) -> (Result<Uninstalled, Failure>, Vec<String>) {
    let said = Said::default();
    let done = with(&said, state, args, prompt, stands).await;
    (done, said.done.into_inner().unwrap())
}

async fn with(
    said: &Said,
    state: &State,
    args: &Args,
    prompt: &mut Scripted,
    stands: bool,
) -> Result<Uninstalled, Failure> {
    let fake = Fake { said, state };
    let work = Work {
        name: "segue",
        segment_bucket: Some("drops"),
        state,
        schedules: if stands { Some(&fake) } else { None },
        deployed: &fake,
        by: "arn:ann".to_owned(),
    };
    let mut bytes = Vec::new();
    work.all(args, prompt, &mut Screen::new(Output::Text, &mut bytes)).await
}

fn args(force: bool, secrets: Option<Secrets>) -> Args {
    Args { force, secrets, timeout: 0 }
}

#[tokio::test]
async fn nothing_is_left_and_what_runs_is_cut_off_in_order() {
    let state = configured().await;
    sealed(&state, "20261122T163512Z-a").await;
    let (done, said) =
        uninstalled(&state, &args(true, Some(Secrets::Delete)), &mut Scripted::default()).await;
    let done = done.unwrap();
    assert_eq!(said, ["schedule old", "stack", "secret segue/klaviyo/c", "bucket"]);
    assert_eq!((done.runs_cancelled, done.runs_cut_off), (1, 1));
    assert_eq!((done.secrets_deleted.len(), done.secrets_kept.len()), (1, 0));
    assert_eq!(done.segment_bucket_kept.as_deref(), Some("drops"));
}

#[tokio::test]
async fn scripts_have_to_say_yes_and_secrets_stay_unless_they_say_so() {
    let state = configured().await;
    let (refused, said) = uninstalled(&state, &args(false, None), &mut Scripted::default()).await;
    assert_eq!(refused.unwrap_err().status(), 2);
    assert!(said.is_empty() && !state.objects().list("").await.unwrap().is_empty());
    let (done, said) = uninstalled(&state, &args(true, None), &mut Scripted::default()).await;
    assert_eq!(done.unwrap().secrets_kept, ["segue/klaviyo/c"]);
    assert_eq!(said, ["schedule old", "stack", "bucket"]);
}

#[tokio::test]
async fn people_type_the_stacks_name_and_are_asked_about_secrets() {
    let state = configured().await;
    let mut wrong = Scripted::answering(&["other"]);
    let (refused, said) = uninstalled(&state, &args(false, None), &mut wrong).await;
    assert!(refused.unwrap_err().to_string().contains("nothing was changed") && said.is_empty());
    let mut right = Scripted::answering(&["segue", "yes"]);
    let (done, _) = uninstalled(&state, &args(false, None), &mut right).await;
    assert_eq!(done.unwrap().secrets_deleted, ["segue/klaviyo/c"]);
    assert!(right.is_done());
}

#[tokio::test]
async fn what_broke_off_when_the_bucket_was_left_goes_on_with_that() {
    let state = configured().await;
    sealed(&state, "20261122T163512Z-a").await;
    let (refused, said) = taken_away(&state, &args(false, None), &mut Scripted::default(), false).await;
    assert_eq!((refused.unwrap_err().status(), said.len()), (2, 0));
    let mut person = Scripted::answering(&["segue", "no"]);
    let (done, said) = taken_away(&state, &args(false, None), &mut person, false).await;
    assert_eq!(done.unwrap().runs_cancelled, 1, "somebody may have started it since");
    assert_eq!(said, ["stack", "bucket"], "no schedule is looked for, and no run waited for");
    assert!(
        person.heard[0].contains("This deletes its state bucket state, which is left"),
        "{:?}",
        person.heard
    );
}

#[tokio::test]
async fn a_stack_that_stays_keeps_its_secrets_and_its_configuration() {
    let state = configured().await;
    let run = sealed(&state, "20261122T163512Z-a").await;
    let said = Said { stays: true, ..Said::default() };
    let all = args(true, Some(Secrets::Delete));
    with(&said, &state, &all, &mut Scripted::default(), true).await.unwrap_err();
    assert_eq!(*said.done.lock().unwrap(), ["schedule old"]);
    let (_, export) = state.export("e").await.unwrap().unwrap();
    assert!(!export.enabled && state.connection("c").await.unwrap().is_some());
    assert!(
        state.run("e", &run.run).await.unwrap().is_some()
            && state.cancel("e", &run.run).await.unwrap().is_some()
    );
}

#[tokio::test]
async fn while_somebody_has_a_policy_of_the_stack_nothing_is_begun() {
    let state = configured().await;
    let policy = "arn:aws:iam::1:policy/p".to_owned();
    let ann = Holder { kind: "user", name: "ann".to_owned(), policy };
    let said = Said { holders: Ok(vec![ann]), ..Said::default() };
    let refused = with(&said, &state, &args(true, None), &mut Scripted::default(), true).await.unwrap_err();
    assert!(refused.to_string().contains("`ann`"), "{refused}");
    assert!(said.done.lock().unwrap().is_empty() && state.export("e").await.unwrap().unwrap().1.enabled);

    let said = Said { holders: Err(Failure::new("asking failed: AccessDenied")), ..Said::default() };
    let mut nobody = Scripted::default();
    with(&said, &state, &args(true, None), &mut nobody, true).await.unwrap();
    assert!(nobody.heard[0].starts_with("warning: asking failed: AccessDenied"), "{:?}", nobody.heard);
}

#[tokio::test]
async fn what_contributors_write_does_not_keep_the_stack() {
    let state = configured().await;
    let odd = keys::export(Role::Contributors, "odd");
    state.objects().put(&odd, r#"{"version": 99}"#.into()).await.unwrap();
    let (done, said) = taken_away(&state, &args(true, None), &mut Scripted::default(), true).await;
    done.unwrap();
    assert_eq!(said, ["schedule old", "stack", "bucket"]);
}
