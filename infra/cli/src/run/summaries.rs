//! Summaries of runs as tables.

use segue_state::{SourceRecord, Summary};

use super::advice;
use crate::output::table;
use crate::stack::Stack;

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

/// One line a run; on a terminal of `width` columns that is too narrow for that, two.
#[must_use]
pub fn lines(summaries: &[Summary], width: Option<usize>) -> String {
    let wide = table(&HEADER, 3..13, summaries.iter().map(row).collect());
    let widest = wide.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    if width.is_some_and(|width| widest > width) { narrow(summaries) } else { wide }
}

/// The columns that matter most, and below them what happened.
fn narrow(summaries: &[Summary]) -> String {
    let rows = summaries.iter().map(|summary| {
        let Summary { export, run, status, counts, .. } = summary;
        let numbers = [counts.read, counts.accepted].map(|count| count.to_string());
        [vec![export.clone(), run.to_string(), status.name().to_owned()], numbers.to_vec()].concat()
    });
    let table = table(&["export", "run", "status", "read", "accepted"], 3..5, rows.collect());
    let mut lines = table.lines();
    let mut said: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    for (line, summary) in lines.zip(summaries) {
        said.extend([line.to_owned(), format!("  {}", summary.message)]);
    }
    said.join("\n")
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

/// What parts turned out to be, each way once, with the number of parts.
fn ways(sources: &[SourceRecord]) -> Vec<String> {
    let mut ways: Vec<(String, usize)> = Vec::new();
    for SourceRecord { format, compression, encoding, delimiter, .. } in sources {
        let compression = if compression == "none" { String::new() } else { format!(", {compression}") };
        let delimiter = match delimiter.as_deref() {
            None => String::new(),
            Some("\t") => ", separated by tabs".to_owned(),
            Some(delimiter) => format!(", separated by `{delimiter}`"),
        };
        let way = format!("{format}{compression}, {encoding}{delimiter}");
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, parts)) => *parts += 1,
            None => ways.push((way, 1)),
        }
    }
    let all = sources.len();
    ways.into_iter()
        .map(|(way, parts)| if all > 1 { format!("{way} ({parts} of {all} parts)") } else { way })
        .collect()
}

/// Everything about one run, one line a field.
#[must_use]
pub fn whole(stack: &Stack, summary: &Summary, drops: &[String], sources: &[SourceRecord]) -> String {
    let counts = &summary.counts;
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| rows.push((name.to_owned(), value));
    add("export", summary.export.clone());
    add("run", summary.run.to_string());
    add("status", summary.status.name().to_owned());
    add("message", summary.message.clone());
    add("what to do", advice::next(stack, summary));
    for warning in &summary.warnings {
        add("warning", warning.clone());
    }
    let destination = summary.destination.map_or("unknown", |destination| destination.shape().display_name);
    add("destination", format!("{destination}, over the connection {}", summary.connection));
    add("segments", summary.segments.join(", "));
    for drop in drops {
        add("drop", drop.clone());
    }
    for way in ways(sources) {
        add("file", way);
    }
    let by = summary.requested_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    add("trigger", format!("{}{by}", summary.trigger.name()));
    add("started", format!("{:.0}", summary.started_at));
    add("finished", summary.finished_at.map_or_else(|| "not yet".to_owned(), |at| format!("{at:.0}")));
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
    let changed = summary.attributes_changed;
    for (what, count) in [("names shortened", changed.shortened), ("names cleaned", changed.cleaned)] {
        if count > 0 {
            add(what, count.to_string());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_gets_two_lines_a_run() {
        let mut summary =
            segue_state::summary::staging(&super::super::tests::a_run("20261122T163512Z-pq9qkvr7sbh213ug"));
        (summary.counts.read, summary.counts.accepted) = (1_000_000, 999_000);
        summary.message = "Klaviyo refused 1000 profiles".to_owned();
        let said = lines(&[summary.clone(), summary.clone()], Some(80));
        insta::assert_snapshot!(said, @r"
        export  run                                status      read  accepted
        e       20261122T163512Z-pq9qkvr7sbh213ug  staging  1000000    999000
          Klaviyo refused 1000 profiles
        e       20261122T163512Z-pq9qkvr7sbh213ug  staging  1000000    999000
          Klaviyo refused 1000 profiles
        ");
        for width in [None, Some(300)] {
            assert!(lines(std::slice::from_ref(&summary), width).contains("duplicate"));
        }
    }

    #[test]
    fn parts_of_one_kind_are_one_line() {
        let part = |part, compression: &str, delimiter: Option<&str>| SourceRecord {
            part,
            format: "delimited".into(),
            compression: compression.into(),
            encoding: "UTF-8".into(),
            delimiter: delimiter.map(Into::into),
        };
        let parts = [part(0, "gzip", Some(";")), part(1, "none", Some("\t")), part(2, "gzip", Some(";"))];
        assert_eq!(
            ways(&parts),
            [
                "delimited, gzip, UTF-8, separated by `;` (2 of 3 parts)",
                "delimited, UTF-8, separated by tabs (1 of 3 parts)"
            ]
        );
        assert_eq!(ways(&[part(0, "none", None)]), ["delimited, UTF-8"]);
    }
}
