//! The state bucket: connections and exports that can't be used, and accounts that have to be reconnected.

use std::collections::{BTreeMap, BTreeSet};

use segue_state::{Connection, Export, Health, Role, State, StateError, keys, permit, permit_connection};

use super::finding::Finding;
use crate::Failure;
use crate::at_once::at_once;
use crate::connection::saving;

/// The connections and exports, read once for everything that is asked of them.
#[derive(Default)]
pub(super) struct Configured {
    /// `None` if they could not be listed.
    connections: Option<Vec<Result<Connection, StateError>>>,
    exports: Vec<(Role, Export)>,
    broken: Vec<StateError>,
}

impl Configured {
    /// Reads them. What could not be read is beside what could.
    pub(super) async fn read(state: &State) -> (Self, Vec<Finding>) {
        let (mut found, mut failed) = (Self::default(), Vec::new());
        match saving::all(state).await {
            Ok(connections) => found.connections = Some(connections),
            Err(failure) => failed.push(Finding::failed("connections", &failure)),
        }
        match state.exports().await {
            Ok((exports, broken)) => (found.exports, found.broken) = (exports, broken),
            Err(error) => failed.push(Finding::failed("exports", &error.into())),
        }
        (found, failed)
    }

    /// The connections that may be used now: enabled, agreed to, and signed in to.
    pub(super) fn usable(&self) -> impl Iterator<Item = &Connection> {
        let may = |connection: &&Connection| permit_connection(Role::Administrators, connection).is_ok();
        self.connections.iter().flatten().flatten().filter(may)
    }

    /// The exports that may run now.
    pub(super) fn active(&self) -> impl Iterator<Item = &Export> {
        let over = |export: &Export| {
            let mut found = self.connections.iter().flatten().flatten();
            found.find(|connection| connection.id == export.connection)
        };
        let may = move |(role, export): &&(Role, Export)| permit(*role, export, over(export)).is_ok();
        self.exports.iter().filter(may).map(|(_, export)| export)
    }

    /// The exports that use a connection.
    pub(super) fn exports_over(&self, id: &str) -> Vec<(Role, Export)> {
        self.exports.iter().filter(|(_, export)| export.connection == id).cloned().collect()
    }
}

/// Looks at it.
pub(super) async fn look(state: &State, configured: &Configured) -> Vec<Finding> {
    let mut found = connections(state, configured).await;
    found.extend(exports(configured));
    found
}

async fn connections(state: &State, configured: &Configured) -> Vec<Finding> {
    let Some(all) = &configured.connections else { return Vec::new() };
    if all.is_empty() {
        return vec![Finding::note("connections", "there are none yet: add one with `segue connection add`")];
    }
    let each = all.iter().map(async |read| match read {
        Ok(connection) => match ill(state, &connection.id).await {
            Ok(ill) => ill.into_iter().chain([may_be_used(connection)]).collect(),
            Err(failure) => vec![Finding::failed("state", &failure), may_be_used(connection)],
        },
        Err(error) => vec![unusable("connections", error, "segue connection remove")],
    });
    at_once(each).await.into_iter().flatten().collect()
}

/// What runs noted against a connection's account.
async fn ill(state: &State, id: &str) -> Result<Option<Finding>, Failure> {
    let Some(noted) = state.read::<Health>(&keys::health(id)).await? else { return Ok(None) };
    let Health { message, since } = noted.body;
    let found = format!("`{id}`, since {since:.0}: {message}");
    let to_do = format!("give it new credentials (`segue connection connect {id}`), then retry what failed");
    Ok(Some(Finding::problem("connections", found, to_do)))
}

fn may_be_used(connection: &Connection) -> Finding {
    let id = &connection.id;
    if !connection.enabled {
        Finding::note("connections", format!("`{id}` is disabled"))
    } else if !connection.has_consent() {
        Finding::problem(
            "connections",
            format!("nobody has agreed to the terms of `{id}`, so nothing may use it"),
            "agree to them: `segue connection edit`, or `segue apply`, with --agree",
        )
    } else if connection.account.is_none() {
        Finding::problem(
            "connections",
            format!("nobody has signed in to `{id}`, so nothing may use it"),
            format!("sign in: `segue connection connect {id}`"),
        )
    } else {
        Finding::fine("connections", format!("`{id}` may be used"))
    }
}

fn exports(Configured { connections, exports, broken }: &Configured) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        broken.iter().map(|error| unusable("exports", error, "segue export remove")).collect();
    // Without connections nobody can tell what may run.
    let Some(connections) = connections else { return found };
    // What is wrong with these was told among the connections.
    let unread: BTreeSet<&str> =
        connections.iter().filter_map(|read| read.as_ref().err()).map(StateError::key).collect();
    let connections: BTreeMap<&str, &Connection> =
        connections.iter().flatten().map(|connection| (&*connection.id, connection)).collect();
    for (role, export) in exports {
        let id = &export.id;
        if !export.enabled {
            found.push(Finding::note("exports", format!("`{id}` is paused")));
        } else if export.is_detached() {
            found.push(Finding::note("exports", format!("`{id}` is detached: it has no connection")));
        } else if !unread.contains(&*keys::connection(&export.connection)) {
            let connection = connections.get(&*export.connection).copied();
            found.push(may_run(*role, export, connection));
        }
    }
    found
}

/// A document that can't be used, and what to do about it.
fn unusable(about: &'static str, error: &StateError, remove: &str) -> Finding {
    let to_do = if error.passes() {
        "look again in a moment, with a `segue` as new as the stack".to_owned()
    } else {
        format!("save it once more with `segue apply`, or remove it with `{remove}`")
    };
    Finding::problem(about, error.to_string(), to_do)
}

fn may_run(role: Role, export: &Export, connection: Option<&Connection>) -> Finding {
    let id = &export.id;
    match permit(role, export, connection) {
        Ok(()) => Finding::fine("exports", format!("`{id}` may run")),
        Err(halt) => {
            let to_do = format!("mend that, or pause it: `segue export pause {id}`");
            Finding::problem("exports", format!("`{id}` can't run: {halt}"), to_do)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::run::tests::{config, configured};

    async fn looked(state: &State) -> Vec<Finding> {
        look(state, &Configured::read(state).await.0).await
    }

    async fn usable(state: &State) -> Vec<String> {
        Configured::read(state).await.0.usable().map(|connection| connection.id.clone()).collect()
    }

    fn said(findings: &[Finding]) -> Vec<(Level, String)> {
        findings.iter().map(|finding| (finding.level, finding.found.clone())).collect()
    }

    #[tokio::test]
    async fn all_is_well() {
        let state = configured().await;
        let found = looked(&state).await;
        assert!(found.iter().all(|finding| finding.level == Level::Ok), "{found:?}");
        assert_eq!(usable(&state).await, ["c"]);
    }

    #[tokio::test]
    async fn what_keeps_an_export_from_running_is_told() {
        let state = configured().await;
        state.set_health("c", Some("the destination refused the credentials".into())).await.unwrap();
        let paused: Export = serde_json::from_value(config("off", false).1).unwrap();
        state.create(&keys::export(Role::Contributors, "off"), &paused).await.unwrap();
        let foreign = Export { id: "theirs".into(), enabled: true, ..paused };
        state.create(&keys::export(Role::Contributors, "theirs"), &foreign).await.unwrap();
        state.objects().put("config/exports/administrators/x.json", "{}".into()).await.unwrap();
        let found = said(&looked(&state).await);
        for (level, text) in [
            (Level::Problem, "the destination refused the credentials"),
            (Level::Note, "`off` is paused"),
            (Level::Problem, "`theirs` can't run: the connection `c` is not shared"),
            (Level::Problem, "config/exports/administrators/x.json is malformed"),
        ] {
            assert!(found.iter().any(|(of, said)| *of == level && said.contains(text)), "{text}: {found:?}");
        }
    }

    /// Nobody is told that there are no connections, or that theirs is gone.
    #[tokio::test]
    async fn connections_that_cant_be_listed_are_no_missing_ones() {
        let state = configured().await;
        let unlisted = Configured { connections: None, ..Configured::read(&state).await.0 };
        assert_eq!(look(&state, &unlisted).await, []);
    }

    /// After a rollback, say: then it is needed most.
    #[tokio::test]
    async fn an_export_of_a_newer_release_hides_no_connection() {
        let state = configured().await;
        let newer = keys::export(Role::Administrators, "newer");
        state.objects().put(&newer, r#"{"version": 99}"#.into()).await.unwrap();
        let (configured, failed) = Configured::read(&state).await;
        assert!(failed.len() == 1 && failed[0].found.contains("newer.json"), "{failed:?}");
        assert_eq!(configured.usable().count(), 1);
    }

    #[tokio::test]
    async fn a_connection_that_nobody_signed_in_to_can_not_be_used() {
        let state = configured().await;
        let found = state.read::<Connection>(&keys::connection("c")).await.unwrap().unwrap();
        let unknown = Connection { account: None, ..found.body };
        assert!(state.replace(&keys::connection("c"), &unknown, &found.etag).await.unwrap());
        let found = said(&looked(&state).await);
        for text in
            ["nobody has signed in to `c`, so nothing may use it", "`e` can't run: nobody has signed in"]
        {
            let told = |(level, said): &(Level, String)| *level == Level::Problem && said.contains(text);
            assert!(found.iter().any(told), "{text}: {found:?}");
        }
        assert!(usable(&state).await.is_empty());
    }
}
