//! `segue run retry`: sends the chunks of a run that failed once more.

use fan_out::queueing::outgoing;
use jiff::{SignedDuration, Timestamp};
use segue_platform::Queue;
use segue_state::finish::{look, retry};
use segue_state::{Cancel, Export, Halt, Head, Run, RunId, State, keys, permit};
use serde::Serialize;

use super::cancel::came_too_late;
use super::{Which, export_id, no_run};
use crate::output::Screen;
use crate::prompt::Prompt;
use crate::stack::Stack;
use crate::{App, Failure};

/// Send the chunks of a run that failed once more.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segue run retry vip-to-klaviyo latest")]
pub struct Args {
    /// The export.
    #[arg(value_parser = export_id)]
    pub export: String,
    /// The run's id, or `latest`.
    #[arg(value_parser = Which::parse)]
    pub run: Which,
    /// Don't ask, even if a newer drop was sent since.
    #[arg(long)]
    pub yes: bool,
}

/// What is sent again.
#[derive(Debug, Serialize)]
struct Retried {
    export: String,
    run: RunId,
    chunks: Vec<u32>,
    /// Until when the run may be delivering now.
    deadline: Option<Timestamp>,
    /// Segments of which a newer run was sent since, with that run.
    newer: Vec<Newer>,
}

/// A newer run over a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Newer {
    segment: String,
    run: RunId,
}

impl Newer {
    fn warning(&self) -> String {
        format!(
            "warning: `{}` was sent again since, by the run {}: what is retried now is older",
            self.segment, self.run
        )
    }
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    app: &App,
    args: &Args,
    prompt: &mut dyn Prompt,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let retried = again(&app.stack, &app.state, &*app.queue, args, prompt).await?;
    screen.json(&retried)?;
    let Retried { export, run, chunks, .. } = &retried;
    match chunks.len() {
        0 => {
            screen.line(&format!("no chunk of {export} {run} has failed, so there is nothing to retry"))?;
            let over = look(&app.state, export, run).await?.is_none_or(|found| found.status.is_end());
            screen.line(&if over {
                format!(
                    "send the latest drop once more with: {}",
                    app.stack.command(&format!("run start {export}"))
                )
            } else {
                let watch = app.stack.command(&format!("run watch {export} {run}"));
                format!("it is still under way; watch it with: {watch}")
            })
        }
        count => {
            let watch = app.stack.command(&format!("run watch {export} {run}"));
            let noun = if count == 1 { "chunk" } else { "chunks" };
            screen.line(&format!(
                "{count} failed {noun} of {export} {run} queued once more; watch with: {watch}"
            ))
        }
    }
}

async fn again(
    stack: &Stack,
    state: &State,
    queue: &dyn Queue,
    args: &Args,
    prompt: &mut dyn Prompt,
) -> Result<Retried, Failure> {
    let Args { export: name, run: which, yes } = args;
    let found = match which.find(state, name).await? {
        Some(id) => state.run(name, &id).await?,
        None => None,
    };
    let Some(run) = found else { return Err(no_run(state, name, which).await?) };
    // What may not be sent now would be cancelled for good.
    let Some((role, export)) = state.export(name).await? else {
        return Err(Failure::new(format!(
            "the export `{name}` does not exist any more, so its runs are not retried"
        )));
    };
    // As the functions have it: what it does is as it was, whether it is enabled is as it is now.
    let export = Export { enabled: export.enabled, ..run.export.clone() };
    let connection = state.connection(&export.connection).await?;
    permit(role, &export, connection.as_ref()).map_err(|halt| Failure::new(halt.to_string()))?;
    let cancelled = keys::cancel(name, &run.run);
    let cancel = state.read::<Cancel>(&cancelled).await?;
    let too_late = cancel.is_some() && came_too_late(look(state, name, &run.run).await?.as_ref());
    if let (Some(cancel), false) = (&cancel, too_late) {
        let start = stack.command(&format!("run start {name}"));
        return Err(Failure::new(Halt::Cancelled(cancel.body.by.clone()).to_string())
            .hint(format!("what was cancelled stays so; start a new run with: {start}")));
    }
    let newer = newer(state, &run).await?;
    for newer in &newer {
        prompt.say(&newer.warning());
    }
    if !newer.is_empty() && !yes && prompt.is_terminal() && !prompt.confirm("retry all the same?")? {
        return Err(Failure::new("nothing was retried"));
    }
    if let Some(cancel) = cancel {
        // It stopped nothing then, and would stop what is sent now. If another one has taken its place, that counts.
        state.objects().delete_as(&cancelled, &cancel.etag).await?;
    }
    let time = SignedDuration::from_mins(i64::from(export.limits.deadline_minutes));
    let deadline = Timestamp::now().checked_add(time).unwrap_or(Timestamp::MAX);
    let messages = match run.destination {
        Some(_) => retry(state, &run, deadline).await?,
        None => Vec::new(),
    };
    let chunks: Vec<u32> = messages.iter().map(|message| message.chunk).collect();
    if let (Some(destination), false) = (run.destination, messages.is_empty()) {
        let messages = messages.iter().map(|message| outgoing(message, &run.lane)).collect();
        // Should this fail, the resumer finds what was noted, and queues it.
        queue.send(stack.queue(destination)?, messages).await?;
    }
    let deadline = (!chunks.is_empty()).then_some(deadline);
    Ok(Retried { export: name.clone(), run: run.run, chunks, deadline, newer })
}

/// Segments of a run that a newer run of its export has sent since.
async fn newer(state: &State, run: &Run) -> Result<Vec<Newer>, Failure> {
    let head = state.read::<Head>(&keys::head(&run.export.id)).await?;
    let segments = head.map(|head| head.body.segments).unwrap_or_default();
    let newer = run.drops.iter().filter_map(|drop| {
        let newest = segments.get(&drop.segment).filter(|newest| **newest > run.run)?;
        Some(Newer { segment: drop.segment.clone(), run: newest.clone() })
    });
    Ok(newer.collect())
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
