//! A destination function that is killed at one of its requests to AWS, and what must hold afterwards.

use std::sync::Arc;
use std::time::Duration;

use segue_state::{RunId, State};

use crate::killing::{Killing, Switch};
use crate::lane::{Bench, EXPORT, MINUTES, Played, QUEUE, message};

/// Plays a run out, killing the invocation that comes to `moment`; its message comes again, to a new process. `false`
/// if nothing came to it.
pub(crate) async fn play_and_kill(bench: &mut Bench, run: &RunId, moment: u64) -> bool {
    let switch = Switch::at(moment);
    let bucket = Killing { inner: bench.bucket.clone(), switch: switch.clone() };
    let queue = Killing { inner: bench.queue.clone(), switch: switch.clone() };
    bench.over(State::new(Arc::new(bucket)), Arc::new(queue));
    let sealed = bench.state.sealed(EXPORT, run).await.unwrap().unwrap();
    let first = (0..sealed.chunks).map(|chunk| (QUEUE.to_owned(), message(run, chunk).body(), 1));
    let mut waiting: Vec<_> = first.collect();
    let mut killed = false;
    while !waiting.is_empty() {
        let (queue, body, received) = waiting.remove(0);
        let played = tokio::select! {
            played = bench.play(&body, &queue, received, MINUTES) => played,
            () = switch.killed() => {
                killed = true;
                Played::Back(Duration::ZERO)
            }
        };
        if played != Played::Done {
            if killed {
                bench.restart();
            }
            waiting.insert(0, (queue, body, received + 1));
        }
        waiting.extend(bench.queue.take().into_iter().map(|(url, outgoing)| (url, outgoing.body, 1)));
    }
    killed
}

/// What must hold at the end, whatever was killed: every row has its answer, and nothing is left behind.
pub(crate) async fn check_end(bench: &Bench, run: &RunId, moment: u64) {
    let summary = bench.summary(run).await;
    assert_eq!(summary.status, segue_state::Status::Completed, "killed at {moment}: {}", summary.message);
    assert_eq!(summary.counts.accepted, summary.counts.read, "killed at {moment}");
    let keys = bench.bucket.keys();
    let left = keys
        .iter()
        .find(|key| key.starts_with("chunks/") || key.starts_with("open/") || key.contains("/progress/"));
    assert_eq!(left, None, "killed at {moment}");
}
