//! SQS: messages out, and the visibility of the one in hand.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::s3::sources;

/// SQS takes ten messages a call.
const BATCH: usize = 10;
/// Rounds for entries of a batch that SQS did not take.
const TRIES: u32 = 4;
/// SQS' longest delay: 15 minutes.
const MAX_DELAY: Duration = Duration::from_mins(15);
/// SQS' longest visibility timeout: 12 hours.
const MAX_HIDDEN: Duration = Duration::from_hours(12);

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What it says: never anything personal.
    pub body: String,
    /// The message group, for a FIFO queue.
    pub group: Option<String>,
    /// What makes it the same message as another one, for a FIFO queue.
    pub once: Option<String>,
    /// How long it stays out of sight at first, 15 minutes at most; for a standard queue only.
    pub delay: Duration,
}

/// A queue that did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{action} failed: {problem}")]
pub struct QueueError {
    /// What was tried.
    pub action: &'static str,
    /// The service's error code, or what went wrong on the way.
    pub problem: String,
}

/// The queues of a stack, by URL.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages, in order.
    async fn send(&self, url: &str, messages: Vec<Outgoing>) -> Result<(), QueueError>;

    /// Hides a received message for so long from now on.
    async fn hide(&self, url: &str, receipt_handle: &str, time: Duration) -> Result<(), QueueError>;
}

/// SQS itself.
#[derive(Clone)]
pub struct Sqs(Client);

impl Sqs {
    /// Over this client.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self(client)
    }

    async fn send_batch(&self, url: &str, mut batch: Vec<Outgoing>) -> Result<(), QueueError> {
        let mut problem = String::new();
        for attempt in 0..TRIES {
            let entries = batch.iter().enumerate().map(|(at, message)| entry(at, message)).collect();
            let request = self.0.send_message_batch().queue_url(url).set_entries(Some(entries));
            let answer = request.send().await.map_err(|e| error("sending messages", &e))?;
            let refused: Vec<usize> = answer.failed().iter().filter_map(|f| f.id().parse().ok()).collect();
            let Some(first) = answer.failed().first() else { return Ok(()) };
            problem = first.code().to_owned();
            batch = refused.into_iter().filter_map(|at| batch.get(at).cloned()).collect();
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
        Err(QueueError { action: "sending messages", problem })
    }
}

#[async_trait]
impl Queue for Sqs {
    async fn send(&self, url: &str, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        for batch in messages.chunks(BATCH) {
            self.send_batch(url, batch.to_vec()).await?;
        }
        Ok(())
    }

    async fn hide(&self, url: &str, receipt_handle: &str, time: Duration) -> Result<(), QueueError> {
        let seconds = i32::try_from(time.min(MAX_HIDDEN).as_secs()).unwrap_or(i32::MAX);
        let request = self.0.change_message_visibility().queue_url(url).receipt_handle(receipt_handle);
        let answer = request.visibility_timeout(seconds).send().await;
        answer.map(|_| ()).map_err(|e| error("changing a message's visibility", &e))
    }
}

fn entry(at: usize, message: &Outgoing) -> SendMessageBatchRequestEntry {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(at.to_string())
        .message_body(&message.body)
        .set_message_group_id(message.group.as_deref().map(token))
        .set_message_deduplication_id(message.once.as_deref().map(token));
    if !message.delay.is_zero() {
        let seconds = message.delay.min(MAX_DELAY).as_secs_f64().ceil();
        // Between 1 and 900.
        #[expect(clippy::cast_possible_truncation)]
        let seconds = seconds as i32;
        entry = entry.delay_seconds(seconds);
    }
    // Id and body are set, so this can't fail; a message that were lost here would be sent by the resumer.
    entry.build().unwrap_or_else(|_| unreachable!("an entry with id and body"))
}

/// Groups and deduplication ids have up to 128 letters, digits and punctuation characters.
fn token(text: &str) -> String {
    if text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic()) {
        return text.to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(90).collect();
    format!("{kept}-{}", HEXLOWER.encode(&digest[..16]))
}

fn error<E, R>(action: &'static str, error: &aws_sdk_sqs::error::SdkError<E, R>) -> QueueError
where
    E: aws_sdk_sqs::error::ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    use aws_sdk_sqs::error::ProvideErrorMetadata;
    let problem = error.code().map_or_else(|| sources(error), str::to_owned);
    QueueError { action, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_or_foreign_names_stay_apart() {
        assert_eq!(token("run/3/0"), "run/3/0");
        let (one, two) = (token(&"a".repeat(200)), token(&"a".repeat(201)));
        assert!(one.len() <= 128 && one != two);
        assert_ne!(token("ä"), token("ö"));
    }
}
