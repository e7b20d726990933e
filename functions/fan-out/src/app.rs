//! What an invocation works with, built once a cold start.

use std::sync::Arc;

use segue_platform::invoke::{Invoke, Lambda};
use segue_platform::queue::Sqs;
use segue_platform::s3::Bucket;
use segue_platform::{Aws, Objects, Queue};
use segue_state::State;

use crate::Config;

/// The function's settings and its edges.
pub struct App {
    /// Its settings.
    pub config: Config,
    /// The state bucket.
    pub state: State,
    /// The segment bucket.
    pub segments: Arc<dyn Objects>,
    /// The queues of the destinations.
    pub queue: Arc<dyn Queue>,
    /// This function, asynchronously.
    pub invoke: Arc<dyn Invoke>,
}

impl App {
    /// Over AWS.
    #[must_use]
    pub fn new(config: Config, aws: &Aws) -> Self {
        let s3 = aws.s3();
        Self {
            state: State::new(Arc::new(Bucket::new(s3.clone(), config.state_bucket.clone()))),
            segments: Arc::new(Bucket::new(s3, config.segment_bucket.clone())),
            queue: Arc::new(Sqs::new(aws.sqs())),
            invoke: Arc::new(Lambda::new(aws.lambda())),
            config,
        }
    }
}
