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
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Said {
    fn note(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }
}

struct Fake<'a> {
    said: &'a Said,
    state: &'a State,
}

#[async_trait]
impl Deployed for Fake<'_> {
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
        assert!(self.state.objects().list("").await?.is_empty(), "the bucket is emptied first");
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
    let fake = Fake { said: &said, state };
    let work = Work {
        name: "segue",
        segment_bucket: Some("drops"),
        state,
        schedules: if stands { Some(&fake) } else { None },
        deployed: &fake,
        by: "arn:ann".to_owned(),
    };
    let mut bytes = Vec::new();
    let done = work.all(args, prompt, &mut Screen::new(Output::Text, &mut bytes)).await;
    (done, said.0.into_inner().unwrap())
}

fn args(yes: bool, secrets: Option<Secrets>) -> Args {
    Args { yes, secrets, timeout: 0 }
}

#[tokio::test]
async fn nothing_is_left_and_what_runs_is_cut_off_in_order() {
    let state = configured().await;
    sealed(&state, "20261122T163512Z-a").await;
    let (done, said) =
        uninstalled(&state, &args(true, Some(Secrets::Delete)), &mut Scripted::default()).await;
    let done = done.unwrap();
    assert_eq!(said, ["schedule old", "secret segue/klaviyo/c", "stack", "bucket"]);
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
    assert_eq!(done.unwrap().runs_cancelled, 0);
    assert_eq!(said, ["stack", "bucket"], "no schedule is looked for, and no run waited for");
    assert!(
        person.heard[0].contains("This deletes its state bucket state, which is left"),
        "{:?}",
        person.heard
    );
}
