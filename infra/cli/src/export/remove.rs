//! `segue export remove`: an export goes, what it has under way is cancelled, what it did stays on record.

use serde_json::json;

use super::desk::{Desk, quoted};
use super::export_id;
use super::found::Found;
use crate::Failure;
use crate::output::Screen;

/// Remove exports, with their schedules. What they have under way is cancelled.
///
/// What stays: the records of their runs, which hold no personal data; chunks of theirs until they expire, seven days
/// at the most; and the people who are at the destination.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// The exports.
    #[arg(value_name = "EXPORT", required = true, value_parser = export_id)]
    pub exports: Vec<String>,
    /// Don't ask.
    #[arg(long)]
    pub force: bool,
}

/// Does it.
///
/// # Errors
/// [`Failure`]; those before the one that failed are done.
pub async fn run(desk: &mut Desk<'_>, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let all = Found::find_all(desk.state, &args.exports).await?;
    let ids: Vec<&str> = all.iter().map(|found| found.export.id.as_str()).collect();
    desk.confirm(args.force, &format!("Remove {} and cancel what is under way?", quoted(&ids)))?;
    let by = desk.around.caller().await?;
    let mut done = Vec::new();
    for found in &all {
        let id = &found.export.id;
        // A schedule without its export would ask for nothing, but nobody would find it any more.
        desk.schedules.remove(id).await?;
        found.remove(desk.state).await?;
        // Now no further one begins.
        let runs = found.under_way(desk.state).await?;
        found.cancel(desk.state, &runs, &by, "the export was removed").await?;
        screen.line(&format!("removed the export `{id}`"))?;
        for run in &runs {
            screen
                .line(&format!("  the run {run} is cancelled: nothing that it has not sent yet is sent"))?;
        }
        done.push(json!({"export": id, "cancelled": runs}));
    }
    screen.line(
        "records of runs stay, and so do people who are at the destination; chunks expire within seven days",
    )?;
    screen.json(&done)
}
