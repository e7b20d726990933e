//! A destination function on a bench: its real handler, over AWS in memory, with one account and one export.
//!
//! Messages are played by hand or until none is left; what a queue would do of itself (waiting, dropping what was
//! sent twice) is left out, so that tests say when something comes again.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use segue_delivery::{App, Config, Destination, handle};
use segue_platform::memory::{MemoryBucket, MemoryQueue, MemorySecrets};
use segue_platform::{Deadline, Objects, Outgoing, Queue, Secrets};
use segue_segment::destination::Form;
use segue_segment::{ChunkWriter, Email, EmailHash, RowRef};
use segue_state::{
    Cancel, ChunkMessage, Connection, Export, LaneRecord, Open, Progress, Receipt, Role, Run, RunId, Sealed,
    State, Summary, keys,
};
use serde_json::{Value, json};

pub(crate) const EXPORT: &str = "vip-to-somewhere";
pub(crate) const CONNECTION: &str = "main";
pub(crate) const ACCOUNT: &str = "account-1";
pub(crate) const SECRET: &str = "stack/somewhere/main";
pub(crate) const QUEUE: &str = "https://sqs/lanes.fifo";
pub(crate) const DEAD_LETTERS: &str = "https://sqs/dead.fifo";
pub(crate) const TIMER: &str = "https://sqs/timer";
/// As long as an invocation may take in AWS.
pub(crate) const MINUTES: Duration = Duration::from_mins(5);

/// Messages played before a test that goes in circles is stopped.
const MESSAGES: usize = 200;

pub(crate) struct Bench {
    process: OnceCell<App>,
    edges: (State, Arc<dyn Queue>),
    pub(crate) bucket: Arc<MemoryBucket>,
    pub(crate) state: State,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) secrets: Arc<MemorySecrets>,
    make: Box<dyn Fn() -> Box<dyn Destination>>,
    numbers: AtomicU64,
    export: RefCell<Value>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Played {
    /// It is off the queue.
    Done,
    /// It comes again after so long.
    Back(Duration),
}

impl Played {
    /// For how long the message was handed back.
    pub(crate) fn pause(&self) -> Duration {
        match self {
            Self::Back(pause) => *pause,
            Self::Done => panic!("the message is done"),
        }
    }
}

impl Bench {
    /// With this secret; the configuration is in order.
    pub(crate) async fn new(make: impl Fn() -> Box<dyn Destination> + 'static, secret: &str) -> Self {
        let (bucket, queue, secrets) = <(Arc<MemoryBucket>, Arc<MemoryQueue>, Arc<MemorySecrets>)>::default();
        let state = State::new(bucket.clone());
        let bench = Self {
            process: OnceCell::new(),
            edges: (state.clone(), queue.clone()),
            bucket,
            state,
            queue,
            secrets,
            make: Box::new(make),
            numbers: AtomicU64::new(0),
            export: RefCell::new(export()),
        };
        bench.set_secret(secret).await;
        bench.configure(|_| {}, |_| {}).await;
        bench
    }

    /// A new process: what was kept in memory is gone.
    pub(crate) fn restart(&mut self) {
        self.over(self.state.clone(), self.queue.clone());
    }

    /// A new process over these edges of AWS.
    pub(crate) fn over(&mut self, state: State, queue: Arc<dyn Queue>) {
        (self.process, self.edges) = (OnceCell::new(), (state, queue));
    }

    pub(crate) async fn set_secret(&self, secret: &str) {
        self.secrets.store(SECRET, &secret.to_owned().into()).await.unwrap();
    }

    /// Stores connection and export, changed as a test needs it.
    pub(crate) async fn configure(
        &self,
        change_connection: impl FnOnce(&mut Connection),
        change_export: impl FnOnce(&mut Export),
    ) {
        let mut connection = serde_json::from_value(json!({
            "id": CONNECTION, "display_name": "Main", "destination": (self.make)().destination(),
            "secret": SECRET, "account": {"id": ACCOUNT},
            "consent": {"terms": 1, "agreed_by": "arn:aws:iam::1:user/o", "agreed_at": "2026-11-22T00:00:00Z"},
        }))
        .unwrap();
        change_connection(&mut connection);
        self.state.put(&keys::connection(CONNECTION), &connection).await.unwrap();
        let mut export = self.export();
        change_export(&mut export);
        self.state.put(&keys::export(Role::Administrators, EXPORT), &export).await.unwrap();
    }

    /// Runs from now on are of an export with these fields.
    pub(crate) fn change_export(&self, fields: &Value) {
        for (field, value) in fields.as_object().into_iter().flatten() {
            self.export.borrow_mut()[field] = value.clone();
        }
    }

    fn export(&self) -> Export {
        serde_json::from_value(self.export.borrow().clone()).unwrap()
    }

    /// A sealed run of so many profiles, its chunks staged.
    pub(crate) async fn run(&self, profiles: u64, per_chunk: u64) -> RunId {
        self.run_for(profiles, per_chunk, Duration::from_hours(24)).await
    }

    /// The same, with so much time.
    pub(crate) async fn run_for(&self, profiles: u64, per_chunk: u64, time: Duration) -> RunId {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let id = RunId::parse(&format!("20261122T163512Z-{number}")).unwrap();
        let destination = (self.make)().destination();
        let now = Timestamp::now();
        let run: Run = serde_json::from_value(json!({
            "run": id, "lane": ACCOUNT, "destination": destination, "created_at": now, "export": self.export(),
            "trigger": {"kind": "upload", "at": now},
            "drops": [{"segment": "vip", "parts": [{"key": "segments/vip/a.csv", "size": 5}]}],
        }))
        .unwrap();
        let chunks = u32::try_from(profiles.div_ceil(per_chunk)).unwrap();
        let sealed: Sealed = serde_json::from_value(json!({
            "attempt": "attempt", "read": profiles, "invalid": 0, "invalid_by_reason": {}, "duplicate": 0,
            "profiles": profiles, "chunks": chunks, "profiles_per_chunk": per_chunk, "sealed_at": now,
            "deadline": now + time,
        }))
        .unwrap();
        self.state.put(&keys::open(EXPORT, &id), &Open::new(now)).await.unwrap();
        self.state.put(&keys::run(EXPORT, &id), &run).await.unwrap();
        self.state.put(&keys::sealed(EXPORT, &id), &sealed).await.unwrap();
        for chunk in 0..chunks {
            let from = u64::from(chunk) * per_chunk;
            let rows = from + 1..=from + sealed.profiles_of(chunk);
            let bytes = chunk_of(destination.shape().form, rows);
            self.bucket.put(&keys::chunk(EXPORT, &id, "attempt", chunk), bytes.into()).await.unwrap();
        }
        id
    }

    /// Has the message of a chunk delivered for the first time.
    pub(crate) async fn deliver(&self, run: &RunId, chunk: u32) -> Played {
        self.play(&message(run, chunk).body(), QUEUE, 1, MINUTES).await
    }

    /// Has the message of a chunk delivered again, to an invocation of this length.
    pub(crate) async fn deliver_again(&self, run: &RunId, chunk: u32, time: Duration) -> Played {
        self.play(&message(run, chunk).body(), QUEUE, 2, time).await
    }

    /// Has a body delivered from a queue, received for the `received`th time.
    pub(crate) async fn play(&self, body: &str, queue: &str, received: u32, time: Duration) -> Played {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let handle_of = format!("handle-{number}");
        let mut message = SqsMessage::default();
        message.message_id = Some(format!("message-{number}"));
        message.receipt_handle = Some(handle_of.clone());
        message.body = Some(body.to_owned());
        message.event_source_arn = Some(queue.replace("https://sqs/", "arn:aws:sqs:eu-west-1:1:"));
        message.attributes.insert("ApproximateReceiveCount".to_owned(), received.to_string());
        let mut event = SqsEvent::default();
        event.records = vec![message];
        let process = self.process.get_or_init(|| app((self.make)(), &self.edges, &self.secrets));
        let response = handle(process, event, Deadline::after(time)).await;
        match response.batch_item_failures.as_slice() {
            [] => Played::Done,
            [failure] => {
                assert_eq!(failure.item_identifier, format!("message-{number}"));
                let hidden = self.queue.hidden();
                let last = hidden.iter().rev().find(|(handle, _)| *handle == handle_of);
                let pause = last.unwrap().1;
                self.let_pass(pause).await;
                Played::Back(pause)
            }
            more => panic!("{} failures of one message", more.len()),
        }
    }

    /// Makes the account's lane so much older: a message that was handed back comes no sooner than after its pause.
    async fn let_pass(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap();
        let destination = (self.make)().destination();
        for group in [ACCOUNT.to_owned(), format!("{ACCOUNT}/follow")] {
            let mut lane = self.state.lane(destination, &group).await.unwrap();
            lane.sent_ms.values_mut().flatten().for_each(|at| *at = at.saturating_sub(time));
            lane.held_until_ms = lane.held_until_ms.saturating_sub(time);
            self.state.put(&keys::lane(destination, &group), &lane).await.unwrap();
        }
    }

    /// Delivers all chunks of a run and whatever is sent by that, until nothing is left, without waiting.
    pub(crate) async fn play_out(&self, run: &RunId) -> Summary {
        let sealed = self.state.sealed(EXPORT, run).await.unwrap().unwrap();
        let first = (0..sealed.chunks).map(|chunk| (QUEUE.to_owned(), message(run, chunk).body(), 1));
        self.drain(first.collect()).await;
        self.summary(run).await
    }

    /// Plays what is in the queues until nothing is left.
    pub(crate) async fn drain(&self, mut waiting: Vec<(String, String, u32)>) {
        for _ in 0..MESSAGES {
            waiting.extend(self.queue.take().into_iter().map(|(url, outgoing)| (url, outgoing.body, 1)));
            if waiting.is_empty() {
                return;
            }
            let (queue, body, received) = waiting.remove(0);
            if self.play(&body, &queue, received, MINUTES).await != Played::Done {
                waiting.insert(0, (queue, body, received + 1));
            }
        }
        panic!("the queues never get empty");
    }

    pub(crate) async fn receipt(&self, run: &RunId, chunk: u32) -> Receipt {
        self.state.receipt(EXPORT, run, chunk).await.unwrap().expect("no receipt").body
    }

    pub(crate) async fn has_receipt(&self, run: &RunId, chunk: u32) -> bool {
        self.state.receipt(EXPORT, run, chunk).await.unwrap().is_some()
    }

    pub(crate) async fn progress(&self, run: &RunId, chunk: u32) -> Progress {
        self.state.progress(EXPORT, run, chunk).await.unwrap().expect("no progress")
    }

    pub(crate) async fn set_progress(&self, run: &RunId, chunk: u32, progress: &Progress) {
        self.state.put(&keys::progress(EXPORT, run, chunk), progress).await.unwrap();
    }

    pub(crate) async fn summary(&self, run: &RunId) -> Summary {
        self.state.summary(EXPORT, run).await.unwrap().expect("no summary").body
    }

    pub(crate) async fn lane(&self) -> LaneRecord {
        self.state.lane((self.make)().destination(), ACCOUNT).await.unwrap()
    }

    /// Lets the time pass for which the destination asked for peace.
    pub(crate) async fn rest(&self) {
        let rested = LaneRecord { held_until_ms: 0, ..self.lane().await };
        self.state.put(&keys::lane((self.make)().destination(), ACCOUNT), &rested).await.unwrap();
    }

    /// What is wrong with the connection, if anything was noted.
    pub(crate) async fn health(&self) -> Option<String> {
        let found = self.state.read::<segue_state::Health>(&keys::health(CONNECTION)).await.unwrap();
        found.map(|found| found.body.message)
    }

    pub(crate) async fn cancel(&self, run: &RunId) {
        let cancel = Cancel { by: "arn:aws:iam::1:user/o".into(), at: Timestamp::now(), reason: None };
        self.state.put(&keys::cancel(EXPORT, run), &cancel).await.unwrap();
    }

    /// The rows of a chunk that the destination refused: row (0 if not told) and reason.
    pub(crate) async fn rejected(&self, run: &RunId, chunk: u32) -> Vec<(u64, String)> {
        let Some(page) = self.bucket.get(&keys::rejected_chunk(EXPORT, run, chunk)).await.unwrap() else {
            return Vec::new();
        };
        let rows = page.bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
            let row: Value = serde_json::from_slice(line).unwrap();
            (row["row"].as_u64().unwrap_or(0), row["reason"].as_str().unwrap().to_owned())
        });
        rows.collect()
    }

    /// Dead letters so far.
    pub(crate) fn dead_letters(&self) -> Vec<Outgoing> {
        let sent = self.queue.take().into_iter().filter(|(url, _)| url == DEAD_LETTERS);
        sent.map(|(_, letter)| letter).collect()
    }

    /// Whether the staged profiles of a chunk are still there.
    pub(crate) fn is_staged(&self, run: &RunId, chunk: u32) -> bool {
        self.bucket.keys().contains(&keys::chunk(EXPORT, run, "attempt", chunk))
    }

    /// Everything in the state bucket but the staged chunks, and all messages' bodies, as one text.
    pub(crate) async fn everything_recorded(&self) -> String {
        let mut text = String::new();
        for key in self.bucket.keys().into_iter().filter(|key| !key.starts_with("chunks/")) {
            let object = self.bucket.get(&key).await.unwrap().unwrap();
            text.push_str(&key);
            text.push_str(&String::from_utf8_lossy(&object.bytes));
        }
        self.queue.take().iter().for_each(|(_, outgoing)| text.push_str(&outgoing.body));
        text
    }
}

pub(crate) fn message(run: &RunId, chunk: u32) -> ChunkMessage {
    let body =
        json!({"version": 1, "export": EXPORT, "run": run, "chunk": chunk, "generation": 0, "op": "add"});
    ChunkMessage::parse(&body.to_string()).unwrap()
}

/// The address in a row.
pub(crate) fn email(row: u64) -> String {
    format!("person-{row}@example.com")
}

fn app(
    destination: Box<dyn Destination>,
    (state, queue): &(State, Arc<dyn Queue>),
    secrets: &Arc<MemorySecrets>,
) -> App {
    let config = Config {
        state_bucket: "state".to_owned(),
        queue_url: QUEUE.to_owned(),
        dead_letter_url: DEAD_LETTERS.to_owned(),
        timer_url: Some(TIMER.to_owned()),
    };
    App::over(config, destination, state.clone(), queue.clone(), secrets.clone()).unwrap()
}

fn export() -> Value {
    json!({
        "id": EXPORT, "display_name": "VIP", "connection": CONNECTION, "audience_id": "AUD1",
        "segments": ["vip"], "new_contacts": "subscribed",
        "fields": {"email": "email", "first_name": "first_name"},
    })
}

fn chunk_of(form: Form, rows: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut writer = ChunkWriter::new(form);
    let mut buffer = String::new();
    for row in rows {
        let (at, email) = (RowRef { part: 0, row }, email(row));
        let email = Email::normalise(email.as_bytes(), &mut buffer).unwrap();
        match form {
            Form::Hashes => writer.push_hash(at, &EmailHash::of(email)),
            Form::Profiles => writer.push_profile(at, email, Some("Jo"), None),
        }
    }
    writer.finish()
}
