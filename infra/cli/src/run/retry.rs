//! `segue run retry`: sends the chunks of a run that failed once more.

use std::collections::BTreeSet;

use fan_out::queueing::outgoing;
use jiff::{SignedDuration, Timestamp};
use segue_platform::{Queue, StoreError};
use segue_state::finish::{look, retry};
use segue_state::{Cancel, Export, Halt, Head, Run, RunId, State, keys, permit_run};
use serde::Serialize;

use super::cancel::came_too_late;
use super::no_run;
use super::which::MeantExpressly;
use crate::output::{Screen, counted};
use crate::prompt::Prompt;
use crate::stack::Stack;
use crate::{App, Failure};

/// Send the chunks of a run that failed once more.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segue run retry vip-to-klaviyo latest")]
pub struct Args {
    /// Which run.
    #[command(flatten)]
    pub meant: MeantExpressly,
    /// Don't ask, even if a newer drop was sent since.
    #[arg(long, alias = "yes")]
    pub force: bool,
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
    let (name, which) = args.meant.find(state).await?;
    let name = name.as_str();
    let found = match which.find(state, name).await? {
        Some(id) => state.run(name, &id).await?,
        None => None,
    };
    let Some(run) = found else { return Err(no_run(state, name, &which).await?) };
    // What may not be sent now would be cancelled for good.
    let Some((role, export)) = state.export(name).await? else {
        return Err(Failure::new(format!(
            "the export `{name}` does not exist any more, so its runs are not retried"
        )));
    };
    let elsewhere = leads_elsewhere(stack, &run.export, &export);
    let connection = state.connection(&run.export.connection).await?;
    permit_run(&run, role, &export, connection.as_ref()).map_err(|halt| Failure::new(halt.to_string()))?;
    let cancelled = keys::cancel(name, &run.run);
    let cancel = state.read::<Cancel>(&cancelled).await?;
    let too_late = cancel.is_some() && came_too_late(look(state, name, &run.run).await?.as_ref());
    if let (Some(cancel), false) = (&cancel, too_late) {
        let start = stack.command(&format!("run start {name}"));
        return Err(Failure::new(Halt::Cancelled(cancel.body.by.clone()).to_string())
            .hint(format!("what was cancelled stays so; start a new run with: {start}")));
    }
    let lost = lost(state, &run).await?;
    if let Some(lost) = &lost {
        let start = format!("start a new run with: {}", stack.command(&format!("run start {name}")));
        if lost.all {
            return Err(Failure::new(lost.words(&run)).hint(start));
        }
        prompt.say(&format!("warning: {}; {start}", lost.words(&run)));
    }
    if let Some(warning) = elsewhere {
        prompt.say(&warning);
    }
    let newer = newer(state, &run).await?;
    for newer in &newer {
        prompt.say(&newer.warning());
    }
    if !newer.is_empty() && !args.force {
        if !prompt.is_terminal() {
            return Err(Failure::usage("there is no terminal to ask on whether to retry all the same")
                .hint("say --force to do it; nothing was retried"));
        }
        if !prompt.confirm("retry all the same?")? {
            return Err(Failure::new("nothing was retried"));
        }
    }
    if let Some(cancel) = cancel {
        // It stopped nothing then, and would stop what is sent now. If another one has taken its place, that counts.
        state.objects().delete_as(&cancelled, &cancel.etag).await?;
    }
    let time = SignedDuration::from_mins(i64::from(run.export.limits.deadline_minutes));
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
    Ok(Retried { export: name.to_owned(), run: run.run, chunks, deadline, newer })
}

/// A warning if the export leads to another audience by now: what is retried goes where the run went.
fn leads_elsewhere(stack: &Stack, then: &Export, now: &Export) -> Option<String> {
    let Export { id, connection, audience_id, .. } = now;
    if now.is_detached() || (connection, audience_id) == (&then.connection, &then.audience_id) {
        return None;
    }
    let start = stack.command(&format!("run start {id}"));
    Some(format!(
        "warning: what is retried goes to the audience {} over `{}`, as the run did; `{id}` leads to {audience_id} over \
         `{connection}` now: to send there, start a new run with: {start}",
        then.audience_id, then.connection
    ))
}

/// Chunks that failed, and that are not staged any more.
struct Lost {
    count: usize,
    /// Whether no other one failed.
    all: bool,
}

impl Lost {
    fn words(&self, run: &Run) -> String {
        let (id, export) = (&run.run, &run.export.id);
        format!(
            "{} of the run {id} of `{export}` that failed cannot be sent again, since what is staged is kept for seven \
             days",
            counted(self.count, "chunk")
        )
    }
}

/// Which of the chunks that failed are gone; `None` if none is, or that may not be looked at.
async fn lost(state: &State, run: &Run) -> Result<Option<Lost>, Failure> {
    let (export, id) = (&run.export.id, &run.run);
    let Some(sealed) = state.sealed(export, id).await? else { return Ok(None) };
    let receipts = state.receipts(export, id, &state.receipted(export, id).await?).await?;
    let failed: Vec<u32> =
        receipts.iter().filter(|receipt| !receipt.is_final()).map(|receipt| receipt.chunk).collect();
    let staged: BTreeSet<String> = match state.objects().list(&keys::attempts(export, id)).await {
        Ok(found) => found.into_iter().map(|stored| stored.key).collect(),
        Err(StoreError::Denied { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let gone =
        failed.iter().filter(|&&chunk| !staged.contains(&keys::chunk(export, id, &sealed.attempt, chunk)));
    let count = gone.count();
    Ok((count > 0).then_some(Lost { count, all: count == failed.len() }))
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
