//! `segue export detach` and `attach`: taking an export from its connection, and giving it one.

use segue_state::{Connection, Export, RunId, State};

use super::check::{Over, demand};
use super::desk::{Desk, saved, unchanged};
use super::export_id;
use super::found::Found;
use super::offers::audience;
use super::outcomes::Outcomes;
use super::settings::Settings;
use crate::Failure;
use crate::connection::saving;
use crate::output::Screen;

/// Take exports from their connection. Their configuration is kept, what they have under way is cancelled.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  segue export detach vip-to-klaviyo\n  segue export detach one two --force"
)]
pub struct DetachArgs {
    /// The exports.
    #[arg(value_name = "EXPORT", required = true, value_parser = export_id)]
    pub exports: Vec<String>,
    /// Don't ask.
    #[arg(long, alias = "yes")]
    pub force: bool,
}

/// Give an export a connection: its first one again, or another.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  segue export attach vip klaviyo-main\n  segue export attach vip mailchimp-main --audience 6f0a --new-contacts pending"
)]
pub struct AttachArgs {
    /// The export.
    #[arg(value_name = "EXPORT", value_parser = export_id)]
    pub export: String,
    /// The connection.
    #[arg(value_name = "CONNECTION", value_parser = export_id)]
    pub connection: String,
    /// Don't ask the destination whether its account has the audience.
    #[arg(long)]
    pub unchecked: bool,
    /// What is to be otherwise there, such as the audience.
    #[command(flatten)]
    pub settings: Settings,
}

/// Takes an export from its connection and cancels its runs, which it answers. `why` is noted with them.
///
/// # Errors
/// [`Failure`]; doing it again goes on from there.
pub async fn detach(state: &State, found: &Found, by: &str, why: &str) -> Result<Vec<RunId>, Failure> {
    // First of all nothing new starts, and what is read live stops.
    found.save(state, &Export { connection: String::new(), ..found.export.clone() }).await?;
    let runs = found.under_way(state).await?;
    found.cancel(state, &runs, by, why).await?;
    Ok(runs)
}

/// Does it.
///
/// # Errors
/// [`Failure`] with what failed; the others are done.
pub async fn run_detach(
    desk: &mut Desk<'_>,
    args: &DetachArgs,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let all = Found::find_all(desk.state, &args.exports).await?;
    let ids: Vec<&str> = all.iter().map(|found| found.export.id.as_str()).collect();
    let question = format!("Detach {} and cancel what is under way?", super::desk::quoted(&ids));
    desk.confirm(args.force, &question)?;
    let by = desk.around.caller().await?;
    let mut outcomes = Outcomes::default();
    for found in &all {
        let was = found.export.connection.clone();
        let id = &found.export.id;
        let detached = detach(desk.state, found, &by, "the export was detached from its connection").await;
        let Some(runs) = outcomes.of(id, detached) else { continue };
        outcomes.done(serde_json::json!({"export": id, "was_attached_to": was, "cancelled": runs}));
        let back = desk.stack.command(&format!("export attach {id} {was}"));
        screen.line(&if was.is_empty() {
            format!("`{id}` was detached already")
        } else {
            format!("`{id}` has no connection now, and can't run; this undoes it: {back}")
        })?;
        for run in runs {
            screen
                .line(&format!("  the run {run} is cancelled: nothing that it has not sent yet is sent"))?;
        }
    }
    outcomes.told(screen)
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run_attach(
    desk: &mut Desk<'_>,
    args: &AttachArgs,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let found = Found::find(desk.state, &args.export).await?;
    let connection: Connection = saving::found(desk.state, &args.connection).await?.body;
    let wanted = Export { connection: connection.id.clone(), ..found.export.clone() };
    let wanted = args.settings.put_on(&wanted, &[])?;
    demand(&wanted, found.role, Some(Over::from(&connection)))?;
    if wanted.connection != found.export.connection || wanted.audience_id != found.export.audience_id {
        audience(desk, &connection, Some(wanted.audience_id.clone()), args.unchecked).await?;
    }
    if !found.save(desk.state, &wanted).await? {
        return unchanged(found.role, &wanted, screen);
    }
    saved(desk.stack, "attached", found.role, &wanted, Some(&connection), screen)
}
