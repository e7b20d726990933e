//! What became of several exports: one that fails does not keep the others waiting, and no outcome is lost.

use serde::Serialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::output::Screen;

/// What became of each.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    done: Vec<Value>,
    failures: Vec<Failure>,
    /// Whether one was done.
    any: bool,
}

impl Outcomes {
    /// What came of one; its failure is kept.
    pub(super) fn of<T>(&mut self, export: &str, outcome: Result<T, Failure>) -> Option<T> {
        match outcome {
            Ok(done) => Some(done),
            Err(failure) => {
                self.done.push(json!({"export": export, "error": failure.told().0}));
                self.failures.push(failure);
                None
            }
        }
    }

    /// What scripts are told of one that was done.
    pub(super) fn done(&mut self, what: impl Serialize) {
        self.any = true;
        self.done.push(serde_json::to_value(what).unwrap_or_default());
    }

    /// Whether one was done.
    pub(super) const fn any(&self) -> bool {
        self.any
    }

    /// Tells scripts all of it, and people what failed.
    ///
    /// # Errors
    /// [`Failure`] with all that failed.
    pub(super) fn told(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        screen.json(&self.done)?;
        Failure::together(self.failures)
    }
}
