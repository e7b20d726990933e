//! `segue export remove`: an export goes, what it has under way is cancelled, what it did stays on record.

use segue_state::{Lying, Role, RunId, keys};
use serde_json::json;

use super::desk::{Desk, quoted};
use super::export_id;
use super::found::{Found, under_way};
use super::outcomes::Outcomes;
use crate::Failure;
use crate::output::Screen;
use crate::run::stop;

/// Remove exports, with their schedules. What they have under way is cancelled.
///
/// What stays: the records of their runs, which hold no personal data; chunks of theirs until they expire, seven days
/// at the most; and the people who are at the destination.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  segue export remove vip-to-klaviyo\n  segue export remove one two --force"
)]
pub struct Args {
    /// The exports.
    #[arg(value_name = "EXPORT", required = true, value_parser = export_id)]
    pub exports: Vec<String>,
    /// Don't ask.
    #[arg(long, alias = "yes")]
    pub force: bool,
}

/// What is there of an export that is to go.
enum Thing {
    /// It.
    Export(Box<Found>),
    /// A document in its place that can't be read.
    Unreadable { key: String, id: String, etag: String },
    /// Its schedule alone: removing it broke off before.
    Schedule(String),
}

impl Thing {
    /// What there is of each, once.
    async fn find_all(desk: &Desk<'_>, ids: &[String]) -> Result<Vec<Self>, Failure> {
        let (mut all, mut failures) = (Vec::new(), Vec::new());
        for (at, id) in ids.iter().enumerate() {
            if ids[..at].contains(id) {
                continue;
            }
            match Self::find(desk, id).await {
                Ok(thing) => all.push(thing),
                Err(failure) => failures.push(failure),
            }
        }
        Failure::together(failures).map(|()| all)
    }

    async fn find(desk: &Desk<'_>, id: &str) -> Result<Self, Failure> {
        for role in Role::ALL {
            match desk.state.lying_export(role, id).await? {
                Lying::Nothing => {}
                // What somebody puts under the other role does not stand in its way.
                Lying::Usable(_) => break,
                Lying::Broken(broken) => {
                    let key = keys::export(role, id);
                    return Ok(Self::Unreadable { key, id: id.to_owned(), etag: broken.etag });
                }
            }
        }
        match Found::find(desk.state, id).await {
            Ok(found) => Ok(Self::Export(Box::new(found))),
            Err(failure) if desk.schedules.get(id).await?.is_none() => Err(failure),
            Err(_) => Ok(Self::Schedule(id.to_owned())),
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Export(found) => &found.export.id,
            Self::Unreadable { id, .. } | Self::Schedule(id) => id,
        }
    }

    /// Takes it away, its schedule last: what is named by nobody any more starts nothing, and is found when this is done
    /// again.
    async fn remove(&self, desk: &Desk<'_>, by: &str) -> Result<Vec<RunId>, Failure> {
        let id = self.id();
        match self {
            Self::Export(found) => found.remove(desk.state).await?,
            Self::Unreadable { key, etag, .. } => {
                if !desk.state.objects().delete_as(key, etag).await? {
                    return Err(Failure::new(format!(
                        "the export `{id}` was changed by somebody else just now"
                    ))
                    .hint("look at it, and try again"));
                }
            }
            Self::Schedule(_) => {}
        }
        // Now no further one begins.
        let runs = under_way(desk.state, id).await?;
        let open = runs.iter().map(|run| (id.to_owned(), run.clone())).collect();
        stop::note_all(desk.state, open, by, "the export was removed").await?;
        desk.schedules.remove(id).await.map_err(|failure| {
            let again = desk.stack.command(&format!("export remove {id}"));
            failure
                .about(&format!("the export `{id}` is removed, but not its schedule"))
                .hint(format!("the schedule starts nothing without its export; take it away with: {again}"))
        })?;
        Ok(runs)
    }
}

/// Does it.
///
/// # Errors
/// [`Failure`] with what stays; the others are removed.
pub async fn run(desk: &mut Desk<'_>, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let all = Thing::find_all(desk, &args.exports).await?;
    let ids: Vec<&str> = all.iter().map(Thing::id).collect();
    desk.confirm(args.force, &format!("Remove {} and cancel what is under way?", quoted(&ids)))?;
    let by = desk.around.caller().await?;
    let mut outcomes = Outcomes::default();
    for thing in &all {
        let id = thing.id();
        let Some(runs) = outcomes.of(id, thing.remove(desk, &by).await) else { continue };
        screen.line(&match thing {
            Thing::Export(_) => format!("removed the export `{id}`"),
            Thing::Unreadable { key, .. } => format!("removed {key}, which could not be read"),
            Thing::Schedule(_) => {
                format!("removed the schedule of the export `{id}`, which was gone already")
            }
        })?;
        for run in &runs {
            screen
                .line(&format!("  the run {run} is cancelled: nothing that it has not sent yet is sent"))?;
        }
        outcomes.done(json!({"export": id, "cancelled": runs}));
    }
    if outcomes.any() {
        screen.line(
            "records of runs stay, and so do people who are at the destination; chunks expire within seven days",
        )?;
    }
    outcomes.told(screen)
}
