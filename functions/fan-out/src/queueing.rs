//! One message a chunk, into the lane of the run's account.

use segue_platform::{Outgoing, QueueError};
use segue_state::finish::finish;
use segue_state::{ChunkMessage, Run, Sealed, StateError};

use crate::{App, leftovers};

/// Queues chunks, each with its generation. Sent twice, the queue drops the second, or the destination function finds
/// the receipt. Of chunks that are `resumed` each may be the run's last.
///
/// # Errors
/// [`StateError`] if the queue fails; the resumer then queues them.
pub async fn queue(
    app: &App,
    run: &Run,
    chunks: impl IntoIterator<Item = (u32, u32)>,
    resumed: bool,
) -> Result<(), StateError> {
    let Some(url) = run.destination.and_then(|destination| app.config.queues.get(&destination)) else {
        return Ok(());
    };
    let messages = chunks
        .into_iter()
        .map(|(chunk, generation)| ChunkMessage { resumed, ..ChunkMessage::add(run, chunk, generation) })
        .map(|message| outgoing(&message, &run.lane));
    app.queue.send(url, messages.collect()).await.map_err(|error| failed(run, &error))
}

/// A chunk's message as the FIFO queue takes it.
#[must_use]
pub fn outgoing(message: &ChunkMessage, lane: &str) -> Outgoing {
    Outgoing {
        body: message.body(),
        group: Some(lane.to_owned()),
        once: Some(message.once()),
        delay: std::time::Duration::ZERO,
    }
}

/// A sealed run that is come upon again: if all is done it is finished, otherwise what has no receipt is queued.
///
/// # Errors
/// See [`StateError`].
pub async fn resume(app: &App, run: &Run, sealed: &Sealed) -> Result<(), StateError> {
    leftovers::clear(&app.state, run, sealed).await?;
    if finish(&app.state, run, sealed).await?.is_some() {
        return Ok(());
    }
    app.state.advance_head(&run.export.id, run).await?;
    let missing = missing(app, run, sealed).await?;
    queue(app, run, missing, true).await
}

/// The chunks of a sealed run without a receipt that counts, each with its generation.
///
/// # Errors
/// See [`StateError`].
pub async fn missing(app: &App, run: &Run, sealed: &Sealed) -> Result<Vec<(u32, u32)>, StateError> {
    let (export, id) = (&run.export.id, &run.run);
    let done = app.state.receipted(export, id).await?;
    let mut missing: Vec<(u32, u32)> = (0..sealed.chunks)
        .filter(|chunk| done.binary_search(chunk).is_err())
        .map(|chunk| (chunk, 0))
        .collect();
    let retrying = app.state.open(export, id).await?.map(|open| open.body.retrying).unwrap_or_default();
    for (chunk, wanted) in retrying {
        let receipt = app.state.receipt(export, id, chunk).await?;
        if receipt.is_some_and(|found| !found.body.is_final() && found.body.generation < wanted) {
            missing.push((chunk, wanted));
        }
    }
    Ok(missing)
}

fn failed(run: &Run, error: &QueueError) -> StateError {
    let problem = error.problem.clone();
    let key = format!("the queue of {}", run.destination.map_or("nowhere", segue_segment::Destination::name));
    segue_platform::StoreError::Failed { key, action: error.action, problem }.into()
}
