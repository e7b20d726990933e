//! The kill switch: whether a run may still send is read live, before every group of calls.

use std::time::Duration;

use futures::try_join;
use segue_platform::StoreError;
use segue_state::{Connection, Export, Halt, Role, Run, State, StateError, permit_run};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Calls that start within this time are one group.
const GROUP: Duration = Duration::from_secs(2);

/// Looks after one run.
pub(crate) struct Gate<'a> {
    state: &'a State,
    run: &'a Run,
    looked: Mutex<Option<Instant>>,
}

/// What a run may do, or why it may not.
pub(crate) enum Look {
    /// It may send over this connection.
    Open(Box<Connection>),
    /// It may not.
    Shut(Halt),
}

impl<'a> Gate<'a> {
    pub(crate) fn new(state: &'a State, run: &'a Run) -> Self {
        Self { state, run, looked: Mutex::new(None) }
    }

    /// Looks whether the run may send, whenever it was last looked.
    pub(crate) async fn look(&self) -> Result<Look, StateError> {
        self.look_again(&mut *self.looked.lock().await).await
    }

    async fn look_again(&self, looked: &mut Option<Instant>) -> Result<Look, StateError> {
        let look = self.read().await?;
        *looked = matches!(look, Look::Open(_)).then(Instant::now);
        Ok(look)
    }

    /// Reads connection, export and cancellation as they are now.
    async fn read(&self) -> Result<Look, StateError> {
        let export = &self.run.export.id;
        let (live, cancel, connection) = try_join!(
            self.live(),
            self.state.cancel(export, &self.run.run),
            self.state.connection(&self.run.export.connection),
        )?;
        let (role, live) = match live {
            Ok(live) => live,
            Err(halt) => return Ok(Look::Shut(halt)),
        };
        if let Some(cancel) = cancel {
            return Ok(Look::Shut(Halt::Cancelled(cancel.by)));
        }
        match (permit_run(self.run, role, &live, connection.as_ref()), connection) {
            (Ok(()), Some(connection)) => Ok(Look::Open(Box::new(connection))),
            (Ok(()), None) => Ok(Look::Shut(Halt::no_connection(&self.run.export))),
            (Err(halt), _) => Ok(Look::Shut(halt)),
        }
    }

    /// The run's export as it is now.
    async fn live(&self) -> Result<Result<(Role, Export), Halt>, StateError> {
        let (id, role) = (&self.run.export.id, self.run.role);
        match self.state.export(id).await {
            // Contributors may write what they like there, in any class of storage and with any key. It holds up nobody else
            // who waits in the lane.
            Err(error) if role == Some(Role::Contributors) && is_its_own(&error) => {
                Ok(Err(Halt::ExportBroken(id.clone())))
            }
            Err(error) => Err(error),
            Ok(Some(found)) => Ok(Ok(found)),
            Ok(None) => Ok(Err(Halt::ExportGone(id.clone()))),
        }
    }

    /// Looks again if the last look is older than a group of calls. `Some` says why the run may not go on.
    pub(crate) async fn shut(&self) -> Result<Option<Halt>, StateError> {
        // One of the calls that wait for their turn looks for all of them.
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|at| at.elapsed() < GROUP) {
            return Ok(None);
        }
        match self.look_again(&mut looked).await? {
            Look::Open(_) => Ok(None),
            Look::Shut(halt) => Ok(Some(halt)),
        }
    }
}

/// Whether an error tells of the one document rather than of the bucket, of which others were just read.
const fn is_its_own(error: &StateError) -> bool {
    match error {
        StateError::Malformed { .. } | StateError::Version { .. } => true,
        StateError::Store(error) => matches!(error, StoreError::Denied { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_nobody_may_read_is_told_from_an_outage() {
        let key = || "config/exports/contributors/e.json".to_owned();
        let denied = StoreError::Denied { key: key(), action: "read" };
        let outage = StoreError::Failed { key: key(), action: "read", problem: "SlowDown".into() };
        assert!(is_its_own(&denied.into()) && !is_its_own(&outage.into()));
        assert!(is_its_own(&StateError::Version { key: key(), version: 99 }));
    }
}
