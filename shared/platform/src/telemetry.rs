//! Logs: JSON lines, ours at the level asked for, everybody else's at `warn`.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::{Env, EnvError};

/// The crates whose events are ours. A library may put a request's body into its own: they never get louder.
const OURS: [&str; 9] = [
    "fan_out",
    "klaviyo",
    "mailchimp",
    "segue_delivery",
    "segue_platform",
    "segue_segment",
    "segue_source",
    "segue_state",
    "snapchat",
];

/// Starts logging at the level that `SEGUE_LOG` names (`info` by default).
///
/// # Errors
/// [`EnvError`] if the level is none.
pub fn init(env: &Env<'_>) -> Result<(), EnvError> {
    let level = env.parsed::<LevelFilter>("SEGUE_LOG")?.unwrap_or(LevelFilter::INFO);
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_targets(OURS.into_iter().map(|name| (name, level)));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    // A second start in one process, as tests do it, keeps the first one's settings.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
    Ok(())
}
