//! Accounts at a plain destination, exports to them, and runs in the queue's lanes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use segue_delivery::{
    Answer, App, Budget, Config, CredentialsError, Destination, Exchange, Request, Session, SignIn, Taken,
    Verdict, Window,
};
use segue_platform::memory::{MemoryBucket, MemorySecrets};
use segue_platform::objects::Opened;
use segue_platform::{Object, Objects, Outgoing, Put, Queue, Secrets, StoreError, Stored};
use segue_segment::destination::Form;
use segue_segment::{ChunkWriter, Email, Profile, RowRef};
use segue_state::config::Account;
use segue_state::{ChunkMessage, Export, Op, Open, Role, Run, RunId, Sealed, State, Summary, keys};
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::model::{Done, Fifo, SPEED};

/// Profiles in a call.
pub(crate) const CALL: u64 = 2;
/// Requests that an account takes in a [`SPAN`].
pub(crate) const REQUESTS: usize = 4;
pub(crate) const SPAN: Duration = Duration::from_millis(400);

const WINDOWS: &[Window] = &[Window { requests: 4, per: SPAN }];

/// A destination that takes a call or does not.
struct Plain(String);

impl Destination for Plain {
    fn destination(&self) -> segue_segment::Destination {
        segue_segment::Destination::Mailchimp
    }

    fn budget(&self) -> Budget {
        Budget { endpoints: &[("push", WINDOWS)], connections: 3 }
    }

    fn sign_in(&self, secret: &SecretString) -> Result<SignIn, CredentialsError> {
        let base = format!("{}/{}", self.0, secret.expose_secret());
        Ok(SignIn::Ready(Session { base, headers: HeaderMap::new(), lifetime: None }))
    }

    fn signed_in(&self, _: &SecretString, _: &Answer) -> Exchange {
        unreachable!("its credentials need no exchange")
    }

    fn account_request(&self, session: &Session) -> Request {
        self.push(session, &export("x", "x"), &[])
    }

    fn read_account(&self, _: &Answer) -> Option<Account> {
        None
    }

    fn calls(&self, profiles: &[Profile<'_>]) -> Vec<Range<usize>> {
        let size = usize::try_from(CALL).unwrap();
        (0..profiles.len()).step_by(size).map(|from| from..(from + size).min(profiles.len())).collect()
    }

    fn push(&self, session: &Session, _: &Export, _: &[&Profile<'_>]) -> Request {
        let (url, headers) = (session.base.clone(), HeaderMap::new());
        Request { endpoint: "push", method: Method::POST, url, headers, body: Bytes::new() }
    }

    fn read(&self, _: &Export, _: &[&Profile<'_>], answer: &Answer) -> Verdict {
        answer.trouble().unwrap_or_else(|| Verdict::Taken(Taken::default()))
    }
}

/// A run of an export.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) export: String,
    pub(crate) id: RunId,
}

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) bucket: Arc<MemoryBucket>,
    queue: Arc<Fifo>,
    secrets: Arc<MemorySecrets>,
    server: MockServer,
    arrivals: Arc<Mutex<HashMap<String, Vec<Instant>>>>,
    outage: Arc<Mutex<(String, u32)>>,
    exports: Mutex<HashMap<String, String>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let bucket = Arc::new(MemoryBucket::default());
        let outage: Arc<Mutex<(String, u32)>> = Arc::default();
        let failing = Failing { inner: bucket.clone(), outage: outage.clone() };
        Self {
            state: State::new(Arc::new(failing)),
            bucket,
            queue: Arc::default(),
            secrets: Arc::default(),
            server: MockServer::start().await,
            arrivals: Arc::default(),
            outage,
            exports: Mutex::default(),
        }
    }

    /// An account with these answers, the last one for ever.
    pub(crate) async fn account(&self, name: &str, answers: impl IntoIterator<Item = ResponseTemplate>) {
        let answers: Vec<_> = answers.into_iter().collect();
        let (arrivals, account) = (self.arrivals.clone(), name.to_owned());
        let respond = move |_: &wiremock::Request| {
            let mut arrivals = arrivals.lock().unwrap();
            let seen = arrivals.entry(account.clone()).or_default();
            seen.push(Instant::now());
            answers[(seen.len() - 1).min(answers.len() - 1)].clone()
        };
        Mock::given(path(format!("/{name}"))).respond_with(respond).mount(&self.server).await;
    }

    /// An export with a connection of its own to an account.
    pub(crate) async fn export(&self, name: &str, account: &str) -> String {
        let secret = format!("secret-of-{name}");
        self.secrets.store(&secret, &account.to_owned().into()).await.unwrap();
        let connection: segue_state::Connection = serde_json::from_value(json!({
            "id": name, "display_name": "C", "destination": "mailchimp", "secret": secret,
            "account": {"id": account},
            "consent": {"terms": 1, "agreed_by": "arn", "agreed_at": "2026-11-22T00:00:00Z"},
        }))
        .unwrap();
        self.state.put(&keys::connection(name), &connection).await.unwrap();
        self.state.put(&keys::export(Role::Administrators, name), &export(name, name)).await.unwrap();
        self.exports.lock().unwrap().insert(name.to_owned(), account.to_owned());
        name.to_owned()
    }

    /// Seals a run and queues its chunks.
    pub(crate) async fn run(&self, export_id: &str, profiles: u64, per_chunk: u64) -> Started {
        let lane = self.exports.lock().unwrap()[export_id].clone();
        let now = Timestamp::now();
        let id = RunId::of(now, &[export_id, &fastrand::u64(..).to_string()]);
        let run: Run = serde_json::from_value(json!({
            "run": id, "lane": lane, "destination": "mailchimp", "created_at": now,
            "export": export(export_id, export_id), "drops": [], "trigger": {"kind": "upload", "at": now},
        }))
        .unwrap();
        let chunks = u32::try_from(profiles.div_ceil(per_chunk)).unwrap();
        let sealed: Sealed = serde_json::from_value(json!({
            "attempt": "a", "read": profiles, "invalid": 0, "invalid_by_reason": {}, "duplicate": 0,
            "profiles": profiles, "chunks": chunks, "profiles_per_chunk": per_chunk, "sealed_at": now,
            "deadline": now + Duration::from_hours(24),
        }))
        .unwrap();
        self.state.put(&keys::open(export_id, &id), &Open::new(now)).await.unwrap();
        self.state.put(&keys::run(export_id, &id), &run).await.unwrap();
        self.state.put(&keys::sealed(export_id, &id), &sealed).await.unwrap();
        for chunk in 0..chunks {
            let key = keys::chunk(export_id, &id, "a", chunk);
            self.bucket.put(&key, chunk_of(sealed.profiles_of(chunk)).into()).await.unwrap();
            let (export, run) = (export_id.to_owned(), id.clone());
            let message =
                ChunkMessage { export, run, chunk, generation: 0, op: Op::Add, group: None, resumed: false };
            self.send(&lane, &message.body(), &message.once()).await;
        }
        Started { export: export_id.to_owned(), id }
    }

    pub(crate) async fn send(&self, lane: &str, body: &str, once: &str) {
        let (body, group, once) = (body.to_owned(), Some(lane.to_owned()), Some(once.to_owned()));
        let message = Outgoing { body, group, once, delay: Duration::ZERO };
        self.queue.send("https://sqs/lanes.fifo", vec![message]).await.unwrap();
    }

    /// Lets the queue call the handler until it is empty.
    pub(crate) async fn play(&self) -> Vec<Done> {
        let config = Config {
            state_bucket: "state".to_owned(),
            queue_url: "https://sqs/lanes.fifo".to_owned(),
            dead_letter_url: "https://sqs/dead.fifo".to_owned(),
            timer_url: None,
        };
        let process = || {
            let plain = Box::new(Plain(self.server.uri()));
            let (state, queue, secrets) = (self.state.clone(), self.queue.clone(), self.secrets.clone());
            App::over(config.clone(), plain, state, queue, secrets).unwrap()
        };
        self.queue.play(process).await
    }

    pub(crate) async fn summary(&self, run: &Started) -> Summary {
        self.state.summary(&run.export, &run.id).await.unwrap().expect("no summary").body
    }

    /// When an account's requests came.
    pub(crate) fn arrivals(&self, account: &str) -> Vec<Instant> {
        self.arrivals.lock().unwrap()[account].clone()
    }

    pub(crate) fn dead_letters(&self) -> Vec<String> {
        self.queue.letters()
    }

    /// The next writes under this prefix fail.
    pub(crate) fn fail_writes(&self, prefix: &str, times: u32) {
        *self.outage.lock().unwrap() = (prefix.to_owned(), times);
    }
}

fn export(id: &str, connection: &str) -> Export {
    serde_json::from_value(json!({
        "id": id, "display_name": "E", "connection": connection, "audience_id": "A", "segments": ["vip"],
        "fields": {"email": "email"}, "new_contacts": "pending",
    }))
    .unwrap()
}

fn chunk_of(profiles: u64) -> Vec<u8> {
    let mut writer = ChunkWriter::new(Form::Profiles);
    let mut buffer = String::new();
    for row in 1..=profiles {
        let email = format!("p{row}@example.com");
        let email = Email::normalise(email.as_bytes(), &mut buffer).unwrap();
        writer.push_profile(RowRef { part: 0, row }, email, None, None);
    }
    writer.finish()
}

/// A lane's document, with a hold that ends as much sooner as the queue's clock runs faster.
fn sooner(document: &Bytes) -> Bytes {
    let mut lane: serde_json::Value = serde_json::from_slice(document).unwrap();
    let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap();
    let held = lane["held_until_ms"].as_u64().unwrap().saturating_sub(now);
    lane["held_until_ms"] = (now + held / u64::from(SPEED)).into();
    lane.to_string().into()
}

/// A bucket whose writes under a prefix fail a few times, and in which a lane is held for as long as by the queue's clock.
struct Failing {
    inner: Arc<MemoryBucket>,
    outage: Arc<Mutex<(String, u32)>>,
}

impl Failing {
    fn check(&self, key: &str) -> Result<(), StoreError> {
        let mut outage = self.outage.lock().unwrap();
        if outage.1 == 0 || !key.starts_with(&outage.0) {
            return Ok(());
        }
        outage.1 -= 1;
        Err(StoreError::Failed { key: key.to_owned(), action: "writing", problem: "SlowDown".to_owned() })
    }
}

#[async_trait]
impl Objects for Failing {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.inner.get(key).await
    }

    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError> {
        self.inner.open(key, etag).await
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.inner.read(key, etag, range).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.check(key)?;
        self.inner.create(key, bytes).await
    }

    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError> {
        self.check(key)?;
        self.inner.replace(key, bytes, etag).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.check(key)?;
        let bytes = if key.starts_with("lanes/") { sooner(&bytes) } else { bytes };
        self.inner.put(key, bytes).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.folders(prefix).await
    }
}
