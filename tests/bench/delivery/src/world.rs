//! A stack in small: the sandbox, the state bucket, the queues, secrets, and fan-out, which stages what is dropped.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use segue_delivery::{App, Config};
use segue_platform::memory::MemoryInvoke;
use segue_platform::{Deadline, Objects, Secrets};
use segue_segment::Destination;
use segue_state::{Connection, Export, Role, State, Summary, keys};
use serde_json::{Value, json};

use crate::bucket::Bucket;
use crate::control::Sandbox;
use crate::lambda::Function;
use crate::ledger::Ledger;
use crate::setting::Setting;
use crate::sqs::{DEAD_LETTERS, Queues, TIMER, Vault};

/// fan-out's time-out in the template.
const FAN_OUT: Duration = Duration::from_mins(15);

/// The stack, for one destination.
pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sandbox: Sandbox,
    pub(crate) queues: Arc<Queues>,
    state: State,
    bucket: Arc<Bucket>,
    vault: Arc<Vault>,
}

/// An account, and the export that sends to it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Names the export, its connection, its segment and its account.
    pub(crate) name: &'static str,
    pub(crate) audience: String,
    pub(crate) secret: Value,
}

impl World {
    /// With a sandbox of its own, its limits and latencies on.
    pub(crate) async fn new(setting: Setting) -> Result<Self> {
        let ledger = Arc::new(Ledger::new());
        let sandbox = Sandbox::start()?;
        sandbox.seed(&setting.seed()).await?;
        let bucket = Arc::new(Bucket::new(ledger.clone())?);
        Ok(Self {
            setting,
            sandbox,
            queues: Arc::new(Queues::new(ledger.clone())),
            state: State::new(bucket.clone()),
            bucket,
            vault: Arc::new(Vault::new(ledger.clone())),
            ledger,
        })
    }

    /// Configures a connection and an export that may send so many profiles.
    pub(crate) async fn configure(&self, target: &Target, profiles: u64) -> Result<()> {
        let (name, destination) = (target.name, self.setting.destination);
        let secret = format!("bench/{destination}/{name}");
        self.vault.store(&secret, &target.secret.to_string().into()).await?;
        let connection: Connection = serde_json::from_value(json!({
            "id": name, "display_name": name, "destination": destination, "secret": secret,
            "account": {"id": name},
            "consent": {"terms": 1, "agreed_by": "arn:aws:iam::1:user/bench", "agreed_at": jiff::Timestamp::now()},
        }))?;
        let mut export = json!({
            "id": name, "display_name": name, "connection": name, "audience_id": target.audience,
            "segments": [name], "fields": {"email": "email"}, "limits": {"profiles": profiles},
        });
        if destination != Destination::Snapchat {
            export["fields"] =
                json!({"email": "email", "first_name": "first_name", "last_name": "last_name"});
        }
        if destination == Destination::Mailchimp {
            export["new_contacts"] = "subscribed".into();
        }
        let export: Export = serde_json::from_value(export)?;
        self.state.put(&keys::connection(name), &connection).await?;
        self.state.put(&keys::export(Role::Administrators, name), &export).await?;
        Ok(())
    }

    /// Drops so many profiles and has the real fan-out stage and queue them. Answers how long it took.
    pub(crate) async fn drop(&self, target: &Target, profiles: u64) -> Result<Duration> {
        let key = format!("segments/{}/drop.csv", target.name);
        let file = file(profiles);
        let size = file.len();
        self.bucket.put(&key, file.into()).await?;
        let etag = self.bucket.get(&key).await?.context("the drop is gone")?.etag;
        self.ledger.take();
        let event = json!({
            "source": "aws.s3", "detail-type": "Object Created", "time": jiff::Timestamp::now(),
            "detail": {"bucket": {"name": "drops"}, "object": {
                "key": key, "size": size, "etag": etag.trim_matches('"'), "sequencer": etag}},
        });
        let queue = |destination: Destination| (destination, queue_of(destination));
        let app = fan_out::App {
            config: fan_out::Config {
                segment_bucket: "drops".to_owned(),
                segment_prefix: "segments/".to_owned(),
                state_bucket: "state".to_owned(),
                queues: Destination::ALL.into_iter().map(queue).collect::<BTreeMap<_, _>>(),
                function: "fan-out".to_owned(),
            },
            state: self.state.clone(),
            segments: self.bucket.clone(),
            queue: self.queues.clone(),
            invoke: Arc::new(MemoryInvoke::default()),
        };
        let began = Instant::now();
        fan_out::handle(&app, &event, Role::Administrators, Deadline::after(FAN_OUT))
            .await
            .context("fan-out failed")?;
        Ok(began.elapsed())
    }

    /// The destination's function, over this stack.
    pub(crate) fn function(&self) -> Arc<Function> {
        let (setting, url) = (self.setting, self.sandbox.url().to_owned());
        let (state, queues, vault) = (self.state.clone(), self.queues.clone(), self.vault.clone());
        Arc::new(Function::new(self.ledger.clone(), move || {
            let config = Config {
                state_bucket: "state".to_owned(),
                queue_url: queue_of(setting.destination),
                dead_letter_url: DEAD_LETTERS.to_owned(),
                timer_url: setting.job.map(|_| TIMER.to_owned()),
            };
            let implementation = setting.implementation(&url);
            Ok(App::over(config, implementation, state.clone(), queues.clone(), vault.clone())?)
        }))
    }

    /// The summary of the one run of an export.
    pub(crate) async fn summary(&self, target: &Target) -> Result<Summary> {
        let runs = self.state.runs(target.name).await?;
        let run = runs.first().context("fan-out opened no run")?;
        let found = self.state.summary(target.name, run).await?;
        Ok(found.context("the run has no summary")?.body)
    }
}

fn queue_of(destination: Destination) -> String {
    format!("https://sqs/{destination}.fifo")
}

/// A segment file of so many people, none twice.
fn file(profiles: u64) -> Vec<u8> {
    let mut text = String::from("email,first_name,last_name\n");
    for row in 0..profiles {
        let _ = writeln!(text, "person-{row}@example.com,Jo{},Doe{}", row % 1000, row % 997);
    }
    text.into_bytes()
}
