//! Staging: the drops are read once, front to back, and become the chunks of every run that wants them.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use segue_platform::{Deadline, StoreError};
use segue_source::{Reader, SourceError};
use segue_state::document::{self, Created};
use segue_state::finish::finish;
use segue_state::{Ended, Run, Sealed, StateError, Status, keys};
use tokio::task::JoinSet;

use crate::guard::{Bounds, Guard};
use crate::intake::{Intake, Staged, Tally, Wanted};
use crate::{App, history, leftovers, queueing};

/// Chunks that are written at once. Each holds ten megabytes at the most.
const WRITERS: usize = 4;
/// What must be left of the invocation to seal and queue.
const RESERVE: Duration = Duration::from_secs(30);

/// A staging that broke off: the invocation fails, and is repeated.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The state bucket failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The segment bucket failed.
    #[error("the drop could not be read: {0}")]
    Drop(StoreError),
    /// A writer was lost.
    #[error("a chunk's writer broke off")]
    Writer,
}

/// Reads the drops of these runs, which are the same for all, and seals each run or refuses it.
///
/// # Errors
/// [`StagingError`]; nothing was queued then for the runs that are not sealed.
pub async fn stage(app: &App, runs: &[Run], deadline: Deadline) -> Result<(), StagingError> {
    let Some(first) = runs.first() else { return Ok(()) };
    let attempt = document::writer();
    let wanted: Vec<Wanted> = runs.iter().filter_map(wanted).collect();
    let mut intake = Intake::new(&wanted);
    let mut writers = Writers::new(app, runs, &attempt);
    let keys: Vec<&str> = first.parts().map(|part| part.key.as_str()).collect();
    let stopped = read(app, first, &mut intake, &mut writers, deadline).await?.err();
    let (rest, tallies) = intake.finish();
    writers.write(rest).await?;
    writers.done().await?;
    for (run, tally) in runs.iter().zip(&tallies) {
        let verdict = match &stopped {
            Some(guard) => Err(guard.clone()),
            None => judge(app, run, tally, &keys).await?,
        };
        seal(app, run, sealing(run, tally, &attempt, verdict)).await?;
    }
    Ok(())
}

fn wanted(run: &Run) -> Option<Wanted> {
    let destination = run.destination?;
    let (mapping, columns) = (run.export.fields.clone(), run.export.limits.columns.clone());
    Some(Wanted { destination, mapping, columns, limit: limit(run) })
}

fn limit(run: &Run) -> u64 {
    let default = run.destination.map_or(0, |destination| destination.shape().default_limit);
    run.export.limits.profiles.unwrap_or(default)
}

/// Reads all parts into `intake`. The inner error is a guard's: it stops the runs, the outer one the invocation.
async fn read(
    app: &App,
    run: &Run,
    intake: &mut Intake,
    writers: &mut Writers,
    deadline: Deadline,
) -> Result<Result<(), Guard>, StagingError> {
    let parts = run.drops.iter().flat_map(|drop| drop.parts.iter().map(|part| (part, drop.parts.len() > 1)));
    for (number, (part, among_others)) in (0..).zip(parts) {
        let file = part.key.clone();
        if part.size == 0 && among_others {
            // As writers leave them that had no rows for a part.
            continue;
        }
        let mut opened = match app.segments.open(&part.key, part.etag.as_deref()).await {
            Ok(Some(opened)) => opened,
            Ok(None) | Err(StoreError::Changed { .. }) => return Ok(Err(Guard::Gone { file })),
            Err(error) => return Err(StagingError::Drop(error)),
        };
        intake.begin_part(number);
        let mut reader = Reader::default();
        while let Some(piece) = opened.pieces.next().await {
            let piece = piece.map_err(StagingError::Drop)?;
            if let Err(source) = reader.feed(&piece, intake) {
                return Ok(Err(Guard::Source { file, source }));
            }
            if intake.is_hopeless() {
                // Every export says for itself which column it misses.
                return Ok(Ok(()));
            }
            if deadline.left() < RESERVE {
                return Ok(Err(Guard::NoTime { read: intake.read() }));
            }
            writers.write(intake.take_ready()).await?;
        }
        match reader.finish(intake) {
            // Nothing, but compressed.
            Err(SourceError::Empty) if among_others => {}
            Err(source) => return Ok(Err(Guard::Source { file, source })),
            Ok(_) => {}
        }
    }
    Ok(Ok(()))
}

/// Whether a run may start, and what the operator should know if it does.
async fn judge(
    app: &App,
    run: &Run,
    tally: &Tally,
    keys: &[&str],
) -> Result<Result<Vec<String>, Guard>, StateError> {
    let limits = &run.export.limits;
    let bounds = Bounds {
        profiles: limit(run),
        invalid_share: limits.invalid_share,
        min_profiles: limits.min_profiles.unwrap_or_default(),
    };
    if let Err(guard) = tally.judge(bounds, &run.export.fields.email, keys) {
        return Ok(Err(guard));
    }
    let Some(before) = history::last_completed(&app.state, run).await? else { return Ok(Ok(Vec::new())) };
    Ok(history::compare(tally.totals.profiles, &before, limits).map(|warning| warning.into_iter().collect()))
}

fn sealing(run: &Run, tally: &Tally, attempt: &str, verdict: Result<Vec<String>, Guard>) -> Sealed {
    let sealed_at = Timestamp::now();
    let time = SignedDuration::from_mins(i64::from(run.export.limits.deadline_minutes));
    let (warnings, ended) = match verdict {
        Ok(warnings) => (warnings, None),
        Err(guard) => (Vec::new(), Some(Ended { status: Status::Refused, message: guard.to_string() })),
    };
    let passed = ended.is_none();
    Sealed {
        attempt: attempt.to_owned(),
        read: tally.counts.read,
        invalid: tally.counts.invalid,
        invalid_by_reason: tally.invalid_by_reason.clone(),
        duplicate: tally.counts.duplicate,
        profiles: if passed { tally.totals.profiles } else { 0 },
        chunks: if passed { tally.chunks } else { 0 },
        profiles_per_chunk: run.destination.map_or(0, |d| d.shape().profiles_per_chunk as u64),
        sealed_at,
        deadline: sealed_at.checked_add(time).unwrap_or(Timestamp::MAX),
        ended,
        warnings,
        attributes_changed: tally.attributes_changed,
    }
}

/// Seals a run and queues its chunks. Of several attempts the first wins; what the others staged is removed.
async fn seal(app: &App, run: &Run, sealed: Sealed) -> Result<(), StateError> {
    let state = &app.state;
    let (export, id) = (&run.export.id, &run.run);
    let won = match state.create(&keys::sealed(export, id), &sealed).await? {
        Created::New(_) => sealed.clone(),
        Created::Existing(found) => found.body,
    };
    leftovers::clear(state, run, &won).await?;
    if won.ended.is_some() {
        finish(state, run, &won).await?;
        return Ok(());
    }
    tracing::info!(%export, run = %id, profiles = won.profiles, chunks = won.chunks, "run sealed");
    state.advance_head(export, run).await?;
    queueing::queue(app, run, (0..won.chunks).map(|chunk| (chunk, 0)), false).await
}

/// Writes chunks and pages, a few at a time, while reading goes on.
struct Writers {
    tasks: JoinSet<Result<(), StoreError>>,
    places: Vec<(String, segue_state::RunId)>,
    attempt: String,
    state: segue_state::State,
}

impl Writers {
    fn new(app: &App, runs: &[Run], attempt: &str) -> Self {
        Self {
            tasks: JoinSet::new(),
            places: runs.iter().map(|run| (run.export.id.clone(), run.run.clone())).collect(),
            attempt: attempt.to_owned(),
            state: app.state.clone(),
        }
    }

    async fn write(&mut self, staged: Vec<Staged>) -> Result<(), StagingError> {
        for staged in staged {
            let (key, bytes) = self.place(staged);
            while self.tasks.len() >= WRITERS {
                self.next().await?;
            }
            let state = self.state.clone();
            self.tasks.spawn(async move { state.objects().put(&key, bytes).await });
        }
        Ok(())
    }

    async fn done(&mut self) -> Result<(), StagingError> {
        while !self.tasks.is_empty() {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<(), StagingError> {
        match self.tasks.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(StateError::from(error).into()),
            Some(Err(_)) => Err(StagingError::Writer),
        }
    }

    fn place(&self, staged: Staged) -> (String, Bytes) {
        match staged {
            Staged::Chunk { plan, number, bytes } => {
                let (export, run) = &self.places[plan];
                (keys::chunk(export, run, &self.attempt, number), bytes)
            }
            Staged::Invalid { plan, page, lines } => {
                let (export, run) = &self.places[plan];
                (keys::invalid_page(export, run, &self.attempt, page), lines)
            }
        }
    }
}
