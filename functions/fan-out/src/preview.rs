//! A dry run: everything that a run does up to its seal, guards included. Nothing is kept of it, and nothing is sent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use segue_platform::Deadline;
use segue_segment::attribute::Changed;
use segue_segment::{Counts, Destination, Reason};
use segue_state::{Export, Role, Run, SourceRecord, Trigger, TriggerKind};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::error::FanOutError;
use crate::guard::Guard;
use crate::intake::Tally;
use crate::opening::{Wish, connect, planned};
use crate::selection::Selection;
use crate::staging::{Pass, pass};
use crate::writers::Writers;

/// Files that an answer lists: Lambda's answers end at 6 MB, a drop may have ten thousand.
const LISTED: usize = 100;

/// What a run of one export would do now. The names are a summary's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The export.
    pub export: String,
    /// Where it would send to; unknown if its connection does not exist.
    pub destination: Option<Destination>,
    /// Over which connection.
    pub connection: String,
    /// Into which audience.
    pub audience_id: String,
    /// The segments that it would read.
    pub segments: Vec<String>,
    /// The keys of their files, the first hundred of them.
    pub parts: Vec<String>,
    /// How many files there are.
    #[serde(default)]
    pub part_count: usize,
    /// What would become of its rows; those that would be sent are `pending`.
    #[serde(flatten)]
    pub counts: Counts,
    /// Why rows are invalid.
    pub invalid_by_reason: BTreeMap<Reason, u64>,
    /// Chunks that would be staged.
    pub chunks: u32,
    /// API calls with profiles in them.
    pub calls: u64,
    /// What the files turned out to be, the first hundred of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceRecord>,
    /// Names that would not be sent as they stand in the drop.
    #[serde(default, skip_serializing_if = "Changed::is_none")]
    pub attributes_changed: Changed,
    /// What the operator should know, though nothing would stop the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Whether anything would be sent.
    pub would_run: bool,
    /// What would be sent, or what stops the run.
    pub message: String,
}

/// Tries these exports, without a trace. Those over the same drops are served by one pass.
///
/// # Errors
/// [`FanOutError`] if a bucket fails.
pub async fn preview(
    app: &App,
    exports: Vec<(Role, Export)>,
    selection: &Selection,
    deadline: Deadline,
) -> Result<Vec<Preview>, FanOutError> {
    let prefix = &app.config.segment_prefix;
    let mut previews = Vec::new();
    let groups: BTreeSet<Vec<String>> =
        exports.iter().map(|(_, export)| selection.segments(export, prefix)).collect();
    for segments in groups {
        let selected = selection.find(app, &segments).await?;
        let mut ready: Vec<Run> = Vec::new();
        for (role, export) in &exports {
            if selection.segments(export, prefix) != segments {
                continue;
            }
            let obstacle = selection.obstacle(export, prefix).or_else(|| selected.obstacle.clone());
            let wish = Wish {
                role: *role,
                export: export.clone(),
                trigger: Trigger { kind: TriggerKind::OnDemand, at: Timestamp::now(), by: None },
                drops: selected.drops.clone(),
                cause: Vec::new(),
                obstacle: obstacle.map(|guard| guard.to_string()),
            };
            let over = connect(&app.state, &wish).await?;
            let run = planned(wish, over.connection.as_ref());
            match over.obstacle(*role, &run) {
                Some(message) => previews.push(stopped(&run, &segments, message)),
                None => ready.push(run),
            }
        }
        // Those that are told to read the same files in another way read them by themselves.
        while let Some(first) = ready.first().cloned() {
            let (same, others) = ready.into_iter().partition(|run| run.export.source == first.export.source);
            let same: Vec<Run> = same;
            ready = others;
            let Pass { tallies, verdicts, sources } = pass(app, &same, Writers::nowhere(), deadline).await?;
            for ((run, tally), verdict) in same.iter().zip(tallies).zip(verdicts) {
                previews.push(tried(run, tally, &sources, verdict));
            }
        }
    }
    previews.sort_by(|one, other| one.export.cmp(&other.export));
    Ok(previews)
}

/// Of an export that could not even begin.
fn stopped(run: &Run, segments: &[String], message: String) -> Preview {
    Preview {
        export: run.export.id.clone(),
        destination: run.destination,
        connection: run.export.connection.clone(),
        audience_id: run.export.audience_id.clone(),
        segments: segments.to_vec(),
        parts: run.parts().take(LISTED).map(|part| part.key.clone()).collect(),
        part_count: run.parts().count(),
        counts: Counts::default(),
        invalid_by_reason: BTreeMap::new(),
        chunks: 0,
        calls: 0,
        sources: Vec::new(),
        attributes_changed: Changed::default(),
        warnings: Vec::new(),
        would_run: false,
        message,
    }
}

fn tried(run: &Run, tally: Tally, sources: &[SourceRecord], verdict: Result<Vec<String>, Guard>) -> Preview {
    let segments: Vec<String> = run.drops.iter().map(|drop| drop.segment.clone()).collect();
    let profiles = tally.totals.profiles;
    let shape = run.destination.map(Destination::shape);
    let per_call = shape.map_or(1, |shape| shape.profiles_per_call as u64);
    let (would_run, warnings, message) = match verdict {
        Ok(warnings) => {
            let name = shape.map_or("the destination", |shape| shape.display_name);
            (true, warnings, format!("{profiles} profiles would go to {name}"))
        }
        Err(guard) => (false, Vec::new(), guard.to_string()),
    };
    Preview {
        counts: tally.counts,
        invalid_by_reason: tally.invalid_by_reason,
        chunks: if would_run { tally.chunks } else { 0 },
        calls: if would_run { profiles.div_ceil(per_call) } else { 0 },
        sources: sources.iter().take(LISTED).cloned().collect(),
        attributes_changed: tally.attributes_changed,
        warnings,
        would_run,
        ..stopped(run, &segments, message)
    }
}
