//! `segue run cancel`: nothing more of a run is sent.

use jiff::Timestamp;
use segue_state::finish::look;
use segue_state::{Cancel, RunId, State, Status, Summary};
use serde::Serialize;

use super::watch::{Patience, Quiet, until_it_ends};
use super::which::MeantExpressly;
use super::{Which, no_run, stop};
use crate::output::Screen;
use crate::stack::Stack;
use crate::{App, Failure};

/// Have nothing more of a run sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segue run cancel vip-to-klaviyo latest --reason 'wrong file'")]
pub struct Args {
    /// Which run.
    #[command(flatten)]
    pub meant: MeantExpressly,
    /// Why, for whoever reads the run's record. Name nobody in it.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Wait until nothing more can be sent.
    #[arg(long)]
    pub wait: bool,
    /// Stop waiting after so many seconds. The run stays cancelled.
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub timeout: Option<u64>,
}

/// What was noted.
#[derive(Debug, Serialize)]
struct Cancelled {
    export: String,
    run: RunId,
    /// The run's state just then, or at its end if it has come to it.
    status: Status,
    #[serde(flatten)]
    cancel: Cancel,
    /// The run at its end, if it has come to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
}

/// Does it.
///
/// # Errors
/// [`Failure`], also if the run has ended already.
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let by = app.caller().await?;
    let mut done = cancel(&app.stack, &app.state, args, by).await?;
    if args.wait && done.summary.is_none() {
        let which = Which::This(done.run.clone());
        let patience = Patience::new(args.timeout);
        let summary = until_it_ends(&app.state, &done.export, &which, patience, &mut Quiet).await?;
        done.status = summary.status;
        done.summary = Some(summary);
    }
    print(&app.stack, &done, screen)?;
    outcome(&app.stack, &done)
}

/// Whether a run ended otherwise before anybody's cancelling of it counted.
pub(super) fn came_too_late(summary: Option<&Summary>) -> bool {
    summary.is_some_and(|summary| summary.status.is_end() && summary.status != Status::Cancelled)
}

/// Whether it came to be cancelled, as far as that was waited for.
fn outcome(stack: &Stack, done: &Cancelled) -> Result<(), Failure> {
    match &done.summary {
        Some(summary) if came_too_late(Some(summary)) => {
            let Cancelled { export, run, .. } = done;
            let status = summary.status.name();
            Err(Failure::new(format!(
                "the run {run} of `{export}` ended as {status} before it could be cancelled"
            ))
            .hint(super::advice::next(stack, summary)))
        }
        // It was waited for, and is not over.
        Some(summary) if !summary.status.is_end() => super::watch::verdict(stack, summary),
        _ => Ok(()),
    }
}

fn print(stack: &Stack, done: &Cancelled, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(done)?;
    let Cancelled { export, run, cancel, .. } = done;
    match &done.summary {
        Some(summary) if summary.status.is_end() => {
            let counts = &summary.counts;
            screen.line(&format!(
                "{export} {run} ended as {}: {} profiles were sent before, {} were not",
                summary.status.name(),
                counts.accepted + counts.rejected + counts.unknown,
                counts.cancelled
            ))
        }
        _ => {
            // Somebody else may have done it long ago.
            let (by, at) = (&cancel.by, cancel.at.strftime("%FT%TZ"));
            screen
                .line(&format!("{export} {run} is cancelled, by {by} at {at}; nothing more of it is sent"))?;
            let watch = stack.command(&format!("run watch {export} {run}"));
            screen.line(&format!("what is on its way is seen to its end; watch with: {watch}"))
        }
    }
}

/// Notes that a run is cancelled. Who did it first stays noted.
async fn cancel(stack: &Stack, state: &State, args: &Args, by: String) -> Result<Cancelled, Failure> {
    let (export, which) = args.meant.find(state).await?;
    let Some(run) = which.find(state, &export).await? else {
        return Err(no_run(state, &export, &which).await?);
    };
    let Some(summary) = look(state, &export, &run).await? else {
        return Err(no_run(state, &export, &which).await?);
    };
    if came_too_late(Some(&summary)) {
        let status = summary.status.name();
        let problem =
            format!("the run {run} of `{export}` has ended as {status}: there is nothing to cancel");
        let hint = super::advice::next(stack, &summary);
        return Err(Failure::new(problem).hint(hint));
    }
    noted(state, summary, Cancel { by, at: Timestamp::now(), reason: args.reason.clone() }).await
}

/// Notes it of a run that was seen as `before`, and how it stands then: it may have ended in between.
async fn noted(state: &State, before: Summary, cancel: Cancel) -> Result<Cancelled, Failure> {
    let Summary { export, run, .. } = before;
    let cancel = stop::note(state, &export, &run, cancel).await?.cancel;
    let summary = look(state, &export, &run).await?.filter(|now| now.status.is_end());
    let status = summary.as_ref().map_or(before.status, |now| now.status);
    Ok(Cancelled { export, run, status, cancel, summary })
}

#[cfg(test)]
mod tests {
    use segue_state::Outcome;

    use super::super::tests::{answered, configured, sealed};
    use super::*;

    const RUN: &str = "20261122T163512Z-a";

    fn args(reason: Option<&str>) -> Args {
        Args {
            meant: MeantExpressly::latest("e"),
            reason: reason.map(Into::into),
            wait: false,
            timeout: None,
        }
    }

    #[tokio::test]
    async fn who_cancels_first_stays_noted() {
        let state = configured().await;
        let run = sealed(&state, RUN).await;
        let stack = Stack::of("segue", &[]);
        for (by, reason) in [("arn:ann", Some("wrong file")), ("arn:bob", None)] {
            let done = cancel(&stack, &state, &args(reason), by.into()).await.unwrap();
            assert_eq!(
                (done.cancel.by.as_str(), done.cancel.reason.as_deref()),
                ("arn:ann", Some("wrong file"))
            );
        }
        let noted = state.cancel("e", &run.run).await.unwrap().unwrap();
        assert_eq!(noted.by, "arn:ann");
    }

    #[tokio::test]
    async fn what_has_ended_can_not_be_cancelled() {
        let state = configured().await;
        let run = sealed(&state, RUN).await;
        for chunk in 0..2 {
            answered(&state, &run, chunk, Outcome::Delivered).await;
        }
        let refused =
            cancel(&Stack::of("segue", &[]), &state, &args(None), "arn:ann".into()).await.unwrap_err();
        insta::assert_snapshot!(refused.to_string(), @r"
        error: the run 20261122T163512Z-a of `e` has ended as completed: there is nothing to cancel
        hint: nothing has to be done; see which rows were refused with: segue run rejected e 20261122T163512Z-a
        ");
        assert!(state.cancel("e", &run.run).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_run_that_ends_while_it_is_cancelled_is_told_as_what_it_ended_as() {
        let state = configured().await;
        let run = sealed(&state, RUN).await;
        answered(&state, &run, 0, Outcome::Delivered).await;
        let before = look(&state, "e", &run.run).await.unwrap().unwrap();
        answered(&state, &run, 1, Outcome::Failed).await;
        let cancel = Cancel { by: "arn:ann".into(), at: Timestamp::UNIX_EPOCH, reason: None };
        let done = noted(&state, before, cancel).await.unwrap();
        assert_eq!(done.status, Status::Partial);
        insta::assert_snapshot!(outcome(&Stack::of("segue", &[]), &done).unwrap_err().to_string(), @r"
        error: the run 20261122T163512Z-a of `e` ended as partial before it could be cancelled
        hint: mend what the message says, then send what failed once more with: segue run retry e 20261122T163512Z-a; a changed export needs a new run: segue run start e
        ");
    }

    /// Who waits for the end must not take a run that still sends for one that has ended.
    #[tokio::test]
    async fn a_run_that_is_not_over_in_time_is_no_success() {
        let state = configured().await;
        let run = sealed(&state, RUN).await;
        answered(&state, &run, 0, Outcome::Delivered).await;
        let summary = look(&state, "e", &run.run).await.unwrap();
        let cancel = Cancel { by: "arn:ann".into(), at: Timestamp::UNIX_EPOCH, reason: None };
        let done =
            Cancelled { export: "e".into(), run: run.run, status: Status::Delivering, cancel, summary };
        let late = outcome(&Stack::of("segue", &[]), &done).unwrap_err();
        assert_eq!(late.status(), 1);
        assert!(late.to_string().contains("has not ended in time"), "{late}");
        assert!(outcome(&Stack::of("segue", &[]), &Cancelled { summary: None, ..done }).is_ok());
    }

    #[test]
    fn it_is_told_what_was_sent_before() {
        let mut bytes = Vec::new();
        let mut screen = Screen::new(crate::output::Output::Text, &mut bytes);
        let mut summary = segue_state::summary::staging(&super::super::tests::a_run(RUN));
        summary.status = Status::Cancelled;
        (summary.counts.accepted, summary.counts.cancelled) = (10, 20);
        let cancel = Cancel { by: "arn:ann".into(), at: Timestamp::UNIX_EPOCH, reason: None };
        let run = summary.run.clone();
        let mut done =
            Cancelled { export: "e".into(), run, status: Status::Delivering, cancel, summary: Some(summary) };
        print(&Stack::of("segue", &[]), &done, &mut screen).unwrap();
        done.summary = None;
        print(&Stack::of("segue", &[]), &done, &mut screen).unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap(), @r"
        e 20261122T163512Z-a ended as cancelled: 10 profiles were sent before, 20 were not
        e 20261122T163512Z-a is cancelled, by arn:ann at 1970-01-01T00:00:00Z; nothing more of it is sent
        what is on its way is seen to its end; watch with: segue run watch e 20261122T163512Z-a
        ");
    }
}
