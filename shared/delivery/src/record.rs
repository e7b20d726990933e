//! The end of a chunk: its rejected rows, its receipt, and what is not needed any more.

use bytes::Bytes;
use segue_state::document::Created;
use segue_state::finish::finish;
use segue_state::receipt::{Rest, conclude as receipt_of, lines};
use segue_state::{Op, Progress, Receipt, StateError, keys};

use crate::task::Task;

/// Concludes a chunk. Done twice, the second finds the first one's receipt.
pub(crate) async fn conclude(
    task: &Task<'_>,
    progress: &Progress,
    rest: Rest,
    message: Option<String>,
) -> Result<(), StateError> {
    let state = &task.app.state;
    let (export, id, chunk) = (&task.message.export, &task.message.run, task.message.chunk);
    let (receipt, rejected) = receipt_of(chunk, task.sealed.profiles_of(chunk), progress, rest, message);
    if !rejected.is_empty() {
        let key = keys::rejected_chunk(export, id, chunk);
        state.objects().put(&key, Bytes::from(lines(&rejected))).await?;
    }
    let (receipt, replaced) = keep(task, receipt).await?;
    tracing::info!(
        %export, run = %id, chunk, generation = receipt.generation,
        destination = task.app.destination.destination().name(),
        outcome = ?receipt.outcome, profiles = receipt.profiles, accepted = receipt.accepted,
        rejected = receipt.rejected, unknown = receipt.unknown, failed = receipt.failed,
        cancelled = receipt.cancelled, api_calls = receipt.api_calls, retries = receipt.retries,
        pauses = progress.pauses, crashes = progress.crashes,
        reason = receipt.message.as_deref().unwrap_or_default(),
        "chunk concluded"
    );
    // In the lane's order the run's last chunk comes last; a chunk that was delayed may come after it.
    let last = chunk + 1 == task.sealed.chunks;
    if last || replaced || task.requeued || task.message.generation > 0 || task.message.op == Op::Follow {
        finish(state, &task.run, &task.sealed).await?;
    }
    if receipt.is_final() {
        clear(task).await?;
    }
    Ok(())
}

/// Removes what is not needed any more: after the final receipt, so that nothing that is still needed is ever gone.
pub(crate) async fn clear(task: &Task<'_>) -> Result<(), StateError> {
    let (export, id, chunk) = (&task.message.export, &task.message.run, task.message.chunk);
    let objects = task.app.state.objects();
    objects.delete(&keys::chunk(export, id, &task.sealed.attempt, chunk)).await?;
    objects.delete(&keys::progress(export, id, chunk)).await?;
    Ok(())
}

/// Writes the receipt, in place of one that a retry may replace. Answers the receipt that counts, and whether it took
/// the place of another.
async fn keep(task: &Task<'_>, receipt: Receipt) -> Result<(Receipt, bool), StateError> {
    let key = keys::receipt(&task.message.export, &task.message.run, task.message.chunk);
    loop {
        match task.app.state.create(&key, &receipt).await? {
            Created::New(_) => return Ok((receipt, false)),
            // What was delivered after the resumer had given the chunk up counts as delivered.
            Created::Existing(found)
                if found.body.is_final()
                    || (found.body.generation >= receipt.generation && !receipt.is_final()) =>
            {
                return Ok((found.body, false));
            }
            Created::Existing(found) => {
                if task.app.state.replace(&key, &receipt, &found.etag).await? {
                    return Ok((receipt, true));
                }
            }
        }
    }
}
