//! Following a destination's jobs without a function that sleeps: a timer message, a look, another timer message.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use segue_platform::{Outgoing, QueueError, StoreError};
use segue_segment::{Profile, Reason};
use segue_state::{CallRecord, ChunkMessage, Op, Progress, Rejected, StateError};
use tokio::time::sleep;

use crate::app::App;
use crate::attempt::{Blame, Caller, Purpose, Setback};
use crate::calls::{Ending, done, numbered};
use crate::destination::{JobState, Jobs, LONGEST_HELD, Lost, Taken, Told};
use crate::lane::Lane;
use crate::task::Task;

/// When a job is looked at for the first time.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// Looks at a chunk's jobs until none stands for the others any more: one that never ends must not hide them.
const YOUNG: u32 = 6;
/// Times that results are asked for again that can't be had, and the pause before each.
const TRIES: u32 = 2;
const ONCE_MORE: Duration = Duration::from_secs(1);
/// Times that calls are made again since the destination failed over some of their rows.
const REPEATS: u32 = 2;

/// Longest pause between two looks at a job.
const LONGEST_LOOK: Duration = Duration::from_mins(2);
/// The same where looking is receiving the chunk's message again, which is not done without end: a thousand times in
/// the seven days that a run may take.
const LONGEST_HOLD: Duration = Duration::from_mins(11);
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

/// A follow-up is due: looks at the chunk's jobs, and tells what is to be done next.
pub(crate) async fn follow_up(
    task: &Task<'_>,
    progress: &mut Progress,
    caller: &Caller<'_>,
    profiles: &[Profile<'_>],
) -> Result<Ending, StateError> {
    // A timer counts whole seconds: what is missing to the expected end is waited for here.
    if let Some(wait) = until_end(progress, caller.lane).await.filter(|wait| *wait < Duration::from_secs(1)) {
        sleep(wait).await;
    }
    if let Some(ending) = look(task, progress, caller, profiles).await? {
        return Ok(ending);
    }
    // Calls that were intended and never made, after a crash: the chunk is pushed to its end first.
    let intended = |call: &CallRecord| matches!(call, CallRecord::Intended);
    let open = progress.calls.values().any(intended) && progress.stopped.is_none();
    Ok(match (progress.has_jobs(), open) {
        (true, _) => Ending::Jobs(next_look(progress, caller.lane).await),
        (false, true) => Ending::Pause(Duration::from_secs(30)),
        (false, false) => Ending::Complete,
    })
}

/// Looks at the jobs of a chunk that are not known to be finished, and notes what became of their rows. `Some` if
/// they can't be looked at now.
pub(crate) async fn look(
    task: &Task<'_>,
    progress: &mut Progress,
    caller: &Caller<'_>,
    profiles: &[Profile<'_>],
) -> Result<Option<Ending>, StateError> {
    let Some(jobs) = task.jobs() else { return Ok(None) };
    let ranges = numbered(task.app.destination.calls(profiles), progress);
    let mut waiting: VecDeque<Job<'_>> = progress
        .calls
        .iter()
        .filter_map(|(number, call)| Job::of(*number, call, profiles.get(ranges.get(number)?.clone())?))
        .collect();
    let mut under_way = FuturesUnordered::new();
    let (mut ending, mut running, mut failed) = (None, false, false);
    // While jobs are young the first stands for all: where it is not finished, the later ones hardly are. Jobs that
    // should be finished by now are all looked at.
    let due = caller.lane.job_time().await.is_some() && until_end(progress, caller.lane).await.is_none();
    let young = progress.polls < YOUNG && !due;
    let jobs_in_all = waiting.len();
    loop {
        let most = match ending.is_some() || (young && running) {
            true => 0,
            false if young && waiting.len() == jobs_in_all => 1,
            false => task.app.destination.budget().connections,
        };
        while under_way.len() < most {
            let Some(job) = waiting.pop_front() else { break };
            under_way.push(async move {
                let outcome = outcome(jobs, caller, &job).await;
                (job, outcome)
            });
        }
        let Some((job, outcome)) = under_way.next().await else { break };
        match outcome {
            Ok(None) => running = true,
            Ok(Some((taken, untold))) => {
                failed |= taken.failed > 0;
                if let Some(lost) = untold {
                    progress.untold = Some(lost.to_string());
                }
                progress.note(job.number, done(&job.rows, taken, job.rejected));
            }
            Err(Setback::Broken(error)) => return Err(error),
            Err(Setback::Pause(pause)) => ending = Some(Ending::Pause(pause)),
            Err(Setback::Halted(halt)) => ending = Some(Ending::Halted(halt)),
            // The job can still be read once somebody has reconnected the account.
            Err(Setback::Refused(message, Blame::Connection)) => {
                task.blame(&message, Blame::Connection).await?;
                progress.trouble = Some(message);
                ending = Some(Ending::Pause(LONGEST_LOOK));
            }
            // Nobody will ever tell what became of them.
            Err(Setback::Refused(message, Blame::Export)) => {
                progress.untold = Some(message);
                let unknown = Taken { unknown: job.rows.len() as u64, ..Taken::default() };
                progress.note(job.number, done(&job.rows, unknown, job.rejected));
            }
        }
    }
    if failed && progress.repeats < REPEATS && progress.stopped.is_none() {
        progress.repeats += 1;
        progress.make_again();
    }
    Ok(ending)
}

/// A job that is not known to be finished.
struct Job<'a> {
    number: u32,
    id: String,
    started_at: Timestamp,
    rejected: Vec<Rejected>,
    rows: Vec<&'a Profile<'a>>,
}

impl<'a> Job<'a> {
    /// The job of a call that has these profiles; `None` if it has none, or is finished.
    fn of(number: u32, call: &CallRecord, profiles: &'a [Profile<'a>]) -> Option<Self> {
        let CallRecord::Started { job, rejected, at, .. } = call else { return None };
        // The rows that were left out of the job are no part of it.
        let out: HashSet<(Option<u32>, Option<u64>)> =
            rejected.iter().map(|row| (row.part, row.row)).collect();
        let sent = |profile: &&Profile<'_>| !out.contains(&(Some(profile.at.part), Some(profile.at.row)));
        let rows = profiles.iter().filter(sent).collect();
        Some(Self { number, id: job.clone(), started_at: *at, rejected: rejected.clone(), rows })
    }

    fn is_endless(&self) -> bool {
        let age = Timestamp::now().duration_since(self.started_at);
        Duration::try_from(age).is_ok_and(|age| age > LONGEST_HELD)
    }
}

/// What became of a job's rows, and why the destination does not account for some; `None` if it is not finished.
async fn outcome(
    jobs: &dyn Jobs,
    caller: &Caller<'_>,
    job: &Job<'_>,
) -> Result<Option<(Taken, Option<Lost>)>, Setback> {
    let state = caller.call(
        Purpose::Learn,
        |session| jobs.status(session, &job.id),
        |answer| Ok((jobs.read_status(answer)?, jobs.took(answer))),
    );
    let (state, took) = state.await?;
    if let Some(took) = took {
        caller.lane.job_took(took).await;
    }
    let all = job.rows.len() as u64;
    let (failed, mut next) = match state {
        JobState::Running if jobs.hold_lane() && job.is_endless() => {
            return Ok(Some((Taken { unknown: all, ..Taken::default() }, Some(Lost::Endless))));
        }
        JobState::Running => return Ok(None),
        JobState::Taken => return Ok(Some((Taken::default(), None))),
        JobState::Lost(lost) => return Ok(Some((Taken { unknown: all, ..Taken::default() }, Some(lost)))),
        JobState::Complete { failed, results } => (failed, results),
    };
    let mut taken = Taken::default();
    let mut told = Told::Refused;
    let mut tries = TRIES;
    // A job that says that nothing failed may still have a list of errors; it is one request to be sure.
    for _ in 0..PAGES {
        let page = caller.call(
            Purpose::Learn,
            |session| jobs.errors(session, &job.id, next.as_deref()),
            |answer| jobs.read_errors(&job.rows, answer),
        );
        let page = page.await?;
        if page.told == Told::None && tries > 0 {
            tries -= 1;
            sleep(ONCE_MORE).await;
            continue;
        }
        taken.rejected.extend(page.rejected);
        taken.unattributed.extend(page.unattributed);
        taken.failed += page.failed;
        taken.unknown += page.unknown;
        told = page.told;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    match told {
        Told::Refused => {
            // The destination may count more failures than it lists.
            let distinct: HashSet<usize> = taken.rejected.iter().map(|(index, _)| *index).collect();
            let listed = (distinct.len() + taken.unattributed.len()) as u64;
            let missing = failed.unwrap_or(0).saturating_sub(listed).min(all);
            taken.unattributed.extend((0..missing).map(|_| Reason::Refused));
        }
        // Where it counted no failure it has said enough.
        Told::None if failed != Some(0) => taken.unknown = all,
        Told::None | Told::All => {}
    }
    let untold = (taken.unknown > 0).then_some(Lost::NoResults);
    Ok(Some((taken, untold)))
}

/// When to look again: where it is known how long the account's jobs take, at their end, otherwise after a pause.
async fn next_look(progress: &Progress, lane: &Lane) -> Duration {
    match until_end(progress, lane).await {
        Some(wait) => Duration::from_secs(wait.as_secs()).min(LONGEST_LOOK),
        None => pause(progress.polls, false),
    }
}

/// How long it takes until the first of the chunk's jobs should end; `None` if nobody knows, or if it is late.
async fn until_end(progress: &Progress, lane: &Lane) -> Option<Duration> {
    let time = SignedDuration::try_from(lane.job_time().await?).ok()?;
    let started = progress.calls.values().filter_map(|call| match call {
        CallRecord::Started { at, .. } => Some(*at),
        CallRecord::Intended | CallRecord::Halved | CallRecord::Done { .. } => None,
    });
    let end = started.min()?.checked_add(time).ok()?;
    Duration::try_from(end.duration_since(Timestamp::now())).ok().filter(|wait| !wait.is_zero())
}

/// How long to wait before the next look: half as long again each time.
pub(crate) fn pause(polls: u32, holds_lane: bool) -> Duration {
    let first = FIRST_LOOK.as_secs() * 10;
    let tenths = (1..polls.clamp(1, 20)).fold(first, |tenths, _| tenths + tenths / 2);
    Duration::from_secs(tenths / 10).min(if holds_lane { LONGEST_HOLD } else { LONGEST_LOOK })
}

fn failed(queue: &str, error: &QueueError) -> StateError {
    StoreError::Failed { key: queue.to_owned(), action: error.action, problem: error.problem.clone() }.into()
}
