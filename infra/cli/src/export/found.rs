//! Exports as the state bucket has them: finding, saving and removing one, and stopping what it has under way.

use segue_platform::StoreError;
use segue_state::document::Created;
use segue_state::{Broken, Connection, Export, Lying, Role, RunId, State, StateError, Versioned, keys};

use crate::connection::saving;
use crate::prompt::Prompt;
use crate::run::stop;
use crate::{Failure, nearest};

/// An export that there is.
#[derive(Debug, Clone)]
pub struct Found {
    /// Who may change it.
    pub role: Role,
    /// It.
    pub export: Export,
    etag: String,
}

impl Found {
    /// Finds it.
    ///
    /// # Errors
    /// [`Failure`] if there is none, naming those that there are.
    pub async fn find(state: &State, id: &str) -> Result<Self, Failure> {
        for role in Role::ALL {
            match state.lying_export(role, id).await? {
                Lying::Nothing => {}
                Lying::Usable(Versioned { body, etag, .. }) => return Ok(Self { role, export: body, etag }),
                Lying::Broken(Broken { problem, .. }) => {
                    let error = StateError::Malformed { key: keys::export(role, id), problem };
                    return Err(Failure::from(error).hint(format!(
                        "save it once more with `segue apply`, or remove it with `segue export remove {id}`"
                    )));
                }
            }
        }
        Err(unknown(state, id).await?)
    }

    /// Several of them, each once.
    ///
    /// # Errors
    /// [`Failure`] with all that there are not.
    pub async fn find_all(state: &State, ids: &[String]) -> Result<Vec<Self>, Failure> {
        let mut found: Vec<Self> = Vec::new();
        let mut failures = Vec::new();
        for id in ids {
            match Self::find(state, id).await {
                Ok(one) if found.iter().any(|other| other.export.id == one.export.id) => {}
                Ok(one) => found.push(one),
                Err(failure) => failures.push(failure),
            }
        }
        Failure::together(failures).map(|()| found)
    }

    /// Saves it as `wanted`; whether that changed anything.
    ///
    /// # Errors
    /// [`Failure`], also if somebody else changed it meanwhile.
    pub async fn save(&self, state: &State, wanted: &Export) -> Result<bool, Failure> {
        if *wanted == self.export {
            return Ok(false);
        }
        let saved = state.replace(&keys::export(self.role, &self.export.id), wanted, &self.etag).await;
        if saved.map_err(|error| denied(error, self.role))? {
            return Ok(true);
        }
        Err(self.changed())
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`Failure`] if it stays, also since somebody else changed it meanwhile.
    pub async fn remove(&self, state: &State) -> Result<(), Failure> {
        let key = keys::export(self.role, &self.export.id);
        let removed = state.objects().delete_as(&key, &self.etag).await;
        if removed.map_err(|error| denied(error.into(), self.role))? { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Failure {
        Failure::new(format!("the export `{}` was changed by somebody else just now", self.export.id))
            .hint("look at it, and try again")
    }

    /// The connection it uses, if there is one.
    ///
    /// # Errors
    /// [`Failure`] if it can't be read.
    pub async fn connection(&self, state: &State) -> Result<Option<Connection>, Failure> {
        if self.export.is_detached() {
            return Ok(None);
        }
        Ok(state.connection(&self.export.connection).await?)
    }

    /// Notes that these of its runs are cancelled, since it is gone or detached by now.
    ///
    /// # Errors
    /// [`Failure`] if the state bucket fails.
    pub async fn cancel(&self, state: &State, runs: &[RunId], by: &str, why: &str) -> Result<(), Failure> {
        let runs = runs.iter().map(|run| (self.export.id.clone(), run.clone())).collect();
        stop::note_all(state, runs, by, why).await.map(|_| ())
    }

    /// Its runs that are not over.
    ///
    /// # Errors
    /// [`Failure`] if they can't be listed.
    pub async fn under_way(&self, state: &State) -> Result<Vec<RunId>, Failure> {
        under_way(state, &self.export.id).await
    }
}

/// The runs of an export that are not over.
///
/// # Errors
/// [`Failure`] if they can't be listed.
pub async fn under_way(state: &State, export: &str) -> Result<Vec<RunId>, Failure> {
    let open = state.open_runs().await?.into_iter();
    Ok(open.filter(|(of, _)| of == export).map(|(_, run)| run).collect())
}

/// Saves a new export.
///
/// # Errors
/// [`Failure`], also if there is one of this id already, whoever may change that.
pub async fn create(state: &State, role: Role, export: &Export) -> Result<(), Failure> {
    let taken = || {
        Failure::new(format!("there is an export `{}` already", export.id))
            .hint("choose another id, or change that one with `segue export edit`")
    };
    if state.export(&export.id).await?.is_some() {
        return Err(taken());
    }
    let made = state.create(&keys::export(role, &export.id), export).await;
    match made.map_err(|error| denied(error, role))? {
        Created::New(_) => Ok(()),
        Created::Existing(_) => Err(taken()),
    }
}

/// That every export could be read.
///
/// # Errors
/// [`Failure`] with all that could not.
pub fn all_read(broken: Vec<StateError>) -> Result<(), Failure> {
    Failure::together(broken.into_iter().map(Failure::from).collect()).map_err(|failure| {
        failure.hint(
            "save it once more with `segue apply`, or remove it with `segue export remove` or `segue connection remove`",
        )
    })
}

/// Tells what can't be read: of contributors as notes, since it fails nobody else's command; somebody has to mend the
/// others.
///
/// # Errors
/// [`Failure`] with those.
pub fn told(broken: Vec<StateError>, prompt: &mut dyn Prompt) -> Result<(), Failure> {
    let (theirs, broken): (Vec<_>, Vec<_>) = broken.into_iter().partition(of_contributors);
    for error in &theirs {
        prompt.say(&format!("note: {error}").replace('\n', " "));
    }
    all_read(broken)
}

/// Whether what can't be read is of contributors: it must not stand in the administrators' way.
#[must_use]
pub fn of_contributors(error: &StateError) -> bool {
    error.key().starts_with(&keys::exports(Role::Contributors))
}

/// All connections, by their ids, and what lies beside them and is none.
///
/// # Errors
/// [`Failure`] if they can't be read.
pub async fn connections(state: &State) -> Result<(Vec<Connection>, Vec<StateError>), Failure> {
    let (mut all, mut broken) = (Vec::new(), Vec::new());
    for found in saving::all(state).await? {
        match found {
            Ok(found) => all.push(found),
            Err(error) if error.is_of_document() => broken.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((all, broken))
}

async fn unknown(state: &State, id: &str) -> Result<Failure, Failure> {
    let known: Vec<String> = state.exports().await?.0.into_iter().map(|(_, export)| export.id).collect();
    let hint = if known.is_empty() {
        "there are no exports yet: make one with `segue export add`".to_owned()
    } else {
        nearest::hint(id, &known, "exports")
    };
    Ok(Failure::new(format!("there is no export `{id}`")).hint(hint))
}

/// IAM decides who may change which exports.
fn denied(error: StateError, role: Role) -> Failure {
    let denied = matches!(error, StateError::Store(StoreError::Denied { .. }));
    let failure = Failure::from(error);
    if denied && role == Role::Administrators {
        return failure.hint(
            "only administrators change exports with the role administrators; contributors have their own",
        );
    }
    failure
}
