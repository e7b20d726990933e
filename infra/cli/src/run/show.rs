//! `segue run show`: one run, with everything that is known of it.

use segue_state::finish::look;
use segue_state::{SourceRecord, State, Summary};
use serde::Serialize;

use super::which::Meant;
use super::{Which, advice, no_run, summaries};
use crate::Failure;
use crate::output::Screen;
use crate::stack::Stack;

/// Show one run, with what to do about it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  segue run show vip-to-klaviyo\n  segue run show vip-to-klaviyo latest --output json"
)]
pub struct Args {
    /// Which run.
    #[command(flatten)]
    pub meant: Meant,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(stack: &Stack, state: &State, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (export, which) = args.meant.find(state).await?;
    let summary = summary(state, &export, &which).await?;
    // A release before this one did not write it.
    let sealed = state.sealed(&export, &summary.run).await?;
    let sources = sealed.map(|sealed| sealed.sources).unwrap_or_default();
    let run = state.run(&export, &summary.run).await?;
    let drops = run.iter().flat_map(|run| &run.drops).filter_map(place).collect();
    let found = Shown { next: advice::next(stack, &summary), summary, drops, sources };
    screen.json(&found)?;
    screen.line(&summaries::whole(stack, &found.summary, &found.drops, &found.sources))
}

/// Where a drop lies: the key of its file, or its folder.
fn place(drop: &segue_state::Drop) -> Option<String> {
    let first = &drop.parts.first()?.key;
    match drop.parts.len() {
        1 => Some(first.clone()),
        _ => first.rsplit_once('/').map(|(folder, _)| format!("{folder}/")),
    }
}

/// A summary, and what the parts turned out to be.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    summary: Summary,
    /// What to do now.
    next: String,
    /// The drops that it sends: keys of files, or folders.
    drops: Vec<String>,
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
