//! `segue export`: making, changing, pausing and removing exports, and their schedules.

pub mod add;
pub mod attach;
pub mod check;
pub mod desk;
pub mod duplicate;
pub mod edit;
pub mod found;
pub mod list;
mod offers;
mod outcomes;
pub mod remove;
pub mod schedule;
pub mod schedules;
pub mod settings;
pub mod show;
pub mod standing;
pub mod surroundings;
pub mod switch;
pub mod timing;
pub mod view;

use segue_state::Role;

use crate::output::Screen;
use crate::prompt::Prompt;
pub(crate) use crate::run::export_id;
use crate::{App, Failure};
use desk::Desk;
use schedules::EventBridge;
use surroundings::AtStack;

/// Make, change and remove exports. Saving one runs nothing.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a new export. What no option says is asked for, where there is a terminal. It runs nothing.
    #[command(after_help = "Examples:\n  segue export add\n  \
                            segue export add vip-to-klaviyo --connection klaviyo-shop --audience YafG4m --segment vip --email email")]
    Add(Box<add::Args>),
    /// List exports: connection, type, status, what starts each, its last run, who may change it.
    #[command(
        after_help = "Examples:\n  segue export list\n  segue export list --connection klaviyo-main --output json"
    )]
    List(list::Args),
    /// Show one export.
    #[command(after_help = "Example:\n  segue export show vip-to-klaviyo")]
    Show(show::Args),
    /// Change an export. What no option names stays as it is.
    #[command(
        after_help = "Example:\n  segue export edit vip-to-klaviyo --max-profiles 250000 --unset limits.change_share"
    )]
    Edit(Box<edit::Args>),
    /// Copy an export. The copy is paused.
    #[command(
        after_help = "Example:\n  segue export duplicate vip-to-klaviyo news-to-klaviyo --segment news"
    )]
    Duplicate(Box<duplicate::Args>),
    /// Stop exports from running, until they are resumed. What they have under way stops, too.
    #[command(after_help = "Example:\n  segue export pause vip-to-klaviyo")]
    Pause(switch::Args),
    /// Let paused exports run again. That starts nothing.
    #[command(after_help = "Example:\n  segue export resume vip-to-klaviyo")]
    Resume(switch::Args),
    /// Take exports from their connection, and keep their configuration.
    ///
    /// What they have under way is cancelled.
    Detach(attach::DetachArgs),
    /// Give an export a connection: its first one again, or another.
    Attach(Box<attach::AttachArgs>),
    /// Remove exports, with their schedules. What they have under way is cancelled.
    ///
    /// What stays: the records of their runs, which hold no personal data; chunks of theirs until they expire, seven days
    /// at the most; and the people who are at the destination. Done again, it takes away what it left when it broke off.
    Remove(remove::Args),
    /// Schedules of exports' own.
    #[command(subcommand)]
    Schedule(schedule::Command),
}

/// Does what is asked.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    app: &App,
    command: Command,
    prompt: &mut dyn Prompt,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let (schedules, around) = (EventBridge::new(app), AtStack::new(app));
    let mut desk =
        Desk { stack: &app.stack, state: &app.state, schedules: &schedules, around: &around, prompt };
    at(&mut desk, command, screen).await
}

async fn at(desk: &mut Desk<'_>, command: Command, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Add(args) => add::run(desk, &args, screen).await,
        Command::List(args) => list::run(desk, &args, screen).await,
        Command::Show(args) => show::run(desk, &args, screen).await,
        Command::Edit(args) => edit::run(desk, &args, screen).await,
        Command::Duplicate(args) => duplicate::run(desk, &args, screen).await,
        Command::Pause(args) => switch::run(desk, &args, false, screen).await,
        Command::Resume(args) => switch::run(desk, &args, true, screen).await,
        Command::Detach(args) => attach::run_detach(desk, &args, screen).await,
        Command::Attach(args) => attach::run_attach(desk, &args, screen).await,
        Command::Remove(args) => remove::run(desk, &args, screen).await,
        Command::Schedule(command) => schedule::run(desk, command, screen).await,
    }
}

/// A role out of a command line.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    let found = Role::ALL.into_iter().find(|role| role.name() == text);
    found.ok_or_else(|| "use administrators or contributors".to_owned())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "export/several_tests.rs"]
mod several_tests;
