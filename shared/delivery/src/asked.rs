//! Questions that a destination's function answers, besides the messages that it works on.
//!
//! A payload proves nobody's role: IAM lets contributors invoke the alias `contributors` only, and Lambda says as which
//! function this one was invoked.

use std::fmt::Display;

use aws_lambda_events::sqs::SqsEvent;
use segue_platform::Deadline;
use segue_platform::invoke::alias;
use segue_state::{Role, StateError, permit_connection};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::handler::handle;

/// What can be asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
enum Question {
    /// Which audiences the account of a connection has.
    Audiences {
        /// The connection.
        connection: String,
    },
}

/// Why a question is not answered.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("contributors may not hand messages in; ask an administrator")]
    NotTheirs,
    #[error("the request is not understood: {0}")]
    Malformed(serde_json::Error),
    #[error("there is no connection `{0}`; see `segue connection list`")]
    NoConnection(String),
    #[error("the connection `{connection}` is one to {}, and this function is another destination's", of.shape().display_name)]
    Elsewhere { connection: String, of: segue_segment::Destination },
    #[error(transparent)]
    Halted(#[from] segue_state::Halt),
    #[error("the state can't be read: {0}")]
    State(#[from] StateError),
    #[error("{0}")]
    Unlisted(String),
}

/// Handles an invocation as it comes: a batch of messages, or a question. What is refused is answered by why:
/// `{"refused": "…"}`.
///
/// # Errors
/// If the event is neither.
pub async fn invoked(
    app: &App,
    event: Value,
    invoked_arn: &str,
    deadline: Deadline,
) -> Result<Value, serde_json::Error> {
    let role = Role::by_alias(alias(invoked_arn));
    if event.get("request").is_some() {
        return Ok(answer(app, role, event, deadline).await.unwrap_or_else(|why| refused(&why)));
    }
    if role != Role::Administrators {
        return Ok(refused(&Refused::NotTheirs));
    }
    let batch: SqsEvent = serde_json::from_value(event)?;
    serde_json::to_value(handle(app, batch, deadline).await)
}

fn refused(why: &dyn Display) -> Value {
    tracing::warn!(%why, "a request is refused");
    json!({"refused": why.to_string()})
}

async fn answer(app: &App, role: Role, event: Value, deadline: Deadline) -> Result<Value, Refused> {
    let Question::Audiences { connection: id } = serde_json::from_value(event).map_err(Refused::Malformed)?;
    let connection = app.state.connection(&id).await?.ok_or_else(|| Refused::NoConnection(id.clone()))?;
    permit_connection(role, &connection)?;
    if connection.destination != app.destination.destination() {
        return Err(Refused::Elsewhere { connection: id, of: connection.destination });
    }
    let listed = app.listings.of(app, &connection, deadline).await.map_err(Refused::Unlisted)?;
    let (audiences, complete) = (listed.audiences.len(), listed.complete);
    tracing::info!(connection = %id, role = role.name(), audiences, complete, "audiences listed");
    Ok(json!(listed))
}
