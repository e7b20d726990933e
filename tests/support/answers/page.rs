//! The page of the reference: a section a destination, a table a group, a line a case.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::cases::{Back, Case, Expected, Group, MANY, Route, Table};

/// The variable that has the page written instead of compared.
const WRITE: &str = "SEGUE_WRITE_DOCS";
const END: &str = "<!-- end -->";

/// The section of a destination, without its markers.
pub(crate) fn section(table: &Table, groups: &[Group]) -> String {
    let mut text = String::from("| request | | usually |\n|---|---|---|\n");
    for Route { name, request, asked, .. } in table.routes {
        let times = match asked {
            0 => "not made".to_owned(),
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        writeln!(text, "| {name} | `{request}` | {times} |").unwrap();
    }
    for group in groups {
        write!(text, "\n### {}\n\n", group.title).unwrap();
        if !group.about.is_empty() {
            write!(text, "{}\n\n", group.about).unwrap();
        }
        text.push_str("| the answer | the rows | the run | requests | besides |\n|---|---|---|---|---|\n");
        for case in &group.cases {
            text.push_str(&line(table, group, case));
        }
    }
    text
}

fn line(table: &Table, group: &Group, case: &Case) -> String {
    let expected = &case.expected;
    let doubt = if case.doubt { " (?)" } else { "" };
    let cells = [
        format!("{}{doubt}", case.answer),
        rows(expected, case.rows),
        run(expected),
        requests(table, group, expected),
        besides(expected),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn rows(expected: &Expected, total: u64) -> String {
    let mut parts = Vec::new();
    let mut part = |count: u64, word: &str| {
        if count == total {
            parts.push(format!("all {count} {word}"));
        } else if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    };
    let there = match expected.already_there {
        0 => "accepted".to_owned(),
        there => format!("accepted, {there} of them already there"),
    };
    part(expected.accepted, &there);
    let mut reasons: Vec<(&str, bool)> = Vec::new();
    for (row, reason) in &expected.rejected {
        if !reasons.contains(&(reason, *row > 0)) {
            reasons.push((reason, *row > 0));
        }
    }
    for (reason, told) in reasons {
        let same = expected.rejected.iter().filter(|(row, other)| *other == reason && (*row > 0) == told);
        let row = if told { "" } else { ", row not told" };
        part(same.count() as u64, &format!("rejected (`{reason}`{row})"));
    }
    part(expected.unknown, "unknown");
    part(expected.failed, "failed");
    part(expected.cancelled, "cancelled");
    parts.join("; ")
}

fn run(expected: &Expected) -> String {
    match expected.says {
        "" => expected.status.name().to_owned(),
        says => format!("{}: “… {says} …”", expected.status.name()),
    }
}

fn requests(table: &Table, group: &Group, expected: &Expected) -> String {
    let shown = table.routes.iter().filter_map(|route| {
        let changed = expected.calls.iter().find(|(name, _)| *name == route.name).map(|(_, times)| *times);
        let shown = group.shows.contains(&route.name);
        // What is not made because nothing is, is no news.
        let times = changed.filter(|times| shown || *times > 0).or_else(|| shown.then_some(route.asked))?;
        Some(if times == MANY {
            format!("{} again and again", route.name)
        } else {
            format!("{} {times}", route.name)
        })
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn besides(expected: &Expected) -> String {
    let mut parts = Vec::new();
    match (expected.back, expected.pause) {
        (Back::Times(0), _) => {}
        (Back::Times(1), Some(seconds)) => parts.push(format!("handed back for {seconds} s")),
        (Back::Times(1), None) => parts.push("handed back once".to_owned()),
        (Back::Times(times), _) => parts.push(format!("handed back {times} times")),
        (Back::UntilDeadline, _) => parts.push("handed back until the deadline".to_owned()),
    }
    if expected.reconnect {
        parts.push("the connection is marked *reconnect*".to_owned());
    }
    if !expected.warns.is_empty() {
        parts.push(format!("warning: “… {} …”", expected.warns));
    }
    if !expected.remark.is_empty() {
        parts.push(expected.remark.to_owned());
    }
    parts.join("; ")
}

/// Compares the page's section with what the cases say, or writes it.
pub(crate) fn keep(destination: &str, lines: &str) {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/docs/answers.md");
    let text = fs::read_to_string(&page).unwrap();
    let start = format!("<!-- {destination}: generated -->\n");
    let from = text.find(&start).expect("the section's marker") + start.len();
    let until = from + text[from..].find(END).expect("the marker of the section's end");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&page, format!("{}{lines}{}", &text[..from], &text[until..])).unwrap();
        return;
    }
    let differs = text[from..until].lines().zip(lines.lines()).find(|(page, cases)| page != cases);
    assert!(
        &text[from..until] == lines,
        "infra/docs/answers.md is out of date; run `SEGUE_WRITE_DOCS=1 cargo test --test answers`. First difference: {differs:?}"
    );
}
