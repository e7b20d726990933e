//! `segue export list`: all exports, and whether each may run.

use segue_segment::Destination;

use super::desk::Desk;
use super::found::{connections, told};
use super::view::{View, views};
use super::{export_id, role};
use crate::Failure;
use crate::connection::saving;
use crate::output::{Screen, table};
use crate::stack::Stack;

/// List exports.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Those over this connection only.
    #[arg(long, value_name = "CONNECTION", value_parser = export_id)]
    pub connection: Option<String>,
    /// Those to this destination only.
    #[arg(long, value_name = "DESTINATION")]
    pub destination: Option<Destination>,
    /// Those that this role may change only.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Option<segue_state::Role>,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(desk: &mut Desk<'_>, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (mut exports, broken) = desk.state.exports().await?;
    let all = exports.len();
    exports.retain(|(role, export)| {
        args.role.is_none_or(|wanted| wanted == *role)
            && args.connection.as_ref().is_none_or(|wanted| export.connection == *wanted)
    });
    exports.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    let (connections, unread) = connections(desk.state).await?;
    if let (Some(wanted), true) = (&args.connection, exports.is_empty()) {
        // An empty list would hide a slip of the pen.
        saving::found(desk.state, wanted).await?;
    }
    let schedules =
        if exports.is_empty() { std::collections::BTreeMap::new() } else { desk.schedules.all().await? };
    let mut found = views(desk.state, exports, &connections, &schedules).await?;
    found.retain(|view| args.destination.is_none_or(|wanted| view.destination == Some(wanted)));
    screen.json(&found)?;
    if found.is_empty() {
        let make = desk.stack.command("export add");
        let text = if all == 0 {
            format!("there are no exports yet; make one with: {make}")
        } else {
            "there are none of these".to_owned()
        };
        screen.line(&text)?;
    } else {
        let header =
            ["export", "name", "connection", "type", "status", "started by", "last run", "who may edit"];
        screen.line(&table(&header, 0..0, found.iter().map(|view| row(desk.stack, view)).collect()))?;
    }
    told(broken.into_iter().chain(unread).collect(), desk.prompt)
}

fn row(stack: &Stack, view: &View) -> Vec<String> {
    let export = &view.export;
    let connection = if export.is_detached() { "-" } else { &export.connection };
    vec![
        export.id.clone(),
        export.display_name.clone(),
        connection.to_owned(),
        view.destination().to_owned(),
        view.status.to_owned(),
        view.starts(stack),
        view.ran(),
        view.role.name().to_owned(),
    ]
}
