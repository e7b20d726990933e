//! The finish check: once every chunk has a receipt, the run's summary is written.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::document::{Created, StateError};
use crate::summary;
use crate::{ChunkMessage, Open, Receipt, Run, Sealed, State, Summary, keys};

/// Writes the summary of a sealed run if all its receipts are there, and takes the run off the open ones. `None` if
/// receipts are missing. A summary that is there already is mended.
///
/// # Errors
/// [`StateError`], also for counts that don't add up, which are never recorded.
pub async fn finish(state: &State, run: &Run, sealed: &Sealed) -> Result<Option<Summary>, StateError> {
    let (export, id) = (&run.export.id, &run.run);
    let key = keys::summary(export, id);
    loop {
        // The summary's state first, then the receipts: what is written is never older than what it replaces.
        let before = state.summary(export, id).await?;
        let Some(receipts) = all(state, run, sealed).await? else { return Ok(None) };
        let summary = summary::sealed(run, sealed, &receipts)
            .map_err(|error| StateError::Malformed { key: key.clone(), problem: error.to_string() })?;
        let written = match before {
            Some(found) if found.body == summary => true,
            Some(found) => state.replace(&key, &summary, &found.etag).await?,
            None => matches!(state.create(&key, &summary).await?, Created::New(_)),
        };
        if written {
            // Where something failed, a retry may have begun since the receipts were read: its run stays open.
            let over = summary.status.is_end()
                && (receipts.iter().all(Receipt::is_final) || all(state, run, sealed).await?.is_some());
            if over {
                if receipts.iter().all(Receipt::is_final) {
                    // Whom it held back is known as long as a retry may need it, and no longer.
                    state.objects().delete(&keys::held_back(export, id, &sealed.attempt)).await?;
                }
                state.close(export, id).await?;
            }
            tracing::info!(%export, run = %id, status = summary.status.name(), "run finished");
            return Ok(Some(summary));
        }
    }
}

/// Ends a run before anything of it was sent. If it was sealed in the meantime, or has ended, it stays as it is.
///
/// # Errors
/// See [`StateError`].
pub async fn stop(state: &State, run: &Run, seal: Sealed) -> Result<Option<Summary>, StateError> {
    let sealed = match state.create(&keys::sealed(&run.export.id, &run.run), &seal).await? {
        Created::New(_) => seal,
        Created::Existing(found) => found.body,
    };
    finish(state, run, &sealed).await
}

/// All receipts of a run; `None` if one is missing, which a listing tells without reading them.
async fn all(state: &State, run: &Run, sealed: &Sealed) -> Result<Option<Vec<Receipt>>, StateError> {
    let done = state.receipted(&run.export.id, &run.run).await?;
    if done.len() < sealed.chunks as usize {
        return Ok(None);
    }
    let receipts = counting(state, run, &done).await?;
    Ok((receipts.len() >= sealed.chunks as usize).then_some(receipts))
}

/// The receipts of these chunks that count: a failed one that is being retried does not.
async fn counting(state: &State, run: &Run, done: &[u32]) -> Result<Vec<Receipt>, StateError> {
    let (export, id) = (&run.export.id, &run.run);
    let mut receipts = state.receipts(export, id, done).await?;
    if receipts.iter().any(|receipt| !receipt.is_final()) {
        let open = state.open(export, id).await?;
        let retrying = open.map(|open| open.body.retrying).unwrap_or_default();
        receipts.retain(|receipt| {
            receipt.is_final()
                || retrying.get(&receipt.chunk).is_none_or(|&wanted| receipt.generation >= wanted)
        });
    }
    Ok(receipts)
}

/// Has failed chunks retried: notes which generation counts from now on, and gives the run time until `deadline`.
/// Answers the messages to be queued; none if nothing has failed.
///
/// # Errors
/// See [`StateError`].
pub async fn retry(state: &State, run: &Run, deadline: Timestamp) -> Result<Vec<ChunkMessage>, StateError> {
    let (export, id) = (&run.export.id, &run.run);
    let key = keys::open(export, id);
    loop {
        let before = state.open(export, id).await?;
        let done = state.receipted(export, id).await?;
        let failed: BTreeMap<u32, u32> = state
            .receipts(export, id, &done)
            .await?
            .iter()
            .filter(|receipt| !receipt.is_final())
            .map(|receipt| (receipt.chunk, receipt.generation + 1))
            .collect();
        if failed.is_empty() {
            return Ok(Vec::new());
        }
        let mut open =
            before.as_ref().map_or_else(|| Open::new(Timestamp::now()), |found| found.body.clone());
        open.retrying.extend(&failed);
        open.deadline = Some(deadline);
        let noted = match &before {
            Some(found) => state.replace(&key, &open, &found.etag).await?,
            None => matches!(state.create(&key, &open).await?, Created::New(_)),
        };
        if noted {
            let messages =
                failed.into_iter().map(|(chunk, generation)| ChunkMessage::add(run, chunk, generation));
            return Ok(messages.collect());
        }
    }
}

/// How a run stands now, finished or not. `None` if there is no such run.
///
/// # Errors
/// See [`StateError`].
pub async fn look(state: &State, export: &str, id: &crate::RunId) -> Result<Option<Summary>, StateError> {
    let ended = state.summary(export, id).await?;
    if let Some(found) = ended
        && state.open(export, id).await?.is_none_or(|open| open.body.retrying.is_empty())
    {
        return Ok(Some(found.body));
    }
    let Some(run) = state.run(export, id).await? else { return Ok(None) };
    let Some(sealed) = state.sealed(export, id).await? else { return Ok(Some(summary::staging(&run))) };
    let done = state.receipted(export, id).await?;
    let receipts = counting(state, &run, &done).await?;
    summary::sealed(&run, &sealed, &receipts)
        .map(Some)
        .map_err(|error| StateError::Malformed { key: keys::runs(export), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use segue_platform::memory::MemoryBucket;

    use super::*;
    use crate::run::Ended;
    use crate::summary::tests::{receipt, run, seal};
    use crate::{Outcome, Status};

    async fn sealed_run() -> State {
        let state = State::new(Arc::new(MemoryBucket::default()));
        let run = run();
        let open = Open::new(run.created_at);
        state.create(&keys::open("e", &run.run), &open).await.unwrap();
        state.create(&keys::run("e", &run.run), &run).await.unwrap();
        state.create(&keys::sealed("e", &run.run), &seal()).await.unwrap();
        state
    }

    async fn add(state: &State, chunk: u32, outcome: Outcome) {
        state.put(&keys::receipt("e", &run().run, chunk), &receipt(chunk, outcome)).await.unwrap();
    }

    #[tokio::test]
    async fn a_run_is_finished_by_its_last_receipt_and_only_once() {
        let state = sealed_run().await;
        add(&state, 0, Outcome::Delivered).await;
        assert!(finish(&state, &run(), &seal()).await.unwrap().is_none());
        add(&state, 1, Outcome::Delivered).await;
        for _ in 0..2 {
            let summary = finish(&state, &run(), &seal()).await.unwrap().unwrap();
            assert_eq!((summary.status, summary.counts.accepted), (Status::Completed, 20));
        }
        assert!(state.open_runs().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_retry_counts_as_pending_and_then_mends_the_summary() {
        let state = sealed_run().await;
        add(&state, 0, Outcome::Delivered).await;
        add(&state, 1, Outcome::Failed).await;
        assert_eq!(finish(&state, &run(), &seal()).await.unwrap().unwrap().status, Status::Partial);

        for _ in 0..2 {
            let messages = retry(&state, &run(), seal().deadline).await.unwrap();
            assert_eq!(messages.iter().map(|m| (m.chunk, m.generation)).collect::<Vec<_>>(), [(1, 1)]);
        }
        assert!(finish(&state, &run(), &seal()).await.unwrap().is_none());
        let during = look(&state, "e", &run().run).await.unwrap().unwrap();
        assert_eq!((during.status, during.counts.pending), (Status::Delivering, 10));

        let receipt = Receipt { generation: 1, ..receipt(1, Outcome::Delivered) };
        state.put(&keys::receipt("e", &run().run, 1), &receipt).await.unwrap();
        assert_eq!(finish(&state, &run(), &seal()).await.unwrap().unwrap().status, Status::Completed);
        assert_eq!(look(&state, "e", &run().run).await.unwrap().unwrap().status, Status::Completed);
        assert!(retry(&state, &run(), seal().deadline).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_refusal_can_not_overtake_a_seal_nor_a_seal_a_refusal() {
        let refusal = || Sealed {
            ended: Some(Ended { status: Status::Refused, message: "no".into() }),
            chunks: 0,
            ..seal()
        };
        let state = sealed_run().await;
        assert!(stop(&state, &run(), refusal()).await.unwrap().is_none(), "it is being delivered");

        let state = State::new(Arc::new(MemoryBucket::default()));
        assert_eq!(stop(&state, &run(), refusal()).await.unwrap().unwrap().status, Status::Refused);
        let Created::Existing(found) = state.create(&keys::sealed("e", &run().run), &seal()).await.unwrap()
        else {
            panic!("sealed after a refusal")
        };
        assert_eq!(stop(&state, &run(), found.body).await.unwrap().unwrap().status, Status::Refused);
    }

    #[tokio::test]
    async fn the_head_never_goes_back() {
        let state = sealed_run().await;
        let newer = Run { run: crate::RunId::parse("20261123T000000Z-x").unwrap(), ..run() };
        state.advance_head("e", &newer).await.unwrap();
        state.advance_head("e", &run()).await.unwrap();
        let head: crate::Head = state.read(&keys::head("e")).await.unwrap().unwrap().body;
        assert_eq!(head.segments["vip"], newer.run);
    }
}
