//! Noting that runs are cancelled: the one place for every command that stops some.

use jiff::Timestamp;
use segue_platform::StoreError;
use segue_state::document::Created;
use segue_state::{Cancel, RunId, State, StateError, keys};

use crate::Failure;
use crate::at_once::at_once;

/// How it is noted.
pub struct Noted {
    /// Who cancelled the run.
    pub cancel: Cancel,
    /// Whether nobody had before.
    pub is_new: bool,
}

/// Notes that a run is cancelled. Who did it first stays noted.
///
/// # Errors
/// [`StateError`] if it can't be noted.
pub async fn note(state: &State, export: &str, run: &RunId, cancel: Cancel) -> Result<Noted, StateError> {
    Ok(match state.create(&keys::cancel(export, run), &cancel).await? {
        Created::New(_) => Noted { cancel, is_new: true },
        Created::Existing(found) => Noted { cancel: found.body, is_new: false },
    })
}

/// Notes it of several runs, whose export or connection is taken from them by now: nothing that they have not sent yet
/// is sent. Who may not note it stops them all the same, since a run looks for both before each group of calls. Answers
/// those that nobody had cancelled before.
///
/// # Errors
/// [`Failure`] if the state bucket fails.
pub async fn note_all(
    state: &State,
    runs: Vec<(String, RunId)>,
    by: &str,
    why: &str,
) -> Result<Vec<(String, RunId)>, Failure> {
    let cancel = Cancel { by: by.to_owned(), at: Timestamp::now(), reason: Some(why.to_owned()) };
    let mut stopped = Vec::new();
    let noted = at_once(runs.iter().map(|(export, run)| note(state, export, run, cancel.clone()))).await;
    for ((export, run), noted) in runs.into_iter().zip(noted) {
        match noted {
            Ok(Noted { is_new: false, .. }) => {}
            Ok(_) | Err(StateError::Store(StoreError::Denied { .. })) => stopped.push((export, run)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(stopped)
}
