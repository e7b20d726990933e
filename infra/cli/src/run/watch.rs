//! `segue run watch`: waits for runs to end, and shows how far they are.

use std::cell::RefCell;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use segue_state::finish::look;
use segue_state::{RunId, State, StateError, Status, Summary};

use super::bars::Bars;
use super::reading::Reading;
use super::summaries;
use super::when::when;
use super::which::{First, Meant, Which, no_run};
use crate::output::Screen;
use crate::stack::Stack;
use crate::terminal::{Happened, Signals};
use crate::{App, Failure};

/// How often a run is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Runs that are looked at in that time.
const AT_ONCE: usize = 16;
/// What ended no longer ago than this did so just now.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(5);
/// How long a run may take to appear: an event needs seconds to get to fan-out, and fan-out to open the run.
const OPENING: Duration = Duration::from_mins(1);
/// Looks in a row that may fail: the network is not always there.
const FAILURES: u32 = 5;

/// Wait for a run to end. Exit status 0 if it completed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  segue run watch vip-to-klaviyo\n  segue run watch vip-to-klaviyo --after 2026-11-22T16:35:12Z\n  segue run watch --all"
)]
pub struct Args {
    /// The export; or the id of one of its runs, alone.
    #[arg(value_name = "EXPORT|RUN", value_parser = First::parse, required_unless_present = "all")]
    pub first: Option<First>,
    /// The run's id, or `latest`, which it is if none is given. One that is not there yet is waited for, up to a minute.
    #[arg(value_name = "RUN", value_parser = Which::parse)]
    pub run: Option<Which>,
    /// All runs that are not finished now.
    #[arg(long, conflicts_with_all = ["first", "run"])]
    pub all: bool,
    /// The first run whose event, such as the drop of a file, came then or later: a time, a day, or how long ago (90s,
    /// 15m). It is waited for, up to a minute.
    #[arg(long, value_name = "WHEN", value_parser = when, conflicts_with = "all")]
    pub after: Option<Timestamp>,
    /// Give up after so many seconds. The run goes on.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// Does it.
///
/// # Errors
/// [`Failure`], also if the run did not complete.
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (patience, began) = (Patience::new(args.timeout), Timestamp::now());
    let Some(first) = &args.first else { return all(app, patience, screen).await };
    let (export, which) = meant(&app.state, first, args).await?;
    let bars = Bars::on_a_terminal(screen, [export.as_str()]);
    let mut bar = bars.as_ref().map(Bars::another);
    let mut said = None;
    let watched = async {
        let mut lines = Lines { screen: &mut *screen, said: &mut said };
        let shown: &mut dyn Show = bar.as_mut().map_or(&mut lines, |bar| bar as &mut dyn Show);
        until_it_ends(&app.state, &export, &which, patience, shown).await
    };
    let summary = attended(bars.as_ref(), watched).await?;
    screen.json(&summary)?;
    if summary.status.is_end() {
        screen.line(&format!("\n{}", summaries::whole(&app.stack, &summary, &[], &[])))?;
    }
    // One that ended just now is the one that is meant.
    let was_over = summary.finished_at.is_some_and(|finished| began.duration_since(finished) > JUST_NOW);
    if summary.status.is_end() && was_over && which == Which::Latest {
        let next = app.stack.command(&format!("run watch {export} --after 0s"));
        screen.line(&format!("it was over before you began to watch; wait for the next one with: {next}"))?;
    }
    verdict(&app.stack, &summary)
}

/// The run that is to be watched.
async fn meant(state: &State, first: &First, args: &Args) -> Result<(String, Which), Failure> {
    let meant = Meant { first: first.clone(), run: args.run.clone() };
    match (first, &args.run, args.after) {
        (_, _, None) => meant.find(state).await,
        (First::Export(export), None | Some(Which::Latest), Some(after)) => {
            Ok((export.clone(), Which::After(after)))
        }
        _ => Err(Failure::usage("--after looks for a run, and one is named")
            .hint("give the export and --after, or the run alone")),
    }
}

/// Watches everything that is not finished.
async fn all(app: &App, patience: Patience, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let open = app.state.open_runs().await?;
    if open.is_empty() {
        screen.json(&open)?;
        return screen.line("there is no run that is not finished");
    }
    let open: Vec<_> = open.into_iter().map(|(export, run)| (export, Which::This(run))).collect();
    several(app, &open, patience, screen).await
}

/// What became of runs that were watched.
pub struct Ended {
    /// The runs as they were seen last.
    pub runs: Vec<Summary>,
    /// Why one was not seen to its end, or did not complete.
    pub failures: Vec<Failure>,
}

/// Watches several runs at once, and tells what became of them.
///
/// # Errors
/// [`Failure`], also if one of them did not complete.
pub async fn several(
    app: &App,
    runs: &[(String, Which)],
    patience: Patience,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let ended = seen(app, runs, patience, screen).await?;
    screen.json(&ended.runs)?;
    Failure::together(ended.failures)
}

/// Watches several runs at once, and tells people what became of them.
///
/// # Errors
/// [`Failure`] if somebody interrupts it, or it can't be shown.
pub async fn seen(
    app: &App,
    runs: &[(String, Which)],
    patience: Patience,
    screen: &mut Screen<'_>,
) -> Result<Ended, Failure> {
    let bars = Bars::on_a_terminal(screen, runs.iter().map(|(export, _)| export.as_str()));
    let patience = patience.among(runs.len());
    let shared = RefCell::new(&mut *screen);
    let waits = runs.iter().map(async |(export, which)| {
        let mut bar = bars.as_ref().map(Bars::another);
        let mut lines = NamedLines { screen: &shared, said: None };
        let shown: &mut dyn Show = bar.as_mut().map_or(&mut lines, |bar| bar as &mut dyn Show);
        until_it_ends(&app.state, export, which, patience, shown).await
    });
    let mut ended = Vec::new();
    let mut failures = Vec::new();
    let outcomes = attended(bars.as_ref(), async { Ok(join_all(waits).await) }).await?;
    for outcome in outcomes {
        match outcome {
            Ok(summary) => {
                failures.extend(verdict(&app.stack, &summary).err());
                ended.push(summary);
            }
            Err(failure) => failures.push(failure),
        }
    }
    // What the bars say need not be said again.
    match &bars {
        Some(bars) => bars.end(),
        None => screen.line(&summaries::lines(&ended, screen.width()))?,
    }
    Ok(Ended { runs: ended, failures })
}

/// Waits, draws anew what the terminal has lost, and stops when somebody interrupts it: nothing else is stopped by that.
async fn attended<T>(
    bars: Option<&Bars>,
    watched: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut watched = pin!(watched);
    let mut signals = Signals::listen()?;
    loop {
        tokio::select! {
            ended = &mut watched => return ended,
            happened = signals.next() => match (happened, bars) {
                (Happened::Interrupted, bars) => {
                    bars.inspect(|bars| bars.wipe());
                    return Err(Failure::interrupted("interrupted: what is watched goes on")
                        .hint("cancel a run with `segue run cancel`"));
                }
                (Happened::Resized, Some(bars)) => bars.redraw(),
                (Happened::Continued, Some(bars)) => bars.begin_below(),
                (Happened::Resized | Happened::Continued, None) => {}
            }
        }
    }
}

/// Shows how far a run is.
pub trait Show {
    /// The run as it stands now; called at each look.
    ///
    /// # Errors
    /// [`Failure`] if it can't be shown.
    fn show(&mut self, summary: &Summary) -> Result<(), Failure>;
}

/// Shows nothing.
pub struct Quiet;

impl Show for Quiet {
    fn show(&mut self, _summary: &Summary) -> Result<(), Failure> {
        Ok(())
    }
}

/// A line for each change.
pub struct Lines<'a, 'b> {
    /// Where they go.
    pub screen: &'a mut Screen<'b>,
    /// What the last one was about.
    pub said: &'a mut Option<Summary>,
}

impl Show for Lines<'_, '_> {
    fn show(&mut self, summary: &Summary) -> Result<(), Failure> {
        if self.said.as_ref() == Some(summary) {
            return Ok(());
        }
        *self.said = Some(summary.clone());
        self.screen.line(&progress(summary))
    }
}

/// A line for each change of one of several runs; each names its run.
struct NamedLines<'a, 'b, 'c> {
    screen: &'a RefCell<&'b mut Screen<'c>>,
    said: Option<Summary>,
}

impl Show for NamedLines<'_, '_, '_> {
    fn show(&mut self, summary: &Summary) -> Result<(), Failure> {
        if self.said.as_ref() == Some(summary) {
            return Ok(());
        }
        self.said = Some(summary.clone());
        self.screen.borrow_mut().line(&progress(summary))
    }
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

    /// The more runs are watched, the less often each is looked at: S3 answers so many requests a second.
    fn among(self, runs: usize) -> Self {
        Self { every: self.every * u32::try_from(runs.div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1), ..self }
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

/// Looks at a run until it has ended or patience has, and shows it.
///
/// # Errors
/// [`Failure`] if there is no such run, or it can't be looked at.
pub async fn until_it_ends(
    state: &State,
    export: &str,
    which: &Which,
    patience: Patience,
    shown: &mut dyn Show,
) -> Result<Summary, Failure> {
    let mut reading = Reading::default();
    let mut seen: Option<RunId> = None;
    let (mut failures, mut known) = (0, false);
    loop {
        // Once found, it is followed, even if a newer one comes.
        let followed = seen.clone().map(Which::This);
        match once(state, export, followed.as_ref().unwrap_or(which)).await {
            Ok(Some(summary)) => {
                failures = 0;
                let summary = reading.told(state, summary).await;
                shown.show(&summary)?;
                if summary.status.is_end() || patience.is_over() {
                    return Ok(summary);
                }
                seen = Some(summary.run);
            }
            Ok(None) if patience.is_over_for_opening() => return Err(no_run(state, export, which).await?),
            // A run of nothing will not appear either.
            Ok(None)
                if !known
                    && state.export(export).await?.is_none()
                    && state.runs(export).await?.is_empty() =>
            {
                return Err(no_run(state, export, which).await?);
            }
            Ok(None) => (failures, known) = (0, true),
            Err(error) if error.passes() && failures < FAILURES => failures += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(patience.every).await;
    }
}

async fn once(state: &State, export: &str, which: &Which) -> Result<Option<Summary>, StateError> {
    match which.find(state, export).await? {
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
