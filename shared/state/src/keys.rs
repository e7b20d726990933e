//! The layout of the state bucket.

use segue_segment::Destination;

use crate::{Role, RunId};

/// Where connections are configured.
pub const CONNECTIONS: &str = "config/connections/";
/// Where runs are that are not finished.
pub const OPEN: &str = "open/";
/// Where the runs of all exports are.
pub const RUNS: &str = "runs/";

/// A connection's configuration.
#[must_use]
pub fn connection(id: &str) -> String {
    format!("{CONNECTIONS}{id}.json")
}

/// Where the exports of a role are configured.
#[must_use]
pub fn exports(role: Role) -> String {
    format!("config/exports/{}/", role.name())
}

/// An export's configuration.
#[must_use]
pub fn export(role: Role, id: &str) -> String {
    format!("config/exports/{}/{id}.json", role.name())
}

/// What the last files that were applied said, of connections and of a role's exports.
#[must_use]
pub fn applied(role: Role) -> String {
    format!("config/applied/{}.json", role.name())
}

/// What is wrong with a connection's account.
#[must_use]
pub fn health(connection: &str) -> String {
    format!("health/{connection}.json")
}

/// The newest drops that an export has sealed.
#[must_use]
pub fn head(export: &str) -> String {
    format!("exports/{export}/head.json")
}

/// The pacing windows of a lane.
#[must_use]
pub fn lane(destination: Destination, group: &str) -> String {
    let safe: String =
        group.chars().map(|c| if c.is_ascii_alphanumeric() || "-_/".contains(c) { c } else { '_' }).collect();
    format!("lanes/{destination}/{safe}.json")
}

/// A run that is not finished.
#[must_use]
pub fn open(export: &str, run: &RunId) -> String {
    format!("{OPEN}{export}/{run}")
}

/// The folder with an export's runs.
#[must_use]
pub fn runs(export: &str) -> String {
    format!("{RUNS}{export}/")
}

/// What a run does.
#[must_use]
pub fn run(export: &str, run: &RunId) -> String {
    format!("runs/{export}/{run}/run.json")
}

/// That a run's drops were read, and how that ended.
#[must_use]
pub fn sealed(export: &str, run: &RunId) -> String {
    format!("runs/{export}/{run}/sealed.json")
}

/// Who stopped a run.
#[must_use]
pub fn cancel(export: &str, run: &RunId) -> String {
    format!("runs/{export}/{run}/cancel.json")
}

/// Where a chunk stands that is not finished.
#[must_use]
pub fn progress(export: &str, run: &RunId, chunk: u32) -> String {
    format!("runs/{export}/{run}/progress/{chunk:06}.json")
}

/// The folder with a run's receipts.
#[must_use]
pub fn receipts(export: &str, run: &RunId) -> String {
    format!("runs/{export}/{run}/receipts/")
}

/// What became of a chunk.
#[must_use]
pub fn receipt(export: &str, run: &RunId, chunk: u32) -> String {
    format!("runs/{export}/{run}/receipts/{chunk:06}.json")
}

/// The folder with the rows that were refused.
#[must_use]
pub fn rejected(export: &str, run: &RunId) -> String {
    format!("runs/{export}/{run}/rejected/")
}

/// Rows that we refused, in the pages of one staging attempt.
#[must_use]
pub fn invalid_page(export: &str, run: &RunId, attempt: &str, page: u32) -> String {
    format!("{}{page:04}.ndjson", invalid_prefix(export, run, attempt))
}

/// Where the pages of [`invalid_page`] are.
#[must_use]
pub fn invalid_prefix(export: &str, run: &RunId, attempt: &str) -> String {
    format!("runs/{export}/{run}/rejected/staging-{attempt}-")
}

/// Rows of a chunk that the destination refused.
#[must_use]
pub fn rejected_chunk(export: &str, run: &RunId, chunk: u32) -> String {
    format!("runs/{export}/{run}/rejected/chunk-{chunk:06}.ndjson")
}

/// How a run ended.
#[must_use]
pub fn summary(export: &str, run: &RunId) -> String {
    format!("runs/{export}/{run}/summary.json")
}

/// The folder with the chunks of one staging attempt.
#[must_use]
pub fn attempt(export: &str, run: &RunId, attempt: &str) -> String {
    format!("chunks/{export}/{run}/{attempt}/")
}

/// All staging attempts of a run.
#[must_use]
pub fn attempts(export: &str, run: &RunId) -> String {
    format!("chunks/{export}/{run}/")
}

/// What was found out about a run's audience.
#[must_use]
pub fn audience(export: &str, run: &RunId) -> String {
    format!("runs/{export}/{run}/audience.json")
}

/// The people of the audience who are held back: personal data, so it is with the chunks.
#[must_use]
pub fn held_back(export: &str, run: &RunId, attempt: &str) -> String {
    format!("chunks/{export}/{run}/{attempt}/held-back")
}

/// A staged chunk.
#[must_use]
pub fn chunk(export: &str, run: &RunId, attempt: &str, chunk: u32) -> String {
    format!("chunks/{export}/{run}/{attempt}/{chunk:06}")
}
