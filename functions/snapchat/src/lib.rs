//! Pushes chunks to Snapchat audiences (customer-list segments of the Ads API).

mod answer;
mod audience;
mod credentials;
mod listing;
mod request;

use std::time::Duration;

use secrecy::SecretString;
use segue_delivery::{
    Answer, Audience, Budget, CredentialsError, Destination, Exchange, Listing, Request, Session, SignIn,
    Verdict, Window,
};
use segue_platform::{Env, EnvError};
use segue_segment::Profile;
use segue_state::Export;
use segue_state::config::Account;

/// The Ads API, version 1.
pub const BASE_URL: &str = "https://adsapi.snapchat.com/v1";
/// Where access tokens come from.
pub const TOKEN_URL: &str = "https://accounts.snapchat.com/login/oauth2/access_token";

/// Ten requests a second for each access token
/// (developers.snap.com/api/marketing-api/Ads-API/rate-limits).
const WINDOWS: &[Window] = &[Window { requests: 10, per: Duration::from_secs(1) }];

/// Snapchat.
pub struct Snapchat {
    base_url: String,
    token_url: String,
}

impl Snapchat {
    /// At these URLs.
    #[must_use]
    pub const fn at(base_url: String, token_url: String) -> Self {
        Self { base_url, token_url }
    }

    /// At the URLs of the environment, or at the real ones.
    ///
    /// # Errors
    /// [`EnvError`] names a URL that is not private.
    pub fn from_env(env: &Env<'_>) -> Result<Self, EnvError> {
        Ok(Self::at(env.base_url("SEGUE_BASE_URL", BASE_URL)?, env.base_url("SEGUE_TOKEN_URL", TOKEN_URL)?))
    }
}

impl Destination for Snapchat {
    fn destination(&self) -> segue_segment::Destination {
        segue_segment::Destination::Snapchat
    }

    fn budget(&self) -> Budget {
        // Nothing is documented about calls at once, and a chunk has three.
        Budget { endpoints: &[(request::ENDPOINT, WINDOWS)], connections: 3 }
    }

    fn sign_in(&self, secret: &SecretString) -> Result<SignIn, CredentialsError> {
        credentials::sign_in(&self.token_url, secret)
    }

    fn signed_in(&self, secret: &SecretString, answer: &Answer) -> Exchange {
        credentials::signed_in(&self.base_url, secret, answer)
    }

    fn account_request(&self, session: &Session) -> Request {
        request::account(session)
    }

    fn read_account(&self, answer: &Answer) -> Option<Account> {
        answer::account(answer)
    }

    fn push(&self, session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request {
        request::push(session, &export.audience_id, profiles)
    }

    fn read(&self, _: &Export, profiles: &[&Profile<'_>], answer: &Answer) -> Verdict {
        answer::push(profiles.len() as u64, answer)
    }

    fn audience(&self) -> Option<&dyn Audience> {
        Some(&audience::Segment)
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(&listing::Segments)
    }
}
