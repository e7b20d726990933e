//! `segue run show`: one run, with everything that is known of it.

use segue_state::finish::look;
use segue_state::{SourceRecord, State, Summary};
use serde::Serialize;

use super::{Which, export_id, no_run, summaries};
use crate::Failure;
use crate::output::Screen;

/// Show one run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The export.
    #[arg(value_parser = export_id)]
    pub export: String,
    /// The run's id, or `latest`.
    #[arg(value_parser = Which::parse)]
    pub run: Which,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(state: &State, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let summary = summary(state, &args.export, &args.run).await?;
    // A release before this one did not write it.
    let sealed = state.sealed(&args.export, &summary.run).await?;
    let found = Shown { summary, sources: sealed.map(|sealed| sealed.sources).unwrap_or_default() };
    screen.json(&found)?;
    screen.line(&summaries::whole(&found.summary, &found.sources))
}

/// A summary, and what the parts turned out to be.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<SourceRecord>,
}

async fn summary(state: &State, export: &str, which: &Which) -> Result<Summary, Failure> {
    if let Some(id) = which.find(state, export).await?
        && let Some(found) = look(state, export, &id).await?
    {
        return Ok(found);
    }
    Err(no_run(state, export, which).await?)
}
