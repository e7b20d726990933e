//! Snapchat, Mailchimp and Klaviyo, faked faithfully behind one port, for tests and for the local stack.
//!
//! The sandbox answers as the real APIs are documented or were seen to answer, to careful and to careless
//! clients alike: limits, odd status codes, refusals by row, jobs that take a while. It shares no code with the
//! product on purpose, so that a mistake in one can't hide in the other.
//!
//! # What is there at the start
//! - Snapchat, under `/snapchat/v1`, `/snapchat/login/oauth2/authorize` and `…/access_token`: client `sandbox-client`, secret
//!   `sandbox-secret`, refresh token `sandbox-refresh`; the customer list `5677923948298240`, the engagement
//!   segment `5677923948298241`, and `5600000000000403`, which belongs to somebody else.
//! - Mailchimp, under `/mailchimp/3.0` and `/mailchimp/oauth2/{authorize,token,metadata}`: API key `sandboxkey-us19`,
//!   client `sandbox-client`, secret `sandbox-secret`, OAuth token `sandbox-oauth`, the audience `a1b2c3d4e5`. A local part that starts with `fake` is refused.
//! - Klaviyo, under `/klaviyo/api`: private key `pk_sandbox`, the list `YafG4m`. A local part that starts with
//!   `importfail` fails in the import job; a job takes one second.
//!
//! # Steering it
//! `GET /sandbox/health`, `GET /sandbox/audiences`, `GET /sandbox/stats`, `POST|GET|DELETE /sandbox/faults`,
//! `POST /sandbox/seed`, `POST /sandbox/reset`. The bodies are [`Fault`] and [`Seed`], which refuse fields that
//! they don't know.
mod address;
mod audiences;
mod call;
mod control;
mod destination;
mod faults;
mod ids;
mod klaviyo;
mod limits;
mod mailchimp;
mod options;
mod pipeline;
mod record;
mod sandbox;
mod seed;
mod server;
mod sign_in;
mod snapchat;
mod state;
mod stats;

pub use audiences::{Audiences, KlaviyoMember, MailchimpMember};
pub use destination::Destination;
pub use faults::{Drop, Effect, Fault, Garbage, Match, RetryAfter};
pub use options::{Latency, Options, Switch};
pub use record::Recorded;
pub use sandbox::Sandbox;
pub use seed::{
    KlaviyoAccount, KlaviyoList, KlaviyoProfile, KlaviyoSeed, MailchimpAccount, MailchimpContact,
    MailchimpList, MailchimpSeed, MergeField, Rule, Seed, SnapchatAccount, SnapchatSeed, SnapchatSegment,
};
pub use sign_in::{Pkce, SignInSeed};
pub use stats::{DestinationStats, Stats};
