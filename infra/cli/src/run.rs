//! `segue run`: starting runs, and seeing what became of them.

mod advice;
mod bars;
pub mod cancel;
mod dry_run;
mod line;
pub mod list;
pub mod logs;
mod reading;
pub mod rejected;
pub mod retry;
pub mod show;
mod source;
pub mod start;
pub mod stop;
pub mod summaries;
pub mod watch;
mod when;

use segue_state::{RunId, State};

use crate::output::Screen;
use crate::prompt::Terminal;
use crate::{App, Failure, nearest};

/// Start runs, and see what became of them.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run exports now, over the latest drops of their segments.
    Start(start::Args),
    /// List runs, newest first.
    List(list::Args),
    /// Show one run, with what to do about it.
    Show(show::Args),
    /// Wait for a run to end. Exit status 0 if it completed.
    ///
    /// On a terminal a bar shows the chunks that are done; elsewhere there is a line for each change. Interrupting it does
    /// nothing to the run.
    Watch(watch::Args),
    /// Have nothing more of a run sent.
    ///
    /// What is on its way to the destination is seen to its end, and keeps its outcome. Everything else counts as
    /// `cancelled`, for good: start a new run later.
    Cancel(cancel::Args),
    /// Send the chunks of a run that failed once more.
    ///
    /// Whatever made them fail; what was delivered is never sent again. If a newer drop of the same segment was sent since,
    /// you are warned: the older one's people come after it.
    Retry(retry::Args),
    /// Show the rows of a run that were refused, by Segue or by the destination.
    ///
    /// A run's records hold part, row and reason, never a value. With --with-source the rows are read from the drop, here
    /// and now, by you: your AWS identity has to be allowed to read it. What is printed then holds people.
    Rejected(rejected::Args),
    /// Show what the functions logged about a run. There is no personal data in it.
    Logs(logs::Args),
}

/// Does what is asked.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &App, command: Command, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Start(args) => start::run(app, &args, screen).await,
        Command::List(args) => list::run(&app.state, &args, screen).await,
        Command::Show(args) => show::run(&app.stack, &app.state, &args, screen).await,
        Command::Watch(args) => watch::run(app, &args, screen).await,
        Command::Cancel(args) => cancel::run(app, &args, screen).await,
        Command::Retry(args) => retry::run(app, &args, &mut Terminal, screen).await,
        Command::Rejected(args) => rejected::run(app, &args, screen).await,
        Command::Logs(args) => logs::run(app, &args, &mut Terminal, screen).await,
    }
}

/// An export's id out of a command line: nothing that reaches another key.
pub(crate) fn export_id(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && !text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err("an export's id has lower-case letters, digits and hyphens only".to_owned())
    }
}

/// Which run is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest one of the export.
    Latest,
    /// This one.
    This(RunId),
}

impl Which {
    /// Out of a command line.
    ///
    /// # Errors
    /// A text that is no run's id.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            _ => RunId::parse(text).map(Self::This).map_err(|error| error.to_string()),
        }
    }

    /// The run's id; `None` if the export has not run yet.
    ///
    /// # Errors
    /// [`Failure`] if the runs can't be listed.
    pub async fn find(&self, state: &State, export: &str) -> Result<Option<RunId>, Failure> {
        match self {
            Self::This(run) => Ok(Some(run.clone())),
            Self::Latest => Ok(state.runs(export).await?.pop()),
        }
    }
}

/// There is no such run: why, as far as that can be told.
async fn no_run(state: &State, export: &str, which: &Which) -> Result<Failure, Failure> {
    if state.export(export).await?.is_none() && state.runs(export).await?.is_empty() {
        let known: Vec<String> = state.exports().await?.0.into_iter().map(|(_, export)| export.id).collect();
        let hint = if known.is_empty() {
            "there are no exports yet: save some with `segue apply`".to_owned()
        } else {
            nearest::hint(export, &known, "exports")
        };
        return Ok(Failure::new(format!("there is no export `{export}`")).hint(hint));
    }
    Ok(match which {
        Which::Latest => Failure::new(format!("the export `{export}` has not run yet"))
            .hint(format!("drop a segment, or start it with `segue run start {export}`")),
        Which::This(run) => Failure::new(format!("the export `{export}` has no run `{run}`"))
            .hint(format!("`segue run list {export}` shows its runs; `latest` is the newest")),
    })
}

#[cfg(test)]
pub(crate) mod tests;
