//! `segue export duplicate`: a new export like one that there is.

use segue_state::{Export, Role};

use super::check::{Over, demand};
use super::desk::{Desk, saved};
use super::found::{Found, create};
use super::offers::audience;
use super::settings::{Settings, Unset};
use super::{export_id, role};
use crate::Failure;
use crate::output::Screen;

/// Copy an export. The copy is paused, since it would send the same people a second time; a schedule of its own is
/// not copied.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// The export.
    #[arg(value_name = "EXPORT", value_parser = export_id)]
    pub export: String,
    /// The copy's id.
    #[arg(value_name = "NEW", value_parser = export_id)]
    pub new: String,
    /// Who may change the copy; as with the original if not given.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Option<Role>,
    /// Let it run at once when something starts it.
    #[arg(long)]
    pub active: bool,
    /// Don't ask the destination for another audience.
    #[arg(long)]
    pub unchecked: bool,
    /// Fields that are to be as by default.
    #[command(flatten)]
    pub unset: Unset,
    /// What is to be otherwise.
    #[command(flatten)]
    pub settings: Settings,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(desk: &mut Desk<'_>, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let found = Found::find(desk.state, &args.export).await?;
    let connection = found.connection(desk.state).await?;
    let copy = Export {
        id: args.new.clone(),
        display_name: format!("{} (copy)", found.export.display_name),
        enabled: args.active,
        ..found.export.clone()
    };
    let copy = args.settings.put_on(&copy, &args.unset.unset)?;
    let role = args.role.unwrap_or(found.role);
    demand(&copy, role, connection.as_ref().map(Over::from))?;
    if let Some(connection) = connection.as_ref().filter(|_| copy.audience_id != found.export.audience_id) {
        audience(desk, connection, Some(copy.audience_id.clone()), args.unchecked).await?;
    }
    create(desk.state, role, &copy).await?;
    saved(desk.stack, "made", role, &copy, connection.as_ref(), screen)
}
