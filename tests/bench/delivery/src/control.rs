//! The sandbox as a process of its own: started with its limits on, asked, and always ended.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use segue_segment::Destination;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// A running sandbox; dropping this ends it.
pub(crate) struct Sandbox {
    process: Child,
    url: String,
    client: reqwest::Client,
}

/// What it counted of one destination.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Stats {
    /// Requests, sign-ins included.
    pub(crate) requests: u64,
    /// Those that were answered 429.
    pub(crate) throttled: u64,
    /// Requests by endpoint and status.
    pub(crate) endpoints: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Sandbox {
    /// Starts the program that was built beside this one, with the documented limits.
    pub(crate) fn start() -> Result<Self> {
        let program = program()?;
        let mut process = Command::new(&program)
            .args(["--port", "0", "--limits", "on"])
            .env_remove("SANDBOX_RECORD")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} can't be started; build it first", program.display()))?;
        let output = process.stdout.take();
        let mut sandbox = Self { process, url: String::new(), client: reqwest::Client::new() };
        let mut line = String::new();
        BufReader::new(output.context("the sandbox has no output")?).read_line(&mut line)?;
        let url = line.trim().rsplit(' ').next().filter(|url| url.starts_with("http://"));
        url.context("the sandbox did not say where it listens")?.clone_into(&mut sandbox.url);
        Ok(sandbox)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Adds to its world.
    pub(crate) async fn seed(&self, seed: &Value) -> Result<()> {
        self.post("seed", seed).await
    }

    /// Answers every request whose path has `path` in it with 429, and asks for so many seconds.
    pub(crate) async fn throttle(&self, destination: Destination, path: &str, seconds: u64) -> Result<()> {
        let fault = json!({
            "destination": destination, "match": {"path": path},
            "fault": {"status": 429, "retry_after": seconds},
        });
        self.post("faults", &fault).await
    }

    /// What it counted so far.
    pub(crate) async fn stats(&self, destination: Destination) -> Result<Stats> {
        let mut all: BTreeMap<String, Value> = serde_json::from_slice(&self.get("stats").await?)?;
        let stats = all.remove(destination.name()).context("the sandbox has no such destination")?;
        Ok(serde_json::from_value(stats)?)
    }

    /// How many people are in an audience.
    pub(crate) async fn people(&self, destination: Destination, audience: &str) -> Result<u64> {
        type Audiences = BTreeMap<String, BTreeMap<String, Vec<IgnoredAny>>>;
        let all: Audiences = serde_json::from_slice(&self.get("audiences").await?)?;
        let people = all.get(destination.name()).and_then(|of| of.get(audience)).map_or(0, Vec::len);
        Ok(people as u64)
    }

    async fn get(&self, path: &str) -> Result<bytes::Bytes> {
        let answer = self.client.get(format!("{}/sandbox/{path}", self.url)).send().await?;
        Ok(answer.error_for_status()?.bytes().await?)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let request = self.client.post(format!("{}/sandbox/{path}", self.url)).body(body.to_string());
        let answer = request.header("content-type", "application/json").send().await?;
        let status = answer.status();
        let said = answer.text().await?;
        ensure!(status.is_success(), "the sandbox refused /{path}: {said}");
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended of itself, on the same Ctrl-C.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    Ok(own.with_file_name("sandbox"))
}
