//! `segue export edit`: changes what options name, and nothing else.

use segue_state::Source;

use super::check::{Over, demand};
use super::desk::{Desk, saved, unchanged};
use super::export_id;
use super::found::Found;
use super::offers::audience;
use super::settings::{Settings, Unset};
use crate::Failure;
use crate::apply::changes::changed;
use crate::output::Screen;

/// Change an export. What no option names stays as it is; runs under way go on as they were.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// The export.
    #[arg(value_name = "EXPORT", value_parser = export_id)]
    pub export: String,
    /// Don't ask the destination for a new audience, nor fan-out for the columns of the latest drop.
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
    if args.settings.is_empty() && args.unset.unset.is_empty() {
        return Err(
            Failure::usage("nothing is to be changed").hint("name what is to be otherwise: see --help")
        );
    }
    let found = Found::find(desk.state, &args.export).await?;
    let connection = found.connection(desk.state).await?;
    let wanted = args.settings.put_on(&found.export, &args.unset.unset)?;
    demand(&wanted, found.role, connection.as_ref().map(Over::from))?;
    if let (Some(connection), Some(id)) = (&connection, &args.settings.audience)
        && *id != found.export.audience_id
    {
        audience(desk, connection, Some(id.clone()), args.unchecked).await?;
    }
    let read_otherwise = wanted.source != found.export.source && wanted.source != Source::default();
    if !args.unchecked && (wanted.fields != found.export.fields || read_otherwise) {
        let fields = Settings { segments: wanted.segments.clone(), ..args.settings.clone() };
        super::offers::matched(desk, &fields, &wanted.source).await?;
    }
    if !found.save(desk.state, &wanted).await? {
        return unchanged(found.role, &wanted, screen);
    }
    changed(found.role, &found.export, &wanted).iter().try_for_each(|line| screen.line(line))?;
    saved(desk.stack, "changed", found.role, &wanted, connection.as_ref(), screen)
}
