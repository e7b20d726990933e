//! From a batch of messages to their work, and back to Lambda: which of them are not done.

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use segue_platform::{Deadline, Outgoing};
use segue_state::{ChunkMessage, MessageError, Op};

use crate::app::App;
use crate::follow;
use crate::task::{Handled, work};

/// What a message's visibility goes beyond the invocation, so that a crash blocks its lane for no longer.
const BEYOND: Duration = Duration::from_secs(30);
/// How long a message waits after AWS failed us.
const OUTAGE: Duration = Duration::from_secs(15);
/// How long a message of a newer release waits.
const UPGRADE: Duration = Duration::from_mins(1);

/// Handles the messages of one invocation: one, as the template has it.
pub async fn handle(app: &App, event: SqsEvent, deadline: Deadline) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        if !take(app, &message, deadline).await {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

/// Works on one message; `false` if it is to come again.
async fn take(app: &App, message: &SqsMessage, deadline: Deadline) -> bool {
    let body = message.body.as_deref().unwrap_or_default();
    let handled = match ChunkMessage::parse(body) {
        Err(MessageError::Version(version)) => {
            tracing::warn!(version, "a message of a newer release goes back to the queue");
            Handled::Back(UPGRADE)
        }
        Err(error @ MessageError::Malformed(_)) => Handled::DeadLetter(error.to_string()),
        Ok(chunk) if is_timer(message) => move_on(app, &chunk, message).await,
        Ok(chunk) => chunk_of(app, &chunk, message, deadline).await,
    };
    match handled {
        Handled::Done => true,
        Handled::Back(pause) => {
            hide(app, message, pause).await;
            false
        }
        Handled::DeadLetter(reason) => put_aside(app, message, body, &reason).await,
    }
}

async fn chunk_of(app: &App, chunk: &ChunkMessage, message: &SqsMessage, deadline: Deadline) -> Handled {
    hide(app, message, deadline.left() + BEYOND).await;
    let received =
        message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse::<u32>().ok());
    match work(app, chunk, received.unwrap_or(1) > 1, deadline).await {
        Ok(handled) => handled,
        Err(error) if error.passes() => {
            tracing::warn!(%error, export = %chunk.export, run = %chunk.run, chunk = chunk.chunk, "handed back");
            Handled::Back(OUTAGE)
        }
        Err(error) => {
            tracing::error!(%error, export = %chunk.export, run = %chunk.run, chunk = chunk.chunk, "put aside");
            Handled::DeadLetter(error.to_string())
        }
    }
}

/// The timer's queue is no FIFO queue, and knows follow-ups only.
fn is_timer(message: &SqsMessage) -> bool {
    message.event_source_arn.as_deref().is_some_and(|arn| arn.strip_suffix(".fifo").is_none())
}

async fn move_on(app: &App, chunk: &ChunkMessage, message: &SqsMessage) -> Handled {
    if chunk.op != Op::Follow || chunk.group.is_none() {
        return Handled::DeadLetter("the timer's queue takes follow-ups only".to_owned());
    }
    match follow::due(app, chunk, message.message_id.as_deref().unwrap_or_default()).await {
        Ok(()) => Handled::Done,
        Err(error) => {
            tracing::warn!(%error, "a follow-up could not be moved on");
            Handled::Back(OUTAGE)
        }
    }
}

/// Hides a message. If that fails it comes sooner or later than it should, and is handled all the same.
async fn hide(app: &App, message: &SqsMessage, time: Duration) {
    let Some(handle) = &message.receipt_handle else { return };
    let timer = app.config.timer_url.as_deref().filter(|_| is_timer(message));
    let url = timer.unwrap_or(&app.config.queue_url);
    if let Err(error) = app.queue.hide(url, handle, time).await {
        tracing::warn!(%error, "a message's visibility stays as it is");
    }
}

/// Puts a message aside that can never be done, so that it does not block its lane. `false` if even that failed.
async fn put_aside(app: &App, message: &SqsMessage, body: &str, reason: &str) -> bool {
    let id = message.message_id.clone().unwrap_or_default();
    tracing::error!(message = %id, %reason, "a message is put aside as a dead letter");
    let letter = Outgoing {
        body: if body.is_empty() { "(empty)".to_owned() } else { body.to_owned() },
        group: Some("put-aside".to_owned()),
        once: Some(id),
        delay: Duration::ZERO,
    };
    match app.queue.send(&app.config.dead_letter_url, vec![letter]).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "a dead letter could not be put aside");
            hide(app, message, OUTAGE).await;
            false
        }
    }
}
