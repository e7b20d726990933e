//! `segue run rejected`: the rows that were refused, by part, row and reason.

use std::collections::BTreeMap;

use segue_segment::Reason;
use segue_state::finish::look;
use segue_state::{Rejected, Run, Sealed, State, Summary, keys};
use serde::Serialize;

use super::no_run;
use super::source::{self, Row};
use super::which::Meant;
use crate::output::{Screen, table};
use crate::{App, Failure};

/// Rows that people are shown, unless they say how many.
const MOST: u32 = 1000;

/// Show the rows of a run that were refused, by Segue or by the destination.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue run rejected vip-to-klaviyo latest
  segue run rejected vip-to-klaviyo latest --reason not_an_address --with-source")]
pub struct Args {
    /// Which run.
    #[command(flatten)]
    pub meant: Meant,
    /// Only rows that were refused for this reason.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub reason: Option<Reason>,
    /// Most rows; 1000 if not given, and all of them with `--output json`.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Show what stands in the mapped columns of these rows. It is read from the drop and kept nowhere.
    #[arg(long)]
    pub with_source: bool,
}

fn reason(text: &str) -> Result<Reason, String> {
    let known = Reason::ALL.into_iter().find(|reason| reason.name() == text);
    known.ok_or_else(|| format!("there are {}", Reason::ALL.map(Reason::name).join(", ")))
}

/// A refused row as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Line {
    /// The key of its file; none if the destination did not say which row it refused.
    file: Option<String>,
    part: Option<u32>,
    row: Option<u64>,
    reason: Reason,
    /// `segue`, or the destination's name.
    refused_by: &'static str,
    /// What stands in its mapped columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Row>,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let most = args.limit.unwrap_or(if screen.is_json() { u32::MAX } else { MOST });
    let Found { run, mut lines, total, others } = found(&app.state, args, most).await?;
    let mut problems = Vec::new();
    if args.with_source {
        let bucket =
            segue_platform::s3::Bucket::new(app.aws.s3(), app.stack.output("SegmentBucket")?.to_owned());
        let wanted = lines.iter().filter_map(|line| Some((line.part?, line.row?)));
        let sources = source::read(&bucket, &run, wanted).await;
        problems = sources.problems;
        if sources.rows.is_empty() && !problems.is_empty() {
            return Failure::together(problems);
        }
        for line in &mut lines {
            line.source = line.part.zip(line.row).and_then(|at| sources.rows.get(&at).cloned());
        }
    }
    screen.json(&lines)?;
    print(&lines, &total, args, screen)?;
    if lines.is_empty() && others > 0 {
        screen.line(&format!("for other reasons {} refused", rows(others)))?;
    }
    match look(&app.state, &run.export.id, &run.run).await {
        Ok(Some(Summary { status, message, .. })) if !status.is_end() => {
            screen.line(&format!("there may be more: the run is {}: {message}", status.name()))?;
        }
        Ok(_) => {}
        Err(error) => problems.push(error.into()),
    }
    Failure::together(problems)
}

struct Found {
    run: Run,
    lines: Vec<Line>,
    /// Rows for each reason, also of those beyond the limit.
    total: BTreeMap<Reason, u64>,
    /// Rows that were refused for other reasons than the one that is asked for.
    others: u64,
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row was".to_owned() } else { format!("{count} rows were") }
}

async fn found(state: &State, args: &Args, most: u32) -> Result<Found, Failure> {
    let (export, which) = args.meant.find(state).await?;
    let Some(id) = which.find(state, &export).await? else {
        return Err(no_run(state, &export, &which).await?);
    };
    let Some(run) = state.run(&export, &id).await? else {
        return Err(no_run(state, &export, &which).await?);
    };
    let mut found = Found { run, lines: Vec::new(), total: BTreeMap::new(), others: 0 };
    if let Some(sealed) = state.sealed(&export, &id).await? {
        for (key, refused_by) in pages(state, &found.run, &sealed).await? {
            let Some(page) = state.objects().get(&key).await? else { continue };
            for line in page.bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                let row: Rejected = serde_json::from_slice(line)
                    .map_err(|error| Failure::new(format!("{key} is malformed: {error}")))?;
                found.take(&row, refused_by, args.reason, most);
            }
        }
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, rejected: &Rejected, refused_by: &'static str, wanted: Option<Reason>, most: u32) {
        let Rejected { part, row, reason } = *rejected;
        if wanted.is_some_and(|wanted| wanted != reason) {
            self.others += 1;
            return;
        }
        *self.total.entry(reason).or_default() += 1;
        if self.lines.len() < most as usize {
            let file = part.and_then(|part| self.run.parts().nth(part as usize)).map(|part| part.key.clone());
            self.lines.push(Line { file, part, row, reason, refused_by, source: None });
        }
    }
}

/// The pages with refused rows: ours of the staging that counts, then the destination's.
async fn pages(state: &State, run: &Run, sealed: &Sealed) -> Result<Vec<(String, &'static str)>, Failure> {
    let (export, id) = (&run.export.id, &run.run);
    let ours = keys::invalid_prefix(export, id, &sealed.attempt);
    let theirs = format!("{}chunk-", keys::rejected(export, id));
    let destination = run.destination.map_or("destination", segue_segment::Destination::name);
    let listed = state.objects().list(&keys::rejected(export, id)).await?;
    let mut pages: Vec<(String, &'static str)> = Vec::new();
    for (prefix, by) in [(ours, "segue"), (theirs, destination)] {
        let of = listed.iter().filter(|stored| stored.key.starts_with(&prefix));
        pages.extend(of.map(|stored| (stored.key.clone(), by)));
    }
    Ok(pages)
}

fn print(
    lines: &[Line],
    total: &BTreeMap<Reason, u64>,
    args: &Args,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    if lines.is_empty() {
        return screen.line(&args.reason.map_or_else(
            || "no row was refused".to_owned(),
            |reason| format!("no row was refused as `{reason}`"),
        ));
    }
    let mut header = vec!["file", "row", "reason", "refused by"];
    let names: Vec<&str> = lines
        .iter()
        .find_map(|line| line.source.as_ref())
        .map(|row| row.keys().map(String::as_str).collect())
        .unwrap_or_default();
    header.extend(&names);
    let rows = lines.iter().map(|line| {
        let mut row = vec![
            line.file.clone().unwrap_or_else(|| "not told".to_owned()),
            line.row.map_or_else(String::new, |row| row.to_string()),
            line.reason.to_string(),
            line.refused_by.to_owned(),
        ];
        let value = |name: &&str| line.source.as_ref().and_then(|source| source.get(*name)).cloned();
        row.extend(names.iter().map(|name| value(name).unwrap_or_default().escape_debug().to_string()));
        row
    });
    screen.line(&table(&header, 1..2, rows.collect()))?;
    let all: u64 = total.values().sum();
    if all > lines.len() as u64 {
        screen.line(&format!("{} of {all} rows are shown; see more with --limit", lines.len()))?;
    }
    if args.with_source {
        screen.line("these are people: keep this nowhere that they need not be")?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "rejected_tests.rs"]
mod tests;
