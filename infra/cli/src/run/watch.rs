//! `segue run watch`: waits for a run to end.

use std::time::{Duration, Instant};

use segue_state::finish::look;
use segue_state::{RunId, State, StateError, Status, Summary};

use super::{Which, export_id, no_run, summaries};
use crate::output::Screen;
use crate::stack::Stack;
use crate::{App, Failure};

/// How often a run is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long a run may take to appear: an event needs seconds to get to fan-out, and fan-out to open the run.
const OPENING: Duration = Duration::from_mins(1);
/// Looks in a row that may fail: the network is not always there.
const FAILURES: u32 = 5;

/// Wait for a run to end. Exit status 0 if it completed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The export.
    #[arg(value_parser = export_id)]
    pub export: String,
    /// The run's id, or `latest`. One that is not there yet is waited for, up to a minute.
    #[arg(value_parser = Which::parse)]
    pub run: Which,
    /// Give up after so many seconds. The run goes on.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// Does it.
///
/// # Errors
/// [`Failure`], also if the run did not complete.
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let patience = Patience::new(args.timeout);
    let summary = until_it_ends(&app.state, &args.export, &args.run, patience, screen).await?;
    screen.json(&summary)?;
    if summary.status.is_end() {
        screen.line(&format!("\n{}", summaries::whole(&summary, &[])))?;
    }
    verdict(&app.stack, &summary)
}

/// When to stop waiting.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    since: Instant,
    timeout: Option<Duration>,
    every: Duration,
}

impl Patience {
    /// From now on, for so many seconds or as long as it takes.
    #[must_use]
    pub fn new(timeout: Option<u64>) -> Self {
        Self { since: Instant::now(), timeout: timeout.map(Duration::from_secs), every: EVERY }
    }

    fn is_over(&self) -> bool {
        self.timeout.is_some_and(|timeout| self.since.elapsed() >= timeout)
    }

    fn is_over_for_opening(&self) -> bool {
        self.is_over() || self.since.elapsed() >= OPENING
    }
}

/// What the end of a run means for the exit status.
///
/// # Errors
/// [`Failure`] if it did not complete.
pub fn verdict(stack: &Stack, summary: &Summary) -> Result<(), Failure> {
    let Summary { export, run, status, message, .. } = summary;
    match status {
        Status::Completed => Ok(()),
        Status::Staging | Status::Delivering => {
            let again = stack.command(&format!("run watch {export} {run}"));
            Err(Failure::new(format!("the run {run} of `{export}` has not ended in time: {message}"))
                .hint(format!("it goes on; watch it with: {again}")))
        }
        Status::Partial | Status::Failed | Status::Cancelled | Status::Superseded | Status::Refused => {
            Err(Failure::new(format!("the run {run} of `{export}` ended as {}: {message}", status.name())))
        }
    }
}

/// Looks at a run until it has ended or patience has, and says what changes.
///
/// # Errors
/// [`Failure`] if there is no such run, or it can't be looked at.
pub async fn until_it_ends(
    state: &State,
    export: &str,
    which: &Which,
    patience: Patience,
    screen: &mut Screen<'_>,
) -> Result<Summary, Failure> {
    let mut said: Option<Summary> = None;
    let mut failures = 0;
    loop {
        // Once found, it is followed, even if a newer one comes.
        let followed = said.as_ref().map(|summary| Which::This(summary.run.clone()));
        match once(state, export, followed.as_ref().unwrap_or(which)).await {
            Ok(Some(summary)) => {
                failures = 0;
                if said.as_ref() != Some(&summary) {
                    screen.line(&progress(&summary))?;
                }
                if summary.status.is_end() || patience.is_over() {
                    return Ok(summary);
                }
                said = Some(summary);
            }
            Ok(None) if patience.is_over_for_opening() => return Err(no_run(state, export, which).await?),
            Ok(None) => failures = 0,
            Err(error) if error.passes() && failures < FAILURES => failures += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(patience.every).await;
    }
}

async fn once(state: &State, export: &str, which: &Which) -> Result<Option<Summary>, StateError> {
    let id: Option<RunId> = match which {
        Which::This(id) => Some(id.clone()),
        Which::Latest => state.runs(export).await?.pop(),
    };
    match id {
        Some(id) => look(state, export, &id).await,
        None => Ok(None),
    }
}

/// A run in one line.
fn progress(summary: &Summary) -> String {
    format!("{} {} {}: {}", summary.export, summary.run, summary.status.name(), summary.message)
}

#[cfg(test)]
impl Patience {
    /// Looks so often that a test need not wait.
    pub(super) fn short(timeout: Duration) -> Self {
        Self { since: Instant::now(), timeout: Some(timeout), every: Duration::from_millis(1) }
    }
}
