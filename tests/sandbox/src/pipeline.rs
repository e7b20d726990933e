//! The way of one request through the sandbox: latency, faults, limits, the destination itself, the record.
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::call::{Answer, Call};
use crate::destination::Destination;
use crate::faults::{Drop, Effect, Garbage, RetryAfter};
use crate::state::{State, lock};

/// Mailchimp's simultaneous connections, per user over all its apps.
const MAILCHIMP_CONNECTIONS: usize = 10;

/// Takes a request through. Nothing means: close the connection without an answer.
///
/// This runs to its end even when the client has gone: a real server doesn't undo a request either, and one that
/// its client gave up still counts as a connection.
pub(crate) async fn take(
    state: Arc<State>,
    destination: Destination,
    path: String,
    mut call: Call,
) -> Option<Answer> {
    let _under = state.counters.begin(destination);
    let gate = Gate::enter(&state, destination, &call);
    let answer = if gate.as_ref().is_some_and(|gate| gate.crowded) {
        Some(crate::mailchimp::crowded())
    } else {
        sleep_for(state.switches().latency.of(destination)).await;
        let effect = state.faults.pick(destination, &call.method, &path, &call.query).unwrap_or_default();
        sleep_for(Duration::from_millis(effect.delay_ms.unwrap_or(0))).await;
        suffer(&state, destination, &call, effect)
    };
    // The limit counts what is under way, and this is over before its answer is on the wire.
    drop(gate);
    state.counters.end(destination, &call.method, &call.path, answer.as_ref());
    state.recorder.record(destination, &path, &mut call, answer.as_ref().map(|answer| answer.status));
    answer
}

async fn sleep_for(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// Does what the fault says, and the request itself where the fault leaves it alone.
fn suffer(state: &State, destination: Destination, call: &Call, effect: Effect) -> Option<Answer> {
    let apply = || state.answer(destination, call);
    match effect.drop {
        Some(Drop::Before) => return None,
        Some(Drop::After) => {
            apply();
            return None;
        }
        None => {}
    }
    if effect.expired_token {
        return Some(state.expired(destination, call));
    }
    if let Some(status) = effect.status {
        return Some(scripted(destination, status, effect));
    }
    match effect.garbage {
        Some(Garbage::At(Drop::After)) => {
            let Answer { rows, repeats, .. } = apply();
            Some(Answer { rows, repeats, ..garbage() })
        }
        Some(Garbage::At(Drop::Before) | Garbage::Plain(true)) => Some(garbage()),
        Some(Garbage::Plain(false)) | None => Some(apply()),
    }
}

fn garbage() -> Answer {
    Answer::of_type(200, "application/json", b"<html>{\"unfinished\": \xff".to_vec())
}

/// The answer of a fault with a status: the destination's own for that status, unless the fault brings a body.
fn scripted(destination: Destination, status: u16, effect: Effect) -> Answer {
    let mut answer = match (effect.body, destination) {
        (Some(body), _) if body.is_empty() => Answer::empty(status),
        (Some(body), _) => {
            let guess =
                if Call::parse(body.as_bytes()).is_some() { "application/json" } else { "text/plain" };
            Answer::of_type(status, effect.content_type.as_deref().unwrap_or(guess), body.into_bytes())
        }
        (None, Destination::Snapchat) => crate::snapchat::fault(status),
        (None, Destination::Mailchimp) => crate::mailchimp::fault(status),
        (None, Destination::Klaviyo) => crate::klaviyo::fault(status),
    };
    let usual = match (destination, status) {
        (Destination::Klaviyo, 429) => RetryAfter::Seconds(1),
        _ => RetryAfter::Missing,
    };
    answer.headers.retain(|(name, _)| *name != "retry-after");
    match effect.retry_after.unwrap_or(usual) {
        RetryAfter::Seconds(seconds) => answer.with("retry-after", &seconds),
        RetryAfter::Missing => answer,
    }
}

/// A place among the simultaneous connections of a Mailchimp account.
struct Gate<'a> {
    state: &'a State,
    account: usize,
    crowded: bool,
}

impl<'a> Gate<'a> {
    fn enter(state: &'a State, destination: Destination, call: &Call) -> Option<Self> {
        let counted =
            destination == Destination::Mailchimp && call.path.starts_with("/3.0") && state.switches().limits;
        let account = if counted { state.mailchimp_account(call)? } else { return None };
        let mut gates = lock(&state.gates);
        let under_way = gates.entry(account).or_default();
        *under_way += 1;
        Some(Self { state, account, crowded: *under_way > MAILCHIMP_CONNECTIONS })
    }
}

impl std::ops::Drop for Gate<'_> {
    fn drop(&mut self) {
        if let Some(under_way) = lock(&self.state.gates).get_mut(&self.account) {
            *under_way -= 1;
        }
    }
}
