//! Which credentials of a plan are new, and whose they are: a connection is led to another account only by somebody who
//! says so.

use std::sync::Arc;

use secrecy::SecretString;
use segue_platform::memory::MemorySecrets;
use segue_platform::{SecretError, Secrets};
use segue_segment::Destination;
use segue_state::Connection;
use segue_state::config::Account;

use super::account::Accounts;
use super::credentials::{Credentials, holds, marked};
use super::plan::PlannedConnection;
use crate::Failure;
use crate::connection::report::Report;

/// New credentials that the destination took, and the account that they belong to.
pub(super) struct Found {
    /// Whose they are, if that was asked and told.
    pub(super) account: Option<Account>,
    /// As they are to be stored, if they are new.
    pub(super) new: Option<SecretString>,
}

/// Asks the destination about the credentials of a connection. Who is asked only if that is not known.
///
/// # Errors
/// [`Failure`] if the destination does not take them.
pub(super) async fn ask(
    accounts: &dyn Accounts,
    secrets: &Arc<dyn Secrets>,
    planned: &PlannedConnection,
) -> Result<Found, Failure> {
    let Connection { destination, secret, account, .. } = &planned.wanted;
    let new = match &planned.credentials {
        Credentials::Given(given) if !are_stored(&**secrets, secret, given).await? => given,
        Credentials::Given(_) | Credentials::Kept if account.is_some() => {
            return Ok(Found { account: None, new: None });
        }
        Credentials::Given(_) | Credentials::Kept | Credentials::Existing(_) => {
            let account = accounts.find(*destination, secrets.clone(), secret).await?;
            return Ok(Found { account, new: None });
        }
    };
    let draft = Arc::new(MemorySecrets::default());
    draft.store(secret, &marked(new)).await?;
    let account = accounts.find(*destination, draft.clone(), secret).await?;
    // Signing in may have changed them.
    Ok(Found { account, new: Some(draft.get(secret).await?.text) })
}

/// Another account needs a yes: the exports' audiences are in the old one.
///
/// # Errors
/// [`Failure`] if nobody said it.
pub(super) fn same_account(
    planned: &PlannedConnection,
    found: &Found,
    other_account: bool,
) -> Result<(), Failure> {
    let (Some(before), Some(now)) = (&planned.wanted.account, &found.account) else { return Ok(()) };
    if before.id == now.id || other_account {
        return Ok(());
    }
    let (before, now) = (Report::named(before), Report::named(now));
    Err(Failure::new(format!("these credentials belong to {now}, and the connection was made for {before}")).hint(
        "nothing was saved; if that is meant, say so with --other-account: runs under way are stopped then, and its \
         exports need other audience ids",
    ))
}

/// What `segue plan` shows of the account: what it is, and what it is to be.
///
/// At Snapchat signing in may use a token up, which a plan can't store: there it is not asked.
pub(super) async fn foretold(
    accounts: &dyn Accounts,
    secrets: &Arc<dyn Secrets>,
    planned: &PlannedConnection,
    is_new: bool,
) -> Option<(String, String)> {
    let before = planned.wanted.account.as_ref()?;
    let was = planned.before.as_ref().map(|before| &before.body.secret);
    let is_other = is_new || was != Some(&planned.wanted.secret);
    let named = Report::named(before);
    if planned.wanted.destination == Destination::Snapchat {
        return is_other.then(|| (named, "asked when this is applied".to_owned()));
    }
    if !is_other && !matches!(planned.credentials, Credentials::Existing(_)) {
        return None;
    }
    match ask(accounts, secrets, planned).await {
        Ok(Found { account: Some(now), .. }) => (now.id != before.id).then(|| (named, Report::named(&now))),
        Ok(_) => None,
        Err(failure) => is_other.then(|| (named, format!("not known: {}", failure.told().0))),
    }
}

/// Whether the secret holds these credentials already.
async fn are_stored(secrets: &dyn Secrets, name: &str, given: &SecretString) -> Result<bool, Failure> {
    Ok(stored(secrets, name).await?.is_some_and(|stored| holds(&stored, given)))
}

/// What a secret holds; `None` if that is nothing, or can't be read by whoever this is.
///
/// # Errors
/// [`Failure`] if Secrets Manager does not answer.
pub(super) async fn stored(secrets: &dyn Secrets, name: &str) -> Result<Option<SecretString>, Failure> {
    match secrets.get(name).await {
        Ok(stored) => Ok(Some(stored.text)),
        // Who may configure need not be allowed to read credentials.
        Err(SecretError::Missing(_) | SecretError::Deleted(_) | SecretError::Denied(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
