//! `segue connection`: accounts at destinations, from being added to being removed.

pub mod add;
pub mod browser;
pub mod connect;
pub mod consent;
pub mod edit;
pub mod keeping;
pub mod oauth;
pub mod overview;
pub mod prerequisites;
pub mod remains;
pub mod remove;
pub mod report;
pub mod saving;
pub mod supply;
pub mod test;
pub mod words;

use segue_segment::Destination;
use segue_state::{Connection, SharedWith};

use crate::apply::Inputs;
use crate::apply::account::ByHand;
use crate::output::Screen;
use crate::prompt::Prompt;
use crate::{App, Failure};
use connect::Desk;
use edit::Changed;

/// Manage connections: accounts at Snapchat, Mailchimp and Klaviyo.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a connection to an account at Snapchat, Mailchimp or Klaviyo.
    ///
    /// What no option says is asked for at a terminal. The destination's terms are shown; without consent to them
    /// nothing can use the connection. The credentials can be handed in here or later, with `segue connection connect`;
    /// they are stored in Secrets Manager and nowhere else, and those that the destination refuses are not saved.
    Add(add::Args),
    /// Sign in to the account of a connection: in the browser, or with a key.
    ///
    /// At Snapchat and Mailchimp somebody allows an OAuth app in the browser; the app's id and secret are asked for
    /// once, or handed in. At Klaviyo, and at Mailchimp if you like, a key is handed in. What comes of it is stored in
    /// Secrets Manager and nowhere else. Then the account is called, and what it still lacks is named.
    Connect(connect::Args),
    /// List connections: whose accounts, who may use them, and what is to be done about those that are not ready.
    List(ListArgs),
    /// Show one connection: what is configured, and the exports that use it. Nobody is signed in for it.
    #[command(after_help = "Example:\n  segue connection show klaviyo-main")]
    Show(edit::Which),
    /// Sign in, ask whose account it is, and say what is wrong. Nobody's data is sent.
    ///
    /// A connection works if its credentials are good and belong to the account that it was made for, and if the
    /// audiences of its enabled exports can be filled, as far as their runs look before they send anything. What an
    /// earlier run noted against the account is cleared then. Whether the connection may be used (enabled, consent,
    /// who shares it) is told, and does not count.
    /// Exit status: 0 it works, 1 it does not, 2 used wrongly.
    Test(test::Args),
    /// Change a connection's name, who may use it, who answers for it, or agree to its terms.
    ///
    /// What no option names stays as it is. At a terminal, no option at all asks for each.
    Edit(edit::Args),
    /// Stop everything that goes over a connection, runs under way too.
    ///
    /// That is looked up before every group of calls, so it holds for chunks that are queued as well: they are cancelled.
    #[command(after_help = "Example:\n  segue connection disable klaviyo-main")]
    Disable(edit::Which),
    /// Let a connection be used again. Runs that were stopped have to be started again.
    #[command(after_help = "Example:\n  segue connection enable klaviyo-main")]
    Enable(edit::Which),
    /// Remove a connection. Its exports are detached, their runs cancelled; data stops at once.
    ///
    /// The exports that use it are named, and it asks. What stays is said, and how to be rid of it: the secret, staged
    /// chunks, people at the destination.
    Remove(remove::Args),
}

/// Which connections.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  segue connection list\n  segue connection list --destination snapchat --output json"
)]
pub struct ListArgs {
    /// Only those to this destination.
    #[arg(long, value_name = "DESTINATION")]
    pub destination: Option<Destination>,
}

/// Does what is asked.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    app: &App,
    command: Command,
    mut inputs: Inputs<'_>,
    prompt: &mut dyn Prompt,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let (stack, state) = (&app.stack, &app.state);
    let verb = if matches!(command, Command::Add(_)) { "add" } else { "connect" };
    let accounts = ByHand { stack, verb };
    let desk = Desk { stack, state, secrets: &app.secrets, accounts: &accounts };
    match command {
        Command::Add(args) => {
            let added = add::add(&desk, &args, &app.caller().await?, &mut inputs, prompt).await?;
            told(app, "added", &added.connection, added.to_sign_in, screen).await
        }
        Command::Connect(args) => {
            let connection = connect::connect(&desk, &args, &mut inputs, prompt).await?;
            told(app, "connected", &connection, false, screen).await
        }
        Command::List(args) => overview::list(stack, state, args.destination, screen).await,
        Command::Show(args) => overview::show(stack, state, &args.connection, screen).await,
        Command::Test(args) => test::run(app, &args, screen).await,
        Command::Edit(args) => print_changed(
            app,
            &edit::edit(state, &args, &app.caller().await?, prompt).await?,
            "saved",
            screen,
        ),
        Command::Disable(args) => {
            let changed = edit::switch(state, &args.connection, false).await?;
            print_changed(app, &changed, "disabled; nothing is sent over it any more", screen)
        }
        Command::Enable(args) => {
            let changed = edit::switch(state, &args.connection, true).await?;
            print_changed(app, &changed, "enabled; runs that were stopped have to be started again", screen)
        }
        Command::Remove(args) => {
            remove::remove(state, &args, &app.caller().await?, prompt).await?.print(stack, screen)
        }
    }
}

/// Tells of a connection that was added or connected: its account, what that lacks, and what is to be done next.
async fn told(
    app: &App,
    what: &str,
    connection: &Connection,
    to_sign_in: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    // The function answers for connections that may be used only.
    let may_ask =
        connection.account.is_some() && !to_sign_in && connection.enabled && connection.has_consent();
    let found = if may_ask { Some(crate::audience::audiences(app, connection).await) } else { None };
    prerequisites::print(&app.stack, what, connection, found.as_ref(), screen)
}

fn print_changed(app: &App, changed: &Changed, what: &str, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(changed)?;
    let Changed { connection, changed, shut_out, stopped } = changed;
    let id = &connection.id;
    screen.line(&if *changed {
        format!("the connection `{id}` is {what}")
    } else {
        format!("the connection `{id}` was like that already")
    })?;
    if !stopped.exports.is_empty() {
        screen
            .line(&format!("these exports can't run until it is enabled: {}", stopped.exports.join(", ")))?;
    }
    for remove::Cancelled { export, run } in &stopped.runs {
        screen.line(&format!(
            "the run {run} of `{export}` is cut off: what it has not sent yet is cancelled"
        ))?;
    }
    for unread in &stopped.unread {
        screen.line(&format!("note: what else that stops is not known: {unread}"))?;
    }
    if !shut_out.is_empty() {
        screen
            .line(&format!("these exports of contributors may not run any more: {}", shut_out.join(", ")))?;
    }
    if !connection.has_consent() {
        let agree = app.stack.command(&format!("connection edit {id} --agree"));
        screen
            .line(&format!("nobody has agreed to its terms, so nothing can use it; agree with: {agree}"))?;
    }
    Ok(())
}

/// A connection's id out of a command line: nothing that reaches another key.
pub(crate) fn connection_id(text: &str) -> Result<String, String> {
    crate::run::export_id(text)
        .map_err(|_| "a connection's id has lower-case letters, digits and hyphens only".to_owned())
}

/// A share of an account's limits, out of a command line.
fn percent(text: &str) -> Result<u8, String> {
    let found = text.parse().ok().filter(|percent| (1..=100).contains(percent));
    found.ok_or_else(|| "use a whole number from 1 to 100".to_owned())
}

/// Who may use a connection, out of a command line.
fn shared_with(text: &str) -> Result<SharedWith, String> {
    match text {
        "administrators" => Ok(SharedWith::Administrators),
        "contributors" => Ok(SharedWith::Contributors),
        _ => Err("use administrators or contributors".to_owned()),
    }
}

#[cfg(test)]
mod connect_tests;
#[cfg(test)]
mod failure_tests;
#[cfg(test)]
mod keeping_tests;
#[cfg(test)]
mod managing_tests;
#[cfg(test)]
mod racing_tests;
#[cfg(test)]
mod removing_tests;
#[cfg(test)]
mod sandbox_tests;
#[cfg(test)]
mod tests;
