//! Invoking a function without waiting for its answer.

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;

use crate::s3::sources;

/// An invocation that Lambda did not take.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the function {function} could not be invoked: {problem}")]
pub struct InvokeError {
    /// Its name.
    pub function: String,
    /// What went wrong.
    pub problem: String,
}

/// Starts functions.
#[async_trait]
pub trait Invoke: Send + Sync {
    /// Hands `payload`, a JSON text, to a function's queue of asynchronous invocations.
    async fn start(&self, function: &str, payload: String) -> Result<(), InvokeError>;
}

/// Lambda itself.
#[derive(Clone)]
pub struct Lambda(Client);

impl Lambda {
    /// Over this client.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl Invoke for Lambda {
    async fn start(&self, function: &str, payload: String) -> Result<(), InvokeError> {
        let request = self.0.invoke().function_name(function).invocation_type(InvocationType::Event);
        let answer = request.payload(Blob::new(payload)).send().await;
        answer
            .map(|_| ())
            .map_err(|error| InvokeError { function: function.to_owned(), problem: sources(&error) })
    }
}
