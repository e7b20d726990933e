//! Invoking a function: handing it work, or asking it and waiting for what it answers.

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde_json::Value;

use crate::s3::sources;

/// The alias that a function was invoked by; `None` if it was invoked by its name alone.
///
/// Lambda tells each invocation the ARN it was invoked as, with the alias or version behind the name if there was one
/// ("the context object", Lambda's developer guide).
#[must_use]
pub fn alias(invoked_arn: &str) -> Option<&str> {
    invoked_arn.splitn(8, ':').nth(7).filter(|alias| !alias.is_empty() && *alias != "$LATEST")
}

/// An invocation that Lambda did not take, or that did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvokeError {
    /// IAM does not allow it.
    #[error("AWS denies to invoke the function {function}")]
    Denied {
        /// Its name, or its name and alias.
        function: String,
    },
    /// Lambda did not take it.
    #[error("the function {function} could not be invoked: {problem}")]
    Failed {
        /// Its name, or its name and alias.
        function: String,
        /// What went wrong.
        problem: String,
    },
    /// It ran, and did not answer.
    #[error("the function {function} failed: {problem}")]
    Broke {
        /// Its name, or its name and alias.
        function: String,
        /// What it said.
        problem: String,
    },
}

/// Invokes functions. A function is named by its name, or by its name and an alias of it: `name:alias`.
#[async_trait]
pub trait Invoke: Send + Sync {
    /// Hands `payload`, a JSON text, to a function's queue of asynchronous invocations.
    async fn start(&self, function: &str, payload: String) -> Result<(), InvokeError>;

    /// Hands `payload`, a JSON text, to a function, and waits for its answer.
    async fn ask(&self, function: &str, payload: String) -> Result<Value, InvokeError>;

    /// Whether IAM allows to invoke a function. Nothing is invoked.
    async fn may(&self, function: &str) -> Result<bool, InvokeError>;
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

    async fn invoke(
        &self,
        function: &str,
        payload: String,
        how: InvocationType,
    ) -> Result<InvokeOutput, InvokeError> {
        let request = self.0.invoke().function_name(function).invocation_type(how);
        let answer = request.payload(Blob::new(payload)).send().await;
        answer.map_err(|error| not_taken(function.to_owned(), &error))
    }
}

#[async_trait]
impl Invoke for Lambda {
    async fn start(&self, function: &str, payload: String) -> Result<(), InvokeError> {
        self.invoke(function, payload, InvocationType::Event).await.map(|_| ())
    }

    async fn ask(&self, function: &str, payload: String) -> Result<Value, InvokeError> {
        let output = self.invoke(function, payload, InvocationType::RequestResponse).await?;
        let broke = |problem| InvokeError::Broke { function: function.to_owned(), problem };
        let answer = output.payload().map(Blob::as_ref).unwrap_or_default();
        let answer = serde_json::from_slice(answer);
        if let Some(kind) = output.function_error() {
            let said =
                answer.ok().and_then(|answer: Value| Some(answer["errorMessage"].as_str()?.to_owned()));
            return Err(broke(said.unwrap_or_else(|| kind.to_owned())));
        }
        answer.map_err(|error| broke(format!("its answer is no JSON: {error}")))
    }

    async fn may(&self, function: &str) -> Result<bool, InvokeError> {
        match self.invoke(function, "{}".to_owned(), InvocationType::DryRun).await {
            Ok(_) => Ok(true),
            Err(InvokeError::Denied { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn not_taken<E, R>(function: String, error: &SdkError<E, R>) -> InvokeError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error.code() {
        Some("AccessDeniedException" | "AccessDenied") => InvokeError::Denied { function },
        Some(code) => InvokeError::Failed { function, problem: code.to_owned() },
        None => InvokeError::Failed { function, problem: sources(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::alias;

    #[test]
    fn the_alias_stands_behind_the_functions_name() {
        let name = "arn:aws:lambda:eu-west-1:111122223333:function:segue-FanOut-x";
        assert_eq!(alias(name), None);
        assert_eq!(alias(&format!("{name}:contributors")), Some("contributors"));
        assert_eq!(
            (alias(&format!("{name}:$LATEST")), alias(&format!("{name}:")), alias("")),
            (None, None, None)
        );
    }
}
