//! `segue plan` and `segue apply`, from the file to what is printed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use segue_segment::Destination;
use segue_state::{Consent, Role};

use super::account::AtDestinations;
use super::changes::{Action, Change, changes, print as print_changes};
use super::credentials::Inputs;
use super::drift::{Kind, refuse};
use super::file::File;
use super::plan::{Plan, Stores, plan};
use super::save::{Agreed, Outcome, Removed, Report, save};
use super::terms;
use crate::connection::consent::given;
use crate::export::desk::quoted;
use crate::export::schedules::EventBridge;
use crate::output::{Screen, table};
use crate::prompt::Prompt;
use crate::stack::Stack;
use crate::{App, Failure, ask, connection};

/// What stays of exports that were removed.
const STAYS: &str = "of removed exports, records of runs stay, and so do people who are at the destination; chunks expire \
                     within seven days";

/// The file, and what is asked of it.
///
/// What the file does not name stays as it is. Credentials never stand in the file: it names an environment variable
/// or standard input that holds them as a JSON object, or a secret that exists already.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, YAML.
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Agree, as the AWS identity that you are, to the terms of connections that lack consent: `segue plan` shows them.
    #[arg(long)]
    pub agree: bool,
    /// Remove connections and exports that the file does not name; for contributors, their exports alone. What such
    /// exports have under way is cancelled.
    #[arg(long)]
    pub prune: bool,
    /// Refuse to overwrite what was changed by hand since a file was applied.
    #[arg(long)]
    pub refuse_drift: bool,
}

/// What `segue apply` is asked besides.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// What `segue plan` is asked, too.
    #[command(flatten)]
    pub plan: Args,
    /// Don't ask before --prune removes something.
    #[arg(long, requires = "prune")]
    pub force: bool,
    /// Connections may lead to other accounts than before, by the credentials of the file. Runs under way are stopped
    /// then.
    #[arg(long)]
    pub other_account: bool,
}

/// `segue plan`: shows what applying the file would change. Nothing is saved.
///
/// # Errors
/// [`Failure`].
pub async fn run_plan(
    stack: &str,
    args: &Args,
    mut inputs: Inputs<'_>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let (file, app) = open(stack, args).await?;
    let schedules = EventBridge::new(&app);
    let stores =
        Stores { stack: &app.stack.name, state: &app.state, secrets: &app.secrets, schedules: &schedules };
    let plan = plan(&file, &stores, &mut inputs, pruner(&app, args).await?).await?;
    let changes = changes(&plan, &AtDestinations(&app.stack), &app.secrets, args.agree).await?;
    print_changes(&changes, &plan.notes, screen)?;
    lacking(&app.stack, &plan.lacking_consent(), screen)?;
    if args.refuse_drift { refuse(&changes) } else { Ok(()) }
}

/// `segue apply`: saves the connections and exports of a file.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    stack: &str,
    ApplyArgs { plan: args, force, other_account }: &ApplyArgs,
    mut inputs: Inputs<'_>,
    prompt: &mut dyn Prompt,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let (file, app) = open(stack, args).await?;
    let schedules = EventBridge::new(&app);
    let stores =
        Stores { stack: &app.stack.name, state: &app.state, secrets: &app.secrets, schedules: &schedules };
    let plan = plan(&file, &stores, &mut inputs, pruner(&app, args).await?).await?;
    let changes = changes(&plan, &AtDestinations(&app.stack), &app.secrets, args.agree).await?;
    if args.refuse_drift {
        refuse(&changes)?;
    }
    overwritten(&changes, prompt);
    agreed_to_remove(&plan, *force, prompt)?;
    let by = app.caller().await?;
    let agreement = agreement(&plan, args.agree, &by);
    if agreement.is_some() {
        show_terms(&plan, prompt);
    }
    let agreed = Agreed { consent: agreement.as_ref(), other_account: *other_account };
    let changes = changes.into_iter().filter(|change| change.action == Action::Change).collect();
    let mut report = Report { changes, notes: plan.notes.clone(), ..Report::default() };
    let saved = save(&AtDestinations(&app.stack), &stores, plan, agreed, &by, &mut report).await;
    settle(&mut report);
    // What is saved stays, so it is told also where the rest failed.
    if saved.is_ok() || !report.is_empty() {
        print(&app.stack, &report, agreement.as_ref(), screen)?;
    }
    saved
}

/// Leaves of the changes those that were made.
fn settle(report: &mut Report) {
    let Report { connections, exports, changes, .. } = report;
    changes.retain_mut(|change| match change.kind {
        Kind::Connection => {
            let saved = connections.iter().find(|saved| saved.connection.id == change.id);
            if let Some(account) = saved.and_then(|saved| saved.connection.account.as_ref()) {
                change.leads_to(&connection::report::Report::named(account));
            }
            saved.is_some()
        }
        Kind::Export => exports.iter().any(|saved| saved.id == change.id),
    });
}

/// Says what the file overwrites that somebody changed by hand: an export that was paused is resumed, say.
fn overwritten(changes: &[Change], prompt: &mut dyn Prompt) {
    for Change { kind, id, drift, .. } in changes {
        if let Some(drift) = drift {
            prompt.say(&format!("warning: {} `{id}`: {drift}; the file wins", kind.name()));
        }
    }
}

/// Who removes what the file does not name, if anybody does.
async fn pruner(app: &App, args: &Args) -> Result<Option<Role>, Failure> {
    if !args.prune {
        return Ok(None);
    }
    ask::role(app).await.map(Some)
}

/// What is removed is gone: somebody has to mean it, by `--force` or at the terminal.
pub(super) fn agreed_to_remove(plan: &Plan, force: bool, prompt: &mut dyn Prompt) -> Result<(), Failure> {
    let Some(surplus) = plan.surplus().filter(|_| !force) else { return Ok(()) };
    if !prompt.is_terminal() {
        return Err(Failure::usage(format!("--prune removes {surplus}: that needs a yes"))
            .hint("there is no terminal to ask on: say --force; nothing was saved"));
    }
    prompt.say(&format!("The file does not name {surplus}. What such exports have under way is cancelled."));
    if prompt.confirm("Remove them?")? { Ok(()) } else { Err(Failure::new("nothing was saved")) }
}

/// Reads the file, and finds the stack. What is wrong with the file is told also where the stack can't be asked.
async fn open(stack: &str, args: &Args) -> Result<(File, App), Failure> {
    let name = args.file.display().to_string();
    let text =
        std::fs::read_to_string(&args.file).map_err(|error| Failure::unreadable(&args.file, &error))?;
    let file = File::read(&name, &text);
    match App::open(stack).await {
        Ok(app) => Ok((file, app)),
        Err(failure) if file.problems.is_empty() => Err(failure),
        Err(_) => Err(Failure::all(file.located()).hint("nothing was saved")),
    }
}

pub(super) fn agreement(plan: &Plan, agree: bool, by: &str) -> Option<Consent> {
    let wanted = agree && plan.lacks_consent();
    wanted.then(|| given(by))
}

pub(super) fn print(
    stack: &Stack,
    report: &Report,
    agreement: Option<&Consent>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    screen.json(report)?;
    let connections = report.connections.iter();
    let connections =
        connections.map(|saved| (Kind::Connection, &saved.connection.id, Outcome::name(saved.outcome)));
    let exports = report.exports.iter().map(|saved| (Kind::Export, &saved.id, saved.outcome.name()));
    let removed = report.removed.iter().map(|gone| (gone.kind, &gone.id, "removed"));
    let items: Vec<_> = connections.chain(exports).chain(removed).collect();
    report.notes.iter().try_for_each(|note| screen.line(&format!("note: {}", note.replace('\n', " "))))?;
    if items.is_empty() {
        return screen.line("the file names no connection and no export");
    }
    let row = |(kind, id, outcome): &(Kind, &String, &str)| {
        vec![kind.name().to_owned(), (*id).clone(), (*outcome).to_owned()]
    };
    for (line, (kind, id, _)) in table(&[], 0..0, items.iter().map(row).collect()).lines().zip(&items) {
        screen.line(line)?;
        let of_it = |change: &&Change| change.kind == *kind && change.id == **id;
        for change in report.changes.iter().filter(of_it) {
            change.lines(true).iter().try_for_each(|line| screen.line(line))?;
        }
    }
    for Removed { id, cancelled, .. } in &report.removed {
        for run in cancelled {
            screen.line(&format!("the run {run} of `{id}` is cancelled"))?;
        }
    }
    if report.removed.iter().any(|gone| gone.kind == Kind::Export) {
        screen.line(STAYS)?;
    }
    for gone in report.removed.iter().filter_map(|gone| gone.connection.as_ref()) {
        screen.line("")?;
        gone.tell(stack, screen)?;
    }
    print_consent(stack, report, agreement, screen)?;
    let saved = report.exports.iter().filter(|saved| saved.outcome != Outcome::Unchanged);
    let ready: Vec<&str> = saved.filter(|saved| saved.enabled).map(|saved| saved.id.as_str()).collect();
    if !ready.is_empty() {
        let command = stack.command(&format!("run start {}", ready.join(" ")));
        screen.line(&format!("\nsaving an export runs nothing; run it now with: {command}"))?;
    }
    Ok(())
}

/// The connections whose terms were agreed to just now; or the terms that are to be agreed to, of those that were saved.
fn print_consent(
    stack: &Stack,
    report: &Report,
    agreement: Option<&Consent>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let saved = report.connections.iter().map(|saved| &saved.connection);
    let asked = terms::by_terms(saved.filter(|saved| saved.consent.as_ref() == agreement));
    let Some(consent) = agreement else { return lacking(stack, &asked, screen) };
    for (destination, ids) in asked {
        let (name, ids) = (destination.shape().display_name, quoted(&ids));
        screen.line(&format!("\nagreed to the terms of {name} for {ids} by {}", consent.agreed_by))?;
    }
    Ok(())
}

/// Terms that nobody has agreed to.
fn lacking(
    stack: &Stack,
    lacking: &BTreeMap<Destination, Vec<String>>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    for (destination, ids) in lacking {
        screen.line(&format!("\n{}", terms::terms(*destination)))?;
        let (ids, command) = (quoted(ids), stack.command("apply -f FILE --agree"));
        screen.line(&format!("Not agreed to for {ids}, which can't be used until you do: {command}"))?;
    }
    Ok(())
}

/// Shows what --agree agrees to, before anything is saved.
fn show_terms(plan: &Plan, prompt: &mut dyn Prompt) {
    for (destination, ids) in plan.lacking_consent() {
        prompt.say(&format!(
            "{}\nBy --agree you agree to them for {}.\n",
            terms::terms(destination),
            quoted(&ids)
        ));
    }
}
