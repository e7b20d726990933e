//! A FIFO queue with its event source, as AWS has them: one message a group in hand, groups side by side, messages
//! that come again when their visibility ends.
//!
//! Its clock runs faster than ours, since destinations ask for minutes.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use segue_delivery::{App, handle};
use segue_platform::{Deadline, Outgoing, Queue, QueueError};
use segue_state::{ChunkMessage, RunId};
use tokio::time::{sleep, timeout};

/// How much faster the queue's clock runs.
pub(crate) const SPEED: u32 = 10_000;
/// How long an invocation may take, by our clock: too short to sit a long pause out.
const INVOCATION: Duration = Duration::from_secs(40);
/// When a test that goes in circles is stopped.
const PATIENCE: Duration = Duration::from_secs(40);

/// A message that was done.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) group: String,
    pub(crate) run: RunId,
    pub(crate) chunk: u32,
    /// How often it was received.
    pub(crate) received: u32,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}

#[derive(Default)]
pub(crate) struct Fifo(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    groups: BTreeMap<String, VecDeque<Message>>,
    seen: HashSet<String>,
    numbers: u64,
    letters: Vec<String>,
}

#[derive(Clone)]
struct Message {
    id: String,
    body: String,
    group: String,
    received: u32,
    /// In hand, or handed back: until then it blocks its group.
    hidden_until: Option<Instant>,
    in_hand: bool,
}

#[async_trait]
impl Queue for Fifo {
    async fn send(&self, url: &str, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        let mut inner = self.0.lock().unwrap();
        for message in messages {
            if url.contains("dead") {
                inner.letters.push(message.body);
                continue;
            }
            let (group, once) = (message.group.unwrap(), message.once.unwrap());
            if inner.seen.insert(once) {
                inner.numbers += 1;
                let (id, body) = (inner.numbers.to_string(), message.body);
                let kept = Message {
                    id,
                    body,
                    group: group.clone(),
                    received: 0,
                    hidden_until: None,
                    in_hand: false,
                };
                inner.groups.entry(group).or_default().push_back(kept);
            }
        }
        Ok(())
    }

    async fn hide(&self, _: &str, receipt_handle: &str, time: Duration) -> Result<(), QueueError> {
        let mut inner = self.0.lock().unwrap();
        let all = inner.groups.values_mut().flatten();
        if let Some(message) = all.into_iter().find(|message| message.id == receipt_handle) {
            message.hidden_until = Some(Instant::now() + time / SPEED);
        }
        Ok(())
    }
}

impl Fifo {
    pub(crate) fn letters(&self) -> Vec<String> {
        self.0.lock().unwrap().letters.clone()
    }

    /// Hands messages to invocations until none is left. Each invocation is a process of its own.
    pub(crate) async fn play(&self, process: impl Fn() -> App) -> Vec<Done> {
        let mut done = Vec::new();
        let mut under_way = FuturesUnordered::new();
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "messages are left in the queue");
            while let Some(message) = self.receive() {
                let app = process();
                under_way.push(async move {
                    let began = Instant::now();
                    let response = handle(&app, event(&message), Deadline::after(INVOCATION)).await;
                    (message, began, response.batch_item_failures.is_empty())
                });
            }
            if under_way.is_empty() && self.is_empty() {
                return done;
            }
            let Ok(Some((message, began, finished))) =
                timeout(Duration::from_millis(2), under_way.next()).await
            else {
                sleep(Duration::from_millis(1)).await;
                continue;
            };
            self.put_back(&message, finished);
            if finished && let Ok(chunk) = ChunkMessage::parse(&message.body) {
                let (run, received, ended) = (chunk.run, message.received, Instant::now());
                done.push(Done { group: message.group, run, chunk: chunk.chunk, received, began, ended });
            }
        }
    }

    /// The first message of a group of which none is in hand or hidden.
    fn receive(&self) -> Option<Message> {
        let now = Instant::now();
        let mut inner = self.0.lock().unwrap();
        let heads = inner.groups.values_mut().filter_map(VecDeque::front_mut);
        let mut free =
            heads.filter(|head| !head.in_hand && head.hidden_until.is_none_or(|until| until <= now));
        let head = free.next()?;
        (head.in_hand, head.received) = (true, head.received + 1);
        Some(head.clone())
    }

    fn put_back(&self, message: &Message, finished: bool) {
        let mut inner = self.0.lock().unwrap();
        let group = inner.groups.get_mut(&message.group).unwrap();
        assert_eq!(group.front().unwrap().id, message.id, "a group lost its order");
        if finished {
            group.pop_front();
        } else {
            group.front_mut().unwrap().in_hand = false;
        }
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap().groups.values().all(VecDeque::is_empty)
    }
}

fn event(message: &Message) -> SqsEvent {
    let mut received = SqsMessage::default();
    received.message_id = Some(format!("message-{}", message.id));
    received.receipt_handle = Some(message.id.clone());
    received.body = Some(message.body.clone());
    received.event_source_arn = Some("arn:aws:sqs:eu-west-1:1:lanes.fifo".to_owned());
    received.attributes.insert("ApproximateReceiveCount".to_owned(), message.received.to_string());
    let mut event = SqsEvent::default();
    event.records = vec![received];
    event
}
