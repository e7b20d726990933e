//! Lambda: environments that are used again, invocations side by side, what is billed of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use segue_delivery::{App, handle};
use segue_platform::Deadline;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use crate::ledger::{Kind, Ledger, lock};
use crate::sqs::{Message, Queues};

/// How long an invocation may take: the template's default.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Before a new environment's first invocation: the process starts, TLS and clients are set up. It is billed.
const COLD_START: Duration = Duration::from_millis(80);
/// From the poller to a warm environment. It is not billed.
const INVOKE: Duration = Duration::from_millis(5);

/// A destination's function.
pub(crate) struct Function {
    make: Box<dyn Fn() -> Result<App> + Send + Sync>,
    free: Mutex<Vec<Arc<App>>>,
    ledger: Arc<Ledger>,
    used: Mutex<Used>,
}

/// What is billed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used {
    pub(crate) invocations: u64,
    pub(crate) cold_starts: u64,
    /// Cold starts included, each invocation rounded up to a millisecond.
    pub(crate) billed: Duration,
    /// When the first message of each group was taken.
    first: BTreeMap<Option<String>, Instant>,
}

impl Used {
    /// When the first message of all was taken.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.first.values().min().copied()
    }
}

impl Function {
    pub(crate) fn new(ledger: Arc<Ledger>, make: impl Fn() -> Result<App> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), free: Mutex::default(), ledger, used: Mutex::default() }
    }

    pub(crate) fn used(&self) -> Used {
        lock(&self.used).clone()
    }

    /// When the first message of a group was taken.
    pub(crate) fn first_of(&self, group: &str) -> Option<Instant> {
        lock(&self.used).first.get(&Some(group.to_owned())).copied()
    }

    /// Has messages handled until none is left, or until `enough`. One that is in hand then is dropped.
    pub(crate) async fn play(
        self: &Arc<Self>,
        queues: &Arc<Queues>,
        patience: Duration,
        enough: impl Fn() -> bool,
    ) -> Result<()> {
        let started = Instant::now();
        let mut under_way = JoinSet::new();
        while !enough() {
            if started.elapsed() > patience {
                bail!("messages are left after {patience:?}");
            }
            while let Some(message) = queues.receive() {
                let (function, queues) = (Arc::clone(self), Arc::clone(queues));
                under_way.spawn(async move {
                    let done = function.invoke(&message).await?;
                    queues.settle(&message, done);
                    anyhow::Ok(())
                });
            }
            let next = queues.next_at();
            if next.is_none() && under_way.is_empty() {
                return Ok(());
            }
            let next = next.unwrap_or_else(|| Instant::now() + patience);
            tokio::select! {
                Some(done) = under_way.join_next() => done??,
                () = queues.sent.notified() => {}
                () = sleep_until(next.into()) => {}
            }
        }
        Ok(())
    }

    /// One invocation; `false` if its message is to come again.
    async fn invoke(&self, message: &Message) -> Result<bool> {
        let arrived = Instant::now();
        let warm = lock(&self.free).pop();
        let cold = warm.is_none();
        let app = match warm {
            Some(app) => app,
            None => Arc::new((self.make)()?),
        };
        if cold {
            sleep(COLD_START.saturating_sub(arrived.elapsed())).await;
        }
        sleep(INVOKE).await;
        self.ledger.count(Kind::Lambda, "invoke");
        let name = message.group.as_deref().unwrap_or("timer");
        self.ledger.note(format!("> {name} #{} {}", message.number, message.body));
        let began = Instant::now();
        lock(&self.used).first.entry(message.group.clone()).or_insert(arrived);
        let answer = timeout(TIMEOUT, handle(&app, event(message), Deadline::after(TIMEOUT))).await;
        let took = began.elapsed();
        {
            let mut used = lock(&self.used);
            used.invocations += 1;
            used.cold_starts += u64::from(cold);
            used.billed += whole_milliseconds(took) + if cold { COLD_START } else { Duration::ZERO };
        }
        // A function that was cut off is started anew.
        let done = answer.is_ok_and(|response| {
            lock(&self.free).push(app);
            response.batch_item_failures.is_empty()
        });
        self.ledger.note(format!(
            "< {name} #{} done {done} after {:.3} s",
            message.number,
            took.as_secs_f64()
        ));
        Ok(done)
    }
}

fn whole_milliseconds(time: Duration) -> Duration {
    let rounded = time.as_micros().div_ceil(1000);
    Duration::from_millis(u64::try_from(rounded).unwrap_or(u64::MAX))
}

fn event(message: &Message) -> SqsEvent {
    let mut received = SqsMessage::default();
    received.message_id = Some(format!("message-{}", message.number));
    received.receipt_handle = Some(message.number.to_string());
    received.body = Some(message.body.clone());
    received.event_source_arn = Some(message.queue.replace("https://sqs/", "arn:aws:sqs:us-east-1:1:"));
    received.attributes.insert("ApproximateReceiveCount".to_owned(), message.received.to_string());
    let mut event = SqsEvent::default();
    event.records = vec![received];
    event
}
