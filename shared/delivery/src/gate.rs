//! The kill switch: whether a run may still send is read live, before every group of calls.

use std::time::Duration;

use segue_state::{Connection, Export, Halt, Run, State, StateError, permit};
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

    /// Reads connection, export and cancellation as they are now.
    pub(crate) async fn look(&self) -> Result<Look, StateError> {
        let export = &self.run.export.id;
        let Some((role, live)) = self.state.export(export).await? else {
            return Ok(Look::Shut(Halt::ExportGone(export.clone())));
        };
        if let Some(cancel) = self.state.cancel(export, &self.run.run).await? {
            return Ok(Look::Shut(Halt::Cancelled(cancel.by)));
        }
        let connection = self.state.connection(&self.run.export.connection).await?;
        // Whether it is enabled counts as it is now, what it does as it was when the run began.
        let export = Export { enabled: live.enabled, ..self.run.export.clone() };
        match (permit(role, &export, connection.as_ref()), connection) {
            (Ok(()), Some(connection)) => {
                *self.looked.lock().await = Some(Instant::now());
                Ok(Look::Open(Box::new(connection)))
            }
            (Ok(()), None) => Ok(Look::Shut(Halt::ConnectionGone(self.run.export.connection.clone()))),
            (Err(halt), _) => Ok(Look::Shut(halt)),
        }
    }

    /// Looks again if the last look is older than a group of calls. `Some` says why the run may not go on.
    pub(crate) async fn shut(&self) -> Result<Option<Halt>, StateError> {
        if self.looked.lock().await.is_some_and(|at| at.elapsed() < GROUP) {
            return Ok(None);
        }
        match self.look().await? {
            Look::Open(_) => Ok(None),
            Look::Shut(halt) => Ok(Some(halt)),
        }
    }
}
