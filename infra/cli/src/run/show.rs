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
    let prefix = stack.offered("SegmentPrefix").unwrap_or_default();
    let drops = run.iter().flat_map(|run| &run.drops).filter_map(|drop| place(prefix, drop)).collect();
    let found = Shown { next: advice::next(stack, &summary), summary, drops, sources };
    screen.json(&found)?;
    screen.line(&summaries::whole(stack, &found.summary, &found.drops, &found.sources))
}

/// Where a drop lies, as `run start --drop` takes it: the key of its file, or its folder.
fn place(prefix: &str, drop: &segue_state::Drop) -> Option<String> {
    let key = &drop.parts.first()?.key;
    let segment = format!("{prefix}{}/", drop.segment);
    let folder = key.strip_prefix(&segment).and_then(|rest| rest.split_once('/'));
    Some(folder.map_or_else(|| key.clone(), |(folder, _)| format!("{segment}{folder}/")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_is_named_as_it_can_be_run_again() {
        let place = |keys: &[&str]| {
            let parts: Vec<_> = keys.iter().map(|key| serde_json::json!({"key": key, "size": 1})).collect();
            let drop = serde_json::json!({"segment": "vip", "parts": parts});
            place("in/", &serde_json::from_value(drop).unwrap())
        };
        assert_eq!(place(&["in/vip/a.csv"]).as_deref(), Some("in/vip/a.csv"));
        for parts in [&["in/vip/d/p0.csv", "in/vip/d/p1.csv"][..], &["in/vip/d/country=de/p0.csv"]] {
            assert_eq!(place(parts).as_deref(), Some("in/vip/d/"));
        }
        assert_eq!(place(&[]), None);
    }
}
