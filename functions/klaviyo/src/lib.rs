//! Pushes chunks to Klaviyo lists (profile bulk import jobs), and follows the jobs to their end.

mod answer;
mod credentials;
mod jobs;
mod listing;
mod request;

use std::ops::Range;
use std::time::Duration;

use secrecy::SecretString;
use segue_delivery::{
    Answer, Budget, CredentialsError, Destination, Exchange, Jobs, Listing, Request, Session, SignIn,
    Verdict, Window,
};
use segue_platform::{Env, EnvError};
use segue_segment::{Profile, Reason};
use segue_state::Export;
use segue_state::config::Account;

/// Klaviyo's API.
pub const BASE_URL: &str = "https://a.klaviyo.com";
/// The revision of the API that this release speaks and was tested against.
pub const REVISION: &str = "2026-07-15";

/// Ten a second and 150 a minute, each endpoint (Klaviyo's OpenAPI, revision 2026-07-15).
const WINDOWS: &[Window] = &[
    Window { requests: 10, per: Duration::from_secs(1) },
    Window { requests: 150, per: Duration::from_mins(1) },
];

/// Klaviyo.
pub struct Klaviyo {
    base_url: String,
}

impl Klaviyo {
    /// At this URL.
    #[must_use]
    pub const fn at(base_url: String) -> Self {
        Self { base_url }
    }

    /// At the URL of the environment, or at the real one.
    ///
    /// # Errors
    /// [`EnvError`] names a URL that is not private.
    pub fn from_env(env: &Env<'_>) -> Result<Self, EnvError> {
        Ok(Self::at(env.base_url("SEGUE_BASE_URL", BASE_URL)?))
    }
}

impl Destination for Klaviyo {
    fn destination(&self) -> segue_segment::Destination {
        segue_segment::Destination::Klaviyo
    }

    fn budget(&self) -> Budget {
        Budget {
            endpoints: &[(request::IMPORT, WINDOWS), (jobs::STATUS, WINDOWS), (jobs::ERRORS, WINDOWS)],
            // As many as the account may begin in a second.
            connections: 10,
        }
    }

    fn sign_in(&self, secret: &SecretString) -> Result<SignIn, CredentialsError> {
        credentials::session(&self.base_url, secret).map(SignIn::Ready)
    }

    fn signed_in(&self, _: &SecretString, answer: &Answer) -> Exchange {
        // A private key needs no exchange, so nothing was asked.
        Exchange::Dead(format!("HTTP {}", answer.status))
    }

    fn account_request(&self, session: &Session) -> Request {
        request::account(session)
    }

    fn read_account(&self, answer: &Answer) -> Option<Account> {
        answer::account(answer)
    }

    fn calls(&self, profiles: &[Profile<'_>]) -> Vec<Range<usize>> {
        request::calls(profiles)
    }

    fn push(&self, session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request {
        request::push(session, &export.audience_id, profiles)
    }

    fn unfit(&self, profile: &Profile<'_>) -> Option<Reason> {
        request::is_too_large(profile).then_some(Reason::ProfileTooLarge)
    }

    fn read(&self, _: &Export, _: &[&Profile<'_>], answer: &Answer) -> Verdict {
        answer::push(answer)
    }

    fn jobs(&self, _: &Export) -> Option<&dyn Jobs> {
        Some(&jobs::ImportJobs)
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(&listing::Lists)
    }
}
