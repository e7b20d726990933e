//! `segue export schedule`: schedules of exports' own, beside the stack's general refresh.

use segue_state::Role;
use serde::Serialize;

use super::check::check_schedule;
use super::desk::Desk;
use super::export_id;
use super::found::Found;
use super::outcomes::Outcomes;
use super::standing::Standing;
use super::timing::Timing;
use crate::Failure;
use crate::output::{Screen, table};

/// Schedules of exports' own, beside the stack's general refresh.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Give exports a schedule, or another one.
    ///
    /// When it is due, the export runs over the latest drops of its segments. A paused or detached export is passed
    /// over.
    #[command(after_help = "Examples:\n  segue export schedule set vip-to-klaviyo --rate '6 hours'\n  \
                            segue export schedule set vip-to-klaviyo vip-to-mailchimp --cron '0 6 ? * MON-FRI *' \
                            --time-zone Europe/Berlin")]
    Set(Set),
    /// Turn the schedules of exports on again.
    #[command(after_help = "Example:\n  segue export schedule on vip-to-klaviyo")]
    On(Which),
    /// Turn the schedules of exports off, and keep them.
    #[command(after_help = "Example:\n  segue export schedule off vip-to-klaviyo")]
    Off(Which),
    /// Show the schedules of exports: of all that have one, if none is named.
    #[command(
        after_help = "Examples:\n  segue export schedule show\n  segue export schedule show vip-to-klaviyo"
    )]
    Show(Show),
    /// Take the schedules of exports away.
    #[command(after_help = "Example:\n  segue export schedule remove vip-to-klaviyo")]
    Remove(Which),
}

/// What the schedule is to be.
#[derive(Debug, Default, clap::Args)]
#[command(group(clap::ArgGroup::new("times").required(true).args(["rate", "cron"])))]
pub struct Set {
    /// The exports.
    #[arg(value_name = "EXPORT", required = true, value_parser = export_id)]
    pub exports: Vec<String>,
    /// Every so often: a number of minutes, hours or days, such as `6 hours`.
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// At set times: minute, hour, day of the month, month, day of the week, year, as EventBridge Scheduler reads
    /// them.
    #[arg(long, value_name = "FIELDS")]
    pub cron: Option<String>,
    /// The time zone of --cron, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value = "UTC", conflicts_with = "rate")]
    pub time_zone: String,
    /// Keep it turned off for now.
    #[arg(long)]
    pub off: bool,
}

/// Which exports.
#[derive(Debug, Default, clap::Args)]
pub struct Which {
    /// The exports.
    #[arg(value_name = "EXPORT", required = true, value_parser = export_id)]
    pub exports: Vec<String>,
}

/// Which exports, or all.
#[derive(Debug, Default, clap::Args)]
pub struct Show {
    /// The exports.
    #[arg(value_name = "EXPORT", value_parser = export_id)]
    pub exports: Vec<String>,
}

/// An export's schedule.
#[derive(Debug, Serialize)]
struct Scheduled {
    export: String,
    schedule: Option<Standing>,
}

/// Does it.
///
/// # Errors
/// [`Failure`] with what failed; the others are done.
pub async fn run(desk: &Desk<'_>, command: Command, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Set(args) => set(desk, args, screen).await,
        Command::On(args) => turn(desk, &args.exports, true, screen).await,
        Command::Off(args) => turn(desk, &args.exports, false, screen).await,
        Command::Show(args) => show(desk, &args.exports, screen).await,
        Command::Remove(args) => remove(desk, &args.exports, screen).await,
    }
}

async fn set(desk: &Desk<'_>, args: Set, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let Set { exports, rate, cron, time_zone, off } = args;
    let timing = Timing { rate, cron, time_zone, enabled: !off };
    let wrong = check_schedule(&timing)
        .into_iter()
        .map(|(_, text)| Failure::usage(text.replace("schedule.", "--").replace("time_zone", "time-zone")));
    Failure::together(wrong.collect())?;
    // All are found before the first is changed.
    let wanted = Found::find_all(desk.state, &exports).await?.into_iter();
    let wanted = wanted.map(|found| (found.role, found.export.id, timing.normal()));
    put(desk, wanted.collect(), screen).await
}

async fn turn(
    desk: &Desk<'_>,
    exports: &[String],
    enabled: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let mut wanted = Vec::new();
    let mut failures = Vec::new();
    for found in Found::find_all(desk.state, exports).await? {
        let id = found.export.id;
        let own = desk.schedules.get(&id).await?;
        match own.as_ref().and_then(|own| own.of_role(found.role)) {
            Some(Standing::Known(timing)) => {
                wanted.push((found.role, id, Timing { enabled, ..timing.clone() }));
            }
            Some(foreign @ Standing::Foreign(_)) => failures.push(Failure::new(format!(
                "the schedule of `{id}` is {}: it can't be switched without being written anew",
                foreign.words()
            ))),
            None => failures.push(Failure::new(format!("the export `{id}` has no schedule of its own"))),
        }
    }
    Failure::together(failures).map_err(|failure| {
        let set = desk.stack.command("export schedule set");
        failure.hint(format!("nothing was changed; give it one with `{set}`"))
    })?;
    put(desk, wanted, screen).await
}

async fn put(
    desk: &Desk<'_>,
    wanted: Vec<(Role, String, Timing)>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let mut outcomes = Outcomes::default();
    for (role, export, timing) in wanted {
        let put = desk.schedules.put(role, &export, &timing).await;
        let Some(()) = outcomes.of(&export, put) else { continue };
        screen.line(&format!("`{export}` has the schedule: {}", timing.words()))?;
        outcomes.done(Scheduled { export, schedule: Some(Standing::Known(timing)) });
    }
    outcomes.told(screen)
}

async fn show(desk: &Desk<'_>, exports: &[String], screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut all = Vec::new();
    if exports.is_empty() {
        let found = desk.schedules.all().await?.into_iter();
        // Whose export it is counts only where two stand under one name, as with exports.
        all.extend(
            found.map(|(export, own)| Scheduled {
                export,
                schedule: own.of_role(Role::Administrators).cloned(),
            }),
        );
    } else {
        for found in Found::find_all(desk.state, exports).await? {
            let own = desk.schedules.get(&found.export.id).await?;
            let schedule = own.as_ref().and_then(|own| own.of_role(found.role)).cloned();
            all.push(Scheduled { export: found.export.id, schedule });
        }
    }
    screen.json(&all)?;
    if all.is_empty() {
        return screen.line("no export has a schedule of its own");
    }
    let rows = all.into_iter().map(|Scheduled { export, schedule }| {
        vec![export, schedule.as_ref().map_or_else(|| "none".to_owned(), Standing::words)]
    });
    screen.line(&table(&[], 0..0, rows.collect()))
}

/// Also of an export that is gone: somebody may have removed it by other means.
async fn remove(desk: &Desk<'_>, exports: &[String], screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut outcomes = Outcomes::default();
    for export in exports {
        let Some(had) = outcomes.of(export, take(desk, export).await) else { continue };
        let text = if had { "has no schedule of its own any more" } else { "had no schedule of its own" };
        screen.line(&format!("`{export}` {text}"))?;
        outcomes.done(Scheduled { export: export.clone(), schedule: None });
    }
    outcomes.told(screen)
}

/// Takes a schedule away; whether there was one.
async fn take(desk: &Desk<'_>, export: &str) -> Result<bool, Failure> {
    let had = desk.schedules.get(export).await?.is_some();
    if !had {
        Found::find(desk.state, export).await?;
    }
    desk.schedules.remove(export).await?;
    Ok(had)
}
