//! `segue run logs`: what the functions logged about a run.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use segue_segment::Destination;
use segue_state::{Run, RunId, State};
use serde::Serialize;
use serde_json::{Map, Value};

use super::no_run;
use super::when::when;
use super::which::Meant;
use crate::output::Screen;
use crate::prompt::Prompt;
use crate::stack::Stack;
use crate::{App, Failure};

/// Lines that are shown at most: the newest ones.
const MOST: usize = 10_000;
/// How often a page is asked for: an account may read only so many a second, whoever reads them.
const ATTEMPTS: u32 = 8;
/// What is logged about a run after its end is logged by then.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(1);
/// Fields that stand at the beginning of a line, or say nothing of a run's own.
const KNOWN: [&str; 8] =
    ["timestamp", "level", "message", "export", "run", "target", "requestId", "function"];

/// Show what the functions logged about a run. There is no personal data in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue run logs vip-to-klaviyo latest --level warn
  segue run logs vip-to-klaviyo latest --since 1h")]
pub struct Args {
    /// Which run.
    #[command(flatten)]
    pub meant: Meant,
    /// Only lines of this level, and of worse ones.
    #[arg(long, value_enum, default_value_t = Level::Trace)]
    pub level: Level,
    /// Only lines since then: a time, a day, or how long ago (15m, 6h).
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub since: Option<Timestamp>,
    /// Only lines until then.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub until: Option<Timestamp>,
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
pub async fn run(
    app: &App,
    args: &Args,
    prompt: &mut dyn Prompt,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let run = found(&app.state, args).await?;
    let until = match args.until {
        Some(until) => Some(until),
        // Whoever asks for what came since then wants nothing before it.
        None => ended(&app.state, &run).await?.filter(|end| args.since.is_none_or(|since| since < *end)),
    };
    let config = aws_sdk_cloudwatchlogs::config::Builder::from(app.aws.config());
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    let client = Client::from_conf(config.retry_config(retries).build());
    let mut lines = Vec::new();
    let mut more = false;
    for (function, group) in groups(&run) {
        let found = fetched(&client, app.stack.output(group)?, function, &run, args, until).await?;
        more |= found.more;
        lines.extend(found.lines);
    }
    more |= newest(&mut lines, MOST);
    screen.json(&lines)?;
    if let (true, Some(oldest)) = (more, lines.first()) {
        prompt.say(&left_out(&app.stack, &run, oldest.at));
    }
    if lines.is_empty() {
        let kept = "logs are kept for as long as LogRetentionDays says";
        return screen.line(&match args.level {
            Level::Trace if args.since.is_none() && args.until.is_none() => {
                format!("nothing is logged about it; {kept}")
            }
            _ => format!("nothing like that is logged about it; {kept}"),
        });
    }
    lines.iter().try_for_each(|line| screen.line(&shown(line)))
}

/// Puts lines in order, and leaves the newest; whether there were more.
fn newest(lines: &mut Vec<Line>, most: usize) -> bool {
    lines.sort_by_key(|line| line.at);
    let over = lines.len().saturating_sub(most);
    lines.drain(..over);
    over > 0
}

/// What is said where older lines are left out.
fn left_out(stack: &Stack, run: &Run, oldest: i64) -> String {
    let until = Timestamp::from_millisecond(oldest).unwrap_or_default();
    let older = stack.command(&format!("run logs {} {} --until {until}", run.export.id, run.run));
    format!(
        "warning: only the newest {MOST} lines are shown; see the older ones with `{older}`, or fewer with --level or \
         --since"
    )
}

async fn found(state: &State, args: &Args) -> Result<Run, Failure> {
    let (export, which) = args.meant.find(state).await?;
    let found = match which.find(state, &export).await? {
        Some(id) => state.run(&export, &id).await?,
        None => None,
    };
    match found {
        Some(run) => Ok(run),
        None => Err(no_run(state, &export, &which).await?),
    }
}

/// When nothing more is logged about a run; `None` while it is under way. What was logged since of others is not looked
/// through.
async fn ended(state: &State, run: &Run) -> Result<Option<Timestamp>, Failure> {
    let (export, id) = (&run.export.id, &run.run);
    if state.open(export, id).await?.is_some() {
        return Ok(None);
    }
    let finished = state.summary(export, id).await?.and_then(|found| found.body.finished_at);
    Ok(finished.and_then(|at| at.checked_add(AFTERWARDS).ok()))
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

/// Lines of a log group.
struct Found {
    lines: Vec<Line>,
    /// Whether there are older ones.
    more: bool,
}

/// The newest lines about a run.
async fn fetched(
    client: &Client,
    group: &str,
    function: &'static str,
    run: &Run,
    args: &Args,
    until: Option<Timestamp>,
) -> Result<Found, Failure> {
    let opened = run.created_at.checked_sub(SignedDuration::from_mins(1)).unwrap_or(Timestamp::UNIX_EPOCH);
    let since = args.since.map_or(opened, |since| since.max(opened));
    let mut lines = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let request = client
            .filter_log_events()
            .log_group_name(group)
            .start_time(since.as_millisecond())
            .set_end_time(until.map(Timestamp::as_millisecond))
            .start_from_head(false)
            .filter_pattern(format!("\"{}\"", run.run))
            .set_next_token(next.take());
        let page = request.send().await.map_err(|error| match error.code() {
            Some("ThrottlingException") => {
                Failure::new(format!("the log group {group} is read too often just now, by you or by others"))
                    .hint("try again in a minute, or ask for less with --since and --until")
            }
            code => Failure::aws(&format!("reading the log group {group}"), code, &error),
        })?;
        for event in page.events() {
            let (Some(at), Some(text)) = (event.timestamp(), event.message()) else { continue };
            let Some(fields) = about(&run.run, text) else { continue };
            if Level::of(&fields) >= args.level {
                lines.push(Line { at, function, fields });
            }
        }
        next = page.next_token().map(str::to_owned);
        if next.is_none() || lines.len() >= MOST {
            return Ok(Found { lines, more: next.is_some() });
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
#[path = "logs_tests.rs"]
mod tests;
