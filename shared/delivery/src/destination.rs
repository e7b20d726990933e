//! What a destination has to say: its limits, its requests, and what its answers mean. Pure on both sides of the wire.

use std::ops::Range;
use std::time::Duration;

use http::HeaderMap;
use secrecy::SecretString;
use segue_segment::{Profile, Reason};
use segue_state::{Export, config::Account};

use crate::wire::{Answer, Request};

/// A documented rate limit: so many requests in any span of this length.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Requests.
    pub requests: u32,
    /// The span.
    pub per: Duration,
}

/// What an account may do.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// The windows of each endpoint, by the name that [`Request::endpoint`] gives.
    pub endpoints: &'static [(&'static str, &'static [Window])],
    /// Requests under way at the same time.
    pub connections: usize,
}

/// A destination.
pub trait Destination: Send + Sync {
    /// Its row in the table of destinations.
    fn destination(&self) -> segue_segment::Destination;

    /// The limits of an account, as documented.
    fn budget(&self) -> Budget;

    /// Turns a connection's secret into a session, or into the request that gets one.
    ///
    /// # Errors
    /// [`CredentialsError`] names the field that is missing, never a value.
    fn sign_in(&self, secret: &SecretString) -> Result<SignIn, CredentialsError>;

    /// Reads the answer to the request of [`SignIn::Exchange`].
    fn signed_in(&self, secret: &SecretString, answer: &Answer) -> Exchange;

    /// Asks which account the session belongs to.
    fn account_request(&self, session: &Session) -> Request;

    /// Reads the answer to [`account_request`](Self::account_request); `None` if it was not understood.
    fn read_account(&self, answer: &Answer) -> Option<Account>;

    /// Splits a chunk's profiles into calls.
    fn calls(&self, profiles: &[Profile<'_>]) -> Vec<Range<usize>> {
        let size = self.destination().shape().profiles_per_call;
        (0..profiles.len()).step_by(size).map(|from| from..(from + size).min(profiles.len())).collect()
    }

    /// Builds the call that pushes these profiles.
    fn push(&self, session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request;

    /// Reads the answer to such a call.
    fn read(&self, profiles: &[&Profile<'_>], answer: &Answer) -> Verdict;

    /// How its jobs are followed, if it makes any.
    fn jobs(&self) -> Option<&dyn Jobs> {
        None
    }
}

/// A destination that takes profiles as a job and tells later what became of them.
pub trait Jobs: Send + Sync {
    /// Asks how a job stands.
    fn status(&self, session: &Session, job: &str) -> Request;

    /// Reads how it stands.
    fn read_status(&self, answer: &Answer) -> Result<JobState, Verdict>;

    /// Asks for a page of the rows that a job refused; `next` is what the page before named.
    fn errors(&self, session: &Session, job: &str, next: Option<&str>) -> Request;

    /// Reads a page of refused rows. Indexes count within `profiles`, which are those of the call.
    fn read_errors(&self, profiles: &[&Profile<'_>], answer: &Answer) -> Result<ErrorPage, Verdict>;
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It is not finished.
    Running,
    /// It is finished, and so many rows failed.
    Complete {
        /// Rows that failed.
        failed: u64,
    },
    /// It was cancelled, or is not known any more: nobody can tell what became of its rows.
    Lost,
}

/// A page of refused rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorPage {
    /// Rows by their index in the call.
    pub rejected: Vec<(usize, Reason)>,
    /// Rows that could not be told.
    pub unattributed: Vec<Reason>,
    /// What asks for the next page; `None` after the last one.
    pub next: Option<String>,
}

/// How a session begins.
#[derive(Debug)]
pub enum SignIn {
    /// The secret is all that is needed.
    Ready(Session),
    /// The destination has to be asked first.
    Exchange(Request),
}

/// What asking for a session came to.
#[derive(Debug)]
pub enum Exchange {
    /// A session, and the secret as it has to be stored from now on, if it changed.
    Session(Session, Option<SecretString>),
    /// Try again, no sooner than this.
    Again(Option<Duration>),
    /// The credentials are worth nothing any more: the account has to be connected again.
    Dead(String),
}

/// What requests of an account have in common.
#[derive(Debug, Clone)]
pub struct Session {
    /// The base URL, without a slash at its end.
    pub base: String,
    /// The headers, authorisation among them (marked sensitive, so `Debug` hides it).
    pub headers: HeaderMap,
    /// How long it is good for; a default of minutes if the destination does not say.
    pub lifetime: Option<Duration>,
}

/// Credentials that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The secret is no JSON object.
    #[error("the secret is no JSON object; store the credentials again with `segue apply`")]
    NotJson,
    /// A field is missing, empty or of the wrong form.
    #[error(
        "the secret's field `{0}` is missing or malformed; store the credentials again with `segue apply`"
    )]
    Field(&'static str),
}

/// What to do after one attempt at a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The destination said what became of the rows.
    Taken(Taken),
    /// The destination took the rows as a job.
    Started {
        /// Its id.
        job: String,
    },
    /// These rows stand in the way of all others: send the call again without them.
    Without(Vec<(usize, Reason)>),
    /// Try again, no sooner than this.
    Again {
        /// What the destination asked for.
        after: Option<Duration>,
    },
    /// The credentials were refused: get new ones, then try once more.
    Denied,
    /// Trying again can't help.
    Refused(Refusal),
}

/// What became of the rows of a call. What is neither rejected nor unknown was accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Rows that were refused, by their index in the call.
    pub rejected: Vec<(usize, Reason)>,
    /// Rows that were refused, and the destination did not say which.
    pub unattributed: Vec<Reason>,
    /// Among the accepted: there already, and left alone.
    pub already_there: u64,
    /// Rows that the destination does not account for.
    pub unknown: u64,
}

/// Why trying again can't help: a closed list, each with what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such audience.
    #[error(
        "the destination does not know the audience of this export; check `audience_id` against the account"
    )]
    UnknownAudience,
    /// The account may not use it.
    #[error(
        "the account may not write to this audience; check its role at the destination, then connect it again"
    )]
    Forbidden,
    /// The credentials are refused, new ones too.
    #[error("the destination refused the credentials; reconnect this account")]
    Reconnect,
    /// The call itself is wrong.
    #[error("the destination refused the call as malformed (HTTP {0}); please report this")]
    Malformed(u16),
    /// This release talks to an API that is no more.
    #[error("the destination retired the API that this release speaks (HTTP {0}); upgrade Segue")]
    Retired(u16),
}
