//! `segue run start`: runs exports on demand, or tells what a run would do.

use fan_out::invocation::Request;
use fan_out::selection::Selection;
use jiff::Timestamp;
use segue_platform::invoke::Invoke;
use segue_state::{Export, Role, RunId, State, StateError, TriggerKind, keys, permit};
use serde::Serialize;
use uuid::Uuid;

use super::watch::{Patience, several};
use super::{Which, dry_run, export_id};
use crate::at_once::at_once;
use crate::output::Screen;
use crate::prompt::Prompt;
use crate::{App, Failure, ask, nearest};

/// Run exports now, over the latest drops of their segments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue run start vip-to-klaviyo --wait
  segue run start --all --segment vip --dry-run
  segue run start vip-to-klaviyo --drop segments/vip/2026-11-01.csv")]
pub struct Args {
    /// The exports.
    #[arg(value_name = "EXPORT", required_unless_present = "all", value_parser = export_id)]
    pub exports: Vec<String>,
    /// All exports that are enabled; with --segment, those that send it.
    #[arg(long, conflicts_with = "exports")]
    pub all: bool,
    /// Only this one of their segments.
    #[arg(long, value_name = "SEGMENT")]
    pub segment: Option<String>,
    /// Only this drop, instead of the latest ones: the key of its file, or of the folder of a drop of many files, with a
    /// slash at its end.
    #[arg(long, value_name = "KEY")]
    pub drop: Option<String>,
    /// Tell what would be sent, guards included. Nothing is sent, and nothing is kept. Exit status 0 if all would run.
    #[arg(long, conflicts_with_all = ["wait", "timeout"])]
    pub dry_run: bool,
    /// Wait for the runs to end. Exit status 0 if all completed.
    #[arg(long)]
    pub wait: bool,
    /// Stop waiting after so many seconds. The runs go on.
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub timeout: Option<u64>,
}

/// A run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Started {
    export: String,
    run: RunId,
}

/// Does it.
///
/// # Errors
/// [`Failure`], also if a run that was waited for did not complete.
pub async fn run(
    app: &App,
    args: &Args,
    prompt: &mut dyn Prompt,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let selection = Selection { segment: args.segment.clone(), drop: args.drop.clone() };
    let prefix = app.stack.output("SegmentPrefix")?;
    // fan-out refuses what is not theirs, and nobody waits for its answer.
    let role = ask::role(app).await?;
    let Chosen { names, unread } = chosen(&app.state, args, role, (&selection, prefix)).await?;
    unread.note(prompt);
    let left_out = unread.failure();
    // fan-out would take none for all.
    let done =
        if names.is_empty() { Ok(()) } else { chosen_ones(app, args, (names, selection), screen).await };
    Failure::together([done, left_out].into_iter().filter_map(Result::err).collect())
}

/// Starts these, or tells what they would do.
async fn chosen_ones(
    app: &App,
    args: &Args,
    (names, selection): (Vec<String>, Selection),
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    if args.dry_run {
        return dry_run::run(app, names, selection, screen).await;
    }
    let function = app.stack.output("FanOutFunction")?;
    let by = app.caller().await?;
    let started = start(&*app.invoke, function, names, selection, by, Timestamp::now()).await?;
    if !args.wait {
        screen.json(&started)?;
        for Started { export, run } in &started {
            let watch = app.stack.command(&format!("run watch {export} {run}"));
            screen.line(&format!("started {export} {run}; watch with: {watch}"))?;
        }
        return Ok(());
    }
    for Started { export, run } in &started {
        screen.line(&format!("started {export} {run}"))?;
    }
    let runs: Vec<(String, Which)> =
        started.into_iter().map(|one| (one.export, Which::This(one.run))).collect();
    several(app, &runs, Patience::new(args.timeout), screen).await
}

/// The exports that are to run.
#[derive(Debug)]
struct Chosen {
    names: Vec<String>,
    unread: Unread,
}

/// Exports that might have been meant, and can't be read.
#[derive(Debug, Default)]
struct Unread {
    /// Of those that somebody of this role answers for; also those that may not run.
    own: Vec<Failure>,
    /// Contributors' ones, where an administrator asks: they stop nobody else.
    others: Vec<StateError>,
}

impl Unread {
    fn of(broken: Vec<StateError>, role: Role) -> Self {
        let of = |error: &StateError, whose| error.key().starts_with(&keys::exports(whose));
        let (own, rest): (Vec<_>, Vec<_>) = broken.into_iter().partition(|error| of(error, role));
        let theirs = |error: &StateError| role == Role::Administrators && of(error, Role::Contributors);
        let own = own.into_iter().map(Failure::from).collect();
        Self { own, others: rest.into_iter().filter(theirs).collect() }
    }

    fn note(&self, prompt: &mut dyn Prompt) {
        for error in &self.others {
            prompt.say(&format!("note: an export of contributors is left out: {error}"));
        }
    }

    fn failure(self) -> Result<(), Failure> {
        let all = self.own.into_iter().map(|failure| failure.about("an export was left out"));
        Failure::together(all.collect())
    }
}

/// The exports that are to run: those named, or all that are enabled, of those that somebody of this role runs. Of a
/// dry run, also those that may not run, since it tells why.
async fn chosen(
    state: &State,
    args: &Args,
    role: Role,
    (selection, prefix): (&Selection, &str),
) -> Result<Chosen, Failure> {
    let theirs = |whose: Role| role == Role::Administrators || whose == role;
    let (exports, broken) = state.exports().await?;
    if args.all {
        let sends = |export: &Export| export.is_active() && selection.obstacle(export, prefix).is_none();
        let enabled: Vec<_> =
            exports.into_iter().filter(|(whose, export)| theirs(*whose) && sends(export)).collect();
        let chose = args.segment.as_ref().or(args.drop.as_ref());
        let mut unread = Unread::of(broken, role);
        let none = match (enabled.is_empty(), chose) {
            (false, _) => {
                let names = if args.dry_run {
                    enabled.into_iter().map(|(_, export)| export.id).collect()
                } else {
                    permitted(state, enabled, &mut unread.own).await
                };
                return Ok(Chosen { names, unread });
            }
            (true, None) => Failure::new("there is no enabled export").hint("save one with `segue apply`"),
            (true, Some(chose)) => Failure::new(format!("no enabled export sends `{chose}`"))
                .hint("see what exports send with `segue export list`"),
        };
        let all: Vec<_> = [none].into_iter().chain(unread.failure().err()).collect();
        return Failure::together(all).map(|()| Chosen { names: Vec::new(), unread: Unread::default() });
    }
    let mut names: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    for name in &args.exports {
        if names.contains(name) {
            continue;
        }
        match exports.iter().find(|(_, export)| export.id == *name) {
            None => problems.push(unknown(name, &exports, &broken)),
            Some((whose, _)) if !theirs(*whose) => {
                problems.push(format!("the export `{name}` is the administrators', who alone run it"));
            }
            Some((_, export)) if selection.obstacle(export, prefix).is_some() => {
                let segments = export.segments.join(", ");
                let chose = args.segment.as_ref().or(args.drop.as_ref()).map_or("", String::as_str);
                problems.push(format!("the export `{name}` does not send `{chose}`: it sends {segments}"));
            }
            Some(_) if args.dry_run => {}
            Some((role, export)) => {
                let connection = state.connection(&export.connection).await?;
                problems
                    .extend(permit(*role, export, connection.as_ref()).err().map(|halt| halt.to_string()));
            }
        }
        names.push(name.clone());
    }
    if !problems.is_empty() {
        return Err(Failure::all(problems).hint("nothing was started"));
    }
    Ok(Chosen { names, unread: Unread::default() })
}

/// Those of the exports that may run now; why the others may not goes to `left_out`.
async fn permitted(state: &State, exports: Vec<(Role, Export)>, left_out: &mut Vec<Failure>) -> Vec<String> {
    let connections = at_once(exports.iter().map(|(_, export)| state.connection(&export.connection))).await;
    let mut names = Vec::new();
    for ((role, export), connection) in exports.into_iter().zip(connections) {
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => {
                left_out.push(Failure::from(error).about(&format!("`{}`", export.id)));
                continue;
            }
        };
        match permit(role, &export, connection.as_ref()) {
            Ok(()) => names.push(export.id),
            Err(halt) => left_out.push(Failure::new(format!("`{}`: {halt}", export.id))),
        }
    }
    names
}

fn unknown(name: &str, exports: &[(Role, Export)], broken: &[segue_state::StateError]) -> String {
    let file = format!("/{name}.json");
    if let Some(error) = broken.iter().map(ToString::to_string).find(|error| error.contains(&file)) {
        return error;
    }
    let known: Vec<&str> = exports.iter().map(|(_, export)| export.id.as_str()).collect();
    format!("there is no export `{name}`; {}", nearest::hint(name, &known, "exports"))
}

/// Asks fan-out, and says which runs there will be.
async fn start(
    invoke: &dyn Invoke,
    function: &str,
    names: Vec<String>,
    Selection { segment, drop }: Selection,
    by: String,
    at: Timestamp,
) -> Result<Vec<Started>, Failure> {
    let id = Uuid::now_v7().to_string();
    let runs = names.iter().map(|export| Started {
        export: export.clone(),
        // As fan-out makes them: out of the time, the export and the request.
        run: RunId::of(at, &[export, &id]),
    });
    let started = runs.collect();
    let request = Request::Run {
        exports: Some(names),
        id: id.clone(),
        requested_by: Some(by),
        requested_at: at,
        trigger: TriggerKind::OnDemand,
        segment,
        drop,
    };
    let request = serde_json::to_value(&request).map_err(|error| Failure::new(error.to_string()))?;
    ask::start(invoke, function, &request).await?;
    Ok(started)
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
