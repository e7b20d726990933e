//! Reading connections and changing them, so that nobody else's change is lost.

use segue_state::config::check_connection;
use segue_state::{Broken, Connection, Export, Lying, Role, State, StateError, Versioned, keys};

use crate::at_once::at_once;
use crate::{Failure, nearest};

/// A connection, with what is needed to change it.
///
/// # Errors
/// [`Failure`] if there is none of that name: it says which there are.
pub async fn found(state: &State, id: &str) -> Result<Versioned<Connection>, Failure> {
    match state.lying_connection(id).await? {
        Lying::Usable(found) => Ok(found),
        Lying::Nothing => Err(unknown(state, id).await?),
        Lying::Broken(Broken { problem, .. }) => {
            Err(StateError::Malformed { key: keys::connection(id), problem }.into())
        }
    }
}

/// Writes a connection in the place of `before`; `false` if it is like that already.
///
/// # Errors
/// [`Failure`] if it is none that can be used, or somebody changed it in between.
pub async fn replace(
    state: &State,
    wanted: &Connection,
    before: &Versioned<Connection>,
) -> Result<bool, Failure> {
    checked(wanted)?;
    put_in_place(state, wanted, before).await
}

/// The same, whatever is wrong with it.
///
/// # Errors
/// [`Failure`] if somebody changed it in between.
pub async fn put_in_place(
    state: &State,
    wanted: &Connection,
    before: &Versioned<Connection>,
) -> Result<bool, Failure> {
    if *wanted == before.body {
        return Ok(false);
    }
    if state.replace(&keys::connection(&wanted.id), wanted, &before.etag).await? {
        return Ok(true);
    }
    Err(Failure::new(format!("the connection `{}` was changed by somebody else just now", wanted.id))
        .hint("look at it, and run this again"))
}

/// Whether it can be a connection.
///
/// # Errors
/// [`Failure`] of wrong use, with everything that is wrong.
pub fn checked(connection: &Connection) -> Result<(), Failure> {
    let problems = check_connection(connection).into_iter();
    Failure::together(problems.map(|problem| Failure::usage(problem.to_string())).collect())
}

/// The names of all connections.
///
/// # Errors
/// [`Failure`] if they can't be listed.
pub async fn names(state: &State) -> Result<Vec<String>, Failure> {
    let listed = state.objects().list(keys::CONNECTIONS).await?;
    let name = |key: &str| Some(key.strip_prefix(keys::CONNECTIONS)?.strip_suffix(".json")?.to_owned());
    Ok(listed.iter().filter_map(|stored| name(&stored.key)).collect())
}

/// All connections, in the order of their names; of what can't be read, why.
///
/// # Errors
/// [`Failure`] if they can't be listed.
pub async fn all(state: &State) -> Result<Vec<Result<Connection, StateError>>, Failure> {
    let names = names(state).await?;
    let read = at_once(names.iter().map(|id| state.connection(id))).await;
    Ok(read.into_iter().filter_map(Result::transpose).collect())
}

/// The exports that use a connection, and what could not be read.
///
/// # Errors
/// [`Failure`] if they can't be listed.
pub async fn exports_over(state: &State, id: &str) -> Result<(Vec<(Role, Export)>, Vec<String>), Failure> {
    let (exports, broken) = state.exports().await?;
    let users = exports.into_iter().filter(|(_, export)| export.connection == id).collect();
    Ok((users, broken.iter().map(|error| format!("an export could not be read: {error}")).collect()))
}

/// There is no such connection: which there are.
///
/// # Errors
/// [`Failure`] if they can't be listed.
pub async fn unknown(state: &State, id: &str) -> Result<Failure, Failure> {
    let known = names(state).await?;
    let hint = if known.is_empty() {
        "there are no connections yet: add one with `segue connection add`".to_owned()
    } else {
        nearest::hint(id, &known, "connections")
    };
    Ok(Failure::new(format!("there is no connection `{id}`")).hint(hint))
}
