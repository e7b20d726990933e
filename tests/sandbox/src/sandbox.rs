//! The handle on a running sandbox: starts it on a thread of its own, asks it, stops it when dropped.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::audiences::Audiences;
use crate::faults::Fault;
use crate::options::Options;
use crate::record::{Recorded, Recorder};
use crate::seed::Seed;
use crate::server::serve;
use crate::state::State;
use crate::stats::Stats;

/// A running sandbox. It has a thread and a runtime of its own, so that a test's paused clock or busy
/// single-threaded runtime doesn't stop it.
pub struct Sandbox {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts one on a free port, with the documented limits, keeping all requests in memory.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Starts one as the options say.
    ///
    /// # Errors
    /// The port could not be bound, or the record could not be opened.
    pub async fn start_with(options: Options) -> std::io::Result<Self> {
        let recorder = Recorder::open(options.record.as_deref(), options.keep_requests)?;
        let state = Arc::new(State::new(&options, recorder));
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, bound) = oneshot::channel();
        let served = Arc::clone(&state);
        let thread = std::thread::Builder::new().name("sandbox".into()).spawn(move || {
            let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            runtime.block_on(async move {
                let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await {
                    Ok(listener) => listener,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                drop(ready.send(listener.local_addr()));
                tokio::select! {
                    () = serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        let address = bound.await.map_err(std::io::Error::other)??;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Base URL of Snapchat's API.
    #[must_use]
    pub fn snapchat_base(&self) -> String {
        self.url() + "/snapchat/v1"
    }

    /// URL of Snapchat's token endpoint.
    #[must_use]
    pub fn snapchat_token_url(&self) -> String {
        self.url() + "/snapchat/login/oauth2/access_token"
    }

    /// Base URL of Mailchimp's API.
    #[must_use]
    pub fn mailchimp_base(&self) -> String {
        self.url() + "/mailchimp/3.0"
    }

    /// URL of Mailchimp's OAuth metadata.
    #[must_use]
    pub fn mailchimp_metadata_url(&self) -> String {
        self.url() + "/mailchimp/oauth2/metadata"
    }

    /// Base URL of Klaviyo's API, without `/api`.
    #[must_use]
    pub fn klaviyo_base(&self) -> String {
        self.url() + "/klaviyo"
    }

    /// Who is in which audience now.
    #[must_use]
    pub fn audiences(&self) -> Audiences {
        self.state.audiences()
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.counters.snapshot()
    }

    /// The requests so far, in the order they were answered; empty unless `keep_requests` was set.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.recorder.in_memory()
    }

    /// Scripts a fault.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn fault(&self, fault: Fault) -> Result<(), String> {
        self.state.faults.add(vec![fault])
    }

    /// Scripts a fault given as the JSON that `POST /sandbox/faults` takes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn fault_json(&self, fault: serde_json::Value) -> Result<(), String> {
        self.fault(serde_json::from_value(fault).map_err(|error| error.to_string())?)
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Adds to the world or flips switches.
    ///
    /// # Errors
    /// What is wrong with the seed.
    pub fn seed(&self, seed: Seed) -> Result<(), String> {
        self.state.seed(seed)
    }

    /// As [`Sandbox::seed`], given as the JSON that `POST /sandbox/seed` takes.
    ///
    /// # Errors
    /// What is wrong with the seed.
    pub fn seed_json(&self, seed: serde_json::Value) -> Result<(), String> {
        self.seed(serde_json::from_value(seed).map_err(|error| error.to_string())?)
    }

    /// Back to how it was at the start; a record file is kept.
    pub fn reset(&self) {
        self.state.reset();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A sandbox that panicked has said so already.
            let _ = thread.join();
        }
    }
}
