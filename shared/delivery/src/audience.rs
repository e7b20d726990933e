//! Looking an audience up before a run's first push: whether it can be filled, and who must not be sent to it.
//!
//! Once a run. What was found is recorded, so that the chunks that follow need not ask; a look-up that does not fit
//! into one invocation goes on in the next.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use segue_segment::Reason;
use segue_state::{AudienceRecord, LookUp, StateError, keys};

use crate::attempt::{Caller, Purpose, Setback};
use crate::calls::Ending;
use crate::destination::{Audience, Seen};
use crate::held_back::HeldBack;
use crate::task::Task;

/// How often a list is read in one invocation that changes while it is read.
const PASSES: u32 = 4;
/// How long a list that keeps changing is left alone.
const UNREST: Duration = Duration::from_mins(1);
/// How long it counts what was found: somebody may leave the audience while a long run goes on.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// What is known of an audience so far.
#[derive(Default)]
struct Known {
    left: Vec<LookUp>,
    held: HeldBack,
    totals: Totals,
}

/// The longest that each list said it is, and the reason that its people share.
type Totals = BTreeMap<String, (u64, Reason)>;

/// What is known of the audience: whom to hold back, or why nothing can be pushed now.
pub(crate) async fn know(
    task: &Task<'_>,
    caller: &Caller<'_>,
) -> Result<Result<HeldBack, Ending>, StateError> {
    let Some(audience) = task.app.destination.audience() else { return Ok(Ok(HeldBack::default())) };
    let left = audience.look_ups(&task.run.export);
    if left.is_empty() {
        return Ok(Ok(HeldBack::default()));
    }
    let mut known = match found(task).await? {
        Some(known) if known.left.is_empty() => return Ok(Ok(known.held)),
        Some(begun) => begun,
        None => Known { left, ..Known::default() },
    };
    let setback = ask(task, caller, audience, &mut known).await;
    // What was found counts unless it has to be asked anew.
    if matches!(setback, None | Some(Setback::Pause(_))) {
        record(task, &known).await?;
    }
    match setback {
        None => Ok(Ok(known.held)),
        Some(setback) => Ending::of(setback).map(Err),
    }
}

/// What an earlier chunk or invocation found out; `None` if nothing, if it is too old, or if it is not there any more.
async fn found(task: &Task<'_>) -> Result<Option<Known>, StateError> {
    let (export, id) = (&task.message.export, &task.message.run);
    let record = task.app.state.read::<AudienceRecord>(&keys::audience(export, id)).await?;
    let Some(record) = record.map(|found| found.body).filter(|record| {
        record.generation >= task.message.generation && Timestamp::now().duration_since(record.at) < FRESH
    }) else {
        return Ok(None);
    };
    let mut held = Some(HeldBack::default());
    if record.held_back > 0 {
        let key = keys::held_back(export, id, &task.sealed.attempt);
        let object = task.app.state.objects().get(&key).await?;
        held = object.and_then(|object| HeldBack::decode(&object.bytes));
    }
    Ok(held.map(|held| Known { left: record.left, held, totals: record.totals }))
}

/// First the people, then the record that says that they are known.
async fn record(task: &Task<'_>, known: &Known) -> Result<(), StateError> {
    let (export, id) = (&task.message.export, &task.message.run);
    if !known.held.is_empty() {
        let key = keys::held_back(export, id, &task.sealed.attempt);
        task.app.state.objects().put(&key, known.held.encode()).await?;
    }
    let record = AudienceRecord {
        at: Timestamp::now(),
        generation: task.message.generation,
        left: known.left.clone(),
        held_back: known.held.len() as u64,
        totals: known.totals.clone(),
    };
    task.app.state.put(&keys::audience(export, id), &record).await
}

/// Asks what is left, as much at once as the account allows. After a setback nothing more is asked; what was not
/// answered is left.
async fn ask(
    task: &Task<'_>,
    caller: &Caller<'_>,
    audience: &dyn Audience,
    known: &mut Known,
) -> Option<Setback> {
    let export = &task.run.export;
    let mut waiting = std::mem::take(&mut known.left);
    let mut passes = Passes::default();
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
                known.note(&look_up, &seen);
                waiting.extend(seen.next);
            }
            Err(error) => {
                known.left.push(look_up);
                setback = Some(Setback::graver(setback, error));
            }
        }
        if under_way.is_empty() && waiting.is_empty() && setback.is_none() {
            match passes.next(known) {
                Ok(again) => waiting.extend(again),
                Err(again) => {
                    known.left.extend(again);
                    setback = Some(Setback::Pause(UNREST));
                }
            }
        }
    }
    known.left.append(&mut waiting);
    setback
}

impl Known {
    fn note(&mut self, look_up: &LookUp, seen: &Seen) {
        self.held.add(seen.held_back.iter().copied());
        if let Some((total, reason)) = seen.total {
            let longest = self.totals.entry(look_up.what.clone()).or_insert((total, reason));
            longest.0 = longest.0.max(total);
        }
    }

    /// Lists of which fewer people are known than they say they have.
    fn short(&self) -> Vec<LookUp> {
        let short = self.totals.iter().filter(|(_, (total, reason))| self.held.count(*reason) < *total);
        short.map(|(what, _)| LookUp::of(what)).collect()
    }
}

/// Readings of lists, page by page. Somebody who leaves one while it is read moves all after them to an earlier place,
/// so that one of them may be missed: a list with fewer people than it says is read again, until it has them all, or
/// shows the same people twice.
#[derive(Default)]
struct Passes {
    done: u32,
    before: Option<(usize, Totals)>,
}

impl Passes {
    /// What has to be read again; in the error if it has been read too often by now.
    fn next(&mut self, known: &mut Known) -> Result<Vec<LookUp>, Vec<LookUp>> {
        let short = known.short();
        let now = (known.held.len(), known.totals.clone());
        if short.is_empty() || self.before.as_ref() == Some(&now) {
            return Ok(Vec::new());
        }
        self.done += 1;
        if self.done >= PASSES {
            tracing::warn!(lists = short.len(), "a list of people keeps changing while it is read");
            return Err(short);
        }
        self.before = Some(now);
        known.totals.retain(|what, _| short.iter().all(|list| list.what != *what));
        Ok(short)
    }
}
