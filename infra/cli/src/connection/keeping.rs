//! New credentials and whose they are: kept so that the secret and the connection's account always belong together, also
//! if two people sign in at the same moment.

use secrecy::SecretString;
use segue_platform::{SecretError, Secrets};
use segue_state::config::Account;
use segue_state::{Connection, State, keys};

use super::report::Report;
use super::saving;
use crate::Failure;

/// How often somebody else may change the connection or its secret meanwhile.
const TRIES: u32 = 5;

/// Records whose the new credentials of a connection are. Signing in takes minutes: what somebody else changed meanwhile
/// stays. `seen` is the connection as it was when the sign-in began.
///
/// # Errors
/// [`Failure`] if somebody led the connection to another account meanwhile: then nothing was saved.
pub async fn record(
    state: &State,
    seen: &Connection,
    account: Option<Account>,
) -> Result<Connection, Failure> {
    for _ in 0..TRIES {
        let found = saving::found(state, &seen.id).await?;
        let Some(account) = &account else { return Ok(found.body) };
        if !same(&found.body, seen.account.as_ref()) && !same(&found.body, Some(account)) {
            return Err(overtaken(&found.body, account));
        }
        let wanted = Connection { account: Some(account.clone()), ..found.body.clone() };
        saving::checked(&wanted)?;
        if wanted == found.body || state.replace(&keys::connection(&wanted.id), &wanted, &found.etag).await? {
            return Ok(wanted);
        }
    }
    Err(busy(&seen.id).hint("nothing was saved; run this again"))
}

/// Stores new credentials of a connection that has their account on record already: so a run that is under way for
/// another account never uses them.
///
/// The secret is replaced only as it was when the record was still ours. Whoever records another account after that
/// stores their credentials after that, too; so of two people the record and the secret are the same one's.
///
/// # Errors
/// [`Failure`] if somebody else signed in at the same moment: their credentials stay then.
pub async fn store(
    state: &State,
    secrets: &dyn Secrets,
    recorded: &Connection,
    credentials: &SecretString,
) -> Result<(), Failure> {
    let Connection { id, secret, account, .. } = recorded;
    for _ in 0..TRIES {
        let (version, deleted) = match secrets.get(secret).await {
            Ok(found) => (Some(Some(found.version)), false),
            Err(SecretError::Missing(_)) => (Some(None), false),
            // Who may hand credentials in need not be allowed to read them.
            Err(SecretError::Denied(_)) => (None, false),
            // It was deleted with the connection that had this name before.
            Err(SecretError::Deleted(_)) => (None, true),
            Err(error) => return Err(half(recorded, error)),
        };
        let now = state.connection(id).await?;
        let Some(now) = now else {
            return Err(Failure::new(format!("the connection `{id}` was removed by somebody else just now"))
                .hint("its credentials are not used"));
        };
        if !same(&now, account.as_ref()) {
            return Err(match account {
                Some(account) => overtaken(&now, account),
                None => busy(id)
                    .hint(format!("nothing of yours is used; sign in with `segue connection connect {id}`")),
            });
        }
        if deleted {
            // Only now, as the connection is there and is still ours: what somebody deleted for good stays so.
            secrets.restore(secret).await.map_err(|error| half(recorded, error))?;
            continue;
        }
        let stored = match version {
            Some(version) => secrets.replace(secret, credentials, version.as_deref()).await,
            None => secrets.store(secret, credentials).await,
        };
        match stored {
            Ok(()) => return Ok(()),
            // It is looked at anew.
            Err(SecretError::Changed(_) | SecretError::Deleted(_)) => {}
            Err(error) => return Err(half(recorded, error)),
        }
    }
    Err(half(recorded, SecretError::Changed(secret.clone())))
}

/// Whether that is the account that a connection leads to, whatever its name is by now.
fn same(connection: &Connection, account: Option<&Account>) -> bool {
    connection.account.as_ref().map(|account| &account.id) == account.map(|account| &account.id)
}

fn overtaken(now: &Connection, ours: &Account) -> Failure {
    let (id, ours) = (&now.id, Report::named(ours));
    let theirs = now.account.as_ref().map_or_else(|| "no account".to_owned(), Report::named);
    Failure::new(format!(
        "somebody else signed in to the connection `{id}` meanwhile: it leads to {theirs} now, and your credentials \
         belong to {ours}"
    ))
    .hint(format!("theirs stay, yours are not used; look with `segue connection show {id}`, then sign in with `segue connection connect {id}`"))
}

fn busy(id: &str) -> Failure {
    Failure::new(format!("the connection `{id}` is being changed by somebody else all the time"))
}

/// The record is written, the secret is not.
fn half(recorded: &Connection, error: SecretError) -> Failure {
    let Connection { id, account, .. } = recorded;
    let leads = account.as_ref().map_or_else(|| "no account".to_owned(), Report::named);
    let noted = format!(
        "the connection `{id}` is noted as leading to {leads}: if the credentials that it has are another account's, \
         stop it with `segue connection disable {id}`"
    );
    let again = if matches!(error, SecretError::Denied(_)) {
        "only administrators change those of a connection: have the stack's policies for them attached to your AWS \
         identity (its outputs AdministratorsPolicyArn and AdministratorsRunsPolicyArn), and hand them in"
    } else {
        "hand them in"
    };
    Failure::from(error).hint(format!(
        "the new credentials are not used; {again} with `segue connection connect {id}`; until then {noted}"
    ))
}
