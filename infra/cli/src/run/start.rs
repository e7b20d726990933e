//! `segue run start`: runs exports on demand.

use fan_out::invocation::Request;
use futures::future::join_all;
use jiff::Timestamp;
use segue_platform::invoke::Invoke;
use segue_state::{Export, Role, RunId, State, TriggerKind, permit};
use serde::Serialize;
use uuid::Uuid;

use super::watch::{Patience, until_it_ends, verdict};
use super::{Which, export_id, summaries};
use crate::output::{Output, Screen};
use crate::{App, Failure};

/// Run exports now, over the latest drops of their segments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The exports.
    #[arg(value_name = "EXPORT", required_unless_present = "all", value_parser = export_id)]
    pub exports: Vec<String>,
    /// All exports that are enabled.
    #[arg(long, conflicts_with = "exports")]
    pub all: bool,
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
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let names = chosen(&app.state, &args.exports, args.all).await?;
    let function = app.stack.output("FanOutFunction")?;
    let by = app.caller().await?;
    let started = start(&*app.invoke, function, names, by, Timestamp::now()).await?;
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
    wait(app, &started, args.timeout, screen).await
}

/// The exports that are to run: those named, or all that are enabled.
async fn chosen(state: &State, wanted: &[String], all: bool) -> Result<Vec<String>, Failure> {
    let (exports, broken) = state.exports().await?;
    if all {
        let enabled: Vec<_> =
            exports.into_iter().map(|(_, e)| e).filter(|e| e.enabled).map(|e| e.id).collect();
        return if enabled.is_empty() {
            Err(Failure::new("there is no enabled export").hint("save one with `segue apply`"))
        } else {
            Ok(enabled)
        };
    }
    let mut names: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    for name in wanted {
        if names.contains(name) {
            continue;
        }
        match exports.iter().find(|(_, export)| export.id == *name) {
            None => problems.push(unknown(name, &exports, &broken)),
            Some((role, export)) => {
                let connection = state.connection(&export.connection).await?;
                problems
                    .extend(permit(*role, export, connection.as_ref()).err().map(|halt| halt.to_string()));
            }
        }
        names.push(name.clone());
    }
    if problems.is_empty() { Ok(names) } else { Err(Failure::all(problems).hint("nothing was started")) }
}

fn unknown(name: &str, exports: &[(Role, Export)], broken: &[segue_state::StateError]) -> String {
    let file = format!("/{name}.json");
    if let Some(error) = broken.iter().map(ToString::to_string).find(|error| error.contains(&file)) {
        return error;
    }
    let known: Vec<&str> = exports.iter().map(|(_, export)| export.id.as_str()).collect();
    let known = if known.is_empty() {
        "there are none yet".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    format!("there is no export `{name}`; {known}")
}

/// Asks fan-out, and says which runs there will be.
async fn start(
    invoke: &dyn Invoke,
    function: &str,
    names: Vec<String>,
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
    };
    let payload = serde_json::to_string(&request).map_err(|error| Failure::new(error.to_string()))?;
    invoke.start(function, payload).await?;
    Ok(started)
}

/// Waits for all runs at once, and tells what became of them.
async fn wait(
    app: &App,
    started: &[Started],
    timeout: Option<u64>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let patience = Patience::new(timeout);
    let waits = started.iter().map(async |Started { export, run }| {
        // Lines of several runs would interleave: each is told about at its end.
        let mut nowhere = std::io::sink();
        let mut silent = Screen::new(Output::Json, &mut nowhere);
        until_it_ends(&app.state, export, &Which::This(run.clone()), patience, &mut silent).await
    });
    let mut summaries = Vec::new();
    let mut failures = Vec::new();
    for ended in join_all(waits).await {
        match ended {
            Ok(summary) => {
                failures.extend(verdict(&app.stack, &summary).err());
                summaries.push(summary);
            }
            Err(failure) => failures.push(failure),
        }
    }
    screen.json(&summaries)?;
    screen.line(&summaries::lines(&summaries))?;
    Failure::together(failures)
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
