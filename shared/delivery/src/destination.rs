//! What a destination has to say: its limits, its requests, and what its answers mean. Pure on both sides of the wire.

use std::ops::Range;
use std::time::Duration;

use http::HeaderMap;
use secrecy::SecretString;
use segue_segment::{Profile, Reason};
use segue_state::{Export, LookUp, config::Account};

use crate::listing::Listing;
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

    /// Why a profile can't be sent at all, if it can't.
    fn unfit(&self, _profile: &Profile<'_>) -> Option<Reason> {
        None
    }

    /// Builds the call that pushes these profiles.
    fn push(&self, session: &Session, export: &Export, profiles: &[&Profile<'_>]) -> Request;

    /// Reads the answer to such a call.
    fn read(&self, export: &Export, profiles: &[&Profile<'_>], answer: &Answer) -> Verdict;

    /// How the jobs of this export are followed, if its pushes make any.
    fn jobs(&self, _export: &Export) -> Option<&dyn Jobs> {
        None
    }

    /// How the audience of an export is looked up before a run's first push, if its pushes don't tell enough.
    fn audience(&self) -> Option<&dyn Audience> {
        None
    }

    /// How the audiences of an account are listed, for whoever is to choose one.
    fn listing(&self) -> Option<&dyn Listing> {
        None
    }
}

/// What has to be known of an audience before anybody is sent to it.
pub trait Audience: Send + Sync {
    /// The first questions about the audience of this export.
    fn look_ups(&self, export: &Export) -> Vec<LookUp>;

    /// Asks one.
    fn ask(&self, session: &Session, export: &Export, look_up: &LookUp) -> Request;

    /// Reads the answer.
    ///
    /// # Errors
    /// The [`Verdict`] on an answer that is none, or that says that this audience can't be used.
    fn read(&self, export: &Export, look_up: &LookUp, answer: &Answer) -> Result<Seen, Verdict>;

    /// What stands for a person in [`Seen::held_back`].
    fn fingerprint(&self, _profile: &Profile<'_>) -> Option<Fingerprint> {
        None
    }
}

/// How a destination names a person without saying who it is: an MD5.
pub type Fingerprint = [u8; 16];

/// What one look at an audience showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// People who must not be sent, and why.
    pub held_back: Vec<(Fingerprint, Reason)>,
    /// How many entries the list has that this is a page of, and the reason that they share.
    pub total: Option<(u64, Reason)>,
    /// What has to be asked besides.
    pub next: Vec<LookUp>,
}

/// A destination that takes profiles as a job and tells later what became of them.
pub trait Jobs: Send + Sync {
    /// Asks how a job stands.
    fn status(&self, session: &Session, job: &str) -> Request;

    /// Reads how it stands.
    fn read_status(&self, answer: &Answer) -> Result<JobState, Verdict>;

    /// How long a finished job took, if the answer says so.
    fn took(&self, _answer: &Answer) -> Option<Duration> {
        None
    }

    /// Asks for a page of the rows that a job refused; `next` is what the page before named.
    fn errors(&self, session: &Session, job: &str, next: Option<&str>) -> Request;

    /// Reads a page of refused rows. Indexes count within `profiles`, which are those of the call.
    fn read_errors(&self, profiles: &[&Profile<'_>], answer: &Answer) -> Result<ErrorPage, Verdict>;

    /// Whether the account may have only so many jobs that a chunk's have to be over before the next chunk begins.
    fn hold_lane(&self) -> bool {
        false
    }
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It is not finished.
    Running,
    /// It is finished, and so many rows failed.
    Complete {
        /// Rows that failed, if the destination counts them.
        failed: Option<u64>,
        /// What asks for the first page of refused rows, if the answer said so.
        results: Option<String>,
    },
    /// It is finished, and every row was taken.
    Taken,
    /// Nobody can tell what became of its rows.
    Lost(Lost),
}

/// How long a job may hold its lane up: others of the account wait meanwhile.
pub(crate) const LONGEST_HELD: Duration = Duration::from_hours(6);

/// Why nobody can tell what became of a job's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The destination cancelled it.
    #[error("the destination cancelled the job")]
    Cancelled,
    /// The destination does not know it any more.
    #[error("the destination does not know the job any more")]
    Gone,
    /// It takes too long for an account that has to wait for it.
    #[error("the job did not end within {} hours", LONGEST_HELD.as_secs() / 3600)]
    Endless,
    /// The destination does not hand out its results any more.
    #[error("the job's results can't be had any more")]
    NoResults,
}

/// A page of refused rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorPage {
    /// Rows by their index in the call.
    pub rejected: Vec<(usize, Reason)>,
    /// Rows that could not be told.
    pub unattributed: Vec<Reason>,
    /// Rows that the destination failed over: sent again, they may be taken.
    pub failed: u64,
    /// Rows that should be told of and are not.
    pub unknown: u64,
    /// Of which rows it tells.
    pub told: Told,
    /// What asks for the next page; `None` after the last one.
    pub next: Option<String>,
}

/// Of which rows of a job its results tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Told {
    /// Of those that were refused: the others were taken.
    #[default]
    Refused,
    /// Of every row.
    All,
    /// Of none: the results can't be had any more.
    None,
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
    #[error("the secret is no JSON object; sign in again with `segue connection connect`")]
    NotJson,
    /// A field is missing, empty or of the wrong form.
    #[error(
        "the secret's field `{0}` is missing or malformed; sign in again with `segue connection connect`"
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
    /// Some rows stand in the way of all others, and nobody says which: send the call again in halves. A row that is
    /// refused alone is rejected for this reason.
    Halve(Reason),
    /// Try again, no sooner than this.
    Again {
        /// What the destination asked for.
        after: Option<Duration>,
    },
    /// The credentials may have been refused: get new ones, then try once more. Refused again, it is this.
    Denied(Refusal),
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
    /// Rows that the destination failed over: sent again, they may be taken.
    pub failed: u64,
}

/// Why trying again can't help: a closed list, each with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such audience.
    #[error(
        "the destination does not know the audience of this export; check `audience_id` against the account"
    )]
    UnknownAudience,
    /// The audience is none that can be filled.
    #[error(
        "the audience of this export is {0}, and only a customer list can be filled; give the export the id of a \
         customer list"
    )]
    NoCustomerList(&'static str),
    /// The audience asks for more of a contact than is sent.
    #[error(
        "the audience requires the field {0}, which this export does not send; make it optional in the audience's \
         settings"
    )]
    RequiredField(String),
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
