//! One message: what it stands for, what was done of it, and what is to be done now.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use segue_platform::Deadline;
use segue_segment::{Chunk, ChunkError, Profile};
use segue_state::finish::finish;
use segue_state::receipt::Rest;
use segue_state::{CallRecord, ChunkMessage, Connection, Op, Progress, Run, Sealed, StateError, keys};

use crate::app::App;
use crate::attempt::{Blame, Caller};
use crate::calls::{self, Ending};
use crate::gate::{Gate, Look};
use crate::lane::Lane;
use crate::{follow, record};

/// Invocations that may crash over a chunk.
const CRASHES: u32 = 3;
/// First pause before a chunk is tried again by another invocation; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

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
    /// It was received before, so that the run's last receipt may be this one.
    pub(crate) requeued: bool,
}

/// Works on a chunk.
pub(crate) async fn work(
    app: &App,
    message: &ChunkMessage,
    requeued: bool,
    deadline: Deadline,
) -> Result<Handled, StateError> {
    let (export, id) = (&message.export, &message.run);
    let Some(run) = app.state.run(export, id).await? else {
        return Ok(Handled::DeadLetter("its run does not exist".to_owned()));
    };
    let Some(sealed) = app.state.sealed(export, id).await? else {
        return Ok(Handled::DeadLetter("its run is not sealed".to_owned()));
    };
    if message.chunk >= sealed.chunks {
        return Ok(Handled::DeadLetter("its run has no such chunk".to_owned()));
    }
    let task = Task { app, message, run, sealed, requeued };
    task.work(deadline).await
}

impl Task<'_> {
    async fn work(&self, deadline: Deadline) -> Result<Handled, StateError> {
        let (export, id, chunk) = (&self.message.export, &self.message.run, self.message.chunk);
        if let Some(found) = self.app.state.receipt(export, id, chunk).await?
            && (found.body.is_final() || found.body.generation >= self.message.generation)
        {
            finish(&self.app.state, &self.run, &self.sealed).await?;
            if found.body.is_final() {
                // The invocation that wrote it may have been cut off before it came to this.
                record::clear(self).await?;
            }
            return Ok(Handled::Done);
        }
        let mut progress = self.progress().await?;
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
            Look::Shut(halt) if !has_jobs(progress) => {
                return self.conclude(progress, Rest::Cancelled, Some(halt.to_string())).await;
            }
            Look::Shut(halt) => match self.app.state.connection(&self.run.export.connection).await? {
                Some(connection) => Box::new(connection),
                None => return self.conclude(progress, Rest::Cancelled, Some(halt.to_string())).await,
            },
        };
        progress.running = true;
        self.save(progress).await?;
        let bytes = self.app.state.chunk(export, id, &self.sealed.attempt, chunk).await?;
        let chunk = match bytes.map(|bytes| Chunk::decode(bytes.to_vec())) {
            Some(Ok(chunk)) => chunk,
            Some(Err(ChunkError::Version(_))) => return self.hand_back(progress, LONGEST_PAUSE).await,
            Some(Err(error)) => return self.conclude(progress, Rest::Failed, Some(error.to_string())).await,
            None => {
                let message = "the chunk is not there any more; start a new run".to_owned();
                return self.conclude(progress, Rest::Failed, Some(message)).await;
            }
        };
        let profiles: Vec<Profile<'_>> = chunk.profiles().collect();
        self.deliver(progress, &gate, &connection, &profiles, deadline).await
    }

    async fn deliver(
        &self,
        progress: &mut Progress,
        gate: &Gate<'_>,
        connection: &Connection,
        profiles: &[Profile<'_>],
        deadline: Deadline,
    ) -> Result<Handled, StateError> {
        let destination = &*self.app.destination;
        let group = self.group();
        let spent = self.app.state.lane(destination.destination(), &group).await?;
        let lane = Lane::new(destination.budget(), connection.budget_share, spent);
        let caller = Caller {
            app: self.app,
            lane: &lane,
            secret: &connection.secret,
            deadline,
            gate: (self.message.op == Op::Add).then_some(gate),
            answered: progress.api_calls.into(),
            repeated: progress.retries.into(),
        };
        let known = outcomes(progress);
        let ending = match self.message.op {
            Op::Add => calls::push(self, progress, &caller, profiles).await,
            Op::Follow => follow::look(self, progress, &caller, profiles).await,
        };
        if outcomes(progress) > known {
            progress.fruitless = 0;
        }
        progress.api_calls = caller.answered.into_inner();
        progress.retries = caller.repeated.into_inner();
        self.app.state.put(&keys::lane(destination.destination(), &group), &lane.record().await).await?;
        self.end(progress, ending?).await
    }

    async fn end(&self, progress: &mut Progress, ending: Ending) -> Result<Handled, StateError> {
        match ending {
            Ending::Complete => {
                let (rest, message) = match progress.stopped.clone() {
                    Some(stopped) => (stopped.rest(), Some(stopped.message)),
                    None => (Rest::Nothing, None),
                };
                self.conclude(progress, rest, message).await
            }
            Ending::Jobs(after) => {
                // Before the message is done: lost after it, nobody would look at the jobs again.
                progress.polls += 1;
                progress.running = false;
                self.save(progress).await?;
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
        if blame == Blame::Connection {
            self.app.state.set_health(&self.run.export.connection, Some(message.to_owned())).await?;
        }
        Ok(())
    }

    /// Where the chunk stands. A retry starts with what the failed tries before it delivered.
    async fn progress(&self) -> Result<Progress, StateError> {
        let (export, id, generation) = (&self.message.export, &self.message.run, self.message.generation);
        let found = self.app.state.progress(export, id, self.message.chunk).await?;
        let mut progress = found.unwrap_or_else(|| Progress::new(generation, Timestamp::now()));
        if progress.generation < generation {
            progress.generation = generation;
            progress.running = false;
            progress.crashes = 0;
            progress.stopped = None;
        }
        if generation > 0 && progress.deadline.is_none() {
            progress.deadline = self.app.state.open(export, id).await?.and_then(|open| open.body.deadline);
        }
        if progress.running {
            progress.running = false;
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
        let deadline = progress.deadline.unwrap_or(self.sealed.deadline);
        let left = deadline.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
        let left = Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1);
        progress.running = false;
        progress.pauses += 1;
        progress.fruitless += 1;
        self.save(progress).await?;
        Ok(Handled::Back(asked.max(grown).min(left)))
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
    progress.calls.values().filter(|call| !matches!(call, CallRecord::Intended)).count()
}

fn has_jobs(progress: &Progress) -> bool {
    progress.calls.values().any(|call| matches!(call, CallRecord::Started { .. }))
}
