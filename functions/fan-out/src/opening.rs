//! Opening a run: it is recorded before anything is read, and a repeated event finds the run that it made.

use jiff::Timestamp;
use segue_segment::Destination;
use segue_state::config::check_export;
use segue_state::document::Created;
use segue_state::finish::stop;
use segue_state::{
    Cancel, Connection, Drop, Ended, Export, Halt, Open, Role, Run, RunId, Sealed, State, StateError, Status,
    Trigger, keys, permit,
};

use crate::{App, leftovers, queueing};

/// A run that is wanted.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Who may change the export.
    pub role: Role,
    /// The export.
    pub export: Export,
    /// What starts it.
    pub trigger: Trigger,
    /// What it reads.
    pub drops: Vec<Drop>,
    /// Besides the export, what makes it the same run as another one.
    pub cause: Vec<String>,
    /// Why it can't run, if that is known already.
    pub obstacle: Option<String>,
}

/// Opens a run. Answers it if its drops are to be read now; `None` if it has ended, or is being delivered.
///
/// # Errors
/// [`StateError`] if the state bucket fails; the event then comes again.
pub async fn open(app: &App, wish: Wish) -> Result<Option<Run>, StateError> {
    let state = &app.state;
    let over = connect(state, &wish).await?;
    let role = wish.role;
    let run = planned(wish, over.connection.as_ref());
    // The marker first: a run without one would be looked after by nobody.
    let (export, id) = (run.export.id.clone(), run.run.clone());
    state.create(&keys::open(&export, &id), &Open::new(run.created_at)).await?;
    let run = match state.create(&keys::run(&export, &id), &run).await? {
        Created::New(_) => {
            tracing::info!(%export, run = %id, trigger = run.trigger.kind.name(), "run opened");
            run
        }
        Created::Existing(found) => found.body,
    };
    if let Some(sealed) = state.sealed(&export, &id).await? {
        queueing::resume(app, &run, &sealed).await?;
        return Ok(None);
    }
    if let Some(cancel) = state.cancel(&export, &id).await? {
        end_cancelled(app, &run, &cancel).await?;
        return Ok(None);
    }
    if let Some(message) = over.obstacle(role, &run) {
        stop(state, &run, refusal(Status::Refused, message)).await?;
        return Ok(None);
    }
    Ok(Some(run))
}

/// Ends a run that was cancelled before it was sealed, and clears what a staging that died has staged. One that is under
/// way all the same finds the seal, and clears what it stages itself.
pub(crate) async fn end_cancelled(app: &App, run: &Run, cancel: &Cancel) -> Result<(), StateError> {
    stop(&app.state, run, refusal(Status::Cancelled, cancelled(cancel))).await?;
    if let Some(won) = app.state.sealed(&run.export.id, &run.run).await? {
        leftovers::clear(&app.state, run, &won).await?;
    }
    Ok(())
}

/// What a run says that somebody cancelled before anything was sent.
pub(crate) fn cancelled(cancel: &Cancel) -> String {
    let why = cancel.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("cancelled by {} before anything was sent{why}", cancel.by)
}

/// The connection of an export that is to run, or why it can't be used.
pub(crate) struct Over {
    pub(crate) connection: Option<Connection>,
    unusable: Option<String>,
}

/// Looks up the connection of a run that is wanted.
pub(crate) async fn connect(state: &State, wish: &Wish) -> Result<Over, StateError> {
    match state.connection(&wish.export.connection).await {
        Ok(connection) => Ok(Over { connection, unusable: None }),
        // One malformed connection must not keep the drop from the other exports.
        Err(error @ StateError::Malformed { .. }) => {
            Ok(Over { connection: None, unusable: Some(error.to_string()) })
        }
        Err(error) => Err(error),
    }
}

/// The run that is wanted.
pub(crate) fn planned(wish: Wish, connection: Option<&Connection>) -> Run {
    let mut cause = vec![wish.export.id.as_str()];
    cause.extend(wish.cause.iter().map(String::as_str));
    Run {
        run: RunId::of(wish.trigger.at, &cause),
        trigger: wish.trigger,
        drops: wish.drops,
        destination: connection.map(|connection| connection.destination),
        lane: connection.map(|connection| connection.lane().to_owned()).unwrap_or_default(),
        created_at: Timestamp::now(),
        export: wish.export,
        role: Some(wish.role),
        obstacle: wish.obstacle,
    }
}

impl Over {
    /// Why a run may not begin, if it may not.
    pub(crate) fn obstacle(&self, role: Role, run: &Run) -> Option<String> {
        self.unusable.clone().or_else(|| run.obstacle.clone()).or_else(|| {
            let halt = permit(role, &run.export, self.connection.as_ref()).err().map(|halt| halt.to_string());
            // Opened when the connection was not there, it does not know where it would go.
            let nowhere = run.destination.is_none().then(|| Halt::no_connection(&run.export));
            let halt = halt.or_else(|| nowhere.map(|halt| halt.to_string()));
            halt.or_else(|| misconfigured(&run.export, run.destination?))
        })
    }
}

/// A configuration that no command of ours wrote.
fn misconfigured(export: &Export, destination: Destination) -> Option<String> {
    let problems = check_export(export, destination);
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| format!("the export's configuration is wrong: {}", texts.join("; ")))
}

/// The seal of a run that ends before a row was read.
#[must_use]
pub fn refusal(status: Status, message: String) -> Sealed {
    let now = Timestamp::now();
    Sealed {
        attempt: String::new(),
        read: 0,
        invalid: 0,
        invalid_by_reason: std::collections::BTreeMap::new(),
        duplicate: 0,
        profiles: 0,
        chunks: 0,
        profiles_per_chunk: 0,
        sources: Vec::new(),
        sealed_at: now,
        deadline: now,
        ended: Some(Ended { status, message }),
        warnings: Vec::new(),
        attributes_changed: segue_segment::attribute::Changed::default(),
    }
}
