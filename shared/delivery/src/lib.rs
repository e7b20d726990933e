//! The loop that all destinations share: lanes, pacing, retries, receipts.
//!
//! A destination says what a request looks like and what an answer means, without I/O. Everything else is here:
//! sending, waiting, counting, recording, and what happens when any of it breaks off.

pub mod account;
pub mod app;
pub mod asked;
mod attempt;
mod audience;
mod calls;
pub mod destination;
mod follow;
mod gate;
pub mod handler;
mod held_back;
mod lane;
pub mod listing;
mod record;
mod session;
mod task;
pub mod wire;

pub use account::find_account;
pub use app::{App, Config};
pub use asked::invoked;
pub use destination::{
    Audience, Budget, CredentialsError, Destination, ErrorPage, Exchange, Fingerprint, JobState, Jobs, Lost,
    Refusal, Seen, Session, SignIn, Taken, Told, Verdict, Window,
};
pub use handler::handle;
pub use listing::{Listing, Offered, Page, Unlisted};
pub use wire::{Answer, Request};
