//! `segue apply`: saves the connections and exports of a file.

pub mod account;
pub mod credentials;
pub mod file;
pub mod plan;
pub mod positions;
pub mod save;
pub mod terms;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use segue_segment::Destination;
use segue_state::{Connection, Consent};

use account::AtDestinations;
pub use credentials::Inputs;
use file::File;
use save::{Outcome, Report};

use crate::output::{Screen, table};
use crate::stack::Stack;
use crate::{App, Failure};

/// Save the connections and exports of a file. Nothing runs by that.
///
/// What the file does not name stays as it is. Credentials never stand in the file: it names an environment variable
/// or standard input that holds them as a JSON object, or a secret that exists already.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, YAML.
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Agree, as the AWS identity that you are, to the terms of connections that lack consent.
    #[arg(long)]
    pub agree: bool,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    stack: &str,
    args: &Args,
    mut inputs: Inputs<'_>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::usage(format!("{name} could not be read: {error}")))?;
    let file = File::parse(&name, &text)?;
    let app = App::open(stack).await?;
    let plan = plan::plan(&file, &app.stack.name, &app.state, &*app.secrets, &mut inputs).await?;
    let agreement = if args.agree && plan.lacks_consent() {
        Some(Consent {
            terms: Connection::TERMS,
            agreed_by: app.caller().await?,
            agreed_at: Timestamp::now(),
        })
    } else {
        None
    };
    let report =
        save::save(&AtDestinations(&app.stack), &app.state, &app.secrets, plan, agreement.as_ref()).await?;
    print(&app.stack, &report, agreement.as_ref(), screen)
}

fn print(
    stack: &Stack,
    report: &Report,
    agreement: Option<&Consent>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    screen.json(report)?;
    let row = |kind: &str, id: &str, outcome: Outcome| {
        vec![kind.to_owned(), id.to_owned(), outcome.name().to_owned()]
    };
    let connections =
        report.connections.iter().map(|saved| row("connection", &saved.connection.id, saved.outcome));
    let exports = report.exports.iter().map(|saved| row("export", &saved.id, saved.outcome));
    let rows: Vec<_> = connections.chain(exports).collect();
    if rows.is_empty() {
        return screen.line("the file names no connection and no export");
    }
    screen.line(&table(&[], 0..0, rows))?;
    print_consent(stack, report, agreement, screen)?;
    let ready: Vec<&str> =
        report.exports.iter().filter(|saved| saved.enabled).map(|saved| saved.id.as_str()).collect();
    if !ready.is_empty() {
        let command = stack.command(&format!("run start {}", ready.join(" ")));
        screen.line(&format!("\nsaving an export runs nothing; run it now with: {command}"))?;
    }
    Ok(())
}

/// The terms that were agreed to just now, or that are to be agreed to.
fn print_consent(
    stack: &Stack,
    report: &Report,
    agreement: Option<&Consent>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let mut asked: BTreeMap<Destination, Vec<&str>> = BTreeMap::new();
    for Connection { id, destination, consent, .. } in
        report.connections.iter().map(|saved| &saved.connection)
    {
        if consent.as_ref() == agreement {
            asked.entry(*destination).or_default().push(id);
        }
    }
    for (destination, ids) in asked {
        let ids: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
        screen.line(&format!("\n{}", terms::terms(destination)))?;
        let ids = ids.join(", ");
        if let Some(consent) = agreement {
            screen.line(&format!("Agreed to for {ids} by {}", consent.agreed_by))?;
        } else {
            let command = stack.command("apply -f FILE --agree");
            screen.line(&format!("Not agreed to for {ids}, which can't be used until you do: {command}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
