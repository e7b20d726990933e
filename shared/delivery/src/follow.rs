//! Following a destination's jobs without a function that sleeps: a timer message, a look, another timer message.

use std::time::Duration;

use segue_platform::{Outgoing, QueueError, StoreError};
use segue_segment::Profile;
use segue_state::progress::Stopped;
use segue_state::{CallRecord, ChunkMessage, Op, Progress, StateError};

use crate::app::App;
use crate::attempt::{Blame, Caller, Setback};
use crate::calls::{Ending, done};
use crate::destination::{JobState, Jobs, Taken};
use crate::task::Task;

/// Longest pause between two looks at a job.
const LONGEST_LOOK: Duration = Duration::from_mins(2);
/// Pages of refused rows of one job: more than a call has rows.
const PAGES: usize = 200;

/// The message group of an account's follow-ups: they have a budget of their own.
pub(crate) fn group(lane: &str) -> String {
    format!("{lane}/follow")
}

/// Sets the timer.
pub(crate) async fn later(task: &Task<'_>, after: Duration) -> Result<(), StateError> {
    let Some(url) = &task.app.config.timer_url else { return Ok(()) };
    let message = ChunkMessage { op: Op::Follow, group: Some(group(&task.run.lane)), ..task.message.clone() };
    let outgoing = Outgoing { body: message.body(), group: None, once: None, delay: after };
    task.app.queue.send(url, vec![outgoing]).await.map_err(|error| failed("the timer queue", &error))
}

/// A timer's message is due: it goes into the lane of its account. `once` tells a repeated timer message from a new
/// one.
pub(crate) async fn due(app: &App, message: &ChunkMessage, once: &str) -> Result<(), StateError> {
    let outgoing = Outgoing {
        body: message.body(),
        group: message.group.clone(),
        once: Some(format!("{}/{once}", message.once())),
        delay: Duration::ZERO,
    };
    app.queue.send(&app.config.queue_url, vec![outgoing]).await.map_err(|error| failed("the lane", &error))
}

/// Looks at each job of a chunk that is not known to be finished.
pub(crate) async fn look(
    task: &Task<'_>,
    progress: &mut Progress,
    caller: &Caller<'_>,
    profiles: &[Profile<'_>],
) -> Result<Ending, StateError> {
    let Some(jobs) = task.app.destination.jobs() else { return Ok(Ending::Complete) };
    let calls = task.app.destination.calls(profiles);
    let mut running = false;
    for (number, range) in (0..).zip(calls) {
        let Some(CallRecord::Started { job, profiles: pushed, rejected, .. }) =
            progress.calls.get(&number).cloned()
        else {
            continue;
        };
        // The rows that were left out of the job are no part of it.
        let out = |profile: &&Profile<'_>| {
            rejected.iter().any(|row| row.row == Some(profile.at.row) && row.part == Some(profile.at.part))
        };
        let rows: Vec<&Profile<'_>> = profiles[range].iter().filter(|profile| !out(profile)).collect();
        match outcome(jobs, caller, &job, &rows).await {
            Ok(Some(taken)) => {
                progress.calls.insert(number, done(&rows, taken, rejected));
                task.save(progress).await?;
            }
            Ok(None) => running = true,
            Err(Setback::Pause(pause)) => return Ok(Ending::Pause(pause)),
            Err(Setback::Halted(halt)) => return Ok(Ending::Halted(halt)),
            Err(Setback::Broken(error)) => return Err(error),
            // The job can still be read once somebody has reconnected the account.
            Err(Setback::Refused(message, Blame::Connection)) => {
                task.blame(&message, Blame::Connection).await?;
                progress.trouble = Some(message);
                return Ok(Ending::Pause(LONGEST_LOOK));
            }
            // Nobody will ever tell what became of them.
            Err(Setback::Refused(message, Blame::Export)) => {
                progress.stopped.get_or_insert(Stopped { cancelled: false, message });
                let unknown = CallRecord::Done { accepted: 0, already_there: 0, unknown: pushed, rejected };
                progress.calls.insert(number, unknown);
            }
        }
    }
    // Calls that were intended and never made, after a crash: the chunk is pushed to its end first.
    let open = progress.calls.values().any(|call| matches!(call, CallRecord::Intended));
    Ok(match (running, open && progress.stopped.is_none()) {
        (true, _) => Ending::Jobs(pause(progress.polls)),
        (false, true) => Ending::Pause(Duration::from_secs(30)),
        (false, false) => Ending::Complete,
    })
}

/// What became of a job's rows; `None` if it is not finished.
async fn outcome(
    jobs: &dyn Jobs,
    caller: &Caller<'_>,
    job: &str,
    rows: &[&Profile<'_>],
) -> Result<Option<Taken>, Setback> {
    let state = caller.call(|session| jobs.status(session, job), |answer| jobs.read_status(answer)).await?;
    let failed = match state {
        JobState::Running => return Ok(None),
        JobState::Lost => return Ok(Some(Taken { unknown: rows.len() as u64, ..Taken::default() })),
        JobState::Complete { failed } => failed,
    };
    let mut taken = Taken::default();
    let mut next = None;
    // A job that says that nothing failed may still have a list of errors; it is one request to be sure.
    for _ in 0..PAGES {
        let page = caller
            .call(
                |session| jobs.errors(session, job, next.as_deref()),
                |answer| jobs.read_errors(rows, answer),
            )
            .await?;
        taken.rejected.extend(page.rejected);
        taken.unattributed.extend(page.unattributed);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    // The destination counted more failures than it listed.
    let mut distinct: Vec<usize> = taken.rejected.iter().map(|(index, _)| *index).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let listed = (distinct.len() + taken.unattributed.len()) as u64;
    let missing = failed.saturating_sub(listed).min(rows.len() as u64);
    taken.unattributed.extend((0..missing).map(|_| segue_segment::Reason::Refused));
    Ok(Some(taken))
}

fn pause(polls: u32) -> Duration {
    Duration::from_secs(2).saturating_mul(2_u32.saturating_pow(polls.min(10))).min(LONGEST_LOOK)
}

fn failed(queue: &str, error: &QueueError) -> StateError {
    StoreError::Failed { key: queue.to_owned(), action: error.action, problem: error.problem.clone() }.into()
}
