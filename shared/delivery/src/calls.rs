//! The calls that push a chunk: those that are not done yet, as many at once as the account allows.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use segue_segment::{Profile, Reason};
use segue_state::progress::Stopped;
use segue_state::{CallRecord, Halt, Progress, Rejected, StateError};
use tokio::time::timeout;

use crate::attempt::{Blame, Caller, Purpose, Setback};
use crate::destination::{Refusal, Taken, Verdict};
use crate::held_back::HeldBack;
use crate::task::Task;
use crate::{audience, follow};

/// Rounds of sending a call again without the rows that stood in its way.
const ROUNDS: u32 = 6;
/// Halvings of one call: enough for four bad rows among ten thousand, and an end where all are bad.
const HALVINGS: u32 = 64;
/// Rows that are refused alone before anybody was taken, until the calls as such are to blame.
const ALONE: usize = 8;
/// How long a job's id waits for those of others before it is recorded.
const GATHER: Duration = Duration::from_millis(30);

/// How the work of one invocation ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Every call has its outcome.
    Complete,
    /// Jobs are under way: look at them after so long.
    Jobs(Duration),
    /// It has to wait.
    Pause(Duration),
    /// It can't go on.
    Refused(String, Blame),
    /// It may not go on.
    Halted(Halt),
}

impl Ending {
    /// What a setback comes to.
    ///
    /// # Errors
    /// If AWS failed.
    pub(crate) fn of(setback: Setback) -> Result<Self, StateError> {
        match setback {
            Setback::Pause(pause) => Ok(Self::Pause(pause)),
            Setback::Refused(message, blame) => Ok(Self::Refused(message, blame)),
            Setback::Halted(halt) => Ok(Self::Halted(halt)),
            Setback::Broken(error) => Err(error),
        }
    }
}

enum Called {
    Outcome(CallRecord),
    /// Nobody says which rows stand in the way, only why.
    Halve(Reason),
    Setback(Setback),
}

/// The calls of a chunk by their number: as planned, and those that were made out of larger ones.
pub(crate) fn numbered(planned: Vec<Range<usize>>, progress: &Progress) -> BTreeMap<u32, Range<usize>> {
    let pieces =
        progress.pieces.iter().map(|(number, piece)| (*number, piece.from as usize..piece.to as usize));
    (0..).zip(planned).chain(pieces).collect()
}

/// Pushes what is not pushed yet.
pub(crate) async fn push(
    task: &Task<'_>,
    progress: &mut Progress,
    caller: &Caller<'_>,
    profiles: &[Profile<'_>],
) -> Result<Ending, StateError> {
    let planned = task.app.destination.calls(profiles);
    let mut open: VecDeque<(u32, Range<usize>)> = numbered(planned.clone(), progress).into_iter().collect();
    open.retain(|(number, _)| progress.is_open(*number));
    let push = Push { task, caller, profiles, planned };
    if progress.stopped.is_some() || open.is_empty() {
        return push.end(progress, None).await;
    }
    let held = match audience::know(task, caller).await? {
        Ok(held) => held,
        Err(ending) => {
            if matches!(ending, Ending::Pause(_)) {
                progress.trouble = Some("the audience could not be looked up".to_owned());
            }
            return push.end(progress, Some(ending)).await;
        }
    };
    if task.jobs().is_some() {
        // The intent before the call: what a crash leaves behind can be told from what was never begun.
        for (number, _) in &open {
            progress.calls.entry(*number).or_insert(CallRecord::Intended);
        }
        task.save(progress).await?;
    }
    let obstacle = push.all(progress, open, &held).await?;
    push.end(progress, obstacle).await
}

/// The pushes of one invocation.
struct Push<'a, 'b> {
    task: &'a Task<'b>,
    caller: &'a Caller<'a>,
    profiles: &'a [Profile<'a>],
    /// The calls that the chunk was split into at first.
    planned: Vec<Range<usize>>,
}

impl Push<'_, '_> {
    /// Makes the calls. After an obstacle none begins any more, but those under way are seen to their end.
    async fn all(
        &self,
        progress: &mut Progress,
        mut waiting: VecDeque<(u32, Range<usize>)>,
        held: &HeldBack,
    ) -> Result<Option<Ending>, StateError> {
        let mut under_way = FuturesUnordered::new();
        let mut obstacle: Option<Setback> = None;
        let mut why = Reason::Refused;
        loop {
            while obstacle.is_none() && under_way.len() < self.at_once(progress) {
                let Some((number, range)) = waiting.pop_front() else { break };
                under_way.push(async move { (number, range.clone(), self.rounds(range, held).await) });
            }
            let Some(first) = under_way.next().await else { break };
            let mut answered = vec![first];
            if self.task.jobs().is_some() {
                // Jobs that start at about the same time are recorded by one write.
                let gather = async {
                    while let Some(next) = under_way.next().await {
                        answered.push(next);
                    }
                };
                let _gathered = timeout(GATHER, gather).await;
            }
            let mut changed = false;
            for (number, range, called) in answered {
                match called {
                    Called::Outcome(record) => {
                        changed |= matches!(record, CallRecord::Started { .. });
                        progress.note(number, record);
                    }
                    Called::Halve(reason) => {
                        (why, changed) = (reason, true);
                        let halves = self.halve(progress, number, &range, reason);
                        halves.into_iter().rev().for_each(|half| waiting.push_front(half));
                    }
                    Called::Setback(setback) => {
                        if matches!(setback, Setback::Pause(_)) {
                            progress.trouble = Some("the destination was not available".to_owned());
                        }
                        obstacle = Some(Setback::graver(obstacle, setback));
                    }
                }
            }
            if changed && let Err(error) = self.task.save(progress).await {
                obstacle = Some(Setback::graver(obstacle, Setback::Broken(error)));
            }
            if obstacle.is_none() && proves_nothing(progress, waiting.is_empty() && under_way.is_empty()) {
                progress.take_back_halves();
                obstacle = Some(Setback::refused(&Refusal::Malformed(status(why))));
            }
        }
        obstacle.map(Ending::of).transpose()
    }

    /// Calls under way at the same time. While nobody was taken and calls are being halved, it is likely that every
    /// call is refused, and one is enough to find out.
    fn at_once(&self, progress: &Progress) -> usize {
        if progress.pieces.is_empty() || progress.has_taken() {
            self.task.app.destination.budget().connections
        } else {
            1
        }
    }

    /// Makes two calls out of one, or gives it up if it was halved often enough: the others go on.
    fn halve(
        &self,
        progress: &mut Progress,
        number: u32,
        range: &Range<usize>,
        reason: Reason,
    ) -> Vec<(u32, Range<usize>)> {
        let bound = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let planned = self.planned.iter().position(|call| call.contains(&range.start)).unwrap_or_default();
        let halvings = progress.halvings.entry(bound(planned)).or_default();
        if *halvings >= HALVINGS {
            progress.trouble = Some(Refusal::Malformed(status(reason)).to_string());
            let given_up = Taken { failed: range.len() as u64, ..Taken::default() };
            let rows: Vec<_> = self.profiles[range.clone()].iter().collect();
            progress.note(number, done(&rows, given_up, Vec::new()));
            return Vec::new();
        }
        *halvings += 1;
        let halves = progress.halve(number, bound(range.start), bound(range.end), bound(self.planned.len()));
        halves.map(|(number, piece)| (number, piece.from as usize..piece.to as usize)).to_vec()
    }

    /// What follows from how the calls went. Jobs that are under way are followed whatever else happened.
    async fn end(&self, progress: &mut Progress, obstacle: Option<Ending>) -> Result<Ending, StateError> {
        if !progress.has_jobs() {
            return Ok(obstacle.unwrap_or(Ending::Complete));
        }
        match obstacle {
            Some(Ending::Refused(message, blame)) => {
                self.task.blame(&message, blame).await?;
                progress.stopped = Some(Stopped { cancelled: false, message });
            }
            Some(Ending::Halted(halt)) => {
                progress.stopped = Some(Stopped { cancelled: true, message: halt.to_string() });
            }
            Some(ending @ Ending::Pause(_)) => return Ok(ending),
            Some(Ending::Complete | Ending::Jobs(_)) | None => {}
        }
        Ok(Ending::Jobs(follow::pause(progress.polls, self.task.holds_lane())))
    }

    /// Sends a call, again without those rows that the destination names as the obstacle, until it takes the others.
    async fn rounds(&self, range: Range<usize>, held: &HeldBack) -> Called {
        let destination = &*self.task.app.destination;
        let export = &self.task.run.export;
        let (mut left, mut rejected) = self.fit(range, held);
        for _ in 0..ROUNDS {
            if left.is_empty() {
                return Called::Outcome(done(&left, Taken::default(), rejected));
            }
            let verdict = self.caller.call(
                Purpose::Send,
                |session| destination.push(session, export, &left),
                |answer| match destination.read(export, &left, answer) {
                    verdict @ (Verdict::Taken(_)
                    | Verdict::Started { .. }
                    | Verdict::Without(_)
                    | Verdict::Halve(_)) => Ok(verdict),
                    other => Err(other),
                },
            );
            match verdict.await {
                Err(setback) => return Called::Setback(setback),
                Ok(Verdict::Taken(taken)) => return Called::Outcome(done(&left, taken, rejected)),
                Ok(Verdict::Started { job }) => {
                    let (profiles, at) = (left.len() as u64, Timestamp::now());
                    return Called::Outcome(CallRecord::Started { job, profiles, rejected, at });
                }
                Ok(Verdict::Without(named)) if named.iter().any(|(index, _)| *index < left.len()) => {
                    without(&mut left, named, &mut rejected);
                }
                // Alone, a row is what stands in the way.
                Ok(verdict) if left.len() == 1 => {
                    let reason = if let Verdict::Halve(reason) = verdict { reason } else { Reason::Refused };
                    without(&mut left, vec![(0, reason)], &mut rejected);
                }
                Ok(Verdict::Halve(reason)) => return Called::Halve(reason),
                Ok(_) => return Called::Halve(Reason::Refused),
            }
        }
        Called::Halve(Reason::Refused)
    }

    /// The profiles of a call that may be sent, and the rows of the others.
    fn fit(&self, range: Range<usize>, held: &HeldBack) -> (Vec<&Profile<'_>>, Vec<Rejected>) {
        let destination = &*self.task.app.destination;
        let audience = destination.audience().filter(|_| !held.is_empty());
        let mut rejected = Vec::new();
        let fit = self.profiles[range].iter().filter(|profile| {
            let fingerprint = audience.and_then(|audience| audience.fingerprint(profile));
            let held = fingerprint.and_then(|fingerprint| held.reason(&fingerprint));
            let reason = held.or_else(|| destination.unfit(profile));
            rejected.extend(reason.map(|reason| Rejected::at(profile.at, reason)));
            reason.is_none()
        });
        (fit.collect(), rejected)
    }
}

/// The status that has a call halved for this reason.
fn status(reason: Reason) -> u16 {
    if reason == Reason::ProfileTooLarge { 413 } else { 400 }
}

/// Whether halving showed nothing: nobody was taken, so that the calls as such are refused and no row is to blame.
fn proves_nothing(progress: &Progress, over: bool) -> bool {
    let halved = !progress.pieces.is_empty() && !progress.has_taken();
    halved && (over || progress.refused_alone() >= ALONE)
}

fn without(left: &mut Vec<&Profile<'_>>, named: Vec<(usize, Reason)>, rejected: &mut Vec<Rejected>) {
    let mut out = vec![false; left.len()];
    for (index, reason) in named {
        if let Some(seen) = out.get_mut(index).filter(|seen| !**seen) {
            *seen = true;
            rejected.push(Rejected::at(left[index].at, reason));
        }
    }
    let mut index = 0;
    left.retain(|_| {
        index += 1;
        !out[index - 1]
    });
}

/// The outcome of a call whose rows the destination answered for. What it does not account for is unknown; what it
/// says twice counts once.
pub(crate) fn done(profiles: &[&Profile<'_>], taken: Taken, mut rejected: Vec<Rejected>) -> CallRecord {
    let total = profiles.len() as u64;
    let mut seen = vec![false; profiles.len()];
    let mut refused = 0;
    for (index, reason) in taken.rejected {
        if let Some(seen) = seen.get_mut(index).filter(|seen| !**seen) {
            *seen = true;
            refused += 1;
            rejected.push(Rejected::at(profiles[index].at, reason));
        }
    }
    for reason in taken.unattributed {
        if refused < total {
            refused += 1;
            rejected.push(Rejected::somewhere(reason));
        }
    }
    let unknown = taken.unknown.min(total - refused);
    let failed = taken.failed.min(total - refused - unknown);
    let accepted = total - refused - unknown - failed;
    CallRecord::Done { accepted, already_there: taken.already_there.min(accepted), unknown, rejected, failed }
}

#[cfg(test)]
mod tests {
    use segue_segment::{EmailHash, Identity, RowRef};

    use super::*;

    fn profiles(rows: u64) -> Vec<Profile<'static>> {
        let identity = Identity::Hash(EmailHash::from_bytes([0; 32]));
        let profile =
            |row| Profile { at: RowRef { part: 0, row }, identity, first_name: None, last_name: None };
        (1..=rows).map(profile).collect()
    }

    #[test]
    fn a_call_never_has_more_outcomes_than_rows() {
        let profiles = profiles(3);
        let refs: Vec<_> = profiles.iter().collect();
        let taken = Taken {
            rejected: vec![(0, Reason::Refused), (0, Reason::Refused), (9, Reason::Refused)],
            unattributed: vec![Reason::Refused],
            already_there: 5,
            unknown: 7,
            failed: 3,
        };
        let CallRecord::Done { accepted, already_there, unknown, rejected, failed } =
            done(&refs, taken, Vec::new())
        else {
            panic!()
        };
        assert_eq!((accepted, already_there, unknown, failed, rejected.len()), (0, 0, 1, 0, 2));
    }

    #[test]
    fn named_rows_are_taken_out_and_the_others_keep_their_order() {
        let profiles = profiles(4);
        let mut left: Vec<_> = profiles.iter().collect();
        let mut rejected = Vec::new();
        without(
            &mut left,
            vec![(2, Reason::Refused), (0, Reason::Refused), (2, Reason::Refused)],
            &mut rejected,
        );
        assert_eq!(left.iter().map(|p| p.at.row).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(rejected.iter().filter_map(|r| r.row).collect::<Vec<_>>(), [3, 1]);
    }
}
