//! Staging: the drops are read once, front to back, and become the chunks of every run that wants them.

use jiff::{SignedDuration, Timestamp};
use segue_platform::Deadline;
use segue_state::document::{self, Created};
use segue_state::finish::finish;
use segue_state::{Ended, Run, Sealed, SourceRecord, StateError, Status, keys};

use crate::error::StagingError;
use crate::guard::{Bounds, Guard};
use crate::history::Past;
use crate::intake::{Intake, Tally, Wanted};
use crate::reading::read;
use crate::writers::Writers;
use crate::{App, history, leftovers, opening, queueing};

/// What reading the drops of some runs came to.
pub(crate) struct Pass {
    /// What became of each run's rows.
    pub(crate) tallies: Vec<Tally>,
    /// Whether each run may start, and what the operator should know if it does.
    pub(crate) verdicts: Vec<Result<Vec<String>, Guard>>,
    /// What the parts turned out to be.
    pub(crate) sources: Vec<SourceRecord>,
}

/// Reads the drops of these runs, which are the same for all, and seals each run or refuses it.
///
/// # Errors
/// [`StagingError`]; nothing was queued then for the runs that are not sealed.
pub async fn stage(app: &App, runs: &[Run], deadline: Deadline) -> Result<(), StagingError> {
    let attempt = document::writer();
    let Pass { tallies, verdicts, sources } =
        pass(app, runs, Writers::new(app, runs, &attempt), deadline).await?;
    for ((run, tally), verdict) in runs.iter().zip(&tallies).zip(verdicts) {
        seal(app, run, sealing(run, tally, &attempt, &sources, verdict)).await?;
    }
    Ok(())
}

/// Reads the drops of these runs, which are the same for all, once, and looks at the guards of each.
///
/// # Errors
/// [`StagingError`].
pub(crate) async fn pass(
    app: &App,
    runs: &[Run],
    mut writers: Writers,
    deadline: Deadline,
) -> Result<Pass, StagingError> {
    let Some(first) = runs.first() else {
        return Ok(Pass { tallies: Vec::new(), verdicts: Vec::new(), sources: Vec::new() });
    };
    let wanted: Vec<Wanted> = runs.iter().filter_map(wanted).collect();
    let mut intake = Intake::new(&wanted);
    let keys: Vec<&str> = first.parts().map(|part| part.key.as_str()).collect();
    let read = read(app, first, &mut intake, &mut writers, deadline).await?;
    let (rest, tallies) = intake.finish();
    writers.write(rest).await?;
    writers.done().await?;
    let mut verdicts = Vec::with_capacity(runs.len());
    for (run, tally) in runs.iter().zip(&tallies) {
        verdicts.push(match &read.stopped {
            Some(guard) => Err(guard.clone()),
            None => judge(app, run, tally, &keys).await?,
        });
    }
    Ok(Pass { tallies, verdicts, sources: read.sources })
}

fn wanted(run: &Run) -> Option<Wanted> {
    let destination = run.destination?;
    let mapping = run.export.fields.clone();
    Some(Wanted { destination, mapping, columns: run.export.limits.columns.clone(), limit: limit(run) })
}

fn limit(run: &Run) -> u64 {
    let default = run.destination.map_or(0, |destination| destination.shape().default_limit);
    run.export.limits.profiles.unwrap_or(default)
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
    Ok(match history::last_completed(&app.state, run).await? {
        Past::Completed(before) => history::compare(tally.totals.profiles, &before, limits)
            .map(|warning| warning.into_iter().collect()),
        // A guard must not lapse without a word.
        Past::Nothing { looked_at: runs @ 1.. } if limits.change_share.is_some() => Ok(vec![format!(
            "`limits.change_share` had nothing to compare with: none of the {runs} runs before completed over the same segments"
        )]),
        Past::Nothing { .. } | Past::Unasked => Ok(Vec::new()),
    })
}

fn sealing(
    run: &Run,
    tally: &Tally,
    attempt: &str,
    sources: &[SourceRecord],
    verdict: Result<Vec<String>, Guard>,
) -> Sealed {
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
        sources: sources.to_vec(),
        sealed_at,
        deadline: sealed_at.checked_add(time).unwrap_or(Timestamp::MAX),
        ended,
        warnings,
        attributes_changed: tally.attributes_changed,
    }
}

/// Seals a run and queues its chunks. Of several attempts the first wins; what the others staged is removed.
async fn seal(app: &App, run: &Run, mut sealed: Sealed) -> Result<(), StateError> {
    let state = &app.state;
    let (export, id) = (&run.export.id, &run.run);
    if sealed.ended.is_none()
        && let Some(cancel) = state.cancel(export, id).await?
    {
        let message = opening::cancelled(&cancel);
        sealed.ended = Some(Ended { status: Status::Cancelled, message });
        (sealed.profiles, sealed.chunks) = (0, 0);
    }
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
