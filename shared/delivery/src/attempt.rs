//! One call, until the destination has said something that counts: retries, bounded by attempts and by time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use segue_platform::Deadline;
use segue_state::{Halt, StateError};
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::destination::{Refusal, Session, Verdict};
use crate::gate::Gate;
use crate::lane::Lane;
use crate::wire::{self, Answer, Request};

/// Attempts at one call within one invocation.
const ATTEMPTS: u32 = 8;
/// The first pause; it doubles from attempt to attempt, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// What must be left of the invocation to record what happened.
pub(crate) const RESERVE: Duration = Duration::from_secs(10);

/// What an invocation calls with.
pub(crate) struct Caller<'a> {
    pub(crate) app: &'a App,
    pub(crate) lane: &'a Lane,
    pub(crate) secret: &'a str,
    pub(crate) deadline: Deadline,
    /// Whether the run may still send.
    pub(crate) gate: &'a Gate<'a>,
    /// Requests that were answered.
    pub(crate) answered: AtomicU64,
    /// Requests that were sent again.
    pub(crate) repeated: AtomicU64,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It sends people, or leads to that: made only while the run may send.
    Send,
    /// It asks what became of people who were sent: made whatever happens to the run.
    Learn,
}

/// Why a call has no outcome.
#[derive(Debug)]
pub(crate) enum Setback {
    /// Not now: try again, no sooner than this.
    Pause(Duration),
    /// Never, as things stand.
    Refused(String, Blame),
    /// Somebody stopped it.
    Halted(Halt),
    /// AWS failed.
    Broken(StateError),
}

/// Whose trouble a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The connection's: somebody has to reconnect the account.
    Connection,
    /// This export's or this call's.
    Export,
}

impl Setback {
    /// Of two setbacks the one that lasts longer: a pause only delays, and of two pauses the longer counts. If AWS
    /// failed, that is what has to be told.
    pub(crate) fn graver(before: Option<Self>, next: Self) -> Self {
        match (before, next) {
            (Some(Self::Pause(before)), Self::Pause(next)) => Self::Pause(before.max(next)),
            (Some(before), Self::Pause(_)) | (Some(before @ Self::Broken(_)), _) => before,
            (_, next) => next,
        }
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let blame = if *refusal == Refusal::Reconnect { Blame::Connection } else { Blame::Export };
        Self::Refused(refusal.to_string(), blame)
    }
}

impl Caller<'_> {
    /// Makes a call. `read` tells what an answer means, by one of its own outcomes or by a verdict that says to go on.
    pub(crate) async fn call<T>(
        &self,
        purpose: Purpose,
        build: impl Fn(&Session) -> Request,
        read: impl Fn(&Answer) -> Result<T, Verdict>,
    ) -> Result<T, Setback> {
        let mut denied = false;
        for attempt in 0..ATTEMPTS {
            let session = self.session().await?;
            let request = build(&session);
            let endpoint = request.endpoint;
            let connection = self.turn(purpose, endpoint).await?;
            if attempt > 0 {
                self.repeated.fetch_add(1, Ordering::Relaxed);
            }
            let answer =
                wire::send(&self.app.client, request, self.deadline.left().saturating_sub(RESERVE)).await;
            drop(connection);
            let after = match answer {
                Err(error) => {
                    tracing::warn!(%error, attempt, "a call got no answer");
                    None
                }
                Ok(answer) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    self.lane.answered();
                    tracing::debug!(endpoint, status = answer.status, attempt, "a call was answered");
                    match read(&answer) {
                        Ok(outcome) => return Ok(outcome),
                        Err(Verdict::Again { after }) => {
                            tracing::warn!(status = answer.status, attempt, "a call has to be repeated");
                            if let Some(after) = after {
                                self.lane.hold(after).await;
                            }
                            after
                        }
                        Err(Verdict::Denied(_)) if !denied => {
                            denied = true;
                            tracing::info!(
                                status = answer.status,
                                "the session was refused; a new one is made"
                            );
                            self.app.sessions.forget(self.secret, &session).await;
                            continue;
                        }
                        Err(Verdict::Denied(refusal) | Verdict::Refused(refusal)) => {
                            return Err(Setback::refused(&refusal));
                        }
                        // A reader hands these on as outcomes of its own.
                        Err(
                            Verdict::Taken(_)
                            | Verdict::Started { .. }
                            | Verdict::Without(_)
                            | Verdict::Halve(_),
                        ) => return Err(Setback::refused(&Refusal::Malformed(answer.status))),
                    }
                }
            };
            self.pause(attempt, after).await?;
        }
        Err(Setback::Pause(LONGEST_PAUSE))
    }

    /// Waits until a request may be sent, and counts it as sent. The connection is its own until it is dropped.
    async fn turn(&self, purpose: Purpose, endpoint: &str) -> Result<SemaphorePermit<'_>, Setback> {
        let left = || self.deadline.left().saturating_sub(RESERVE);
        let connection = self.lane.connection(left()).await.ok_or(Setback::Pause(Duration::ZERO))?;
        loop {
            // After each wait, however long it was, and before the request is counted: asking takes its time.
            if purpose == Purpose::Send
                && let Some(halt) = self.gate.shut().await.map_err(Setback::Broken)?
            {
                return Err(Setback::Halted(halt));
            }
            match self.lane.take(endpoint).await {
                Ok(()) => return Ok(connection),
                Err(wait) if wait > left() => return Err(Setback::Pause(wait)),
                Err(wait) => sleep(wait).await,
            }
        }
    }

    async fn session(&self) -> Result<Session, Setback> {
        let limit = self.deadline.left().saturating_sub(RESERVE);
        let getting = self.app.sessions.get(&*self.app.destination, &self.app.client, self.secret);
        // A sign-in that hangs must not outlast the invocation: that would look like a crash.
        let Ok(found) = timeout(limit, getting).await else { return Err(Setback::Pause(LONGEST_PAUSE)) };
        found.map_err(|error| match error {
            error if error.passes() => Setback::Pause(LONGEST_PAUSE),
            error => Setback::Refused(error.to_string(), Blame::Connection),
        })
    }

    /// Sleeps before the next attempt; a pause that does not fit is handed to the queue.
    async fn pause(&self, attempt: u32, after: Option<Duration>) -> Result<(), Setback> {
        let longest = (FIRST_PAUSE * 2_u32.pow(attempt)).min(LONGEST_PAUSE);
        let jitter = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
        let pause = after.map_or(jitter, |after| after + jitter.min(Duration::from_millis(500)));
        if pause + RESERVE > self.deadline.left() {
            return Err(Setback::Pause(pause));
        }
        sleep(pause).await;
        Ok(())
    }
}
