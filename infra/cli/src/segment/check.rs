//! `segue segment check`: fan-out's own pass over a local file, with nothing sent.

mod chunks;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use fan_out::guard::{Bounds, Guard};
use fan_out::intake::{Intake, Tally, Wanted};
use segue_segment::destination::Form;
use segue_segment::{Counts, Destination, Reason};
use segue_source::Reader;
use segue_state::{Fields, Limits};
use serde::Serialize;

use crate::Failure;
use crate::output::{Screen, table};
use chunks::Chunks;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// Read a local file as fan-out would, and tell what would come of it. Nothing is sent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, CSV in UTF-8 with a header.
    pub file: PathBuf,
    /// Where its profiles would go.
    #[arg(long, value_name = "DESTINATION", value_parser = destinations())]
    pub destination: Destination,
    /// The column with the e-mail address.
    #[arg(long, value_name = "COLUMN")]
    pub email: String,
    /// The column with the first name.
    #[arg(long, value_name = "COLUMN")]
    pub first_name: Option<String>,
    /// The column with the last name.
    #[arg(long, value_name = "COLUMN")]
    pub last_name: Option<String>,
    /// Most profiles; the destination's default if not given.
    #[arg(long, value_name = "PROFILES", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Most invalid rows, as a share of all from 0 to 1.
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
    counts: Counts,
    invalid_by_reason: std::collections::BTreeMap<Reason, u64>,
    chunks: u32,
    elapsed_seconds: f64,
    rows_per_second: f64,
    /// Whether a run over this file would send anything.
    would_run: bool,
    /// The guard that would stop it, or what it would do.
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
    let name = args.file.display().to_string();
    let mut file = File::open(&args.file).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    if !file.metadata().is_ok_and(|found| !found.is_dir()) {
        return Err(Failure::usage(format!("{name}: it is no file")));
    }
    let mut chunks = Chunks::new(args.chunks_to.as_deref())?;
    let started = Instant::now();
    let bounds = Bounds {
        profiles: args.limit.unwrap_or(shape.default_limit),
        invalid_share: args.invalid_share,
        min_profiles: 0,
    };
    let mapping = Fields {
        email: args.email.clone(),
        first_name: args.first_name.clone(),
        last_name: args.last_name.clone(),
    };
    let mut intake =
        Intake::new(&[Wanted {
            destination: args.destination,
            mapping,
            columns: Vec::new(),
            limit: bounds.profiles,
        }]);
    let stopped = read(&mut file, &args.file, &mut intake, &mut chunks)?.err();
    let (rest, tallies) = intake.finish();
    chunks.take(rest)?;
    let tally = tallies.into_iter().next().ok_or_else(|| Failure::new("nothing was counted"))?;
    let verdict = match stopped {
        Some(guard) => Err(guard),
        None => tally.judge(bounds, &args.email, &[&name]),
    };
    if verdict.is_err() {
        chunks.remove()?;
    }
    let report = report(name, args.destination, tally, verdict.as_ref().err(), started.elapsed());
    print(&report, screen)?;
    verdict.map_err(|guard| Failure::new(guard.to_string()))
}

/// Reads the file as fan-out reads a drop. The inner error is a guard's.
fn read(
    file: &mut File,
    path: &Path,
    intake: &mut Intake,
    chunks: &mut Chunks,
) -> Result<Result<(), Guard>, Failure> {
    let name = path.display().to_string();
    let mut reader = Reader::default();
    let mut piece = vec![0; PIECE];
    intake.begin_part(0);
    loop {
        let length = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::new(format!("{name} could not be read: {error}"))),
        };
        if let Err(source) = reader.feed(&piece[..length], intake) {
            return Ok(Err(Guard::Source { file: name, source }));
        }
        if intake.is_hopeless() {
            return Ok(Ok(()));
        }
        chunks.take(intake.take_ready())?;
    }
    Ok(match reader.finish(intake) {
        Ok(_) => Ok(()),
        Err(source) => Err(Guard::Source { file: name, source }),
    })
}

fn report(
    file: String,
    destination: Destination,
    tally: Tally,
    stopped: Option<&Guard>,
    elapsed: Duration,
) -> Report {
    let seconds = elapsed.as_secs_f64();
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
        file,
        destination,
        counts: tally.counts,
        invalid_by_reason: tally.invalid_by_reason,
        chunks,
        elapsed_seconds: (seconds * 1000.0).round() / 1000.0,
        rows_per_second: rate.round(),
        would_run: stopped.is_none(),
        message,
    }
}

fn print(report: &Report, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(report)?;
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
    screen.line(&table(&[], 1..2, rows.into_iter().map(|(name, value)| vec![name, value]).collect()))?;
    if report.would_run { screen.line(&report.message) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
