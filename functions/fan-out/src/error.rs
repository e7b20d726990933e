//! What makes an invocation fail, so that it is repeated.

use segue_platform::StoreError;
use segue_state::StateError;

use crate::admission::Refused;
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
    /// A schedule asks for what it may not have, or for what is not there.
    #[error("a schedule's run is refused: {0}; mend the schedule, or remove it")]
    Refused(Refused),
    /// A schedule names an export that is not there.
    #[error(
        "a schedule asks for a run of the export `{0}`, which does not exist or can't be read; see `segue export show {0}`, \
         then mend it, or remove the schedule"
    )]
    NoExport(String),
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
