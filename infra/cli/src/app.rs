//! What a command works with: the stack and the edges of AWS.

use std::sync::Arc;

use aws_sdk_sts::error::ProvideErrorMetadata;
use segue_platform::invoke::{Invoke, Lambda};
use segue_platform::queue::Sqs;
use segue_platform::s3::Bucket;
use segue_platform::secrets::SecretsManager;
use segue_platform::{Aws, Queue, Secrets};
use segue_state::State;

use crate::Failure;
use crate::stack::Stack;

/// The stack and the edges of AWS.
pub struct App {
    /// The stack.
    pub stack: Stack,
    /// Its state bucket.
    pub state: State,
    /// Its secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Its queues.
    pub queue: Arc<dyn Queue>,
    /// Its functions.
    pub invoke: Arc<dyn Invoke>,
    /// Everything else of AWS.
    pub aws: Aws,
}

impl App {
    /// Finds the stack and what belongs to it.
    ///
    /// # Errors
    /// [`Failure`] if there is no such stack, or AWS can't be asked.
    pub async fn open(stack: &str) -> Result<Self, Failure> {
        let aws = Aws::load().await;
        let stack = Stack::find(&aws, stack).await?;
        Self::of(aws, stack)
    }

    /// What belongs to a stack that was found.
    ///
    /// # Errors
    /// [`Failure`] if it has no state bucket.
    pub fn of(aws: Aws, stack: Stack) -> Result<Self, Failure> {
        let bucket = Bucket::new(aws.s3(), stack.output("StateBucket")?.to_owned());
        Ok(Self {
            state: State::new(Arc::new(bucket)),
            secrets: Arc::new(SecretsManager::new(aws.secrets(), stack.kms_key())),
            queue: Arc::new(Sqs::new(aws.sqs())),
            invoke: Arc::new(Lambda::new(aws.lambda())),
            stack,
            aws,
        })
    }

    /// The AWS identity that this command runs as, as STS names it.
    ///
    /// # Errors
    /// [`Failure`] if STS does not say.
    pub async fn caller(&self) -> Result<String, Failure> {
        let client = aws_sdk_sts::Client::new(self.aws.config());
        let answer = client.get_caller_identity().send().await;
        let answer = answer.map_err(|error| Failure::aws("asking STS who you are", error.code(), &error))?;
        answer.arn().map(str::to_owned).ok_or_else(|| Failure::new("STS did not say who you are"))
    }
}
