//! Reads a drop once, stages its chunks, seals the run and queues it.
//!
//! An invocation is an upload, the stack's schedule, an operator's request or the resumer. Nothing is queued before
//! the whole drop was read and passed its guards.

pub mod admission;
pub mod app;
pub mod catalog;
pub mod config;
pub mod error;
pub mod guard;
pub mod handler;
pub mod history;
pub mod intake;
pub mod invocation;
pub mod leftovers;
pub mod offers;
pub mod opening;
pub mod options;
pub mod parts;
pub mod preview;
pub mod queueing;
mod reading;
pub mod resume;
pub mod selection;
pub mod staging;
mod writers;

pub use app::App;
pub use config::Config;
pub use handler::handle;
