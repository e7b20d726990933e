//! What makes an invocation fail, so that it is repeated.

use segue_platform::StoreError;
use segue_state::StateError;

use crate::invocation::InvocationError;

/// An invocation that failed. Lambda repeats it twice, then it lands in the on-failure queue.
#[derive(Debug, thiserror::Error)]
pub enum FanOutError {
    /// The event is none of ours.
    #[error(transparent)]
    Invocation(#[from] InvocationError),
    /// The state bucket, or a queue, failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// Reading or staging broke off.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The segment bucket could not be listed.
    #[error(transparent)]
    Listing(#[from] StoreError),
}

/// A staging that broke off: the invocation fails, and is repeated.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The state bucket failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The segment bucket failed.
    #[error("the drop could not be read: {0}")]
    Drop(StoreError),
    /// A writer was lost.
    #[error("a chunk's writer broke off")]
    Writer,
}
