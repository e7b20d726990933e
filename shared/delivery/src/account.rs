//! Finding out which account credentials belong to, when a connection is made.

use std::time::Duration;

use segue_state::config::Account;

use crate::destination::{Destination, Refusal, Verdict};
use crate::session::{NoSession, Sessions};
use crate::wire;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Why an account could not be found.
#[derive(Debug, thiserror::Error)]
pub enum NoAccount {
    /// There is no session.
    #[error(transparent)]
    Session(#[from] NoSession),
    /// The destination refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The destination did not answer, or not in a way that was understood.
    #[error("the destination did not say which account this is ({0}); try again later")]
    Later(String),
}

/// Signs in with the secret `name` of `secrets` and asks for the account.
///
/// # Errors
/// See [`NoAccount`].
pub async fn find_account(
    destination: &dyn Destination,
    secrets: std::sync::Arc<dyn segue_platform::Secrets>,
    name: &str,
) -> Result<Account, NoAccount> {
    let client = wire::client().map_err(|_| NoAccount::Later("TLS can't be set up".to_owned()))?;
    let sessions = Sessions::new(secrets);
    let session = sessions.get(destination, &client, name).await?;
    let answer = wire::send(&client, destination.account_request(&session), TIMEOUT)
        .await
        .map_err(|error| NoAccount::Later(error.to_string()))?;
    if let Some(account) = answer.is_success().then(|| destination.read_account(&answer)).flatten() {
        return Ok(account);
    }
    match (answer.trouble(), answer.status) {
        (Some(Verdict::Again { .. }), _) => Err(NoAccount::Later(format!("HTTP {}", answer.status))),
        (_, 401) => Err(Refusal::Reconnect.into()),
        (_, 403) => Err(Refusal::Forbidden.into()),
        (_, status) => Err(NoAccount::Later(format!("HTTP {status}"))),
    }
}
