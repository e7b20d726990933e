//! fan-out on a bench: two buckets, the queues and Lambda in memory, and what a test looks up in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fan_out::{App, Config, handle};
use segue_platform::memory::{MemoryBucket, MemoryInvoke, MemoryQueue};
use segue_platform::{Deadline, Objects};
use segue_segment::{Chunk, Destination, Identity};
use segue_state::{ChunkMessage, Connection, Export, Role, Run, RunId, Sealed, State, Summary, keys};
use serde_json::{Value, json};

pub(crate) const AN_HOUR: u64 = 3600;

pub(crate) struct Bench {
    pub(crate) app: App,
    pub(crate) segments: Arc<MemoryBucket>,
    pub(crate) bucket: Arc<MemoryBucket>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) invoke: Arc<MemoryInvoke>,
}

impl Bench {
    /// With one connection and one export a destination, all wanting the segment `vip`.
    pub(crate) async fn new() -> Self {
        let (segments, bucket): (Arc<MemoryBucket>, Arc<MemoryBucket>) = Default::default();
        let (queue, invoke): (Arc<MemoryQueue>, Arc<MemoryInvoke>) = Default::default();
        let queue_of = |destination: Destination| (destination, format!("https://sqs/{destination}.fifo"));
        let config = Config {
            segment_bucket: "drops".to_owned(),
            segment_prefix: "segments/".to_owned(),
            state_bucket: "state".to_owned(),
            queues: Destination::ALL.into_iter().map(queue_of).collect::<BTreeMap<_, _>>(),
            function: "fan-out".to_owned(),
        };
        let app = App {
            config,
            state: State::new(bucket.clone()),
            segments: segments.clone(),
            queue: queue.clone(),
            invoke: invoke.clone(),
        };
        let bench = Self { app, segments, bucket, queue, invoke };
        for destination in Destination::ALL {
            bench.connect(destination, |_| {}).await;
            bench.export(destination, |_| {}).await;
        }
        bench
    }

    pub(crate) async fn connect(&self, destination: Destination, change: impl FnOnce(&mut Connection)) {
        let mut connection = serde_json::from_value(json!({
            "id": destination, "display_name": "C", "destination": destination, "secret": "s",
            "account": {"id": format!("{destination}-account")},
            "consent": {"terms": 1, "agreed_by": "arn", "agreed_at": "2026-11-22T00:00:00Z"},
        }))
        .unwrap();
        change(&mut connection);
        self.app.state.put(&keys::connection(destination.name()), &connection).await.unwrap();
    }

    /// Saves the export `vip-to-<destination>`.
    pub(crate) async fn export(&self, destination: Destination, change: impl FnOnce(&mut Export)) {
        let mut export: Export = serde_json::from_value(json!({
            "id": name(destination), "display_name": "E", "connection": destination, "audience_id": "A1",
            "segments": ["vip"], "fields": {"email": "email"},
        }))
        .unwrap();
        match destination {
            Destination::Snapchat => {}
            Destination::Mailchimp => export.new_contacts = Some(segue_state::NewContacts::Pending),
            Destination::Klaviyo => export.fields.first_name = Some("first_name".to_owned()),
        }
        change(&mut export);
        self.app.state.put(&keys::export(Role::Administrators, &export.id), &export).await.unwrap();
    }

    /// Leaves the exports of these destinations only.
    pub(crate) async fn only(&self, kept: &[Destination]) {
        for destination in Destination::ALL.into_iter().filter(|destination| !kept.contains(destination)) {
            let key = keys::export(Role::Administrators, &name(destination));
            self.bucket.delete(&key).await.unwrap();
        }
    }

    pub(crate) async fn drop_bytes(&self, content: &[u8]) {
        let event = self.put("segments/vip/a.csv", content).await;
        self.handle(&event).await;
    }

    /// Puts a file and answers the event that S3 raises for it.
    pub(crate) async fn put(&self, key: &str, content: impl AsRef<[u8]>) -> Value {
        let content = content.as_ref();
        self.segments.put(key, content.to_vec().into()).await.unwrap();
        let etag = self.segments.get(key).await.unwrap().unwrap().etag;
        json!({
            "source": "aws.s3", "detail-type": "Object Created", "time": "2026-11-22T16:35:12Z",
            "detail": {"bucket": {"name": "drops"}, "object": {
                "key": key, "size": content.len(), "etag": etag.trim_matches('"'), "sequencer": etag}},
        })
    }

    pub(crate) async fn handle(&self, event: &Value) -> Value {
        handle(&self.app, event, Role::Administrators, Deadline::after(Duration::from_mins(10)))
            .await
            .unwrap()
    }

    pub(crate) async fn drop(&self, content: &str) {
        let event = self.put("segments/vip/a.csv", content).await;
        self.handle(&event).await;
    }

    pub(crate) async fn resume(&self, stuck_after_seconds: u64) {
        self.handle(&json!({"request": "resume", "stuck_after_seconds": stuck_after_seconds})).await;
    }

    /// The runs of an export, oldest first.
    pub(crate) async fn runs(&self, destination: Destination) -> Vec<RunId> {
        self.app.state.runs(&name(destination)).await.unwrap()
    }

    /// The one run of an export.
    pub(crate) async fn run(&self, destination: Destination) -> Run {
        let runs = self.runs(destination).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        self.app.state.run(&name(destination), &runs[0]).await.unwrap().unwrap()
    }

    pub(crate) async fn sealed(&self, destination: Destination) -> Option<Sealed> {
        let run = self.run(destination).await;
        self.app.state.sealed(&name(destination), &run.run).await.unwrap()
    }

    pub(crate) async fn summary(&self, destination: Destination) -> Summary {
        let run = self.run(destination).await;
        let found = self.app.state.summary(&name(destination), &run.run).await.unwrap();
        found.expect("no summary").body
    }

    /// Takes the messages out: queue and claim check.
    pub(crate) fn messages(&self) -> Vec<(String, ChunkMessage)> {
        let parse = |body: &str| ChunkMessage::parse(body).unwrap();
        self.queue.take().into_iter().map(|(url, message)| (url, parse(&message.body))).collect()
    }

    /// What is staged of a run: each profile's row, address (in clear, or as a hash) and first name.
    pub(crate) async fn staged(&self, destination: Destination) -> Vec<(u64, String, Option<String>)> {
        let (run, sealed) = (self.run(destination).await, self.sealed(destination).await.unwrap());
        let mut profiles = Vec::new();
        for number in 0..sealed.chunks {
            let key = keys::chunk(&run.export.id, &run.run, &sealed.attempt, number);
            let bytes = self.bucket.get(&key).await.unwrap().expect("a chunk is missing").bytes;
            for profile in Chunk::decode(bytes.to_vec()).unwrap().profiles() {
                let who = match profile.identity {
                    Identity::Email(email) => email.expose().to_owned(),
                    Identity::Hash(hash) => {
                        let mut hex = Vec::new();
                        hash.write_hex(&mut hex);
                        String::from_utf8(hex).unwrap()
                    }
                };
                profiles.push((profile.at.row, who, profile.first_name.map(str::to_owned)));
            }
        }
        profiles
    }

    /// Keys of the state bucket under a prefix.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        self.bucket.keys().into_iter().filter(|key| key.starts_with(prefix)).collect()
    }

    /// Changes a document as if time had passed, or a process had been killed before it was written.
    pub(crate) async fn edit(&self, key: &str, change: impl FnOnce(&mut Value)) {
        let bytes = self.bucket.get(key).await.unwrap().expect(key).bytes;
        let mut document: Value = serde_json::from_slice(&bytes).unwrap();
        change(&mut document);
        self.bucket.put(key, document.to_string().into()).await.unwrap();
    }
}

pub(crate) fn name(destination: Destination) -> String {
    format!("vip-to-{destination}")
}
