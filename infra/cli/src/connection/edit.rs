//! `segue connection edit`, `enable` and `disable`: what a connection is, and whether it may be used.

use segue_state::{Connection, Role, SharedWith, State};
use serde::Serialize;

use super::remove::{Cancelled, Users};
use super::{connection_id, consent, percent, saving, shared_with};
use crate::Failure;
use crate::prompt::Prompt;

/// Change a connection.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue connection edit klaviyo-main --shared-with contributors
  segue connection edit klaviyo-main --agree")]
pub struct Args {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_id)]
    pub connection: String,
    /// Its name for people.
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    /// Who may use it for exports: administrators, or contributors as well.
    #[arg(long, value_name = "WHO", value_parser = shared_with)]
    pub shared_with: Option<SharedWith>,
    /// Who answers for what is exported over it.
    #[arg(long, value_name = "WHO")]
    pub export_user: Option<String>,
    /// The share of the account's rate limits that Segue may use.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub budget_share: Option<u8>,
    /// Agree, as the AWS identity that you are, to the destination's terms.
    #[arg(long)]
    pub agree: bool,
}

/// Which connection is switched on or off.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_id)]
    pub connection: String,
}

/// A connection that was to be changed.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// As it is now.
    #[serde(flatten)]
    pub connection: Connection,
    /// Whether that is another than before.
    pub changed: bool,
    /// The contributors' exports that may not run any more, since it is not shared any more.
    pub shut_out: Vec<String>,
    /// Of one that was disabled: what that stops.
    pub stopped: Stopped,
}

/// What does not send any more.
#[derive(Debug, Default, Serialize)]
pub struct Stopped {
    /// Exports that can't run.
    pub exports: Vec<String>,
    /// Runs that are cut off: what they have not sent is cancelled.
    pub runs: Vec<Cancelled>,
    /// What could not be read of all that.
    pub unread: Vec<String>,
}

impl Stopped {
    /// By disabling a connection.
    async fn with(state: &State, connection: &str) -> Self {
        match Users::of(state, connection).await {
            Ok(Users { exports, runs, unread }) => Self {
                exports: exports.into_iter().map(|(_, export)| export.id).collect(),
                runs: runs.into_iter().map(|(export, run)| Cancelled { export, run }).collect(),
                unread,
            },
            // It is stopped whether that can be told or not.
            Err(failure) => Self { unread: vec![failure.told().0], ..Self::default() },
        }
    }
}

/// Changes what the command line says, or the person at the terminal.
///
/// # Errors
/// [`Failure`].
pub async fn edit(
    state: &State,
    args: &Args,
    caller: &str,
    prompt: &mut dyn Prompt,
) -> Result<Changed, Failure> {
    let found = saving::found(state, &args.connection).await?;
    let before = &found.body;
    let mut wanted = before.clone();
    let named = args.display_name.is_some()
        || args.shared_with.is_some()
        || args.export_user.is_some()
        || args.budget_share.is_some();
    if named || args.agree {
        wanted.display_name = args.display_name.clone().unwrap_or(wanted.display_name);
        wanted.shared_with = args.shared_with.unwrap_or(wanted.shared_with);
        wanted.export_user = args.export_user.clone().or(wanted.export_user);
        wanted.budget_share = args.budget_share.unwrap_or(wanted.budget_share);
        if args.agree && !before.has_consent() {
            wanted.consent = consent::asked(wanted.destination, true, caller, prompt)?;
        }
    } else if prompt.is_terminal() {
        ask(&mut wanted, caller, prompt)?;
    } else {
        return Err(Failure::usage("nothing is named that is to change")
            .hint("name it with an option, such as --display-name; see --help of this command"));
    }
    let changed = saving::replace(state, &wanted, &found).await?;
    let unshared =
        before.shared_with != wanted.shared_with && wanted.shared_with == SharedWith::Administrators;
    let shut_out = if unshared { contributors_exports(state, &wanted.id).await? } else { Vec::new() };
    Ok(Changed { connection: wanted, changed, shut_out, stopped: Stopped::default() })
}

fn ask(wanted: &mut Connection, caller: &str, prompt: &mut dyn Prompt) -> Result<(), Failure> {
    wanted.display_name = prompt.text("Display name", Some(&wanted.display_name))?;
    let who = ["administrators", "administrators and contributors"];
    let now = usize::from(wanted.shared_with == SharedWith::Contributors);
    wanted.shared_with = match prompt.choose("Who may use it", &who, now)? {
        0 => SharedWith::Administrators,
        _ => SharedWith::Contributors,
    };
    let user = wanted.export_user.clone().unwrap_or_else(|| caller.to_owned());
    wanted.export_user = Some(prompt.text("Who answers for what is exported over it", Some(&user))?);
    let share = prompt
        .text("Share of the account's rate limits, in percent", Some(&wanted.budget_share.to_string()))?;
    wanted.budget_share = share
        .trim_end_matches('%')
        .trim()
        .parse()
        .map_err(|_| Failure::new(format!("`{share}` is no whole number of percent from 1 to 100")))?;
    if !wanted.has_consent() {
        wanted.consent = consent::asked(wanted.destination, false, caller, prompt)?.or(wanted.consent.take());
    }
    Ok(())
}

async fn contributors_exports(state: &State, id: &str) -> Result<Vec<String>, Failure> {
    let (exports, _) = saving::exports_over(state, id).await?;
    let theirs = exports.into_iter().filter(|(role, _)| *role == Role::Contributors);
    Ok(theirs.map(|(_, export)| export.id).collect())
}

/// Lets a connection be used, or not. That is read before every group of calls, so it stops runs under way too.
///
/// # Errors
/// [`Failure`].
pub async fn switch(state: &State, id: &str, enabled: bool) -> Result<Changed, Failure> {
    let found = saving::found(state, id).await?;
    let wanted = Connection { enabled, ..found.body.clone() };
    // What is wrong with it otherwise must not keep it from being stopped.
    let changed = if enabled {
        saving::replace(state, &wanted, &found).await?
    } else {
        saving::put_in_place(state, &wanted, &found).await?
    };
    let stopped = if enabled || !changed { Stopped::default() } else { Stopped::with(state, id).await };
    Ok(Changed { connection: wanted, changed, shut_out: Vec::new(), stopped })
}
