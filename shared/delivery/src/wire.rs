//! Requests and answers as destinations see them, and the one place that sends.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;

use crate::destination::Verdict;

/// Longest wait for an answer: Mailchimp's server gives up after 120 s.
const TIMEOUT: Duration = Duration::from_secs(130);
/// A `Retry-After` beyond this is not waited for to its end: asking once an hour harms nobody, and a mistaken one must
/// not stop an account for days.
const LONGEST_WISH: Duration = Duration::from_hours(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(20);

/// A request to a destination. It may hold people: `Debug` shows where it goes, not what it says.
#[derive(Clone)]
pub struct Request {
    /// The endpoint whose rate limit it counts against; no limit is known for an endpoint without a window.
    pub endpoint: &'static str,
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {}, {} bytes)", self.method, self.endpoint, self.body.len())
    }
}

/// What a destination answered. It may hold people: `Debug` shows the status only.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What `Retry-After` asked for, in seconds.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    /// Whether the destination did as asked.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The body as JSON of this form; `None` if it is none. Vendors' gateways answer in HTML now and then.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The verdict on statuses that mean the same everywhere: throttling, time-outs and the server's own troubles.
    #[must_use]
    pub const fn trouble(&self) -> Option<Verdict> {
        match self.status {
            408 | 425 | 429 | 500..=599 => Some(Verdict::Again { after: self.retry_after }),
            _ => None,
        }
    }
}

/// A request that got no answer. It may have been carried out.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub struct NoAnswer(String);

/// Builds the client that all requests of a process share. It follows no redirect, since credentials would go along.
///
/// # Errors
/// If the system's TLS can't be set up.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        // A frozen function's connections are dead when it thaws.
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("segue/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends a request, waiting for its answer until `limit` at the most.
pub(crate) async fn send(
    client: &reqwest::Client,
    request: Request,
    limit: Duration,
) -> Result<Answer, NoAnswer> {
    // A URL may name a person, and an error would repeat it.
    let no_answer = |error: reqwest::Error| NoAnswer(plain(&error.without_url()));
    let sent = client
        .request(request.method, request.url)
        .headers(request.headers)
        .body(request.body)
        .timeout(limit.min(TIMEOUT))
        .send();
    let answer = sent.await.map_err(no_answer)?;
    let status = answer.status().as_u16();
    let retry_after = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(|seconds: u64| Duration::from_secs(seconds).min(LONGEST_WISH));
    let body = answer.bytes().await.map_err(no_answer)?;
    Ok(Answer { status, retry_after, body })
}

fn plain(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "could not connect"
    } else {
        "the connection broke"
    };
    kind.to_owned()
}
