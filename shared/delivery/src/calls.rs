//! The calls that push a chunk: those that are not done yet, as many at once as the account allows.

use std::ops::Range;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use segue_segment::{Profile, Reason};
use segue_state::progress::Stopped;
use segue_state::{CallRecord, Halt, Progress, Rejected, StateError};

use crate::attempt::{Blame, Caller, Setback};
use crate::destination::{Refusal, Taken, Verdict};
use crate::task::Task;

/// Rounds of sending a call again without the rows that stood in its way.
const ROUNDS: u32 = 6;
/// When a job is looked at for the first time.
const FIRST_LOOK: Duration = Duration::from_secs(2);

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

enum Called {
    Outcome(CallRecord),
    Setback(Setback),
}

/// Pushes what is not pushed yet.
pub(crate) async fn push(
    task: &Task<'_>,
    progress: &mut Progress,
    caller: &Caller<'_>,
    profiles: &[Profile<'_>],
) -> Result<Ending, StateError> {
    let makes_jobs = task.app.destination.jobs().is_some();
    let calls = (0..).zip(task.app.destination.calls(profiles));
    let open: Vec<(u32, Range<usize>)> = calls
        .filter(|(number, _)| matches!(progress.calls.get(number), None | Some(CallRecord::Intended)))
        .collect();
    if makes_jobs && progress.stopped.is_none() && !open.is_empty() {
        // The intent before the call: what a crash leaves behind can be told from what was never begun.
        progress.calls.extend(open.iter().map(|(number, _)| (*number, CallRecord::Intended)));
        task.save(progress).await?;
    }
    let mut waiting = open.into_iter();
    let mut under_way = FuturesUnordered::new();
    let mut broken = None;
    let mut obstacle = progress.stopped.as_ref().map(|_| Ending::Complete);
    loop {
        while obstacle.is_none()
            && broken.is_none()
            && under_way.len() < task.app.destination.budget().connections
        {
            let Some((number, range)) = waiting.next() else { break };
            let profiles = &profiles[range];
            under_way.push(async move { (number, rounds(task, caller, profiles).await) });
        }
        // After an obstacle no call begins any more, but those under way are seen to their end.
        let Some((number, called)) = under_way.next().await else { break };
        match called {
            Called::Outcome(record) => {
                let started = matches!(record, CallRecord::Started { .. });
                progress.calls.insert(number, record);
                if started && let Err(error) = task.save(progress).await {
                    broken = Some(error);
                }
            }
            Called::Setback(Setback::Pause(pause)) => {
                progress.trouble = Some("the destination was not available".to_owned());
                match &mut obstacle {
                    // The longest that was asked for counts.
                    Some(Ending::Pause(longest)) => *longest = pause.max(*longest),
                    Some(_) => {}
                    None => obstacle = Some(Ending::Pause(pause)),
                }
            }
            Called::Setback(Setback::Refused(message, blame)) => {
                obstacle = Some(Ending::Refused(message, blame));
            }
            Called::Setback(Setback::Halted(halt)) => obstacle = Some(Ending::Halted(halt)),
            Called::Setback(Setback::Broken(error)) => broken = Some(error),
        }
    }
    if let Some(error) = broken {
        return Err(error);
    }
    let jobs = progress.calls.values().any(|call| matches!(call, CallRecord::Started { .. }));
    Ok(match obstacle {
        Some(Ending::Refused(message, blame)) if jobs => {
            task.blame(&message, blame).await?;
            progress.stopped = Some(Stopped { cancelled: false, message });
            Ending::Jobs(FIRST_LOOK)
        }
        Some(Ending::Halted(halt)) if jobs => {
            progress.stopped = Some(Stopped { cancelled: true, message: halt.to_string() });
            Ending::Jobs(FIRST_LOOK)
        }
        Some(Ending::Complete) | None if jobs => Ending::Jobs(FIRST_LOOK),
        Some(ending) => ending,
        None => Ending::Complete,
    })
}

/// Sends a call, again without those rows that the destination names as the obstacle, until it takes the others.
async fn rounds(task: &Task<'_>, caller: &Caller<'_>, profiles: &[Profile<'_>]) -> Called {
    let destination = &*task.app.destination;
    let mut left: Vec<&Profile<'_>> = profiles.iter().collect();
    let mut rejected: Vec<Rejected> = Vec::new();
    for _ in 0..ROUNDS {
        if left.is_empty() {
            return Called::Outcome(CallRecord::Done { accepted: 0, already_there: 0, unknown: 0, rejected });
        }
        let verdict = caller
            .call(
                |session| destination.push(session, &task.run.export, &left),
                |answer| match destination.read(&left, answer) {
                    verdict @ (Verdict::Taken(_) | Verdict::Started { .. } | Verdict::Without(_)) => {
                        Ok(verdict)
                    }
                    other => Err(other),
                },
            )
            .await;
        match verdict {
            Err(setback) => return Called::Setback(setback),
            Ok(Verdict::Taken(taken)) => return Called::Outcome(done(&left, taken, rejected)),
            Ok(Verdict::Started { job }) => {
                let profiles = left.len() as u64;
                return Called::Outcome(CallRecord::Started {
                    job,
                    profiles,
                    rejected,
                    at: Timestamp::now(),
                });
            }
            Ok(Verdict::Without(named)) if !named.is_empty() => without(&mut left, named, &mut rejected),
            // Nothing named: the same call would get the same answer.
            Ok(_) => break,
        }
    }
    Called::Setback(Setback::Refused(Refusal::Malformed(400).to_string(), Blame::Export))
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
    let accepted = total - refused - unknown;
    CallRecord::Done { accepted, already_there: taken.already_there.min(accepted), unknown, rejected }
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
        };
        let CallRecord::Done { accepted, already_there, unknown, rejected } = done(&refs, taken, Vec::new())
        else {
            panic!()
        };
        assert_eq!((accepted, already_there, unknown, rejected.len()), (0, 0, 1, 2));
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
