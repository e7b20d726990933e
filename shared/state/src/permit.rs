//! Whether an export may send now: read live, before a run and before every group of calls.

use crate::{Connection, Export, Role, Run, SharedWith};

/// Why an export may not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The export was removed.
    #[error("the export `{0}` does not exist any more")]
    ExportGone(String),
    /// The export can't be read any more, and it is a contributor's, so nobody waits for it.
    #[error(
        "the export `{0}` can't be read any more; save it once more with `segue apply`, or remove it with `segue export remove {0}`"
    )]
    ExportBroken(String),
    /// The export is disabled.
    #[error(
        "the export `{0}` is paused; let it run again with `segue export resume {0}`, and start a new run"
    )]
    ExportDisabled(String),
    /// The export was detached from its connection.
    #[error("the export `{0}` is detached from any connection; give it one with `segue export attach`")]
    Detached(String),
    /// The connection was removed.
    #[error("the connection `{0}` does not exist; add it, or give the export another one")]
    ConnectionGone(String),
    /// The connection is disabled.
    #[error(
        "the connection `{0}` is disabled; enable it with `segue connection enable {0}`, and start a new run"
    )]
    ConnectionDisabled(String),
    /// Nobody agreed to the terms, or only to older ones.
    #[error(
        "nobody has consented to the terms of the connection `{0}`; agree to them with `segue connection edit {0} --agree`"
    )]
    NoConsent(String),
    /// A contributor's export uses an administrator's connection.
    #[error("the connection `{0}` is not shared with contributors; ask an administrator to share it")]
    NotShared(String),
    /// Nobody has signed in to the connection. A secret of its name may be there all the same, from one that was removed.
    #[error(
        "nobody has signed in to the connection `{0}`; do so with `segue connection connect {0}`, and start a new run"
    )]
    NotConnected(String),
    /// The connection leads to another account than when the run began.
    #[error("the connection `{0}` belongs to another account now; start a new run")]
    AccountChanged(String),
    /// Somebody cancelled the run.
    #[error("the run was cancelled by {0}")]
    Cancelled(String),
}

impl Halt {
    /// An export has no connection: it was detached from it, or the connection was removed.
    #[must_use]
    pub fn no_connection(export: &Export) -> Self {
        if export.is_detached() {
            Self::Detached(export.id.clone())
        } else {
            Self::ConnectionGone(export.connection.clone())
        }
    }
}

/// Checks that an export may send over its connection.
///
/// # Errors
/// The [`Halt`] that says why not.
pub fn permit(role: Role, export: &Export, connection: Option<&Connection>) -> Result<(), Halt> {
    let Some(connection) = connection else { return Err(Halt::no_connection(export)) };
    if !export.enabled {
        return Err(Halt::ExportDisabled(export.id.clone()));
    }
    permit_connection(role, connection)
}

/// Checks that a run may go on: `live` is its export as it is now, which somebody of `role` may change.
///
/// # Errors
/// The [`Halt`] that says why not.
pub fn permit_run(run: &Run, role: Role, live: &Export, connection: Option<&Connection>) -> Result<(), Halt> {
    // A contributor's export that has the id of one that was removed is another one.
    if run.role == Some(Role::Administrators) && role == Role::Contributors {
        return Err(Halt::ExportGone(live.id.clone()));
    }
    if live.is_detached() {
        return Err(Halt::Detached(live.id.clone()));
    }
    // Whether it is enabled counts as it is now, what it does as it was when the run began.
    let export = Export { enabled: live.enabled, ..run.export.clone() };
    permit(role, &export, connection)?;
    match connection {
        // Its chunks are paced as the old account's, and were meant for that.
        Some(connection) if leads_elsewhere(run, connection) => {
            Err(Halt::AccountChanged(connection.id.clone()))
        }
        _ => Ok(()),
    }
}

fn leads_elsewhere(run: &Run, connection: &Connection) -> bool {
    // One that began without a connection led nowhere.
    let account = connection.account.as_ref().filter(|_| !run.lane.is_empty());
    account.is_some_and(|account| account.id != run.lane) && connection.id != run.lane
}

/// Checks that somebody of this role may use a connection.
///
/// # Errors
/// The [`Halt`] that says why not.
pub fn permit_connection(role: Role, connection: &Connection) -> Result<(), Halt> {
    let id = || connection.id.clone();
    if !connection.enabled {
        return Err(Halt::ConnectionDisabled(id()));
    }
    if !connection.has_consent() {
        return Err(Halt::NoConsent(id()));
    }
    if role == Role::Contributors && connection.shared_with != SharedWith::Contributors {
        return Err(Halt::NotShared(id()));
    }
    if connection.account.is_none() {
        return Err(Halt::NotConnected(id()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Export, Connection) {
        let export = serde_json::json!({
            "id": "e", "display_name": "E", "connection": "c", "audience_id": "a", "segments": ["s"],
            "fields": {"email": "email"},
        });
        let connection = serde_json::json!({
            "id": "c", "display_name": "C", "destination": "klaviyo", "secret": "x", "account": {"id": "acct-1"},
            "consent": {"terms": 1, "agreed_by": "arn", "agreed_at": "2026-11-22T00:00:00Z"},
        });
        (serde_json::from_value(export).unwrap(), serde_json::from_value(connection).unwrap())
    }

    #[test]
    fn everything_in_order_may_send() {
        let (export, connection) = pair();
        assert_eq!(permit(Role::Administrators, &export, Some(&connection)), Ok(()));
    }

    #[test]
    fn what_was_switched_off_is_told_with_the_command_that_switches_it_on() {
        assert_eq!(
            Halt::ExportDisabled("e".into()).to_string(),
            "the export `e` is paused; let it run again with `segue export resume e`, and start a new run"
        );
        assert_eq!(
            Halt::ConnectionDisabled("c".into()).to_string(),
            "the connection `c` is disabled; enable it with `segue connection enable c`, and start a new run"
        );
    }

    #[test]
    fn each_obstacle_is_told() {
        let (export, connection) = pair();
        let may = |export: &Export, connection: &Connection| {
            permit(Role::Administrators, export, Some(connection)).unwrap_err()
        };
        assert_eq!(permit(Role::Administrators, &export, None), Err(Halt::ConnectionGone("c".into())));
        let detached = Export { connection: String::new(), ..export.clone() };
        assert_eq!(permit(Role::Administrators, &detached, None), Err(Halt::Detached("e".into())));
        let disabled = Export { enabled: false, ..export.clone() };
        assert_eq!(may(&disabled, &connection), Halt::ExportDisabled("e".into()));
        let disabled = Connection { enabled: false, ..connection.clone() };
        assert_eq!(may(&export, &disabled), Halt::ConnectionDisabled("c".into()));
        let unagreed = Connection { consent: None, ..connection.clone() };
        assert_eq!(may(&export, &unagreed), Halt::NoConsent("c".into()));
        let unknown = Connection { account: None, ..connection.clone() };
        assert_eq!(may(&export, &unknown), Halt::NotConnected("c".into()));
        assert_eq!(permit(Role::Contributors, &export, Some(&connection)), Err(Halt::NotShared("c".into())));
        let shared = Connection { shared_with: SharedWith::Contributors, ..connection };
        assert_eq!(permit(Role::Contributors, &export, Some(&shared)), Ok(()));
    }
}
