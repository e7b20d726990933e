//! `segue --version`: this program's, and that of the stack that it would work with.

use std::ffi::OsString;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use segue_platform::{Aws, Env};

use crate::stack::{DEFAULT_NAME, Stack};

/// This program's release.
pub const OWN: &str = env!("CARGO_PKG_VERSION");
/// How long the stack may take to answer: somebody only wants to know a version.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints both versions. That the stack can't be asked is told, and is no failure.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let named = named(args).or_else(|| Env::process().optional("SEGUE_STACK"));
    let name = named.unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let found = tokio::time::timeout(PATIENCE, async { Stack::find(&Aws::load().await, &name).await });
    let stack = match found.await {
        Ok(Ok(stack)) => of(&stack),
        Ok(Err(failure)) => format!("not asked: {}", failure.told().0),
        Err(_) => format!("not asked: AWS did not answer in {} s", PATIENCE.as_secs()),
    };
    // There is nowhere left to say that this can't be written.
    let _ = writeln!(stdout(), "segue {OWN}\nstack {stack}");
    ExitCode::SUCCESS
}

/// The stack that a command line names, whatever else stands in it: asking for the version ends its parsing.
fn named(args: impl IntoIterator<Item = OsString>) -> Option<String> {
    let mut args = args.into_iter().filter_map(|arg| arg.into_string().ok());
    while let Some(arg) = args.next() {
        match arg.split_once('=') {
            Some(("--stack", name)) => return Some(name.to_owned()),
            None if arg == "--stack" => return args.next(),
            _ => {}
        }
    }
    None
}

fn of(stack: &Stack) -> String {
    let name = &stack.name;
    match stack.version() {
        Some(version) => format!("{name} {version}"),
        None => format!("{name}, which does not say its version: it is older than this `segue`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_the_one_that_the_command_line_names() {
        for args in [
            &["segue", "--version", "--stack", "two"][..],
            &["segue", "--stack=two", "run", "-V"],
            &["segue", "--stack", "two", "--version", "--nonsense"],
        ] {
            assert_eq!(named(args.iter().map(Into::into)).as_deref(), Some("two"), "{args:?}");
        }
        assert_eq!(named(["segue", "-V"].map(Into::into)), None);
    }

    #[test]
    fn an_older_stack_does_not_say() {
        assert_eq!(of(&Stack::of("one", &[("Version", "1.2.3")])), "one 1.2.3");
        assert!(of(&Stack::of("one", &[])).contains("older"));
    }
}
