//! What the stack has and a file does not name.

use std::collections::BTreeMap;

use segue_state::{Lying, Role, State, StateError, keys};

use super::plan::{Plan, SurplusConnection, SurplusExport};
use crate::Failure;
use crate::at_once::at_once;
use crate::connection::{remove, saving};
use crate::export::found::{Found, all_read, of_contributors};
use crate::export::standing::Own;

/// Adds to a plan what the stack has, the file does not name, and somebody of this role may remove: it is to go.
///
/// # Errors
/// [`Failure`] if it can't be told what that is.
pub(super) async fn surplus(
    plan: &mut Plan,
    state: &State,
    schedules: &BTreeMap<String, Own>,
    role: Role,
) -> Result<(), Failure> {
    let (exports, mut broken) = state.exports().await?;
    // What stands under both roles since a change of its role broke off is put right by this file.
    let named = |key: &str| {
        let mut keys = plan
            .exports
            .iter()
            .flat_map(|planned| Role::ALL.map(|role| keys::export(role, &planned.wanted.id)));
        keys.any(|named| named == key)
    };
    broken.retain(|error| !matches!(error, StateError::Malformed { key, .. } if named(key)));
    let (theirs, broken): (Vec<_>, Vec<_>) = broken.into_iter().partition(of_contributors);
    // What contributors write stands in nobody's way. Of the others, what can't be read can't be told from what is to
    // stay.
    plan.notes.extend(theirs.iter().map(left));
    if role == Role::Administrators {
        all_read(broken)?;
    }
    let open = state.open_runs().await?;
    let named = |id: &str| plan.exports.iter().any(|planned| planned.wanted.id == id);
    let may = |whose: Role| role == Role::Administrators || whose == role;
    let unnamed = exports.iter().filter(|(whose, export)| may(*whose) && !named(&export.id));
    for found in at_once(unnamed.map(|(_, export)| Found::find(state, &export.id))).await {
        let found = found?;
        let id = &found.export.id;
        let schedule = schedules.get(id).cloned();
        let runs = open.iter().filter(|(of, _)| of == id).map(|(_, run)| run.clone()).collect();
        plan.surplus_exports.push(SurplusExport { found, schedule, runs });
    }
    if role == Role::Administrators { surplus_connections(plan, state).await } else { Ok(()) }
}

async fn surplus_connections(plan: &mut Plan, state: &State) -> Result<(), Failure> {
    for id in saving::names(state).await? {
        if plan.connections.iter().any(|planned| planned.wanted.id == id) {
            continue;
        }
        let Lying::Usable(found) = state.lying_connection(&id).await? else {
            let key = keys::connection(&id);
            let failure =
                Failure::new(format!("{key} is no connection, so it can't be told what goes with it"));
            return Err(failure
                .hint(format!("remove it with `segue connection remove {id}`, or name it in the file")));
        };
        let goes = |export: &str| plan.surplus_exports.iter().any(|gone| gone.found.export.id == export);
        let mut runs = remove::Users::of(state, &id).await?.runs;
        runs.retain(|(export, _)| !goes(export));
        plan.surplus_connections.push(SurplusConnection { found, runs });
    }
    Ok(())
}

/// What can't be read and is left as it is, for people.
pub(super) fn left(error: &StateError) -> String {
    format!("{error}; it is a contributor's, and left as it is")
}
