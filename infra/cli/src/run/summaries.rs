//! Summaries of runs as tables.

use segue_state::Summary;

use crate::output::table;

const HEADER: [&str; 14] = [
    "export",
    "run",
    "status",
    "read",
    "invalid",
    "duplicate",
    "accepted",
    "rejected",
    "unknown",
    "failed",
    "cancelled",
    "pending",
    "chunks",
    "message",
];

/// One line a run.
#[must_use]
pub fn lines(summaries: &[Summary]) -> String {
    table(&HEADER, 3..13, summaries.iter().map(row).collect())
}

fn row(summary: &Summary) -> Vec<String> {
    let counts = &summary.counts;
    let numbers = [
        counts.read,
        counts.invalid,
        counts.duplicate,
        counts.accepted,
        counts.rejected,
        counts.unknown,
        counts.failed,
        counts.cancelled,
        counts.pending,
    ];
    let mut row = vec![summary.export.clone(), summary.run.to_string(), summary.status.name().to_owned()];
    row.extend(numbers.iter().map(u64::to_string));
    row.push(chunks(summary));
    row.push(summary.message.clone());
    row
}

fn chunks(summary: &Summary) -> String {
    if summary.chunks_done == summary.chunks {
        summary.chunks.to_string()
    } else {
        format!("{}/{}", summary.chunks_done, summary.chunks)
    }
}

/// Everything about one run, one line a field.
#[must_use]
pub fn whole(summary: &Summary) -> String {
    let counts = &summary.counts;
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| rows.push((name.to_owned(), value));
    add("export", summary.export.clone());
    add("run", summary.run.to_string());
    add("status", summary.status.name().to_owned());
    add("message", summary.message.clone());
    for warning in &summary.warnings {
        add("warning", warning.clone());
    }
    let destination = summary.destination.map_or("unknown", |destination| destination.shape().display_name);
    add("destination", format!("{destination}, over the connection {}", summary.connection));
    add("segments", summary.segments.join(", "));
    let by = summary.requested_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    add("trigger", format!("{}{by}", summary.trigger.name()));
    add("started", summary.started_at.to_string());
    add("finished", summary.finished_at.map_or_else(|| "not yet".to_owned(), |at| at.to_string()));
    add("read", counts.read.to_string());
    add("invalid", counts.invalid.to_string());
    for (reason, count) in &summary.invalid_by_reason {
        add(&format!("  {reason}"), count.to_string());
    }
    add("duplicate", counts.duplicate.to_string());
    add("unchanged", counts.unchanged.to_string());
    add("accepted", counts.accepted.to_string());
    if summary.already_there > 0 {
        add("  already there", summary.already_there.to_string());
    }
    add("rejected", counts.rejected.to_string());
    for (reason, count) in &summary.rejected_by_reason {
        add(&format!("  {reason}"), count.to_string());
    }
    add("unknown", counts.unknown.to_string());
    add("failed", counts.failed.to_string());
    add("cancelled", counts.cancelled.to_string());
    add("pending", counts.pending.to_string());
    add("chunks", chunks(summary));
    add("API calls", summary.api_calls.to_string());
    add("retries", summary.retries.to_string());
    table(&[], 0..0, rows.into_iter().map(|(name, value)| vec![name, value]).collect())
}
