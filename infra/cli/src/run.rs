//! `segue run`: starting runs, and seeing what became of them.

pub(crate) mod advice;
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
pub mod which;

use crate::output::Screen;
use crate::prompt::Terminal;
use crate::{App, Failure};
pub use which::Which;
pub(crate) use which::export_id;
use which::no_run;

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
    /// you are warned and asked: the older one's people come after it. Without a terminal, only --force does it then.
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
        Command::Start(args) => {
            start::run(app, &args, &mut Terminal::of_stack(&app.stack.name), screen).await
        }
        Command::List(args) => {
            list::run(&app.state, &args, &mut Terminal::of_stack(&app.stack.name), screen).await
        }
        Command::Show(args) => show::run(&app.stack, &app.state, &args, screen).await,
        Command::Watch(args) => watch::run(app, &args, screen).await,
        Command::Cancel(args) => cancel::run(app, &args, screen).await,
        Command::Retry(args) => {
            retry::run(app, &args, &mut Terminal::of_stack(&app.stack.name), screen).await
        }
        Command::Rejected(args) => rejected::run(app, &args, screen).await,
        Command::Logs(args) => logs::run(app, &args, &mut Terminal::of_stack(&app.stack.name), screen).await,
    }
}

#[cfg(test)]
pub(crate) mod tests;
