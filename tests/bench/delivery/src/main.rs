//! How long, how costly and how exact delivery is, with the real functions over a model of AWS and the sandbox.
//!
//! Queues hand messages out as SQS does (groups side by side, one message of a group in hand), Lambda keeps its warm
//! environments, S3 takes its time; everything asked of them is counted. Times are never asserted, counts are.

mod bucket;
mod control;
mod lambda;
mod ledger;
mod million;
mod neighbours;
mod prices;
mod process;
mod report;
mod setting;
mod sqs;
mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use segue_segment::Destination;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::million::Measured;
use crate::neighbours::Neighbours;
use crate::prices::{Memory, PRICE_LIST};
use crate::setting::Setting;

/// The template whose settings count.
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../template.yaml");

/// Measures delivery in the sandbox, with its documented limits and a realistic latency a call.
#[derive(Debug, Parser)]
#[command(name = "bench-delivery")]
struct Options {
    /// Only this destination; can be given several times.
    #[arg(long)]
    destination: Vec<Destination>,
    /// Profiles for each destination; by default a million, and 180,000 for Mailchimp, where a million takes long.
    #[arg(long)]
    profiles: Option<u64>,
    /// Only the two accounts beside one another.
    #[arg(long, conflicts_with = "without_neighbours")]
    only_neighbours: bool,
    /// Without the two accounts beside one another.
    #[arg(long)]
    without_neighbours: bool,
    /// How the figures are printed.
    #[arg(long, default_value = "table")]
    output: Output,
    /// Folder that gets a file a destination, with a line for each request to AWS and each invocation.
    #[arg(long)]
    timeline: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let stopped = async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        anyhow::Ok(false)
    };
    // Whatever is dropped here ends its sandbox.
    let done = tokio::select! {
        done = run(Options::parse()) => done,
        stopped = stopped => stopped,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench-delivery: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints, and answers whether every count was exact.
async fn run(options: Options) -> Result<bool> {
    let memory = Memory::of_template(Path::new(TEMPLATE))?;
    let mut measured = Vec::new();
    if !options.only_neighbours {
        let chosen = Destination::ALL.into_iter().filter(|destination| {
            options.destination.is_empty() || options.destination.contains(destination)
        });
        for destination in chosen {
            let setting = Setting::of(destination);
            let profiles = options.profiles.unwrap_or(setting.profiles);
            progress(&format!("{profiles} profiles to {destination}"))?;
            let found = million::measure(setting, profiles, memory).await?;
            if let Some(folder) = &options.timeline {
                std::fs::write(folder.join(format!("{destination}.txt")), &found.timeline)?;
            }
            measured.push(found);
        }
    }
    let mut neighbours = None;
    if options.only_neighbours || (options.destination.is_empty() && !options.without_neighbours) {
        let profiles = options.profiles.unwrap_or(Setting::of(Destination::Snapchat).profiles);
        progress(&format!("{profiles} profiles to an account alone, and beside one that is throttled"))?;
        neighbours = Some(neighbours::measure(profiles).await?);
    }
    print(options.output, &measured, neighbours.as_ref())?;
    Ok(measured.iter().all(|found| found.exact) && neighbours.is_none_or(|found| found.exact))
}

fn progress(what: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "bench-delivery: {what} …")
}

fn print(output: Output, measured: &[Measured], neighbours: Option<&Neighbours>) -> Result<()> {
    let mut out = std::io::stdout();
    match output {
        Output::Table => write!(out, "{}", report::text(measured, neighbours))?,
        Output::Json => {
            let all = json!({"prices": PRICE_LIST, "destinations": measured, "neighbours": neighbours});
            writeln!(out, "{all:#}")?;
        }
    }
    Ok(())
}
