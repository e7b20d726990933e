//! `segue connection test`: signs in, asks whose account it is, and says in plain words what is wrong.

use std::sync::Arc;

use segue_delivery::account::{Found, NoAudience};
use segue_delivery::{Refusal, find_account};
use segue_platform::Secrets;
use segue_state::{Connection, Export, Health, Role, State, StateError, keys};

use super::report::{ExportSeen, Fillable, HealthNote, Report};
use super::words::{Subject, of_audience};
use super::{connection_id, saving};
use crate::endpoint::endpoint;
use crate::output::Screen;
use crate::stack::Stack;
use crate::{App, Failure};

/// Sign in, ask whose account it is, and say what is wrong. Nobody's data is sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segue connection test klaviyo-main")]
pub struct Args {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_id)]
    pub connection: String,
}

/// Does it.
///
/// # Errors
/// [`Failure`], also if the connection does not work.
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let report = test(&app.stack, &app.state, &app.secrets, &args.connection).await?;
    report.print(screen)?;
    report.verdict()
}

/// Everything that there is to say of a connection.
///
/// # Errors
/// [`Failure`] if it can't be looked at; that it does not work is in the report.
pub async fn test(
    stack: &Stack,
    state: &State,
    secrets: &Arc<dyn Secrets>,
    id: &str,
) -> Result<Report, Failure> {
    let Some(connection) = state.connection(id).await? else {
        return Err(saving::unknown(state, id).await?);
    };
    let (exports, unread) = saving::exports_over(state, id).await?;
    let mut report = tried(stack, state, secrets, connection, exports).await?;
    report.notes.splice(0..0, unread);
    Ok(report)
}

/// The same of a connection that was read already, with the exports that use it.
///
/// # Errors
/// [`Failure`] if it can't be looked at; that it does not work is in the report.
pub async fn tried(
    stack: &Stack,
    state: &State,
    secrets: &Arc<dyn Secrets>,
    connection: Connection,
    exports: Vec<(Role, Export)>,
) -> Result<Report, Failure> {
    let endpoint = endpoint(stack, connection.destination)?;
    let mut report = Report::new(connection);
    let Connection { id, secret: name, destination, .. } = report.connection.clone();
    let subject = Subject::of(stack, destination, &**secrets, &name).await.by_hand("connect", &id);
    let found = match find_account(&*endpoint, &**secrets, &name).await {
        Ok(found) => {
            belongs(stack, &mut report, &found);
            Some(found).filter(|_| report.account_is_right())
        }
        Err(error) => {
            report.problem(subject.words(&error));
            None
        }
    };
    let mut good = found.is_some();
    for (role, export) in exports {
        let mut seen = ExportSeen::new(role, &export, &report.connection);
        if let Some(found) = found.as_ref().filter(|_| export.enabled) {
            seen.audience = match found.look_up(&*endpoint, &export).await {
                Ok(true) => Fillable::Yes,
                Ok(false) => Fillable::ToldByPush,
                Err(error) => {
                    good &= !matches!(error, NoAudience::Refused(Refusal::Reconnect));
                    report.problem(of_audience(&subject, &export, &error));
                    Fillable::No
                }
            };
        }
        report.exports.push(seen);
    }
    health(state, &mut report, good).await?;
    Ok(report)
}

/// Whether it is the account that the connection was made for.
fn belongs(stack: &Stack, report: &mut Report, found: &Found) {
    let Connection { id, account, destination, .. } = report.connection.clone();
    match account {
        Some(account) if account.id != found.account.id => {
            let wrong = format!(
                "these credentials belong to another account: {}; the connection was made for {}",
                Report::named(&found.account),
                Report::named(&account)
            );
            let connect = stack.command(&format!("connection connect {id}"));
            let fix = format!(
                "hand in the credentials of the right account: {connect}; if the other one is meant, with \
                 --other-account, which stops runs under way"
            );
            report.problem((wrong, fix));
        }
        Some(_) => {}
        None => report.notes.push(format!(
            "the connection does not say which account it was made for; `{}` notes it",
            stack.command(&format!("connection connect {id}"))
        )),
    }
    if let Some(error) = &found.unsaved {
        report.notes.push(format!(
            "{} gave a new refresh token, and it could not be stored ({error}): the old one may be refused soon",
            destination.shape().display_name
        ));
    }
    report.account = Some(found.account.clone());
}

/// What an earlier run noted; it is over if the credentials are `good` again.
async fn health(state: &State, report: &mut Report, good: bool) -> Result<(), Failure> {
    let id = &report.connection.id;
    let Some(found) = state.read::<Health>(&keys::health(id)).await? else { return Ok(()) };
    let mut cleared = false;
    if good {
        match state.set_health(id, None).await {
            Ok(()) => cleared = true,
            // That is no matter of the connection.
            Err(error @ StateError::Store(_)) => {
                report.notes.push(format!("what was noted against it could not be cleared: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let Health { message, since } = found.body;
    report.health = Some(HealthNote { message, since, cleared });
    Ok(())
}
