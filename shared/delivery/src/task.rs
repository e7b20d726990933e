//! One message: what it stands for, what was done of it, and what is to be done now.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::try_join;
use jiff::{SignedDuration, Timestamp};
use segue_platform::Deadline;
use segue_segment::{Chunk, ChunkError, Profile};
use segue_state::finish::finish;
use segue_state::receipt::Rest;
use segue_state::{CallRecord, ChunkMessage, Op, Progress, Run, Sealed, StateError, keys};

use crate::app::App;
use crate::attempt::{Blame, Caller};
use crate::calls::{self, Ending};
use crate::destination::Jobs;
use crate::gate::{Gate, Look};
use crate::lane::Lane;
use crate::{follow, record};

/// Invocations that may crash over a chunk.
const CRASHES: u32 = 3;
/// First pause before a chunk is tried again by another invocation; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
const FAILED_OVER: &str = "the destination failed over some of the rows again and again";

/// What is to be done with the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handled {
    /// It is done.
    Done,
    /// It goes back to the queue for so long.
    Back(Duration),
    /// It can never be done: it is put aside as evidence.
    DeadLetter(String),
}

/// A chunk in hand.
pub(crate) struct Task<'a> {
    pub(crate) app: &'a App,
    pub(crate) message: &'a ChunkMessage,
    pub(crate) run: Run,
    pub(crate) sealed: Sealed,
    /// It was received or queued before, so that the run's last receipt may be this one.
    pub(crate) requeued: bool,
    /// Its connection was found broken.
    blamed: AtomicBool,
}

/// Works on a chunk.
pub(crate) async fn work(
    app: &App,
    message: &ChunkMessage,
    requeued: bool,
    deadline: Deadline,
) -> Result<Handled, StateError> {
    let (export, id) = (&message.export, &message.run);
    let (run, sealed) = try_join!(app.state.run(export, id), app.state.sealed(export, id))?;
    let Some(run) = run else {
        return Ok(Handled::DeadLetter("its run does not exist".to_owned()));
    };
    let Some(sealed) = sealed else {
        return Ok(Handled::DeadLetter("its run is not sealed".to_owned()));
    };
    if message.chunk >= sealed.chunks {
        return Ok(Handled::DeadLetter("its run has no such chunk".to_owned()));
    }
    let requeued = requeued || message.resumed;
    let task = Task { app, message, run, sealed, requeued, blamed: AtomicBool::new(false) };
    task.work(deadline).await
}

impl Task<'_> {
    async fn work(&self, deadline: Deadline) -> Result<Handled, StateError> {
        let (export, id, chunk) = (&self.message.export, &self.message.run, self.message.chunk);
        let state = &self.app.state;
        let (receipt, progress) =
            try_join!(state.receipt(export, id, chunk), state.progress(export, id, chunk))?;
        if let Some(found) = receipt
            && (found.body.is_final() || found.body.generation >= self.message.generation)
        {
            finish(&self.app.state, &self.run, &self.sealed).await?;
            if found.body.is_final() {
                // The invocation that wrote it may have been cut off before it came to this.
                record::clear(self).await?;
            }
            return Ok(Handled::Done);
        }
        let mut progress = self.progress(progress).await?;
        let handled = self.go_on(&mut progress, deadline).await;
        if handled.is_err() && progress.running {
            // AWS failed, not this invocation: what is known is kept, and no crash will be counted.
            progress.running = false;
            self.save(&mut progress).await?;
        }
        handled
    }

    async fn go_on(&self, progress: &mut Progress, deadline: Deadline) -> Result<Handled, StateError> {
        let (export, id, chunk) = (&self.message.export, &self.message.run, self.message.chunk);
        if let Some(message) = self.hopeless(progress) {
            return self.conclude(progress, Rest::Failed, Some(message)).await;
        }
        let gate = Gate::new(&self.app.state, &self.run);
        let connection = match gate.look().await? {
            Look::Open(connection) => connection,
            // What is under way at the destination already is still followed to its end.
            Look::Shut(halt) if !progress.has_jobs() => {
                return self.conclude(progress, Rest::Cancelled, Some(halt.to_string())).await;
            }
            Look::Shut(halt) => match self.app.state.connection(&self.run.export.connection).await? {
                Some(connection) => Box::new(connection),
                None => return self.conclude(progress, Rest::Cancelled, Some(halt.to_string())).await,
            },
        };
        progress.running = true;
        let state = &self.app.state;
        let group = self.group();
        let ((), bytes, spent) = try_join!(
            self.save(progress),
            state.chunk(export, id, &self.sealed.attempt, chunk),
            state.lane(self.app.destination.destination(), &group),
        )?;
        let chunk = match bytes.map(|bytes| Chunk::decode(bytes.into())) {
            Some(Ok(chunk)) => chunk,
            Some(Err(ChunkError::Version(_))) => return self.hand_back(progress, LONGEST_PAUSE).await,
            Some(Err(error)) => return self.conclude(progress, Rest::Failed, Some(error.to_string())).await,
            None => {
                let message = "the chunk is not there any more; start a new run".to_owned();
                return self.conclude(progress, Rest::Failed, Some(message)).await;
            }
        };
        let profiles: Vec<Profile<'_>> = chunk.profiles().collect();
        let lane = Lane::new(self.app.destination.budget(), connection.budget_share, spent);
        if progress.crashed {
            lane.crashed(self.app.destination.calls(&profiles).len()).await;
        }
        let caller = Caller {
            app: self.app,
            lane: &lane,
            secret: &connection.secret,
            deadline,
            gate: &gate,
            answered: progress.api_calls.into(),
            repeated: progress.retries.into(),
        };
        self.deliver(progress, caller, &profiles).await
    }

    async fn deliver(
        &self,
        progress: &mut Progress,
        caller: Caller<'_>,
        profiles: &[Profile<'_>],
    ) -> Result<Handled, StateError> {
        let known = outcomes(progress);
        let ending = match self.message.op {
            Op::Add => self.add(progress, &caller, profiles).await,
            Op::Follow => follow::follow_up(self, progress, &caller, profiles).await,
        };
        let advanced = outcomes(progress) > known;
        if advanced {
            progress.fruitless = 0;
        }
        progress.api_calls = caller.answered.into_inner();
        progress.retries = caller.repeated.into_inner();
        let lane = keys::lane(self.app.destination.destination(), &self.group());
        self.app.state.put(&lane, &caller.lane.record().await).await?;
        if advanced && !self.blamed.load(Ordering::Relaxed) {
            self.app.works(&self.run.export.connection).await?;
        }
        self.end(progress, ending?).await
    }

    async fn add(
        &self,
        progress: &mut Progress,
        caller: &Caller<'_>,
        profiles: &[Profile<'_>],
    ) -> Result<Ending, StateError> {
        if self.holds_lane()
            && progress.has_jobs()
            && let Some(ending) = follow::look(self, progress, caller, profiles).await?
        {
            return Ok(ending);
        }
        calls::push(self, progress, caller, profiles).await
    }

    /// How the jobs of the run are followed, if it makes any.
    pub(crate) fn jobs(&self) -> Option<&dyn Jobs> {
        self.app.destination.jobs(&self.run.export)
    }

    /// Whether the chunk's jobs have to be over before the lane goes on.
    pub(crate) fn holds_lane(&self) -> bool {
        self.jobs().is_some_and(Jobs::hold_lane)
    }

    async fn end(&self, progress: &mut Progress, ending: Ending) -> Result<Handled, StateError> {
        match ending {
            Ending::Complete => {
                let (rest, message) = match progress.stopped.clone() {
                    Some(stopped) => (stopped.rest(), Some(stopped.message)),
                    None if progress.has_failed() => (
                        Rest::Failed,
                        Some(progress.trouble.clone().unwrap_or_else(|| FAILED_OVER.to_owned())),
                    ),
                    None => (Rest::Nothing, None),
                };
                self.conclude(progress, rest, message).await
            }
            Ending::Jobs(after) => {
                // Before the message is done: lost after it, nobody would look at the jobs again.
                progress.polls += 1;
                progress.running = false;
                self.save(progress).await?;
                if self.holds_lane() {
                    return Ok(Handled::Back(after.min(self.time_left(progress))));
                }
                follow::later(self, after).await?;
                Ok(Handled::Done)
            }
            Ending::Pause(pause) => self.hand_back(progress, pause).await,
            Ending::Refused(message, blame) => {
                self.blame(&message, blame).await?;
                self.conclude(progress, Rest::Failed, Some(message)).await
            }
            Ending::Halted(halt) => self.conclude(progress, Rest::Cancelled, Some(halt.to_string())).await,
        }
    }

    /// Notes that somebody has to look after the connection, if it is to blame.
    pub(crate) async fn blame(&self, message: &str, blame: Blame) -> Result<(), StateError> {
        match blame {
            Blame::Connection => {
                self.blamed.store(true, Ordering::Relaxed);
                self.app.is_broken(&self.run.export.connection, message).await
            }
            Blame::Export => Ok(()),
        }
    }

    /// Where the chunk stands. A retry starts with what the failed tries before it delivered.
    async fn progress(&self, found: Option<Progress>) -> Result<Progress, StateError> {
        let (export, id, generation) = (&self.message.export, &self.message.run, self.message.generation);
        let mut progress = found.unwrap_or_else(|| Progress::new(generation, Timestamp::now()));
        if progress.generation < generation {
            progress.begin(generation);
        }
        if generation > 0 && progress.deadline.is_none() {
            progress.deadline = self.app.state.open(export, id).await?.and_then(|open| open.body.deadline);
        }
        if progress.running {
            progress.running = false;
            progress.crashed = true;
            progress.crashes += 1;
            tracing::warn!(%export, run = %id, chunk = self.message.chunk, crashes = progress.crashes, "an invocation crashed");
        }
        Ok(progress)
    }

    fn hopeless(&self, progress: &Progress) -> Option<String> {
        if progress.crashes >= CRASHES {
            return Some(format!("{CRASHES} invocations crashed over this chunk; see the function's log"));
        }
        let deadline = progress.deadline.unwrap_or(self.sealed.deadline);
        (Timestamp::now() > deadline).then(|| {
            let last = progress.trouble.as_deref().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
            format!("the run's deadline passed{last}")
        })
    }

    pub(crate) async fn save(&self, progress: &mut Progress) -> Result<(), StateError> {
        progress.touched_at = Timestamp::now();
        let key = keys::progress(&self.message.export, &self.message.run, self.message.chunk);
        self.app.state.put(&key, progress).await
    }

    /// Gives the message back for a while: longer from time to time, never beyond the run's deadline.
    async fn hand_back(&self, progress: &mut Progress, asked: Duration) -> Result<Handled, StateError> {
        let grown = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(progress.fruitless)).min(LONGEST_PAUSE);
        progress.running = false;
        progress.pauses += 1;
        progress.fruitless += 1;
        self.save(progress).await?;
        Ok(Handled::Back(asked.max(grown).min(self.time_left(progress))))
    }

    /// Until just after the deadline, when the chunk is given up.
    fn time_left(&self, progress: &Progress) -> Duration {
        let deadline = progress.deadline.unwrap_or(self.sealed.deadline);
        let left = deadline.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
        Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1)
    }

    async fn conclude(
        &self,
        progress: &mut Progress,
        rest: Rest,
        message: Option<String>,
    ) -> Result<Handled, StateError> {
        if rest == Rest::Failed {
            // A retry makes only those calls that have no outcome yet.
            progress.running = false;
            self.save(progress).await?;
        }
        record::conclude(self, progress, rest, message).await?;
        Ok(Handled::Done)
    }

    /// The lane, which is the message group.
    pub(crate) fn group(&self) -> String {
        match self.message.op {
            Op::Add => self.run.lane.clone(),
            Op::Follow => follow::group(&self.run.lane),
        }
    }
}

/// Calls of which something is known.
fn outcomes(progress: &Progress) -> usize {
    progress.calls.values().filter(|call| !matches!(call, CallRecord::Intended | CallRecord::Halved)).count()
}
