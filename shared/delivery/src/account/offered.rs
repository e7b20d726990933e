//! The audiences of an account, asked for page by page, and kept for a while: whoever asks in a loop must not use up the
//! requests that the account's runs need.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use segue_platform::Deadline;
use segue_state::Connection;
use segue_state::config::Account;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::{NoAccount, ask_by, host, whose};
use crate::app::App;
use crate::destination::Session;
use crate::listing::{Listing, Offered, Unlisted, request};
use crate::session::NoSession;

/// More questions than this are not asked: an operator then copies the id.
const QUESTIONS: usize = 100;
/// Between two of them: the account's runs go on meanwhile.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a person waits, at the most.
const LONGEST: Duration = Duration::from_mins(1);
/// What is left to the invocation when asking ends, to answer with what there is.
const REST: Duration = Duration::from_secs(5);
/// How long an answer is good for.
const KEPT: Duration = Duration::from_mins(1);
/// The same of one that had trouble, and that may be over soon.
const TROUBLE_KEPT: Duration = Duration::from_secs(3);

/// The audiences of an account, as far as they could be listed, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Listed {
    /// The account.
    pub(crate) account: Account,
    /// Its audiences.
    pub(crate) audiences: Vec<Offered>,
    /// Whether these are all.
    pub(crate) complete: bool,
    /// What is missing, why, and what to do.
    pub(crate) notes: Vec<String>,
}

/// Why audiences can't be listed.
#[derive(Debug, thiserror::Error)]
enum NoList {
    #[error(transparent)]
    Session(#[from] NoSession),
    #[error(transparent)]
    Account(#[from] NoAccount),
    #[error(
        "{0} refuses the credentials of this connection (HTTP 401); sign in again with `segue connection connect`"
    )]
    Denied(String),
    #[error("{host} does not let this connection list audiences (HTTP {status}): {remedy}")]
    Forbidden { host: String, status: u16, remedy: &'static str },
    #[error(
        "{host} did not list its audiences (HTTP {status}): its answer says that it failed, or is not understood; try \
         again later"
    )]
    Failed { host: String, status: u16 },
    #[error("there was no time left to ask {0}; try again")]
    Late(String),
}

impl NoList {
    /// Whether a session that is newer than the one that was kept may help.
    fn is_denial(&self) -> bool {
        match self {
            Self::Denied(_) | Self::Forbidden { .. } => true,
            Self::Account(NoAccount::Answered { answer, .. }) => matches!(answer.status, 401 | 403),
            Self::Account(_) | Self::Session(_) | Self::Failed { .. } | Self::Late(_) => false,
        }
    }
}

/// An answer, the connection that it was got over, and until when it is good.
struct Kept {
    connection: Connection,
    until: Instant,
    answer: Result<Listed, String>,
}

/// Answers that are kept, by connection.
pub(crate) struct Listings {
    kept: Mutex<HashMap<String, Kept>>,
    pause: Duration,
}

impl Default for Listings {
    fn default() -> Self {
        Self { kept: Mutex::default(), pause: PAUSE }
    }
}

impl Listings {
    /// The audiences of a connection's account, or why there are none to tell. What was asked a moment ago is not asked
    /// again, unless the connection was changed meanwhile.
    pub(crate) async fn of(
        &self,
        app: &App,
        connection: &Connection,
        deadline: Deadline,
    ) -> Result<Listed, String> {
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.get(&connection.id)
            && known.until > Instant::now()
            && known.connection == *connection
        {
            return known.answer.clone();
        }
        let deadline = Deadline::after(deadline.left().saturating_sub(REST).min(LONGEST));
        let (answer, troubled) = match all(app, connection, deadline).await {
            Ok((listed, troubled)) => (Ok(listed), troubled),
            Err(why) => (Err(why.to_string()), true),
        };
        let until = Instant::now() + if troubled { TROUBLE_KEPT } else { KEPT };
        let known = Kept { connection: connection.clone(), until, answer: answer.clone() };
        kept.insert(connection.id.clone(), known);
        answer
    }
}

/// Lists them over the session that there is, or over a new one if that is another account's or may not do it: an
/// operator may have connected the account again. Whether there was trouble, too.
async fn all(app: &App, connection: &Connection, deadline: Deadline) -> Result<(Listed, bool), NoList> {
    let mut tried = false;
    loop {
        let session = app.sessions.get(&*app.destination, &app.client, &connection.secret).await?;
        let found = match whose(&*app.destination, &app.client, &session, deadline).await {
            Err(_) if deadline.left().is_zero() => Err(NoList::Late(host(&session.base))),
            Err(error) => Err(error.into()),
            Ok(account)
                if !tried && connection.account.as_ref().is_some_and(|known| known.id != account.id) =>
            {
                Err(NoList::Denied(host(&session.base)))
            }
            Ok(account) => list(app, &session, account, deadline).await,
        };
        match found {
            Err(error) if error.is_denial() && !tried => {
                app.sessions.forget(&connection.secret, &session).await;
            }
            found => return found,
        }
        tried = true;
    }
}

async fn list(
    app: &App,
    session: &Session,
    account: Account,
    deadline: Deadline,
) -> Result<(Listed, bool), NoList> {
    let mut listed = Listed { account, audiences: Vec::new(), complete: true, notes: Vec::new() };
    let Some(listing) = app.destination.listing() else { return Ok((listed, false)) };
    let mut waiting = VecDeque::from([listing.first()]);
    let (mut asked, mut troubled) = (0, false);
    while let Some(question) = waiting.pop_front() {
        if asked >= QUESTIONS {
            listed.lacks(format!(
                "only what {QUESTIONS} questions told is listed; copy the id of any other audience from {} itself",
                app.destination.destination().shape().display_name
            ));
            break;
        }
        if asked > 0 {
            sleep(app.listings.pause.min(deadline.left())).await;
        }
        asked += 1;
        match one(app, listing, session, &question, deadline).await {
            Ok(Ok(page)) => {
                listed.audiences.extend(page.audiences);
                waiting.extend(page.next);
            }
            Ok(Err(part)) => listed.lacks(part),
            Err(error) if asked == 1 => return Err(error),
            Err(error) => {
                listed.lacks(format!("the list breaks off: {error}"));
                troubled = true;
                break;
            }
        }
    }
    listed.audiences.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    listed.audiences.dedup_by(|one, other| one.id == other.id);
    Ok((listed, troubled))
}

/// Asks one question. What the inner error says is missing, and the list goes on.
async fn one(
    app: &App,
    listing: &dyn Listing,
    session: &Session,
    question: &str,
    deadline: Deadline,
) -> Result<Result<crate::Page, String>, NoList> {
    if deadline.left().is_zero() {
        return Err(NoList::Late(host(&session.base)));
    }
    let (host, answer) = match ask_by(&app.client, &request(session, question), deadline).await {
        Ok(answered) => answered,
        Err(_) if deadline.left().is_zero() => return Err(NoList::Late(host(&session.base))),
        Err(error) => return Err(error.into()),
    };
    let status = answer.status;
    if status == 401 {
        return Err(NoList::Denied(host));
    }
    match listing.read(question, &answer) {
        Ok(page) => Ok(Ok(page)),
        Err(Unlisted::Part(which)) => Ok(Err(which)),
        Err(Unlisted::Forbidden(remedy)) => Err(NoList::Forbidden { host, status, remedy }),
        Err(Unlisted::Failed) => Err(NoList::Failed { host, status }),
    }
}

impl Listed {
    fn lacks(&mut self, note: String) {
        self.complete = false;
        self.notes.push(note);
    }
}

#[cfg(test)]
mod tests;
