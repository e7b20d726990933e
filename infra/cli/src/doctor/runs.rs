//! Runs: those that are stuck, and exports whose last run did not deliver everything.

use jiff::{SignedDuration, Timestamp};
use segue_state::finish::look as look_at;
use segue_state::{Export, RunId, State, Status, Summary, keys};

use super::finding::Finding;
use crate::Failure;
use crate::at_once::at_once;
use crate::output::counted;
use crate::run::advice;
use crate::stack::Stack;

/// The resumer takes a run up after an hour without anything, and comes by every 15 minutes. It counts as stuck if that
/// did not help.
const STUCK: SignedDuration = SignedDuration::from_mins(90);

/// Looks at them. `active` are the exports that may run.
pub(super) async fn look<'a>(
    stack: &Stack,
    state: &State,
    active: impl Iterator<Item = &'a Export>,
    now: Timestamp,
) -> Vec<Finding> {
    let last = at_once(active.map(|export| last(stack, state, &export.id))).await;
    let mut found = match runs(stack, state, now).await {
        Ok(findings) => findings,
        Err(failure) => vec![Finding::failed("runs", &failure)],
    };
    found.extend(last.into_iter().filter_map(told));
    found
}

/// One that can't be read hides none of the others.
fn told(looked: Result<Option<Finding>, Failure>) -> Option<Finding> {
    looked.unwrap_or_else(|failure| Some(Finding::failed("runs", &failure)))
}

/// What is to be said of an export's last run, if it has ended otherwise than it should.
async fn last(stack: &Stack, state: &State, export: &str) -> Result<Option<Finding>, Failure> {
    let Some(run) = state.runs(export).await?.pop() else { return Ok(None) };
    let Some(summary) = look_at(state, export, &run).await? else { return Ok(None) };
    if !matches!(summary.status, Status::Partial | Status::Failed | Status::Refused) {
        return Ok(None);
    }
    let found = format!("the last run of `{export}` ended as {}: {}", summary.status.name(), summary.message);
    Ok(Some(Finding::problem("runs", found, advice::next(stack, &summary))))
}

async fn runs(stack: &Stack, state: &State, now: Timestamp) -> Result<Vec<Finding>, Failure> {
    let open = state.open_runs().await?;
    let looked = at_once(open.iter().map(|(export, run)| stuck(stack, state, export, run, now))).await;
    let mut found: Vec<Finding> = looked.into_iter().filter_map(told).collect();
    if found.is_empty() {
        let count = open.len();
        found.push(Finding::fine("runs", format!("{} under way, none of them stuck", counted(count, "run"))));
    }
    Ok(found)
}

/// What is to be said of a run that is not finished, if anything is.
async fn stuck(
    stack: &Stack,
    state: &State,
    export: &str,
    run: &RunId,
    now: Timestamp,
) -> Result<Option<Finding>, Failure> {
    let Some(open) = state.open(export, run).await? else { return Ok(None) };
    // What it wrote last: a receipt, or where a chunk stands.
    let written = state.objects().list(&format!("{}{run}/", keys::runs(export))).await?;
    let last = written.iter().map(|stored| stored.modified_ms).max().unwrap_or_default();
    let last = Timestamp::from_millisecond(i64::try_from(last).unwrap_or_default()).unwrap_or_default();
    let quiet = last.max(open.body.since);
    if now.duration_since(quiet) < STUCK {
        return Ok(None);
    }
    let Some(Summary { status, message, .. }) = look_at(state, export, run).await? else {
        return Ok(Some(unrecorded(stack, export, run, quiet)?));
    };
    let command = |verb: &str| stack.command(&format!("run {verb} {export} {run}"));
    let (logs, cancel) = (command("logs"), command("cancel"));
    let to_do = format!("is fan-out's schedule enabled? See `{logs}`; give it up with `{cancel}`");
    let found =
        format!("{export} {run} is {}, and nothing has happened since {quiet}: {message}", status.name());
    Ok(Some(Finding::problem("runs", found, to_do)))
}

/// Its opening broke off: there is a marker and nothing else, so there are no logs of it, and nothing to cancel.
fn unrecorded(stack: &Stack, export: &str, run: &RunId, since: Timestamp) -> Result<Finding, Failure> {
    let found = format!(
        "{export} {run} was about to begin at {since}, and never did: nothing of it was read or sent"
    );
    let marker = format!("s3://{}/{}", stack.output("StateBucket")?, keys::open(export, run));
    let start = stack.command(&format!("run start {export}"));
    let to_do = format!(
        "is fan-out's schedule enabled? It takes such runs off the list by itself; else do it with `aws s3 rm {marker}`. \
         Send the latest drop with `{start}`"
    );
    Ok(Finding::problem("runs", found, to_do))
}

#[cfg(test)]
mod tests {
    use segue_state::{Open, Outcome};

    use super::super::finding::Level;
    use super::*;
    use crate::run::tests::{answered, configured, sealed};

    fn stack() -> Stack {
        Stack::of("two", &[("StateBucket", "bucket")])
    }

    #[tokio::test]
    async fn a_last_run_that_did_not_deliver_everything_is_told_with_what_to_do() {
        let state = configured().await;
        let run = sealed(&state, "20261122T163512Z-a").await;
        answered(&state, &run, 0, Outcome::Delivered).await;
        answered(&state, &run, 1, Outcome::Failed).await;
        let found = look(&stack(), &state, [&run.export].into_iter(), Timestamp::now()).await;
        let told: Vec<_> = found.iter().filter(|finding| finding.level == Level::Problem).collect();
        assert_eq!(told.len(), 1, "{found:?}");
        insta::assert_snapshot!(told[0].found, @"the last run of `e` ended as partial: 10 profiles could not be delivered: Klaviyo did not answer; try again later; then `segue run retry e 20261122T163512Z-a`");
        insta::assert_snapshot!(told[0].to_do.as_ref().unwrap(), @"mend what the message says, then send what failed once more with: segue --stack two run retry e 20261122T163512Z-a; a changed export needs a new run: segue --stack two run start e");
        sealed(&state, "20261123T163512Z-b").await;
        let found = look(&stack(), &state, [&run.export].into_iter(), Timestamp::now()).await;
        assert!(
            found.iter().all(|finding| finding.level == Level::Ok),
            "a newer one is under way: {found:?}"
        );
    }

    #[tokio::test]
    async fn a_run_is_stuck_if_nothing_has_happened_for_long() {
        let state = configured().await;
        let run = sealed(&state, "20261122T163512Z-a").await;
        answered(&state, &run, 0, Outcome::Delivered).await;
        let now = Timestamp::now();
        let fresh = now.max(run.created_at);
        let late = fresh.checked_add(SignedDuration::from_hours(3)).unwrap();
        assert_eq!(runs(&stack(), &state, fresh).await.unwrap()[0].level, Level::Ok);
        let found = runs(&stack(), &state, late).await.unwrap();
        assert!(found[0].found.contains("1 of 2 chunks are done"), "{found:?}");
        assert!(
            found[0].to_do.as_ref().unwrap().contains("segue --stack two run cancel e 20261122T163512Z-a")
        );
    }

    #[tokio::test]
    async fn a_run_that_a_newer_release_wrote_hides_no_other() {
        let state = configured().await;
        sealed(&state, "20261122T163512Z-a").await;
        let newer = RunId::parse("20261122T173512Z-b").unwrap();
        let since = "2026-11-22T17:35:12Z".parse().unwrap();
        state.create(&keys::open("e", &newer), &Open::new(since)).await.unwrap();
        state.objects().put(&keys::summary("e", &newer), r#"{"version": 99}"#.into()).await.unwrap();
        let late = Timestamp::now().checked_add(SignedDuration::from_hours(3)).unwrap();
        let found = runs(&stack(), &state, late).await.unwrap();
        assert!(found.iter().any(|finding| finding.found.contains("0 of 2 chunks are done")), "{found:?}");
        assert!(found.iter().any(|finding| finding.found.contains("20261122T173512Z-b")), "{found:?}");
    }

    #[tokio::test]
    async fn a_run_that_was_never_recorded_can_be_taken_off_the_list() {
        let state = configured().await;
        let run = RunId::parse("20261122T163512Z-a").unwrap();
        let since = "2026-11-22T16:35:12Z".parse().unwrap();
        state.create(&keys::open("e", &run), &Open::new(since)).await.unwrap();
        // The marker itself was written just now.
        let late = Timestamp::now().checked_add(SignedDuration::from_hours(3)).unwrap();
        let found = runs(&stack(), &state, late).await.unwrap();
        insta::assert_snapshot!(found[0].found, @"e 20261122T163512Z-a was about to begin at 2026-11-22T16:35:12Z, and never did: nothing of it was read or sent");
        insta::assert_snapshot!(found[0].to_do.as_ref().unwrap(), @"is fan-out's schedule enabled? It takes such runs off the list by itself; else do it with `aws s3 rm s3://bucket/open/e/20261122T163512Z-a`. Send the latest drop with `segue --stack two run start e`");
    }
}
