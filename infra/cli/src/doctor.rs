//! `segue doctor`: looks at everything that a stack needs to work, and says what to do.

mod account;
mod finding;
mod queues;
mod runs;
mod state;

use std::sync::Arc;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use segue_platform::{SecretError, Secrets};
use segue_state::{Connection, Export, Role, State};

use crate::app::App;
use crate::output::Screen;
use crate::stack::Stack;
use crate::{Failure, connection, version};
use finding::{Finding, Report};
use state::Configured;

/// Look at everything that the stack needs to work, and say what to do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  segue doctor\n  segue doctor --offline --output json")]
pub struct Args {
    /// Don't sign in to the destinations.
    #[arg(long)]
    pub offline: bool,
}

/// Does it.
///
/// # Errors
/// [`Failure`], also if something has to be done.
pub async fn run(stack: &str, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut report = Report::default();
    match App::open(stack).await {
        Err(failure) => report.add(Finding::failed("stack", &failure)),
        Ok(app) => {
            report.extend(stack_findings(&app.stack));
            report.extend(account::look(&app).await);
            report.extend(queues::look(&app).await);
            report.extend(in_state(&app, args.offline).await);
        }
    }
    report.print(screen)?;
    report.verdict()
}

/// What the state bucket tells, and the accounts unless it is `offline`.
async fn in_state(app: &App, offline: bool) -> Vec<Finding> {
    let (configured, mut found) = Configured::read(&app.state).await;
    found.extend(state::look(&app.state, &configured).await);
    found.extend(runs::look(&app.stack, &app.state, configured.active(), Timestamp::now()).await);
    if !offline {
        found.extend(connections(&app.stack, &app.state, &app.secrets, &configured).await);
    }
    found
}

/// What CloudFormation tells.
fn stack_findings(stack: &Stack) -> Vec<Finding> {
    let status = stack.status();
    let failed = status.contains("FAILED") || status.contains("ROLLBACK");
    let mut found = vec![if failed {
        Finding::problem(
            "stack",
            format!("`{}` is {status}: its last deployment did not end well", stack.name),
            "see its events in CloudFormation, then deploy it again",
        )
    } else if status.ends_with("_IN_PROGRESS") {
        Finding::note("stack", format!("`{}` is being changed just now ({status})", stack.name))
    } else {
        Finding::fine("stack", format!("`{}`, {status}", stack.name))
    }];
    found.push(match stack.version() {
        Some(of) if of == version::OWN => Finding::fine("version", format!("{of}, here and there")),
        Some(of) => Finding::problem(
            "version",
            format!("the stack is {of}, this `segue` is {}", version::OWN),
            "use a `segue` as new as the stack, or deploy the stack anew",
        ),
        None => Finding::problem(
            "version",
            "the stack does not say its version: it is older than this `segue`",
            "deploy the stack anew",
        ),
    });
    found
}

/// Accounts that are signed in to at once.
const AT_ONCE: usize = 8;

/// Whether the accounts of connections that may be used take their credentials.
async fn connections(
    stack: &Stack,
    state: &State,
    secrets: &Arc<dyn Secrets>,
    configured: &Configured,
) -> Vec<Finding> {
    let tried = configured.usable().map(async |connection| {
        let exports = configured.exports_over(&connection.id);
        tried(stack, state, secrets, connection, exports).await
    });
    stream::iter(tried).buffered(AT_ONCE).collect().await
}

/// Whether the account of a connection, with these exports, takes its credentials.
async fn tried(
    stack: &Stack,
    state: &State,
    secrets: &Arc<dyn Secrets>,
    connection: &Connection,
    exports: Vec<(Role, Export)>,
) -> Finding {
    let Connection { id, secret, .. } = connection;
    if matches!(secrets.get(secret).await, Err(SecretError::Denied(_))) {
        let untried = format!("`{id}` was not tried: you may not read its secret; administrators may");
        return Finding::note("credentials", untried);
    }
    let tested = connection::test::tried(stack, state, secrets, connection.clone(), exports).await;
    match tested.and_then(|report| report.verdict()) {
        Ok(()) => Finding::fine("credentials", format!("`{id}` works")),
        Err(failure) => Finding::failed("credentials", &failure),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use segue_platform::memory::{Asked, Before, MemoryBucket, MemorySecrets, Watched};
    use segue_platform::{Objects, StoreError};
    use segue_state::keys;
    use serde_json::Value;

    use super::*;
    use crate::run::tests::config;

    /// How often each document was read.
    #[derive(Clone, Default)]
    struct Reads(Arc<Mutex<BTreeMap<String, usize>>>);

    #[async_trait]
    impl Before for Reads {
        async fn before(&self, asked: Asked, key: &str) -> Result<(), StoreError> {
            if matches!(asked, Asked::Get | Asked::Open) {
                *self.0.lock().unwrap().entry(key.to_owned()).or_default() += 1;
            }
            Ok(())
        }
    }

    /// With a hundred connections and exports it would be ten thousand reads otherwise.
    #[tokio::test]
    async fn each_document_is_read_once_however_many_connections_there_are() {
        let bucket = Arc::new(MemoryBucket::default());
        for number in 0..20 {
            let (mut connection, mut export) = config(&format!("e{number}"), true);
            let id = Value::from(format!("c{number}"));
            connection["id"] = id.clone();
            export["connection"] = id;
            let written = [
                (keys::connection(connection["id"].as_str().unwrap()), connection),
                (keys::export(Role::Administrators, &format!("e{number}")), export),
            ];
            for (key, document) in written {
                bucket.put(&key, document.to_string().into()).await.unwrap();
            }
        }
        let reads = Reads::default();
        let state = State::new(Arc::new(Watched::new(bucket, reads.clone())));
        let stack = Stack::of("segue", &[("KlaviyoBaseUrl", "http://127.0.0.1:9")]);
        let secrets: Arc<dyn Secrets> = Arc::new(MemorySecrets::default());

        let (configured, failed) = Configured::read(&state).await;
        assert!(failed.is_empty());
        let mut found = state::look(&state, &configured).await;
        found.extend(connections(&stack, &state, &secrets, &configured).await);

        let count = |about: &str| found.iter().filter(|finding| finding.about == about).count();
        assert_eq!((count("connections"), count("exports"), count("credentials")), (20, 20, 20), "{found:?}");
        let reads = reads.0.lock().unwrap();
        let configured: Vec<_> = reads.iter().filter(|(key, _)| key.starts_with("config/")).collect();
        assert_eq!(configured.len(), 40, "{reads:?}");
        assert!(configured.iter().all(|(_, times)| **times == 1), "{reads:?}");
    }

    #[test]
    fn a_stack_of_another_release_is_told() {
        let stack = Stack::of("segue", &[("Version", "9.9.9")]);
        let mut report = Report::default();
        report.extend(stack_findings(&stack));
        report.extend(stack_findings(&Stack::of("segue", &[("Version", version::OWN)])));
        let mut bytes = Vec::new();
        report.print(&mut Screen::new(crate::output::Output::Text, &mut bytes)).unwrap();
        let said = String::from_utf8(bytes).unwrap().replace(version::OWN, "OWN");
        insta::assert_snapshot!(said, @r"
        ok       stack    `segue`, CREATE_COMPLETE
        problem  version  the stack is 9.9.9, this `segue` is OWN
                          to do: use a `segue` as new as the stack, or deploy the stack anew
        ok       stack    `segue`, CREATE_COMPLETE
        ok       version  OWN, here and there
        ");
        assert_eq!(report.verdict().unwrap_err().to_string(), "error: 1 problem found\n");
    }
}
