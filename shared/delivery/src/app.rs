//! What an invocation of a destination function works with, built once a cold start.

use std::collections::HashSet;
use std::sync::Arc;

use segue_platform::queue::Sqs;
use segue_platform::s3::Bucket;
use segue_platform::secrets::SecretsManager;
use segue_platform::{Aws, Env, EnvError, Queue, Secrets};
use segue_state::{Health, State, StateError, keys};
use tokio::sync::Mutex;

use crate::account::Listings;
use crate::destination::Destination;
use crate::session::Sessions;
use crate::wire;

/// The settings that all destination functions share.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket with Segue's state.
    pub state_bucket: String,
    /// The destination's FIFO queue.
    pub queue_url: String,
    /// Where messages go that can't be used.
    pub dead_letter_url: String,
    /// The queue that gives a job time, where the destination makes jobs.
    pub timer_url: Option<String>,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`EnvError`] names the variable.
    pub fn from_env(env: &Env<'_>) -> Result<Self, EnvError> {
        Ok(Self {
            state_bucket: env.required("SEGUE_STATE_BUCKET")?,
            queue_url: env.required("SEGUE_QUEUE_URL")?,
            dead_letter_url: env.required("SEGUE_DEAD_LETTER_QUEUE_URL")?,
            timer_url: env.optional("SEGUE_TIMER_QUEUE_URL"),
        })
    }
}

/// The function's settings and its edges.
pub struct App {
    pub(crate) config: Config,
    pub(crate) destination: Box<dyn Destination>,
    pub(crate) state: State,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) client: reqwest::Client,
    pub(crate) sessions: Sessions,
    pub(crate) listings: Listings,
    /// Connections that worked, and of which no trouble is noted.
    well: Mutex<HashSet<String>>,
}

impl App {
    /// Over AWS.
    ///
    /// # Errors
    /// If the system's TLS can't be set up.
    pub fn new(config: Config, destination: Box<dyn Destination>, aws: &Aws) -> Result<Self, reqwest::Error> {
        let state = State::new(Arc::new(Bucket::new(aws.s3(), config.state_bucket.clone())));
        let secrets = Arc::new(SecretsManager::new(aws.secrets(), None));
        Self::over(config, destination, state, Arc::new(Sqs::new(aws.sqs())), secrets)
    }

    /// Over these edges.
    ///
    /// # Errors
    /// If the system's TLS can't be set up.
    pub fn over(
        config: Config,
        destination: Box<dyn Destination>,
        state: State,
        queue: Arc<dyn Queue>,
        secrets: Arc<dyn Secrets>,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            config,
            destination,
            state,
            queue,
            client: wire::client()?,
            sessions: Sessions::new(secrets),
            listings: Listings::default(),
            well: Mutex::default(),
        })
    }

    /// A connection works: a note of trouble that is older is taken back.
    pub(crate) async fn works(&self, connection: &str) -> Result<(), StateError> {
        if self.well.lock().await.contains(connection) {
            return Ok(());
        }
        if self.state.read::<Health>(&keys::health(connection)).await?.is_some() {
            self.state.set_health(connection, None).await?;
        }
        self.well.lock().await.insert(connection.to_owned());
        Ok(())
    }

    /// Notes that somebody has to look after a connection.
    pub(crate) async fn is_broken(&self, connection: &str, message: &str) -> Result<(), StateError> {
        self.well.lock().await.remove(connection);
        self.state.set_health(connection, Some(message.to_owned())).await
    }
}
