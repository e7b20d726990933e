//! What a file changes in a stack, found out before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segue_platform::Secrets;
use segue_segment::Destination;
use segue_state::config::check_connection;
use segue_state::{
    Applied, Broken, Connection, Export, Lying, Role, RunId, State, StateError, Versioned, keys,
};

use super::credentials::{self, Credentials, Inputs, secret_name};
use super::file::{CONNECTIONS, File, Item};
use super::positions::Place;
use super::present::{LyingExport, Present};
use super::specs::{ConnectionSpec, ExportSpec};
use super::surplus::{left, surplus};
use super::terms::by_terms;
use crate::Failure;
use crate::at_once::at_once;
use crate::export::check::{Over, check, check_schedule};
use crate::export::desk::quoted;
use crate::export::found::Found;
use crate::export::schedules::Schedules;
use crate::export::standing::Own;
use crate::export::timing::Timing;

/// Where a stack keeps what files configure.
pub struct Stores<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// Its state.
    pub state: &'a State,
    /// Its secrets.
    pub secrets: &'a Arc<dyn Secrets>,
    /// The schedules of exports' own.
    pub schedules: &'a dyn Schedules,
}

/// What is to be saved.
#[derive(Debug)]
pub struct Plan {
    /// Connections, in the file's order.
    pub connections: Vec<PlannedConnection>,
    /// Exports, in the file's order.
    pub exports: Vec<PlannedExport>,
    /// Exports that the file does not name: they are to go.
    pub surplus_exports: Vec<SurplusExport>,
    /// Connections that the file does not name: they are to go.
    pub surplus_connections: Vec<SurplusConnection>,
    /// What the files before this one said, by role.
    pub applied: BTreeMap<Role, Applied>,
    /// What can't be read and stands in nobody's way, for people: it is left as it is.
    pub notes: Vec<String>,
}

/// An export that is to go.
#[derive(Debug)]
pub struct SurplusExport {
    /// It.
    pub found: Found,
    /// Its own schedule.
    pub schedule: Option<Own>,
    /// Its runs that are under way, and are to be cancelled.
    pub runs: Vec<RunId>,
}

/// A connection that is to go.
#[derive(Debug)]
pub struct SurplusConnection {
    /// It.
    pub found: Versioned<Connection>,
    /// Runs over it that are under way, each with its export, and are to be cancelled.
    pub runs: Vec<(String, RunId)>,
}

/// A connection that is to be saved.
#[derive(Debug)]
pub struct PlannedConnection {
    /// As it is to be. Its consent is what was given before, if that still holds.
    pub wanted: Connection,
    /// As it is.
    pub before: Option<Versioned<Connection>>,
    /// What lies in its place and is no connection.
    pub broken: Option<Broken>,
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
    /// What lies in its place and is no export, in each role.
    pub broken: Vec<(Role, Broken)>,
    /// Its own schedule, as it is to be.
    pub schedule: Option<Timing>,
    /// Its own schedule, as it is, whoever wrote it.
    pub schedule_before: Option<Own>,
}

impl PlannedExport {
    /// As a file wants it, before it is known what is there.
    fn of(spec: &ExportSpec, schedule_before: Option<Own>) -> Self {
        Self {
            role: spec.role,
            wanted: spec.export(),
            before: Vec::new(),
            broken: Vec::new(),
            schedule: spec.schedule.as_ref().map(Timing::normal),
            schedule_before,
        }
    }

    /// Takes in what is there under each role; what stands in nobody's way comes back as notes for people.
    fn finds(&mut self, lying: Vec<(Role, LyingExport)>) -> Result<Vec<String>, StateError> {
        let mut notes = Vec::new();
        for (role, found) in lying {
            match found {
                Ok(Lying::Nothing) => {}
                Ok(Lying::Usable(found)) => self.before.push((role, found)),
                Ok(Lying::Broken(found)) => self.broken.push((role, found)),
                Err(error) if role == Role::Contributors && self.role != role => notes.push(left(&error)),
                Err(error) => return Err(error),
            }
        }
        Ok(notes)
    }

    /// Whether its own schedule has to be written or removed: also if it is in the other role's group, since a change of
    /// the role broke off.
    #[must_use]
    pub fn changes_schedule(&self) -> bool {
        match (&self.schedule, &self.schedule_before) {
            (Some(timing), Some(own)) => !own.is(self.role, timing),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }
}

impl Plan {
    /// Whether a connection lacks consent.
    #[must_use]
    pub fn lacks_consent(&self) -> bool {
        !self.lacking_consent().is_empty()
    }

    /// The connections that lack consent, by whose terms are to be agreed to.
    #[must_use]
    pub fn lacking_consent(&self) -> BTreeMap<Destination, Vec<String>> {
        let wanted = self.connections.iter().map(|planned| &planned.wanted);
        by_terms(wanted.filter(|wanted| wanted.consent.is_none()))
    }

    /// What the file does not name, for people; `None` if there is nothing.
    #[must_use]
    pub fn surplus(&self) -> Option<String> {
        let named = |kind: &str, ids: Vec<&str>| match ids.len() {
            0 => None,
            1 => Some(format!("the {kind} {}", quoted(&ids))),
            _ => Some(format!("the {kind}s {}", quoted(&ids))),
        };
        let exports = self.surplus_exports.iter().map(|surplus| surplus.found.export.id.as_str());
        let connections = self.surplus_connections.iter().map(|surplus| surplus.found.body.id.as_str());
        let both = [named("export", exports.collect()), named("connection", connections.collect())];
        both.into_iter().flatten().reduce(|exports, connections| format!("{exports} and {connections}"))
    }
}

/// Compares a file with what the stack has. With `prune`, what the file does not name is to go, as far as somebody of
/// that role may remove it: of contributors their exports.
///
/// # Errors
/// [`Failure`] with everything that is wrong, or if AWS can't be asked.
pub async fn plan(
    file: &File,
    stores: &Stores<'_>,
    inputs: &mut Inputs<'_>,
    prune: Option<Role>,
) -> Result<Plan, Failure> {
    let mut problems = file.problems.clone();
    problems.extend(repeated(file));
    let prunes = |section: &str| match prune {
        Some(Role::Administrators) => true,
        Some(Role::Contributors) => section != CONNECTIONS,
        None => false,
    };
    let emptied = file.absent.iter().filter(|section| prunes(section));
    problems.extend(emptied.map(|section| (Place::default(), would_empty(section))));
    // Of a file that says nothing of connections, all of them are meant to stay.
    let only_its_own = prunes(CONNECTIONS) && !file.absent.contains(&CONNECTIONS);
    let present = Present::read(file, stores.state).await;
    let mut connections = Vec::new();
    let mut stdin_taken = false;
    for (item, lying) in file.connections.iter().zip(present.connections) {
        let from_stdin = item.spec.credentials.as_ref().is_some_and(|from| from.stdin == Some(true));
        let again = from_stdin && std::mem::replace(&mut stdin_taken, true);
        let (planned, found) = planned_connection(item, lying?, again, stores, inputs).await;
        let of = format!("connection `{}`", item.spec.id);
        problems.extend(located(file, &item.path, &of, &found));
        connections.push(planned);
    }
    let schedules = if prune.is_some() || !file.exports.is_empty() {
        stores.schedules.all().await?
    } else {
        BTreeMap::new()
    };
    let known = known(file, &connections, stores.state, only_its_own).await?;
    let (mut exports, mut notes) = (Vec::new(), Vec::new());
    for (item, lying) in file.exports.iter().zip(present.exports) {
        let mut planned = PlannedExport::of(&item.spec, schedules.get(&item.spec.id).cloned());
        let wrong = wrong(&item.spec, &planned.wanted, &known, file.knows_its_connections, only_its_own);
        problems.extend(located(file, &item.path, &format!("export `{}`", item.spec.id), &wrong));
        notes.extend(planned.finds(lying)?);
        exports.push(planned);
    }
    if !problems.is_empty() {
        problems.sort();
        problems.dedup();
        let texts = problems.into_iter().map(|(at, text)| file.located_at(at, &text));
        return Err(Failure::all(texts.collect()).hint("nothing was saved"));
    }
    let mut plan = Plan {
        connections,
        exports,
        surplus_exports: Vec::new(),
        surplus_connections: Vec::new(),
        applied: BTreeMap::new(),
        notes,
    };
    for role in Role::ALL {
        let applied = stores.state.read::<Applied>(&keys::applied(role)).await?;
        plan.applied.insert(role, applied.map(|found| found.body).unwrap_or_default());
    }
    if let Some(role) = prune {
        surplus(&mut plan, stores.state, &schedules, role).await?;
    }
    Ok(plan)
}

/// A section that was forgotten must not remove everything that there is of its kind.
fn would_empty(section: &str) -> String {
    format!(
        "it has no section `{section}`, and --prune would remove all {section} that the stack has; if that is meant, \
         write `{section}: []`"
    )
}

/// Ids that stand in the file more than once.
fn repeated(file: &File) -> Vec<(Place, String)> {
    let mut seen = BTreeSet::new();
    let connections =
        file.connections.iter().map(|item| (item.path.as_str(), "connection", item.spec.id.as_str()));
    let exports = file.exports.iter().map(|item| (item.path.as_str(), "export", item.spec.id.as_str()));
    let again = connections.chain(exports).filter(|(_, kind, id)| !seen.insert((*kind, *id)));
    let again = again.map(|(path, kind, id)| {
        let text = format!(
            "{kind} `{id}`: `id`: it stands in the file twice; ids are unique, exports' across roles"
        );
        file.problem(&format!("{path}.id"), &text)
    });
    again.collect()
}

/// Problems of fields of what stands at `path` in the file, with their places.
fn located(file: &File, path: &str, of: &str, wrong: &[(String, String)]) -> Vec<(Place, String)> {
    let each = wrong.iter();
    each.map(|(field, text)| file.problem(&format!("{path}.{field}"), &format!("{of}: {text}"))).collect()
}

/// What is to become of a connection, and what is wrong with it: fields and texts. `stdin_taken` says that an earlier
/// one has its credentials from standard input.
async fn planned_connection(
    Item { spec, .. }: &Item<ConnectionSpec>,
    lying: Lying<Connection>,
    stdin_taken: bool,
    stores: &Stores<'_>,
    inputs: &mut Inputs<'_>,
) -> (PlannedConnection, Vec<(String, String)>) {
    let (before, broken) = match lying {
        Lying::Nothing => (None, None),
        Lying::Usable(found) => (Some(found), None),
        Lying::Broken(broken) => (None, Some(broken)),
    };
    let mut problems = Vec::new();
    let mut say = |field: &str, text: String| problems.push((field.to_owned(), text));
    let credentials = match &spec.credentials {
        None if before.is_some() || broken.is_some() => Ok(Credentials::Kept),
        None => {
            Err("name its `credentials`; only a connection that exists already may leave them out".to_owned())
        }
        Some(_) if stdin_taken => {
            Err("only one connection can have its credentials from standard input".to_owned())
        }
        Some(from) => credentials::get(from, spec.destination, stores.stack, &**stores.secrets, inputs).await,
    };
    let credentials = credentials.unwrap_or_else(|problem| {
        say("credentials", format!("credentials: {problem}"));
        Credentials::Kept
    });
    if before.as_ref().is_some_and(|before| before.body.destination != spec.destination) {
        say("destination", "`destination`: it can't be changed; make a new connection".to_owned());
    }
    let wanted = connection(spec, stores.stack, &credentials, before.as_ref().map(|before| &before.body));
    for problem in check_connection(&wanted) {
        say(problem.field, problem.to_string());
    }
    (PlannedConnection { wanted, before, broken, credentials }, problems)
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

/// The connections that exports may name: those of the file, and those of the stack that are to stay.
async fn known(
    file: &File,
    planned: &[PlannedConnection],
    state: &State,
    prune: bool,
) -> Result<BTreeMap<String, Over>, Failure> {
    let mut known: BTreeMap<String, Over> =
        planned.iter().map(|p| (p.wanted.id.clone(), Over::from(&p.wanted))).collect();
    let named = file.exports.iter().filter_map(|item| item.spec.connection.as_ref());
    let others: BTreeSet<&String> = named.filter(|id| !prune && !known.contains_key(*id)).collect();
    let found = at_once(others.iter().map(|id| state.connection(id))).await;
    for (id, found) in others.into_iter().zip(found) {
        known.extend(found?.map(|found| (id.clone(), Over::from(&found))));
    }
    Ok(known)
}

/// All that is wrong with an export: the field, and the text.
fn wrong(
    spec: &ExportSpec,
    wanted: &Export,
    known: &BTreeMap<String, Over>,
    knows_its_connections: bool,
    prune: bool,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let over = spec.connection.as_ref().and_then(|id| known.get(id)).copied();
    if let Some(id) = &spec.connection
        && over.is_none()
        && knows_its_connections
    {
        let text = match (id.as_str(), prune) {
            ("", _) => "`connection`: use null for an export that is to be detached".to_owned(),
            (id, true) => format!("`connection`: `{id}` is not in the file, and what is not in it is to go"),
            (id, false) => format!("`connection`: `{id}` is neither in the file nor in the stack"),
        };
        found.push(("connection".to_owned(), text));
    }
    let problems = check(wanted, spec.role, over).into_iter();
    found.extend(problems.map(|(field, text)| (field.to_owned(), text)));
    found.extend(spec.schedule.iter().flat_map(check_schedule));
    found
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
