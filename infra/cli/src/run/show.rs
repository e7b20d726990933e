//! `segue run show`: one run, with everything that is known of it.

use segue_state::finish::look;
use segue_state::{State, Summary};

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
    let found = summary(state, &args.export, &args.run).await?;
    screen.json(&found)?;
    screen.line(&summaries::whole(&found))
}

async fn summary(state: &State, export: &str, which: &Which) -> Result<Summary, Failure> {
    if let Some(id) = which.find(state, export).await?
        && let Some(found) = look(state, export, &id).await?
    {
        return Ok(found);
    }
    Err(no_run(state, export, which).await?)
}
