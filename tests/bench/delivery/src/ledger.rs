//! What was asked of AWS: each request, by service and by what it was about, and when the last receipt was written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// What AWS charges for, by kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Reading an object.
    S3Get,
    /// Writing an object, or listing.
    S3Put,
    /// Deleting an object, which is free.
    S3Delete,
    /// Any request to a FIFO queue.
    SqsFifo,
    /// Any request to a standard queue.
    SqsStandard,
    /// Any request to Secrets Manager.
    Secrets,
    /// Starting a function.
    Lambda,
}

/// Requests by kind and by what they were about.
pub(crate) type Counts = BTreeMap<(Kind, String), u64>;

/// Everything that was asked of AWS in one scenario.
pub(crate) struct Ledger {
    began: Instant,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    counts: Counts,
    receipts: BTreeMap<String, Instant>,
    lines: Vec<(Instant, String)>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), book: Mutex::default() }
    }

    /// Counts a request that is over now.
    pub(crate) fn count(&self, kind: Kind, about: &str) {
        let mut book = lock(&self.book);
        *book.counts.entry((kind, about.to_owned())).or_default() += 1;
        let line = format!("{kind:?} {about}");
        book.lines.push((Instant::now(), line));
    }

    /// Notes something else that happened.
    pub(crate) fn note(&self, line: String) {
        lock(&self.book).lines.push((Instant::now(), line));
    }

    /// Notes that a receipt of an export was written.
    pub(crate) fn receipt(&self, export: &str) {
        lock(&self.book).receipts.insert(export.to_owned(), Instant::now());
    }

    /// When the last receipt of an export was written.
    pub(crate) fn last_receipt(&self, export: &str) -> Option<Instant> {
        lock(&self.book).receipts.get(export).copied()
    }

    /// What was counted since this was last asked.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut lock(&self.book).counts)
    }

    /// Everything that happened, a line each, with the seconds since the start.
    pub(crate) fn timeline(&self) -> String {
        let mut text = String::new();
        for (at, line) in &lock(&self.book).lines {
            let seconds = at.duration_since(self.began).as_secs_f64();
            let _ = writeln!(text, "{seconds:10.3} {line}");
        }
        text
    }
}

/// All requests of a kind.
pub(crate) fn total(counts: &Counts, kind: Kind) -> u64 {
    counts.iter().filter(|((of, _), _)| *of == kind).map(|(_, count)| count).sum()
}

/// What a key of the state bucket is about, without what is its own: `runs/a/b/progress/000001.json` is `progress`.
pub(crate) fn about(key: &str) -> &str {
    let mut parts = key.split('/');
    match parts.next().unwrap_or_default() {
        "runs" => parts.nth(2).unwrap_or("runs").trim_end_matches(".json"),
        "config" => parts.next().unwrap_or("config"),
        first => first,
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_by_what_they_are_about() {
        for (key, expected) in [
            ("runs/e/r/progress/000001.json", "progress"),
            ("runs/e/r/sealed.json", "sealed"),
            ("config/exports/administrators/e.json", "exports"),
            ("lanes/klaviyo/a/follow.json", "lanes"),
            ("chunks/e/r/a/000000", "chunks"),
        ] {
            assert_eq!(about(key), expected);
        }
    }
}
