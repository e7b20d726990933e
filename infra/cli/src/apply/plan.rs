//! What a file changes in a stack, found out before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use segue_platform::Secrets;
use segue_segment::Destination;
use segue_state::config::{check_connection, check_export};
use segue_state::{Connection, Export, Role, SharedWith, State, Versioned, keys};

use super::credentials::{self, Credentials, Inputs, secret_name};
use super::file::{ConnectionSpec, File};
use super::positions::Place;
use crate::Failure;

/// What is to be saved.
#[derive(Debug)]
pub struct Plan {
    /// Connections, in the file's order.
    pub connections: Vec<PlannedConnection>,
    /// Exports, in the file's order.
    pub exports: Vec<PlannedExport>,
}

/// A connection that is to be saved.
#[derive(Debug)]
pub struct PlannedConnection {
    /// As it is to be. Its consent is what was given before, if that still holds.
    pub wanted: Connection,
    /// As it is.
    pub before: Option<Versioned<Connection>>,
    /// Its credentials.
    pub credentials: Credentials,
}

/// An export that is to be saved.
#[derive(Debug)]
pub struct PlannedExport {
    /// Who is to change it.
    pub role: Role,
    /// As it is to be.
    pub wanted: Export,
    /// As it is, in each role that it is found under: one as a rule.
    pub before: Vec<(Role, Versioned<Export>)>,
}

impl Plan {
    /// Whether a connection lacks consent.
    #[must_use]
    pub fn lacks_consent(&self) -> bool {
        self.connections.iter().any(|planned| planned.wanted.consent.is_none())
    }
}

/// Compares a file with what the stack has.
///
/// # Errors
/// [`Failure`] with everything that is wrong, or if AWS can't be asked.
pub async fn plan(
    file: &File,
    stack: &str,
    state: &State,
    secrets: &dyn Secrets,
    inputs: &mut Inputs<'_>,
) -> Result<Plan, Failure> {
    let mut problems = repeated(file);
    let mut connections = Vec::new();
    let mut stdin_taken = false;
    for (index, spec) in file.connections.iter().enumerate() {
        let at = format!("connections[{index}]");
        let before = state.read::<Connection>(&keys::connection(&spec.id)).await?;
        let mut say = |field: &str, text: &str| {
            problems
                .push(file.problem(&format!("{at}.{field}"), &format!("connection `{}`: {text}", spec.id)));
        };
        let credentials = match &spec.credentials {
            None if before.is_some() => Ok(Credentials::Kept),
            None => {
                Err("name its `credentials`; only a connection that exists already may leave them out"
                    .to_owned())
            }
            Some(from) if from.stdin == Some(true) && std::mem::replace(&mut stdin_taken, true) => {
                Err("only one connection can have its credentials from standard input".to_owned())
            }
            Some(from) => credentials::get(from, spec.destination, stack, secrets, inputs).await,
        };
        let credentials = credentials.unwrap_or_else(|problem| {
            say("credentials", &format!("credentials: {problem}"));
            Credentials::Kept
        });
        if before.as_ref().is_some_and(|before| before.body.destination != spec.destination) {
            say("destination", "`destination`: it can't be changed; make a new connection");
        }
        let wanted = connection(spec, stack, &credentials, before.as_ref().map(|before| &before.body));
        for problem in check_connection(&wanted) {
            say(problem.field, &problem.to_string());
        }
        connections.push(PlannedConnection { wanted, before, credentials });
    }
    let known = known(file, &connections, state).await?;
    let mut exports = Vec::new();
    for (index, (role, export)) in file.exports.iter().enumerate() {
        let at = format!("exports[{index}]");
        for (field, text) in check(export, *role, known.get(&export.connection)) {
            let text = format!("export `{}`: {text}", export.id);
            problems.push(file.problem(&format!("{at}.{field}"), &text));
        }
        let mut before = Vec::new();
        for role in Role::ALL {
            let found = state.read::<Export>(&keys::export(role, &export.id)).await?;
            before.extend(found.map(|found| (role, found)));
        }
        exports.push(PlannedExport { role: *role, wanted: export.clone(), before });
    }
    if problems.is_empty() {
        return Ok(Plan { connections, exports });
    }
    problems.sort();
    Err(Failure::all(problems.into_iter().map(|(_, text)| text).collect()).hint("nothing was saved"))
}

/// Ids that stand in the file more than once.
fn repeated(file: &File) -> Vec<(Place, String)> {
    let mut seen = BTreeSet::new();
    let connections = file.connections.iter().map(|spec| ("connection", spec.id.as_str())).enumerate();
    let exports = file.exports.iter().map(|(_, export)| ("export", export.id.as_str())).enumerate();
    let again =
        connections.chain(exports).filter(|(_, named)| !seen.insert(*named)).map(|(index, (kind, id))| {
            let text = format!(
                "{kind} `{id}`: `id`: it stands in the file twice; ids are unique, exports' across roles"
            );
            file.problem(&format!("{kind}s[{index}].id"), &text)
        });
    again.collect()
}

fn connection(
    spec: &ConnectionSpec,
    stack: &str,
    credentials: &Credentials,
    before: Option<&Connection>,
) -> Connection {
    let default = || secret_name(stack, spec.destination, &spec.id);
    let secret = match credentials {
        Credentials::Existing(name) => name.clone(),
        Credentials::Given(_) => default(),
        Credentials::Kept => before.map_or_else(default, |before| before.secret.clone()),
    };
    let consent = before.and_then(|before| before.consent.clone());
    Connection {
        id: spec.id.clone(),
        display_name: spec.display_name.clone(),
        destination: spec.destination,
        shared_with: spec.shared_with,
        consent: consent.filter(|consent| consent.terms >= Connection::TERMS),
        export_user: spec.export_user.clone(),
        account: before.and_then(|before| before.account.clone()),
        secret,
        budget_share: spec.budget_share,
        enabled: spec.enabled,
    }
}

/// The connections that exports may name: those of the file, and those of the stack.
async fn known(
    file: &File,
    planned: &[PlannedConnection],
    state: &State,
) -> Result<BTreeMap<String, (Destination, SharedWith)>, Failure> {
    let mut known: BTreeMap<String, (Destination, SharedWith)> =
        planned.iter().map(|p| (p.wanted.id.clone(), (p.wanted.destination, p.wanted.shared_with))).collect();
    for (_, export) in &file.exports {
        if !known.contains_key(&export.connection)
            && let Some(found) = state.connection(&export.connection).await?
        {
            known.insert(found.id, (found.destination, found.shared_with));
        }
    }
    Ok(known)
}

/// All that is wrong with an export: the field, and the text.
fn check(
    export: &Export,
    role: Role,
    connection: Option<&(Destination, SharedWith)>,
) -> Vec<(&'static str, String)> {
    let Some(&(destination, shared_with)) = connection else {
        let text = format!("`connection`: `{}` is neither in the file nor in the stack", export.connection);
        return vec![("connection", text)];
    };
    let problems = check_export(export, destination).into_iter();
    let problems = problems.chain(fan_out::options::options(&export.source).err().into_iter().flatten());
    let mut found: Vec<_> = problems.map(|problem| (problem.field, problem.to_string())).collect();
    if role == Role::Contributors && shared_with != SharedWith::Contributors {
        let text = format!("`connection`: `{}` is not shared with contributors", export.connection);
        found.push(("connection", text));
    }
    found
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
