//! The queues of a stack and Secrets Manager, as the functions see them.
//!
//! FIFO queues hand out one message a group at a time, groups side by side; the timer is a standard queue with delays.
//! Both count whole seconds, as SQS does, and keep a message that was not done until its visibility ends.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use secrecy::SecretString;
use segue_platform::memory::MemorySecrets;
use segue_platform::secrets::{SecretError, SecretValue};
use segue_platform::{Outgoing, Queue, QueueError, Secrets};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::ledger::{Kind, Ledger, lock};

/// A request to SQS or to Secrets Manager.
const LATENCY: Duration = Duration::from_millis(10);
/// From a message being free to a poller of Lambda's having it.
const RECEIVE: Duration = Duration::from_millis(20);
/// Messages in one request.
const BATCH: usize = 10;
/// A message's visibility unless the function sets another: the template's, for functions of 300 s.
const VISIBILITY: Duration = Duration::from_mins(6);

/// The queue that gives a job time.
pub(crate) const TIMER: &str = "https://sqs/timer";
/// Where messages go that can't be used.
pub(crate) const DEAD_LETTERS: &str = "https://sqs/dead.fifo";

/// A message as an invocation gets it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) number: u64,
    pub(crate) queue: String,
    pub(crate) group: Option<String>,
    pub(crate) body: String,
    pub(crate) received: u32,
    /// When it may be received.
    free_at: Instant,
    in_hand: bool,
}

/// All queues.
pub(crate) struct Queues {
    ledger: Arc<Ledger>,
    inner: Mutex<Inner>,
    /// Something was sent.
    pub(crate) sent: Notify,
}

#[derive(Default)]
struct Inner {
    /// Messages in the order they were sent, by queue and group; of a FIFO queue only a group's first is handed out.
    lanes: BTreeMap<(String, Option<String>), VecDeque<Message>>,
    seen: HashSet<String>,
    numbers: u64,
    dead: u64,
}

impl Queues {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, inner: Mutex::default(), sent: Notify::new() }
    }

    /// A message that may be received now, if there is one.
    pub(crate) fn receive(&self) -> Option<Message> {
        let now = Instant::now();
        let mut inner = lock(&self.inner);
        let heads = inner.lanes.iter_mut().flat_map(|((queue, _), lane)| {
            let most = if is_fifo(queue) { 1 } else { usize::MAX };
            lane.iter_mut().take(most)
        });
        let message = heads.into_iter().find(|message| !message.in_hand && message.free_at <= now)?;
        (message.in_hand, message.received) = (true, message.received + 1);
        message.free_at = now + VISIBILITY;
        let found = message.clone();
        drop(inner);
        self.ledger.count(kind(&found.queue), "receive");
        Some(found)
    }

    /// When the next message may be received; `None` if none is waiting.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let inner = lock(&self.inner);
        let waiting = |((queue, _), lane): (&(String, _), &VecDeque<Message>)| {
            let most = if is_fifo(queue) { 1 } else { usize::MAX };
            lane.iter().take(most).filter(|message| !message.in_hand).map(|message| message.free_at).min()
        };
        inner.lanes.iter().filter_map(waiting).min()
    }

    /// Takes a message off its queue that was done, or lets it wait for its visibility to end.
    pub(crate) fn settle(&self, message: &Message, done: bool) {
        let mut inner = lock(&self.inner);
        let key = (message.queue.clone(), message.group.clone());
        let Some(lane) = inner.lanes.get_mut(&key) else { return };
        if done {
            lane.retain(|other| other.number != message.number);
            if is_fifo(&message.queue)
                && let Some(next) = lane.front_mut()
            {
                next.free_at = next.free_at.max(Instant::now() + RECEIVE);
            }
            if lane.is_empty() {
                inner.lanes.remove(&key);
            }
            drop(inner);
            self.ledger.count(kind(&message.queue), "delete");
        } else if let Some(kept) = lane.iter_mut().find(|other| other.number == message.number) {
            kept.in_hand = false;
            kept.free_at += RECEIVE;
        }
    }

    /// Whether a group has messages, in hand or not.
    pub(crate) fn has_messages_of(&self, group: &str) -> bool {
        let inner = lock(&self.inner);
        inner.lanes.keys().any(|(_, of)| of.as_deref() == Some(group))
    }

    /// Messages that were put aside.
    pub(crate) fn dead(&self) -> u64 {
        lock(&self.inner).dead
    }
}

fn is_fifo(url: &str) -> bool {
    url.strip_suffix(".fifo").is_some()
}

fn kind(url: &str) -> Kind {
    if is_fifo(url) { Kind::SqsFifo } else { Kind::SqsStandard }
}

#[async_trait]
impl Queue for Queues {
    async fn send(&self, url: &str, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        for batch in messages.chunks(BATCH) {
            sleep(LATENCY).await;
            self.ledger.count(kind(url), "send");
            let mut inner = lock(&self.inner);
            for message in batch {
                if url == DEAD_LETTERS {
                    inner.dead += 1;
                    continue;
                }
                if message.once.as_ref().is_some_and(|once| !inner.seen.insert(format!("{url} {once}"))) {
                    continue;
                }
                inner.numbers += 1;
                let kept = Message {
                    number: inner.numbers,
                    queue: url.to_owned(),
                    group: message.group.clone(),
                    body: message.body.clone(),
                    received: 0,
                    free_at: Instant::now()
                        + Duration::from_secs_f64(message.delay.as_secs_f64().ceil())
                        + RECEIVE,
                    in_hand: false,
                };
                inner.lanes.entry((url.to_owned(), kept.group.clone())).or_default().push_back(kept);
            }
            drop(inner);
            self.sent.notify_one();
        }
        Ok(())
    }

    async fn hide(&self, url: &str, receipt_handle: &str, time: Duration) -> Result<(), QueueError> {
        sleep(LATENCY).await;
        self.ledger.count(kind(url), "hide");
        let mut inner = lock(&self.inner);
        let mut all = inner.lanes.values_mut().flatten();
        if let Some(message) = all.find(|message| message.number.to_string() == receipt_handle) {
            message.free_at = Instant::now() + Duration::from_secs(time.as_secs());
        }
        Ok(())
    }
}

/// Secrets Manager.
pub(crate) struct Vault {
    secrets: MemorySecrets,
    ledger: Arc<Ledger>,
}

impl Vault {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self { secrets: MemorySecrets::default(), ledger }
    }

    async fn spend(&self, action: &str) {
        sleep(LATENCY).await;
        self.ledger.count(Kind::Secrets, action);
    }
}

#[async_trait]
impl Secrets for Vault {
    async fn get(&self, name: &str) -> Result<SecretValue, SecretError> {
        self.spend("get").await;
        self.secrets.get(name).await
    }

    async fn refresh(&self, name: &str, text: &SecretString, replaced: &str) -> Result<(), SecretError> {
        self.spend("put").await;
        self.spend("promote").await;
        self.secrets.refresh(name, text, replaced).await
    }

    async fn store(&self, name: &str, text: &SecretString) -> Result<(), SecretError> {
        self.secrets.store(name, text).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: &str = "https://sqs/lanes.fifo";

    fn outgoing(group: &str, once: &str) -> Outgoing {
        Outgoing {
            body: once.to_owned(),
            group: Some(group.to_owned()),
            once: Some(once.to_owned()),
            delay: Duration::ZERO,
        }
    }

    async fn lanes() -> Queues {
        let queues = Queues::new(Arc::new(Ledger::new()));
        let messages = [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a1")];
        let messages = messages.map(|(group, once)| outgoing(group, once)).to_vec();
        queues.send(LANES, messages).await.unwrap();
        sleep(RECEIVE).await;
        queues
    }

    fn bodies(queues: &Queues) -> Vec<String> {
        std::iter::from_fn(|| queues.receive()).map(|message| message.body).collect()
    }

    #[tokio::test]
    async fn groups_go_side_by_side_and_each_one_by_one() {
        let queues = lanes().await;
        let first = queues.receive().unwrap();
        assert_eq!((first.body.as_str(), bodies(&queues)), ("a1", vec!["b1".to_owned()]));
        queues.settle(&first, true);
        sleep(RECEIVE).await;
        assert_eq!(bodies(&queues), ["a2"]);
    }

    #[tokio::test]
    async fn a_message_that_was_not_done_blocks_its_group_until_it_is_seen_again() {
        let queues = lanes().await;
        let first = queues.receive().unwrap();
        queues.hide(LANES, &first.number.to_string(), Duration::from_secs(1)).await.unwrap();
        queues.settle(&first, false);
        assert_eq!(bodies(&queues), ["b1"]);
        sleep(Duration::from_millis(1100)).await;
        assert_eq!(bodies(&queues), ["a1"]);
    }

    #[tokio::test]
    async fn a_timer_message_waits_for_whole_seconds_and_holds_nobody_up() {
        let queues = Queues::new(Arc::new(Ledger::new()));
        let timer = |once: &str, delay| Outgoing { group: None, once: None, delay, ..outgoing("", once) };
        let messages = vec![timer("late", Duration::from_millis(300)), timer("at once", Duration::ZERO)];
        queues.send(TIMER, messages).await.unwrap();
        sleep(Duration::from_millis(500)).await;
        assert_eq!(bodies(&queues), ["at once"]);
        sleep(Duration::from_millis(600)).await;
        assert_eq!(bodies(&queues), ["late"]);
    }
}
