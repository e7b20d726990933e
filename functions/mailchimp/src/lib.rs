//! Pushes chunks to Mailchimp audiences (Marketing API 3.0).

mod answer;
mod audience;
mod credentials;
mod jobs;
mod listing;
mod person;
mod request;

use secrecy::SecretString;
use segue_delivery::{
    Answer, Audience, Budget, CredentialsError, Destination, Exchange, Jobs, Listing, Request, Session,
    SignIn, Verdict,
};
use segue_platform::{Env, EnvError};
use segue_segment::Profile;
use segue_state::config::Account;
use segue_state::{ExistingContacts, Export};

/// The Marketing API; the data centre comes from the credentials.
pub const BASE_URL: &str = "https://{dc}.api.mailchimp.com/3.0";
/// Tells the data centre of an OAuth token.
pub const METADATA_URL: &str = "https://login.mailchimp.com/oauth2/metadata";

/// Mailchimp takes ten connections at once of all programs together, and has no limit on requests in a time
/// (mailchimp.com/developer/marketing/docs/fundamentals). One is left for the others.
const CONNECTIONS: usize = 9;

/// Mailchimp.
pub struct Mailchimp {
    base_url: String,
    metadata_url: String,
    batches: jobs::Batches,
}

impl Mailchimp {
    /// At these URLs.
    #[must_use]
    pub fn at(base_url: String, metadata_url: String) -> Self {
        let batches = jobs::Batches::below(&base_url);
        Self { base_url, metadata_url, batches }
    }

    /// At the URLs of the environment, or at the real ones.
    ///
    /// # Errors
    /// [`EnvError`] names a URL that is not private.
    pub fn from_env(env: &Env<'_>) -> Result<Self, EnvError> {
        Ok(Self::at(
            env.base_url("SEGUE_BASE_URL", BASE_URL)?,
            env.base_url("SEGUE_METADATA_URL", METADATA_URL)?,
        ))
    }
}

impl Destination for Mailchimp {
    fn destination(&self) -> segue_segment::Destination {
        segue_segment::Destination::Mailchimp
    }

    fn budget(&self) -> Budget {
        Budget { endpoints: &[], connections: CONNECTIONS }
    }

    fn sign_in(&self, secret: &SecretString) -> Result<SignIn, CredentialsError> {
        credentials::sign_in(&self.base_url, &self.metadata_url, secret)
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
        request::push(session, export, profiles)
    }

    fn read(&self, export: &Export, profiles: &[&Profile<'_>], answer: &Answer) -> Verdict {
        match export.existing_contacts() {
            ExistingContacts::Keep => answer::push(profiles, answer),
            ExistingContacts::Update => answer::batch(answer),
        }
    }

    fn jobs(&self, export: &Export) -> Option<&dyn Jobs> {
        (export.existing_contacts() == ExistingContacts::Update).then_some(&self.batches)
    }

    fn audience(&self) -> Option<&dyn Audience> {
        Some(&audience::List)
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(&listing::Lists)
    }
}
