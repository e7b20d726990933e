//! The resumer: no run stays stuck.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use segue_state::document::Created;
use segue_state::finish::{finish, stop};
use segue_state::receipt::{Rest, conclude, lines};
use segue_state::{Open, Progress, Run, RunId, Sealed, StateError, Status, Versioned, keys};

use crate::invocation::Request;
use crate::opening::{end_cancelled, refusal};
use crate::{App, leftovers, queueing};

/// How long nothing has to have happened by default.
pub const STUCK_AFTER: Duration = Duration::from_hours(1);
/// No invocation lives longer than 15 minutes, so a staging older than this is dead.
const STAGING_DEAD_AFTER: Duration = Duration::from_mins(30);
/// Stagings that the resumer starts before it gives a run up.
const STAGINGS: u32 = 3;

/// Looks through all runs that are not finished. One that fails does not keep the others waiting.
///
/// # Errors
/// [`StateError`] of the last run that failed, after all were looked at.
pub async fn resume(app: &App, stuck_after: Duration) -> Result<(), StateError> {
    let mut failure = None;
    for (export, id) in app.state.open_runs().await? {
        if let Err(error) = look_after(app, &export, &id, stuck_after).await {
            tracing::error!(%export, run = %id, %error, "a run could not be looked after");
            failure = Some(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn look_after(app: &App, export: &str, id: &RunId, stuck_after: Duration) -> Result<(), StateError> {
    let state = &app.state;
    let Some(open) = state.open(export, id).await? else { return Ok(()) };
    let Some(run) = state.run(export, id).await? else {
        // Its opening broke off; the event comes again, or has been given up.
        if older(open.body.since, stuck_after) {
            state.close(export, id).await?;
        }
        return Ok(());
    };
    match state.sealed(export, id).await? {
        None => restage(app, &run, open.body, &open.etag, stuck_after.min(STAGING_DEAD_AFTER)).await,
        Some(sealed) => redeliver(app, &run, &sealed, &open, stuck_after).await,
    }
}

async fn restage(
    app: &App,
    run: &Run,
    open: Open,
    etag: &str,
    dead_after: Duration,
) -> Result<(), StateError> {
    let (export, id) = (&run.export.id, &run.run);
    if let Some(cancel) = app.state.cancel(export, id).await? {
        return end_cancelled(app, run, &cancel).await;
    }
    if !older(open.since, dead_after) {
        return Ok(());
    }
    if open.stagings >= STAGINGS {
        let message = format!(
            "its drop could not be read in {STAGINGS} more tries; see fan-out's log, then start a new run"
        );
        stop(&app.state, run, refusal(Status::Failed, message)).await?;
        // What its tries staged is of no use to anybody, unless one of them sealed the run in this very moment.
        if let Some(won) = app.state.sealed(export, id).await? {
            leftovers::clear(&app.state, run, &won).await?;
        }
        return Ok(());
    }
    // `since` moves on, so that this attempt gets its time too.
    let next = Open { stagings: open.stagings + 1, since: Timestamp::now(), ..open };
    if app.state.replace(&keys::open(export, id), &next, etag).await? {
        tracing::warn!(%export, run = %id, staging = next.stagings, "an unsealed run is staged again");
        let request = Request::Restage { export: export.clone(), run: id.clone() };
        start(app, &request).await?;
    }
    Ok(())
}

async fn redeliver(
    app: &App,
    run: &Run,
    sealed: &Sealed,
    found: &Versioned<Open>,
    stuck_after: Duration,
) -> Result<(), StateError> {
    let open = &found.body;
    if finish(&app.state, run, sealed).await?.is_some() {
        return Ok(());
    }
    let (export, id) = (&run.export.id, &run.run);
    let late = Timestamp::now() > open.deadline.unwrap_or(sealed.deadline);
    let mut stuck = Vec::new();
    for (chunk, generation) in queueing::missing(app, run, sealed).await? {
        let progress = app.state.progress(export, id, chunk).await?;
        let touched = progress.as_ref().map_or(sealed.sealed_at, |progress| progress.touched_at);
        if late {
            fail(app, run, sealed, chunk, generation, progress).await?;
        } else if older(touched.max(open.since), stuck_after) {
            stuck.push((chunk, generation));
        }
    }
    if late {
        finish(&app.state, run, sealed).await?;
    } else if !stuck.is_empty() {
        tracing::warn!(%export, run = %id, chunks = stuck.len(), "stuck chunks are queued again");
        // Whoever sealed the run may have been killed right then.
        leftovers::clear(&app.state, run, sealed).await?;
        app.state.advance_head(export, run).await?;
        queueing::queue(app, run, stuck, true).await?;
        // `since` moves on, so that a chunk that waits in its lane is queued once in that time, not at every look.
        let next = Open { since: Timestamp::now(), ..open.clone() };
        app.state.replace(&keys::open(export, id), &next, &found.etag).await?;
    }
    Ok(())
}

/// A chunk past the run's deadline: what was not delivered by now has failed.
async fn fail(
    app: &App,
    run: &Run,
    sealed: &Sealed,
    chunk: u32,
    generation: u32,
    progress: Option<Progress>,
) -> Result<(), StateError> {
    let (export, id) = (&run.export.id, &run.run);
    let mut progress = progress.unwrap_or_else(|| Progress::new(generation, Timestamp::now()));
    progress.generation = generation;
    let message = "the run's deadline passed".to_owned();
    let (receipt, rejected) =
        conclude(chunk, sealed.profiles_of(chunk), &progress, Rest::Failed, Some(message));
    let key = keys::receipt(export, id, chunk);
    let kept = match app.state.create(&key, &receipt).await? {
        Created::New(_) => true,
        Created::Existing(found) if !found.body.is_final() && found.body.generation < generation => {
            app.state.replace(&key, &receipt, &found.etag).await?
        }
        Created::Existing(_) => false,
    };
    // After the receipt, unlike in a destination function: one may have concluded the chunk in this very moment.
    if kept && !rejected.is_empty() {
        let page = Bytes::from(lines(&rejected));
        app.state.objects().put(&keys::rejected_chunk(export, id, chunk), page).await?;
    }
    if kept && receipt.is_final() {
        app.state.objects().delete(&keys::chunk(export, id, &sealed.attempt, chunk)).await?;
        app.state.objects().delete(&keys::progress(export, id, chunk)).await?;
    }
    Ok(())
}

/// Hands a request to this function's own queue of asynchronous invocations.
///
/// # Errors
/// [`StateError`] if Lambda does not take it.
pub async fn start(app: &App, request: &Request) -> Result<(), StateError> {
    let payload = serde_json::to_string(request).unwrap_or_default();
    app.invoke.start(&app.config.function, payload).await.map_err(|error| {
        let key = app.config.function.clone();
        segue_platform::StoreError::Failed { key, action: "invocation", problem: error.to_string() }.into()
    })
}

fn older(since: Timestamp, than: Duration) -> bool {
    Timestamp::now().duration_since(since) >= SignedDuration::try_from(than).unwrap_or(SignedDuration::MAX)
}
