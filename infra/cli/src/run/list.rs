//! `segue run list`: the newest runs of one export or of all.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use segue_state::finish::look;
use segue_state::{RunId, State, StateError, Status, Summary};

use super::when::{prefix, when};
use super::{Which, export_id, no_run, summaries};
use crate::Failure;
use crate::at_once::at_once;
use crate::output::Screen;
use crate::prompt::Prompt;

/// Runs that are looked at before it is seen whether that is enough.
const AT_ONCE: usize = 32;

/// List runs, newest first.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  segue run list vip-to-klaviyo
  segue run list --state failed,partial --since 2d")]
pub struct Args {
    /// The export; all of them if not given.
    #[arg(value_parser = export_id)]
    pub export: Option<String>,
    /// Only runs in these states.
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = states())]
    pub state: Vec<Status>,
    /// Only runs whose event came since then: a time, a day, or how long ago (6h, 2d).
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub since: Option<Timestamp>,
    /// Only runs whose event came before then.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub until: Option<Timestamp>,
    /// The most runs to list.
    #[arg(long, default_value_t = 20, value_name = "RUNS", value_parser = clap::value_parser!(u16).range(1..))]
    pub limit: u16,
}

fn states() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::name)).map(|name| {
        // Only names of states get here.
        Status::ALL.into_iter().find(|status| status.name() == name).unwrap_or(Status::Staging)
    })
}

impl Args {
    fn filters(&self) -> bool {
        !self.state.is_empty() || self.since.is_some() || self.until.is_some()
    }

    /// Whether a run's event came in the span; ids begin with its time.
    fn covers(&self, id: &RunId) -> bool {
        let at = id.as_str().split('-').next().unwrap_or_default();
        self.since.is_none_or(|since| at >= prefix(since).as_str())
            && self.until.is_none_or(|until| at < prefix(until).as_str())
    }
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    state: &State,
    args: &Args,
    prompt: &mut dyn Prompt,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let Newest { runs: found, unread, is_all } = newest(state, args).await?;
    for error in &unread {
        prompt.say(&format!("note: a run could not be read: {error}").replace('\n', " "));
    }
    if found.is_empty() && unread.is_empty() {
        if let Some(export) = &args.export
            && state.export(export).await?.is_none()
        {
            return Err(no_run(state, export, &Which::Latest).await?);
        }
        screen.json(&found)?;
        return screen.line(if args.filters() { "no run is like that" } else { "there are no runs yet" });
    }
    screen.json(&found)?;
    screen.line(&summaries::lines(&found, screen.width()))?;
    if !is_all {
        screen
            .line(&format!("these are the newest {}; see older ones with --limit or --until", found.len()))?;
    }
    Ok(())
}

/// What was found.
struct Newest {
    runs: Vec<Summary>,
    /// Runs whose records nobody understands: a newer release may have written them.
    unread: Vec<StateError>,
    /// Whether there are no older ones.
    is_all: bool,
}

/// The newest runs, newest first. Run ids sort by time, whatever the export.
async fn newest(state: &State, args: &Args) -> Result<Newest, Failure> {
    let limit = usize::from(args.limit);
    let exports = match &args.export {
        Some(export) => vec![export.clone()],
        None => state.exports_run().await?,
    };
    let mut runs: Vec<(RunId, &str)> = Vec::new();
    let listed = at_once(exports.iter().map(|export| state.runs(export))).await;
    for (export, ids) in exports.iter().zip(listed) {
        let newest = ids?.into_iter().rev().filter(|id| args.covers(id));
        // A state is only known of a run that was looked at.
        let most = if args.state.is_empty() { limit + 1 } else { usize::MAX };
        runs.extend(newest.take(most).map(|id| (id, export.as_str())));
    }
    runs.sort_unstable_by(|one, other| other.cmp(one));
    let wanted = |summary: &Summary| args.state.is_empty() || args.state.contains(&summary.status);
    let mut found = Newest { runs: Vec::new(), unread: Vec::new(), is_all: true };
    for runs in runs.chunks(AT_ONCE) {
        for looked in at_once(runs.iter().map(|(id, export)| look(state, export, id))).await {
            match looked {
                Ok(summary) => found.runs.extend(summary.filter(wanted)),
                Err(error) if error.is_of_document() => {
                    found.unread.push(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if found.runs.len() > limit {
            break;
        }
    }
    found.is_all = found.runs.len() <= limit;
    found.runs.truncate(limit);
    Ok(found)
}
