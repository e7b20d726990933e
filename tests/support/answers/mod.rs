//! The table of answers: what a destination can answer, what a run of the real handler then makes of its rows, and the
//! page of the reference that is written from it. A line that no test has played can't be on that page.

mod cases;
mod page;
mod play;

pub(crate) use cases::{Case, Expected, Group, MANY, Reply, Route, Table};

/// Plays every case of a destination, holds each against what is expected of it, and the page against the cases.
pub(crate) async fn check(table: Table, groups: Vec<Group>) {
    let lines = page::section(&table, &groups);
    let wrong = play::all(&table, groups).await;
    assert!(wrong.is_empty(), "{} cases are not as expected:\n{}", wrong.len(), wrong.join("\n"));
    page::keep(table.destination, &lines);
}
