//! `segue run logs`: what the functions logged about a run.

use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use segue_segment::Destination;
use segue_state::{Run, RunId, State};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Which, export_id, no_run};
use crate::output::Screen;
use crate::{App, Failure};

/// Lines that are fetched at most: a log that is longer is for CloudWatch's own tools.
const MOST: usize = 10_000;
/// Fields that stand at the beginning of a line, or say nothing of a run's own.
const KNOWN: [&str; 8] =
    ["timestamp", "level", "message", "export", "run", "target", "requestId", "function"];

/// Show what the functions logged about a run. There is no personal data in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segue run logs vip-to-klaviyo latest --level warn")]
pub struct Args {
    /// The export.
    #[arg(value_parser = export_id)]
    pub export: String,
    /// The run's id, or `latest`.
    #[arg(value_parser = Which::parse, default_value = "latest")]
    pub run: Which,
    /// Only lines of this level, and of worse ones.
    #[arg(long, value_enum, default_value_t = Level::Trace)]
    pub level: Level,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// Everything.
    Trace,
    /// Also what only a developer needs.
    Debug,
    /// What happened.
    Info,
    /// Nothing is lost.
    Warn,
    /// Somebody must act.
    Error,
}

impl Level {
    fn of(line: &Map<String, Value>) -> Self {
        match line.get("level").and_then(Value::as_str).unwrap_or_default() {
            "ERROR" => Self::Error,
            "WARN" => Self::Warn,
            "INFO" => Self::Info,
            "DEBUG" => Self::Debug,
            _ => Self::Trace,
        }
    }
}

/// A line of a function's log.
#[derive(Debug, Clone, Serialize)]
struct Line {
    #[serde(skip)]
    at: i64,
    function: &'static str,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let run = found(&app.state, args).await?;
    let mut lines = Vec::new();
    for (function, group) in groups(&run) {
        let group = app.stack.output(group)?;
        lines.extend(fetched(app, group, &run).await?.into_iter().filter_map(|(at, text)| {
            let fields = about(&run.run, &text)?;
            (Level::of(&fields) >= args.level).then_some(Line { at, function, fields })
        }));
    }
    lines.sort_by_key(|line| line.at);
    screen.json(&lines)?;
    if lines.is_empty() {
        return screen.line("nothing is logged about it; logs are kept for as long as LogRetentionDays says");
    }
    lines.iter().try_for_each(|line| screen.line(&shown(line)))
}

async fn found(state: &State, args: &Args) -> Result<Run, Failure> {
    let found = match args.run.find(state, &args.export).await? {
        Some(id) => state.run(&args.export, &id).await?,
        None => None,
    };
    match found {
        Some(run) => Ok(run),
        None => Err(no_run(state, &args.export, &args.run).await?),
    }
}

/// The functions that have to do with a run, and the outputs that name their log groups.
fn groups(run: &Run) -> Vec<(&'static str, &'static str)> {
    let mut groups = vec![("fan-out", "FanOutLogGroup")];
    groups.extend(run.destination.map(|destination| match destination {
        Destination::Snapchat => ("snapchat", "SnapchatLogGroup"),
        Destination::Mailchimp => ("mailchimp", "MailchimpLogGroup"),
        Destination::Klaviyo => ("klaviyo", "KlaviyoLogGroup"),
    }));
    groups
}

/// Lines that name the run, with when they were written. Newer ones than `MOST` are left out.
async fn fetched(app: &App, group: &str, run: &Run) -> Result<Vec<(i64, String)>, Failure> {
    let client = aws_sdk_cloudwatchlogs::Client::new(app.aws.config());
    let since = run.created_at.checked_sub(SignedDuration::from_mins(1)).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut lines = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let request = client
            .filter_log_events()
            .log_group_name(group)
            .start_time(since.as_millisecond())
            .filter_pattern(format!("\"{}\"", run.run))
            .set_next_token(next.take());
        let page = request
            .send()
            .await
            .map_err(|error| Failure::aws(&format!("reading the log group {group}"), error.code(), &error))?;
        for event in page.events() {
            if let (Some(at), Some(text)) = (event.timestamp(), event.message()) {
                lines.push((at, text.to_owned()));
            }
        }
        next = page.next_token().map(str::to_owned);
        if next.is_none() || lines.len() >= MOST {
            return Ok(lines);
        }
    }
}

/// The fields of a line, if it is about this run.
fn about(run: &RunId, text: &str) -> Option<Map<String, Value>> {
    let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    let own = fields.get("run").and_then(Value::as_str) == Some(run.as_str());
    // A span's fields stand beside the event's.
    let spans = fields.get("spans").and_then(Value::as_array);
    let of_span = spans.is_some_and(|spans| spans.iter().any(|span| span["run"] == run.as_str()));
    (own || of_span || text.contains(run.as_str())).then_some(fields)
}

/// A line for people: when, how bad, which function, what, and its fields.
fn shown(line: &Line) -> String {
    let text = |name: &str| line.fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut shown =
        format!("{} {:5} {:9} {}", text("timestamp"), text("level"), line.function, text("message"));
    for (name, value) in &line.fields {
        if KNOWN.contains(&name.as_str()) || value.is_object() || value.is_array() {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        shown.extend([" ", name.as_str(), "=", value.as_str()]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "20261122T163512Z-a";

    #[test]
    fn a_line_is_told_by_its_run_and_shown_with_its_fields() {
        let run = RunId::parse(RUN).unwrap();
        let text = serde_json::json!({
            "timestamp": "2026-11-22T16:35:13.5Z", "level": "WARN", "message": "a call has to be repeated",
            "status": 429, "attempt": 2, "export": "e", "run": RUN, "target": "segue_delivery::attempt",
        });
        let fields = about(&run, &text.to_string()).unwrap();
        assert_eq!(Level::of(&fields), Level::Warn);
        let line = Line { at: 5, function: "klaviyo", fields };
        insta::assert_snapshot!(shown(&line), @"2026-11-22T16:35:13.5Z WARN  klaviyo   a call has to be repeated attempt=2 status=429");
        assert!(about(&RunId::parse("20261122T163512Z-b").unwrap(), &text.to_string()).is_none());
        assert!(about(&run, "START RequestId: x").is_none());
    }

    #[test]
    fn only_the_functions_that_had_to_do_with_it_are_asked() {
        let run = super::super::tests::a_run(RUN);
        assert_eq!(groups(&run), [("fan-out", "FanOutLogGroup"), ("klaviyo", "KlaviyoLogGroup")]);
        assert_eq!(groups(&Run { destination: None, ..run }).len(), 1);
    }
}
