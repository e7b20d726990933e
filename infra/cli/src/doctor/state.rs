//! The state bucket: configuration that can't be used, accounts that have to be reconnected, runs that are stuck.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use segue_state::finish::look as look_at;
use segue_state::{
    Connection, Export, Health, Role, RunId, State, StateError, Summary, keys, permit, permit_connection,
};

use super::finding::Finding;
use crate::Failure;
use crate::at_once::at_once;
use crate::connection::saving;
use crate::output::counted;
use crate::stack::Stack;

/// The resumer takes a run up after an hour without anything, and comes by every 15 minutes. It counts as stuck if that
/// did not help.
const STUCK: SignedDuration = SignedDuration::from_mins(90);

/// The connections and exports, read once for everything that is asked of them.
pub(super) struct Configured {
    connections: Vec<Result<Connection, StateError>>,
    exports: Vec<(Role, Export)>,
    broken: Vec<StateError>,
}

impl Configured {
    /// Reads them.
    pub(super) async fn read(state: &State) -> Result<Self, Failure> {
        let connections = saving::all(state).await?;
        let (exports, broken) = state.exports().await?;
        Ok(Self { connections, exports, broken })
    }

    /// The connections that may be used now: enabled, agreed to, and signed in to.
    pub(super) fn usable(&self) -> impl Iterator<Item = &Connection> {
        let may = |connection: &&Connection| permit_connection(Role::Administrators, connection).is_ok();
        self.connections.iter().flatten().filter(may)
    }

    /// The exports that use a connection.
    pub(super) fn exports_over(&self, id: &str) -> Vec<(Role, Export)> {
        self.exports.iter().filter(|(_, export)| export.connection == id).cloned().collect()
    }
}

/// Looks at it.
pub(super) async fn look(
    stack: &Stack,
    state: &State,
    configured: &Result<Configured, Failure>,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = Vec::new();
    match configured {
        Ok(configured) => {
            found.extend(connections(state, configured).await);
            found.extend(exports(configured));
        }
        Err(failure) => found.push(Finding::failed("state", failure)),
    }
    match runs(stack, state, now).await {
        Ok(findings) => found.extend(findings),
        Err(failure) => found.push(Finding::failed("state", &failure)),
    }
    found
}

async fn connections(state: &State, configured: &Configured) -> Vec<Finding> {
    if configured.connections.is_empty() {
        return vec![Finding::note("connections", "there are none yet: add one with `segue connection add`")];
    }
    let each = configured.connections.iter().map(async |read| match read {
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

async fn runs(stack: &Stack, state: &State, now: Timestamp) -> Result<Vec<Finding>, Failure> {
    let open = state.open_runs().await?;
    let looked = at_once(open.iter().map(|(export, run)| stuck(stack, state, export, run, now))).await;
    let mut found: Vec<Finding> =
        looked.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
    if found.is_empty() {
        let count = open.len();
        found.push(Finding::fine("runs", format!("{} under way, none of them stuck", counted(count, "run"))));
    }
    Ok(found)
}

/// What is to be said of a run that is not finished, if anything is.
async fn stuck(
    stack: &Stack,
    state: &State,
    export: &str,
    run: &RunId,
    now: Timestamp,
) -> Result<Option<Finding>, Failure> {
    let Some(open) = state.open(export, run).await? else { return Ok(None) };
    // What it wrote last: a receipt, or where a chunk stands.
    let written = state.objects().list(&format!("{}{run}/", keys::runs(export))).await?;
    let last = written.iter().map(|stored| stored.modified_ms).max().unwrap_or_default();
    let last = Timestamp::from_millisecond(i64::try_from(last).unwrap_or_default()).unwrap_or_default();
    let quiet = last.max(open.body.since);
    if now.duration_since(quiet) < STUCK {
        return Ok(None);
    }
    let Some(Summary { status, message, .. }) = look_at(state, export, run).await? else {
        return Ok(Some(unrecorded(stack, export, run, quiet)?));
    };
    let command = |verb: &str| stack.command(&format!("run {verb} {export} {run}"));
    let (logs, cancel) = (command("logs"), command("cancel"));
    let to_do = format!("is fan-out's schedule enabled? See `{logs}`; give it up with `{cancel}`");
    let found =
        format!("{export} {run} is {}, and nothing has happened since {quiet}: {message}", status.name());
    Ok(Some(Finding::problem("runs", found, to_do)))
}

/// Its opening broke off: there is a marker and nothing else, so there are no logs of it, and nothing to cancel.
fn unrecorded(stack: &Stack, export: &str, run: &RunId, since: Timestamp) -> Result<Finding, Failure> {
    let found = format!(
        "{export} {run} was about to begin at {since}, and never did: nothing of it was read or sent"
    );
    let marker = format!("s3://{}/{}", stack.output("StateBucket")?, keys::open(export, run));
    let start = stack.command(&format!("run start {export}"));
    let to_do = format!(
        "is fan-out's schedule enabled? It takes such runs off the list by itself; else do it with `aws s3 rm {marker}`. \
         Send the latest drop with `{start}`"
    );
    Ok(Finding::problem("runs", found, to_do))
}

#[cfg(test)]
mod tests {
    use segue_state::{Open, Outcome};

    use super::super::finding::Level;
    use super::*;
    use crate::run::tests::{answered, config, configured, sealed};

    fn stack() -> Stack {
        Stack::of("two", &[("StateBucket", "bucket")])
    }

    async fn looked(state: &State) -> Vec<Finding> {
        look(&stack(), state, &Configured::read(state).await, Timestamp::now()).await
    }

    async fn usable(state: &State) -> Vec<String> {
        Configured::read(state).await.unwrap().usable().map(|connection| connection.id.clone()).collect()
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

    #[tokio::test]
    async fn a_run_is_stuck_if_nothing_has_happened_for_long() {
        let state = configured().await;
        let run = sealed(&state, "20261122T163512Z-a").await;
        answered(&state, &run, 0, Outcome::Delivered).await;
        let now = Timestamp::now();
        let fresh = now.max(run.created_at);
        let late = fresh.checked_add(SignedDuration::from_hours(3)).unwrap();
        assert_eq!(said(&runs(&stack(), &state, fresh).await.unwrap())[0].0, Level::Ok);
        let found = runs(&stack(), &state, late).await.unwrap();
        assert!(found[0].found.contains("1 of 2 chunks are done"), "{found:?}");
        assert!(
            found[0].to_do.as_ref().unwrap().contains("segue --stack two run cancel e 20261122T163512Z-a")
        );
    }

    #[tokio::test]
    async fn a_run_that_was_never_recorded_can_be_taken_off_the_list() {
        let state = configured().await;
        let run = RunId::parse("20261122T163512Z-a").unwrap();
        let since = "2026-11-22T16:35:12Z".parse().unwrap();
        state.create(&keys::open("e", &run), &Open::new(since)).await.unwrap();
        // The marker itself was written just now.
        let late = Timestamp::now().checked_add(SignedDuration::from_hours(3)).unwrap();
        let found = runs(&stack(), &state, late).await.unwrap();
        insta::assert_snapshot!(found[0].found, @"e 20261122T163512Z-a was about to begin at 2026-11-22T16:35:12Z, and never did: nothing of it was read or sent");
        insta::assert_snapshot!(found[0].to_do.as_ref().unwrap(), @"is fan-out's schedule enabled? It takes such runs off the list by itself; else do it with `aws s3 rm s3://bucket/open/e/20261122T163512Z-a`. Send the latest drop with `segue --stack two run start e`");
    }
}
