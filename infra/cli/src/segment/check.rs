//! `segue segment check`: fan-out's own pass over a local file, with nothing sent.

mod chunks;
mod columns;
mod file;
mod sending;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use fan_out::guard::{Bounds, Guard};
use fan_out::intake::{Intake, Tally, Wanted};
use segue_segment::destination::Form;
use segue_segment::{Counts, Destination, Reason};
use segue_source::shown::are_values;
use segue_source::{Delimiter, Encoding, Format, Found, Options};
use segue_state::{Fields, Limits, Rejected};
use serde::Serialize;

use crate::output::{Screen, table};
use crate::{Failure, nearest};
use chunks::Chunks;
use columns::Candidates;
use file::{File, Go, Outcome};
use sending::Sending;

/// Columns that people are shown.
const SHOWN: usize = 30;

/// Read a local file as fan-out would, and tell what would come of it. Nothing is sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue segment check vip.csv --destination klaviyo
  segue segment check vip.csv --destination klaviyo --email email --first-name first_name")]
pub struct Args {
    /// The file: delimited text, JSON or Parquet, as it would be dropped.
    pub file: PathBuf,
    /// Where its profiles would go.
    #[arg(long, value_name = "DESTINATION", value_parser = destinations())]
    pub destination: Destination,
    /// The column with the e-mail address. Without it, tells which columns look like it, and checks no row.
    #[arg(long, value_name = "COLUMN")]
    pub email: Option<String>,
    /// The column with the first name.
    #[arg(long, value_name = "COLUMN")]
    pub first_name: Option<String>,
    /// The column with the last name.
    #[arg(long, value_name = "COLUMN")]
    pub last_name: Option<String>,
    /// What its rows are written in: delimited, ndjson, json or parquet; found out from the file if not given.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// What separates its fields: one character, or tab; found out from the first line if not given.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<Delimiter>,
    /// The encoding of its text, such as windows-1252; by its byte order mark, else UTF-8, if not given.
    #[arg(long, value_name = "ENCODING")]
    pub encoding: Option<Encoding>,
    /// Whether delimited text starts with a header. Without one, columns are called 1, 2, and so on.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub header: bool,
    /// As `--header false`, which is how exports say it.
    #[arg(long, hide = true, conflicts_with = "header")]
    pub no_header: bool,
    /// The most bytes that one byte of a compressed file may unpack to.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().max_ratio, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_ratio: u32,
    /// The most bytes that a compressed file may unpack to.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().max_bytes, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_bytes: u64,
    /// A column that the file must have besides the mapped ones; can be repeated.
    #[arg(long = "column", alias = "expect", value_name = "COLUMN")]
    pub columns: Vec<String>,
    /// The most profiles; the destination's default if not given.
    #[arg(long, alias = "limit", value_name = "PROFILES", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_profiles: Option<u64>,
    /// The least profiles.
    #[arg(long, value_name = "PROFILES", default_value_t = 0)]
    pub min_profiles: u64,
    /// The most invalid rows, as a share of all from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = Limits::default().invalid_share, value_parser = share)]
    pub invalid_share: f64,
    /// Keep the chunks that would be staged in this folder. They hold what the destination would get of people.
    #[arg(long, value_name = "FOLDER")]
    pub chunks_to: Option<PathBuf>,
}

fn destinations() -> impl TypedValueParser<Value = Destination> {
    PossibleValuesParser::new(Destination::ALL.map(Destination::name))
        .try_map(|name| name.parse::<Destination>())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "use a share from 0 to 1, such as 0.2".to_owned())
}

/// What would come of a file. The names are a summary's.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    destination: Destination,
    #[serde(flatten)]
    what: What,
    #[serde(flatten)]
    counts: Counts,
    invalid_by_reason: std::collections::BTreeMap<Reason, u64>,
    /// The first invalid rows.
    problems: Vec<Rejected>,
    chunks: u32,
    sending: Sending,
    elapsed_seconds: f64,
    rows_per_second: f64,
    /// Whether a run over this file would send anything.
    would_run: bool,
    /// The guard that would stop it, or what it would do.
    message: String,
}

/// What a file is.
#[derive(Debug, Serialize)]
struct What {
    /// What was found out about it.
    source: Option<Found>,
    /// Its columns, or paths into its objects; none if they look like values.
    columns: Vec<String>,
}

impl Args {
    fn has_header(&self) -> bool {
        self.header && !self.no_header
    }
}

impl What {
    fn of(outcome: &Outcome, args: &Args) -> Self {
        let columns = if hidden(outcome, args) { Vec::new() } else { outcome.names.clone() };
        Self { source: outcome.found, columns }
    }

    /// For people: name and value.
    fn lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        if let Some(found) = &self.source {
            let delimiter = found.delimiter.map(|delimiter| format!(", separated by {}", delimiter.shown()));
            let compression = match found.compression.name() {
                "none" => String::new(),
                name => format!(", {name}"),
            };
            let what =
                format!("{}{compression}, {}{}", found.format, found.encoding, delimiter.unwrap_or_default());
            lines.push(("file".to_owned(), what));
        }
        let mut shown = self.columns.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        if self.columns.len() > SHOWN {
            shown = format!("{shown} and {} more", self.columns.len() - SHOWN);
        }
        if !shown.is_empty() {
            lines.push(("columns".to_owned(), shown));
        }
        lines
    }
}

/// Whether the names of the columns seem to be a person's. Positions, which stand in for names, are nobody's.
fn hidden(outcome: &Outcome, args: &Args) -> bool {
    args.has_header() && are_values(&outcome.names)
}

/// What is told of a file of which nothing is mapped.
#[derive(Debug, Serialize)]
struct Unmapped {
    file: String,
    destination: Destination,
    #[serde(flatten)]
    what: What,
    candidates: Candidates,
    would_run: bool,
    message: String,
}

/// Does it.
///
/// # Errors
/// [`Failure`], also if a guard would stop the run.
pub fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let shape = args.destination.shape();
    if shape.form == Form::Hashes && (args.first_name.is_some() || args.last_name.is_some()) {
        let problem = format!("{} takes the e-mail address only", shape.display_name);
        return Err(Failure::usage(problem).hint("leave out --first-name and --last-name"));
    }
    let options = Options {
        format: args.format,
        delimiter: args.delimiter,
        encoding: args.encoding,
        header: args.has_header(),
        max_ratio: args.max_ratio,
        max_bytes: args.max_bytes,
    };
    let mut file = File::open(&args.file, options)?;
    match &args.email {
        Some(email) => check(args, email, &mut file, screen),
        None => look(args, &mut file, screen),
    }
}

/// Passes all rows through what fan-out passes them through.
fn check(args: &Args, email: &str, file: &mut File, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let mut chunks = Chunks::new(args.chunks_to.as_deref())?;
    let started = Instant::now();
    let bounds = Bounds {
        profiles: args.max_profiles.unwrap_or(args.destination.shape().default_limit),
        invalid_share: args.invalid_share,
        min_profiles: args.min_profiles,
    };
    let mapping = Fields {
        email: email.to_owned(),
        first_name: args.first_name.clone(),
        last_name: args.last_name.clone(),
    };
    let mut intake = Intake::new(&[Wanted {
        destination: args.destination,
        mapping,
        columns: args.columns.clone(),
        limit: bounds.profiles,
    }]);
    intake.begin_part(0);
    let outcome = file.read(&mut intake, |intake| {
        chunks.take(intake.take_ready())?;
        Ok(if intake.is_hopeless() { Go::Stop } else { Go::On })
    })?;
    let (rest, tallies) = intake.finish();
    chunks.take(rest)?;
    let tally = tallies.into_iter().next().ok_or_else(|| Failure::new("nothing was counted"))?;
    let verdict = match &outcome.error {
        Some(source) => Err(Guard::Source { file: name.clone(), source: source.clone() }),
        None => tally.judge(bounds, email, &[&name]),
    };
    if verdict.is_ok() {
        chunks.keep();
    }
    let elapsed = started.elapsed();
    let invalid = std::mem::take(&mut chunks.invalid);
    let report = report(args, What::of(&outcome, args), invalid, tally, verdict.as_ref().err(), elapsed);
    // Rows whose address is in no known column are neither valid nor invalid.
    let counted = report.counts.read > 0 && !matches!(verdict, Err(Guard::Column { .. }));
    print(&report, counted, screen)?;
    verdict.map_err(|guard| {
        let failure = Failure::new(guard.to_string());
        let named = [Some(email), args.first_name.as_deref(), args.last_name.as_deref()];
        let mut meant = named.into_iter().flatten().filter(|name| {
            let same = |column: &String| column.trim().to_lowercase() == name.trim().to_lowercase();
            !report.what.columns.iter().any(same)
        });
        match meant.find_map(|name| nearest::meant(name, &report.what.columns)) {
            Some(column) if !counted => failure.hint(format!("did you mean `{column}`?")),
            _ => failure,
        }
    })
}

/// Tells what could be mapped.
fn look(args: &Args, file: &mut File, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let outcome = columns::names(file)?;
    if let Some(source) = outcome.error {
        return Err(Failure::new(Guard::Source { file: name, source }.to_string()));
    }
    if hidden(&outcome, args) {
        let problem = format!("{name}: the first line looks like a row: is the header missing?");
        return Err(
            Failure::new(problem).hint("check it with --header false, which calls columns by position")
        );
    }
    let candidates = columns::candidates(file, &outcome.names)?;
    let message = match candidates.email.first() {
        Some(column) => format!("nothing is mapped yet: check the rows with `--email '{column}'`"),
        None => "nothing is mapped yet, and no column looks like e-mail addresses".to_owned(),
    };
    let (destination, what) = (args.destination, What::of(&outcome, args));
    let found = Unmapped { file: name, destination, what, candidates, would_run: false, message };
    screen.json(&found)?;
    let mut rows = found.what.lines();
    let looks = [
        ("like e-mail", &found.candidates.email),
        ("like first name", &found.candidates.first_name),
        ("like last name", &found.candidates.last_name),
    ];
    let looks = looks.into_iter().filter(|(_, names)| !names.is_empty());
    rows.extend(looks.map(|(like, names)| (like.to_owned(), names.join(", "))));
    screen.line(&table(&[], 0..0, rows.into_iter().map(|(name, value)| vec![name, value]).collect()))?;
    screen.line(&found.message)
}

fn report(
    args: &Args,
    what: What,
    problems: Vec<Rejected>,
    tally: Tally,
    stopped: Option<&Guard>,
    elapsed: Duration,
) -> Report {
    let destination = args.destination;
    let seconds = elapsed.as_secs_f64();
    let sending = Sending::of(destination, if stopped.is_none() { tally.totals.profiles } else { 0 });
    let chunks = if stopped.is_none() { tally.chunks } else { 0 };
    let message = match stopped {
        Some(guard) => guard.to_string(),
        None => format!(
            "{} profiles would go to {} in {chunks} {}",
            tally.totals.profiles,
            destination.shape().display_name,
            if chunks == 1 { "chunk" } else { "chunks" },
        ),
    };
    // Rows are fewer than 2^52.
    #[expect(clippy::cast_precision_loss)]
    let rate = if seconds > 0.0 { tally.counts.read as f64 / seconds } else { 0.0 };
    Report {
        file: args.file.display().to_string(),
        destination,
        what,
        counts: tally.counts,
        invalid_by_reason: tally.invalid_by_reason,
        problems,
        chunks,
        sending,
        elapsed_seconds: (seconds * 1000.0).round() / 1000.0,
        rows_per_second: rate.round(),
        would_run: stopped.is_none(),
        message,
    }
}

fn print(report: &Report, counted: bool, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(report)?;
    let cells =
        |rows: Vec<(String, String)>| rows.into_iter().map(|(name, value)| vec![name, value]).collect();
    let what = report.what.lines();
    if !what.is_empty() {
        screen.line(&table(&[], 0..0, cells(what)))?;
    }
    if !counted {
        return Ok(());
    }
    let counts = &report.counts;
    let mut rows = vec![("rows read".to_owned(), counts.read.to_string())];
    rows.push(("invalid".to_owned(), counts.invalid.to_string()));
    rows.extend(
        report.invalid_by_reason.iter().map(|(reason, count)| (format!("  {reason}"), count.to_string())),
    );
    rows.push(("duplicate".to_owned(), counts.duplicate.to_string()));
    rows.push(("profiles".to_owned(), counts.pending.to_string()));
    rows.push(("chunks".to_owned(), report.chunks.to_string()));
    rows.push(("seconds".to_owned(), format!("{:.3}", report.elapsed_seconds)));
    rows.push(("rows/s".to_owned(), format!("{:.0}", report.rows_per_second)));
    screen.line(&table(&[], 1..2, cells(rows)))?;
    for Rejected { row, reason, .. } in &report.problems {
        screen.line(&format!("row {}: {reason}", row.unwrap_or_default()))?;
    }
    if !report.would_run {
        return Ok(());
    }
    screen.line(&report.message)?;
    screen.line(&report.sending.shown())
}

#[cfg(test)]
mod tests;
