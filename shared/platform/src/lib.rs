//! The edges of Lambda and AWS: environment, clients, objects, queues, secrets, telemetry.
//!
//! What the rest of Segue needs of AWS is a trait here, with the real thing beside it and one in memory for tests.

pub mod aws;
pub mod clock;
pub mod env;
pub mod invoke;
pub mod memory;
pub mod objects;
pub mod queue;
pub mod s3;
pub mod secrets;
pub mod telemetry;

pub use aws::Aws;
pub use clock::Deadline;
pub use env::{Env, EnvError};
pub use objects::{Object, Objects, Put, StoreError, Stored};
pub use queue::{Outgoing, Queue, QueueError};
pub use secrets::{SecretError, SecretValue, Secrets};
