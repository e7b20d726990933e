//! Sessions: credentials from Secrets Manager, kept in the process for a while, dropped when they are refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use segue_platform::{SecretError, SecretValue, Secrets};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::destination::{CredentialsError, Destination, Exchange, Session, SignIn};
use crate::wire;

/// How long a session is used that does not say how long it is good for. An operator's change takes effect then.
const LIFETIME: Duration = Duration::from_mins(5);
/// How long credentials that were refused for good are not tried again.
const DEAD: Duration = Duration::from_secs(2);
/// A token is not used up to its last second.
const EARLY: Duration = Duration::from_mins(1);
/// Attempts at the token endpoint, which answers 429 and 5xx as any other (airbyte PR #17596).
const TRIES: u32 = 5;
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);

/// Why there is no session.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NoSession {
    /// The secret can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It does not hold what is needed.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The destination refuses it for good.
    #[error("the destination refused the credentials ({0}); reconnect this account")]
    Dead(String),
    /// The destination does not answer.
    #[error("the destination gives no access token at the moment")]
    Later,
}

impl NoSession {
    /// Whether waiting may help.
    pub(crate) const fn passes(&self) -> bool {
        matches!(self, Self::Later | Self::Secret(SecretError::Failed { .. }))
    }
}

/// A session, or why there is none, and until when that is so.
type Kept = (Result<Session, NoSession>, Instant);

/// The sessions of a process, by the name of their secret.
pub(crate) struct Sessions {
    secrets: Arc<dyn Secrets>,
    kept: Mutex<HashMap<String, Kept>>,
}

impl Sessions {
    pub(crate) fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets, kept: Mutex::new(HashMap::new()) }
    }

    /// The session of a secret. One caller at a time signs in; the others wait for its session.
    pub(crate) async fn get(
        &self,
        destination: &dyn Destination,
        client: &reqwest::Client,
        secret: &str,
    ) -> Result<Session, NoSession> {
        let mut kept = self.kept.lock().await;
        if let Some((session, until)) = kept.get(secret)
            && *until > Instant::now()
        {
            return session.clone();
        }
        let session = self.sign_in(destination, client, secret).await;
        let lifetime = match &session {
            Ok(session) => session.lifetime.map_or(LIFETIME, |lifetime| lifetime.saturating_sub(EARLY)),
            // Calls side by side need not each be told the same.
            Err(NoSession::Dead(_)) => DEAD,
            Err(_) => Duration::ZERO,
        };
        kept.insert(secret.to_owned(), (session.clone(), Instant::now() + lifetime));
        session
    }

    /// Forgets a session that was refused, so that the next one is new. If there is another one by now it stays.
    pub(crate) async fn forget(&self, secret: &str, refused: &Session) {
        let mut kept = self.kept.lock().await;
        if kept
            .get(secret)
            .is_some_and(|(known, _)| known.as_ref().is_ok_and(|known| known.headers == refused.headers))
        {
            kept.remove(secret);
        }
    }

    async fn sign_in(
        &self,
        destination: &dyn Destination,
        client: &reqwest::Client,
        secret: &str,
    ) -> Result<Session, NoSession> {
        let mut value = self.secrets.get(secret).await?;
        let mut current = value.version.clone();
        loop {
            let error = match self.exchange(destination, client, secret, &value, &current).await {
                Err(NoSession::Dead(error)) => error,
                other => return other,
            };
            // An operator may have connected the account again in between; or another process got a new token, and
            // was killed before it became the current one.
            let again = self.secrets.get(secret).await?;
            if again.version != current {
                current.clone_from(&again.version);
                value = again;
                continue;
            }
            match self.secrets.refreshed(secret).await? {
                Some(newer) if newer.version != value.version => value = newer,
                _ => return Err(NoSession::Dead(error)),
            }
        }
    }

    async fn exchange(
        &self,
        destination: &dyn Destination,
        client: &reqwest::Client,
        secret: &str,
        value: &SecretValue,
        current: &str,
    ) -> Result<Session, NoSession> {
        for attempt in 0..TRIES {
            let request = match destination.sign_in(&value.text)? {
                SignIn::Ready(session) => return Ok(session),
                SignIn::Exchange(request) => request,
            };
            let after = match wire::send(client, request, EXCHANGE_TIMEOUT).await {
                Err(_) => None,
                Ok(answer) => match destination.signed_in(&value.text, &answer) {
                    Exchange::Session(session, changed) => {
                        let unused = (value.version != current).then(|| value.text.clone());
                        if let Some(text) = changed.or(unused) {
                            let (name, current) = (secret.to_owned(), current.to_owned());
                            // By itself: the end of the invocation must not cut it off.
                            let _stored =
                                tokio::spawn(store(self.secrets.clone(), name, text, current)).await;
                        }
                        return Ok(session);
                    }
                    Exchange::Again(after) => after,
                    Exchange::Dead(error) => return Err(NoSession::Dead(error)),
                },
            };
            let pause = Duration::from_millis(250 << attempt);
            sleep(after.unwrap_or_default().max(pause).min(EXCHANGE_TIMEOUT)).await;
        }
        Err(NoSession::Later)
    }
}

/// Stores a new refresh token in place of the version `current`. If an operator stored new credentials meanwhile,
/// theirs stay. If it can't be stored the session is used all the same: it may be the last one that this account
/// gives.
async fn store(secrets: Arc<dyn Secrets>, name: String, changed: SecretString, current: String) {
    for attempt in 0..TRIES {
        match secrets.refresh(&name, &changed, &current).await {
            Ok(()) => return,
            Err(SecretError::Changed(_)) => {
                tracing::info!(secret = %name, "new credentials were stored meanwhile; the refreshed ones are dropped");
                return;
            }
            Err(error) => tracing::warn!(%error, attempt, "a refreshed token could not be stored"),
        }
        sleep(Duration::from_millis(250 << attempt)).await;
    }
    tracing::error!(secret = %name, "a refreshed token is lost; reconnect the account if its old one is refused");
}
