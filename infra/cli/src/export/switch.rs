//! `segue export pause` and `resume`: whether exports may run.

use segue_state::Export;
use serde::Serialize;

use super::desk::Desk;
use super::export_id;
use super::found::Found;
use super::outcomes::Outcomes;
use crate::Failure;
use crate::output::Screen;

/// Which exports.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// The exports.
    #[arg(value_name = "EXPORT", required = true, value_parser = export_id)]
    pub exports: Vec<String>,
}

/// What became of one.
#[derive(Serialize)]
struct Switched {
    export: String,
    enabled: bool,
    changed: bool,
    runs_under_way: Vec<segue_state::RunId>,
}

/// Pauses exports, or lets them run again.
///
/// # Errors
/// [`Failure`] with what failed; the others are done.
pub async fn run(
    desk: &Desk<'_>,
    args: &Args,
    enabled: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let mut outcomes = Outcomes::default();
    for found in Found::find_all(desk.state, &args.exports).await? {
        let switched = switch(desk, &found, enabled).await;
        let Some(switched) = outcomes.of(&found.export.id, switched) else { continue };
        let Switched { export, changed, runs_under_way, .. } = &switched;
        screen.line(&match (enabled, changed) {
            (true, true) => {
                let now = desk.stack.command(&format!("run start {export}"));
                format!("`{export}` may run again; nothing was started: run it now with: {now}")
            }
            (true, false) => format!("`{export}` was not paused"),
            (false, true) => format!("`{export}` is paused: neither uploads nor schedules start it"),
            (false, false) => format!("`{export}` was paused already"),
        })?;
        for run in runs_under_way {
            screen.line(&format!("  the run {run} is cut off: what it has not sent yet is cancelled"))?;
        }
        outcomes.done(&switched);
    }
    outcomes.told(screen)
}

async fn switch(desk: &Desk<'_>, found: &Found, enabled: bool) -> Result<Switched, Failure> {
    let wanted = Export { enabled, ..found.export.clone() };
    let changed = found.save(desk.state, &wanted).await?;
    let runs_under_way = if changed && !enabled { found.under_way(desk.state).await? } else { Vec::new() };
    Ok(Switched { export: wanted.id, enabled, changed, runs_under_way })
}
