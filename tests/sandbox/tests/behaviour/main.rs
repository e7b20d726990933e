//! The sandbox as its clients see it: over HTTP, destination by destination.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by panicking")]

mod control;
mod faults;
mod klaviyo;
mod klaviyo_limits;
mod latency;
mod mailchimp;
mod mailchimp_batches;
mod mailchimp_contacts;
mod program;
mod recording;
mod sign_in;
mod snapchat;

use reqwest::{Client, RequestBuilder, Response};
use sandbox::Sandbox;
use serde_json::Value;

/// A running sandbox and a client.
struct Bench {
    sandbox: Sandbox,
    client: Client,
}

impl Bench {
    async fn new() -> Self {
        Self { sandbox: Sandbox::start().await.unwrap(), client: Client::new() }
    }

    async fn seeded(seed: Value) -> Self {
        let bench = Self::new().await;
        bench.sandbox.seed_json(seed).unwrap();
        bench
    }

    fn url(&self, path: &str) -> String {
        self.sandbox.url() + path
    }

    async fn control(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), self.url(path));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        read(request).await
    }
}

/// Sends, and reads status and JSON (null where the body isn't JSON).
async fn read(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, body(answer).await)
}

async fn body(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}
