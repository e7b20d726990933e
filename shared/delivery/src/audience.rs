//! Looking an audience up before a run's first push: whether it can be filled, and who must not be sent to it.
//!
//! Once a run. What was found is recorded, so that the chunks that follow need not ask; a look-up that does not fit
//! into one invocation goes on in the next.

use std::collections::HashMap;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use segue_segment::Reason;
use segue_state::{AudienceRecord, LookUp, StateError, keys};

use crate::attempt::{Caller, Purpose, Setback};
use crate::calls::Ending;
use crate::destination::{Audience, Seen};
use crate::held_back::HeldBack;
use crate::task::Task;

/// How often a list is read that changes while it is read.
const PASSES: u32 = 3;

/// What is known of the audience: whom to hold back, or why nothing can be pushed now.
pub(crate) async fn know(
    task: &Task<'_>,
    caller: &Caller<'_>,
) -> Result<Result<HeldBack, Ending>, StateError> {
    let Some(audience) = task.app.destination.audience() else { return Ok(Ok(HeldBack::default())) };
    let first = audience.look_ups(&task.run.export);
    if first.is_empty() {
        return Ok(Ok(HeldBack::default()));
    }
    let (mut left, mut held) = match found(task).await? {
        Some((left, held)) if left.is_empty() => return Ok(Ok(held)),
        Some(begun) => begun,
        None => (first, HeldBack::default()),
    };
    let ending = ask(task, caller, audience, &mut left, &mut held).await;
    match ending {
        None => {
            record(task, &left, &held).await?;
            Ok(Ok(held))
        }
        Some(Setback::Pause(pause)) => {
            record(task, &left, &held).await?;
            Ok(Err(Ending::Pause(pause)))
        }
        Some(Setback::Refused(message, blame)) => Ok(Err(Ending::Refused(message, blame))),
        Some(Setback::Halted(halt)) => Ok(Err(Ending::Halted(halt))),
        Some(Setback::Broken(error)) => Err(error),
    }
}

/// What an earlier chunk or invocation found out; `None` if nothing, or if it is not there any more.
async fn found(task: &Task<'_>) -> Result<Option<(Vec<LookUp>, HeldBack)>, StateError> {
    let (export, id) = (&task.message.export, &task.message.run);
    let Some(record) = task.app.state.read::<AudienceRecord>(&keys::audience(export, id)).await? else {
        return Ok(None);
    };
    if record.body.held_back == 0 {
        return Ok(Some((record.body.left, HeldBack::default())));
    }
    let key = keys::held_back(export, id, &task.sealed.attempt);
    let object = task.app.state.objects().get(&key).await?;
    let held = object.and_then(|object| HeldBack::decode(&object.bytes));
    Ok(held.map(|held| (record.body.left, held)))
}

/// First the people, then the record that says that they are known.
async fn record(task: &Task<'_>, left: &[LookUp], held: &HeldBack) -> Result<(), StateError> {
    let (export, id) = (&task.message.export, &task.message.run);
    if !held.is_empty() {
        let key = keys::held_back(export, id, &task.sealed.attempt);
        task.app.state.objects().put(&key, held.encode()).await?;
    }
    let record = AudienceRecord { left: left.to_vec(), held_back: held.len() as u64 };
    task.app.state.put(&keys::audience(export, id), &record).await
}

/// Asks what is left, as much at once as the account allows. After a setback nothing more is asked; what was not
/// answered stays in `left`.
async fn ask(
    task: &Task<'_>,
    caller: &Caller<'_>,
    audience: &dyn Audience,
    left: &mut Vec<LookUp>,
    held: &mut HeldBack,
) -> Option<Setback> {
    let export = &task.run.export;
    let mut waiting = std::mem::take(left);
    let mut lists = Lists::default();
    let mut under_way = FuturesUnordered::new();
    let mut setback = None;
    loop {
        while setback.is_none() && under_way.len() < task.app.destination.budget().connections {
            let Some(look_up) = waiting.pop() else { break };
            under_way.push(async move {
                let answer = caller.call(
                    Purpose::Send,
                    |session| audience.ask(session, export, &look_up),
                    |answer| audience.read(export, &look_up, answer),
                );
                let answer = answer.await;
                (look_up, answer)
            });
        }
        let Some((look_up, answer)) = under_way.next().await else { break };
        match answer {
            Ok(seen) => {
                held.add(seen.held_back.iter().copied());
                lists.note(&look_up, &seen);
                waiting.extend(seen.next);
            }
            Err(error) => {
                left.push(look_up);
                setback = Some(worse(setback, error));
            }
        }
        if under_way.is_empty() && waiting.is_empty() && setback.is_none() {
            waiting.extend(lists.short(held));
        }
    }
    left.append(&mut waiting);
    setback
}

/// Of two setbacks the one that lasts longer: a pause only delays.
fn worse(first: Option<Setback>, second: Setback) -> Setback {
    match (first, second) {
        (Some(Setback::Pause(first)), Setback::Pause(second)) => Setback::Pause(first.max(second)),
        (Some(first), Setback::Pause(_)) => first,
        (_, second) => second,
    }
}

/// Lists that are read page by page. Somebody who leaves one while it is read moves all after them to an earlier
/// place, so that one of them may be missed: a list with fewer people than it says is read again.
#[derive(Default)]
struct Lists {
    totals: HashMap<String, (u64, Reason)>,
    passes: u32,
}

impl Lists {
    fn note(&mut self, look_up: &LookUp, seen: &Seen) {
        if let Some(total) = seen.total {
            self.totals.insert(look_up.what.clone(), total);
        }
    }

    fn short(&mut self, held: &HeldBack) -> Vec<LookUp> {
        self.passes += 1;
        let short = self.totals.iter().filter(|(_, (total, reason))| held.count(*reason) < *total);
        let short: Vec<LookUp> = short.map(|(what, _)| LookUp::of(what)).collect();
        if self.passes < PASSES {
            return short;
        }
        if !short.is_empty() {
            tracing::warn!(lists = short.len(), "a list of people kept changing while it was read");
        }
        Vec::new()
    }
}
