//! fan-out's handler over AWS in memory: from an event to sealed runs and their messages.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

mod asking;
mod bench;
mod cancelling;
mod changing;
mod choosing;
mod dry_runs;
mod formats;
mod guards;
mod killed;
#[path = "../../../../tests/support/killing.rs"]
mod killing;
mod parts;
mod requests;
mod resuming;
mod side_by_side;
mod uploads;
