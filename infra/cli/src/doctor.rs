//! `segue doctor`: looks at everything that a stack needs to work, and says what to do.

mod account;
mod finding;
mod queues;
mod state;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use segue_platform::SecretError;
use segue_state::Connection;

use crate::app::App;
use crate::output::Screen;
use crate::stack::Stack;
use crate::{Failure, connection, version};
use finding::{Finding, Report};

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
            report.extend(state::look(&app.stack, &app.state, Timestamp::now()).await);
            if !args.offline {
                report.extend(connections(&app).await);
            }
        }
    }
    report.print(screen)?;
    report.verdict()
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
async fn connections(app: &App) -> Vec<Finding> {
    let usable = match state::usable(&app.state).await {
        Ok(usable) => usable,
        Err(failure) => return vec![Finding::failed("connections", &failure)],
    };
    let tried = usable.iter().map(|connection| tried(app, connection));
    stream::iter(tried).buffered(AT_ONCE).collect().await
}

/// Whether the account of a connection takes its credentials.
async fn tried(app: &App, Connection { id, secret, .. }: &Connection) -> Finding {
    if matches!(app.secrets.get(secret).await, Err(SecretError::Denied(_))) {
        let untried = format!("`{id}` was not tried: you may not read its secret; administrators may");
        return Finding::note("credentials", untried);
    }
    let tested = connection::test::test(&app.stack, &app.state, &app.secrets, id).await;
    match tested.and_then(|report| report.verdict()) {
        Ok(()) => Finding::fine("credentials", format!("`{id}` works")),
        Err(failure) => Finding::failed("credentials", &failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(report.verdict().unwrap_err().to_string(), "error: 1 of 4 things has to be seen to\n");
    }
}
