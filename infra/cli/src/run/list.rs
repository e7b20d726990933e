//! `segue run list`: the newest runs of one export or of all.

use futures::future::try_join_all;
use segue_state::finish::look;
use segue_state::{RunId, State, Summary};

use super::{Which, export_id, no_run, summaries};
use crate::Failure;
use crate::output::Screen;

/// Runs that are looked at at once.
const AT_ONCE: usize = 16;

/// List runs, newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The export; all of them if not given.
    #[arg(value_parser = export_id)]
    pub export: Option<String>,
    /// Most runs.
    #[arg(long, default_value_t = 20, value_name = "RUNS", value_parser = clap::value_parser!(u16).range(1..))]
    pub limit: u16,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(state: &State, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let found = newest(state, args.export.as_deref(), args.limit.into()).await?;
    if found.is_empty() {
        if let Some(export) = &args.export
            && state.export(export).await?.is_none()
        {
            return Err(no_run(state, export, &Which::Latest).await?);
        }
        screen.json(&found)?;
        return screen.line("there are no runs yet");
    }
    screen.json(&found)?;
    screen.line(&summaries::lines(&found))
}

/// The newest runs, newest first. Run ids sort by time, whatever the export.
async fn newest(state: &State, export: Option<&str>, limit: usize) -> Result<Vec<Summary>, Failure> {
    let exports = match export {
        Some(export) => vec![export.to_owned()],
        None => state.exports_run().await?,
    };
    let mut runs: Vec<(RunId, &str)> = Vec::new();
    for exports in exports.chunks(AT_ONCE) {
        let listed = exports.iter().map(async |export| Ok((export, state.runs(export).await?)));
        let listed: Vec<(&String, Vec<RunId>)> =
            try_join_all(listed).await.map_err(|error: Failure| error)?;
        for (export, ids) in listed {
            runs.extend(ids.into_iter().rev().take(limit).map(|id| (id, export.as_str())));
        }
    }
    runs.sort_unstable_by(|one, other| other.cmp(one));
    runs.truncate(limit);
    let mut found = Vec::with_capacity(runs.len());
    for runs in runs.chunks(AT_ONCE) {
        let looked = try_join_all(runs.iter().map(|(id, export)| look(state, export, id))).await?;
        found.extend(looked.into_iter().flatten());
    }
    Ok(found)
}
