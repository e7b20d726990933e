//! What the last completed run of an export came to, to compare a drop with before it is sent.

use segue_state::{Limits, Run, RunId, State, StateError, Status};

use crate::guard::Guard;

/// How many runs back one that completed is looked for.
const LOOKED_AT: usize = 100;

/// What is known of earlier runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// Nobody wants to know.
    Unasked,
    /// None of so many runs back is one to compare with.
    Nothing {
        /// Runs that were looked at.
        looked_at: usize,
    },
    /// The last one that completed over the same segments.
    Completed(Before),
}

/// A run that completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Its id.
    pub run: RunId,
    /// Its unique, valid profiles.
    pub profiles: u64,
}

/// The last run before this one that completed over the same segments: an upload reads one of them, a schedule all,
/// and they don't compare.
///
/// # Errors
/// [`StateError`] if the state bucket fails.
pub async fn last_completed(state: &State, run: &Run) -> Result<Past, StateError> {
    let limits = &run.export.limits;
    if limits.change_share.is_none() && limits.warn_change_share.is_none() {
        return Ok(Past::Unasked);
    }
    let segments: Vec<&str> = run.drops.iter().map(|drop| drop.segment.as_str()).collect();
    let runs = state.runs(&run.export.id).await?;
    let mut looked_at = 0;
    for id in runs.into_iter().rev().filter(|id| *id < run.run).take(LOOKED_AT) {
        looked_at += 1;
        let summary = match state.summary(&run.export.id, &id).await {
            Ok(found) => found.map(|found| found.body),
            // An old record that can't be read must not stop a new run.
            Err(StateError::Malformed { .. } | StateError::Version { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(summary) = summary
            && summary.status == Status::Completed
            && summary.segments == segments
        {
            let counts = summary.counts;
            let profiles = counts.read.saturating_sub(counts.invalid + counts.duplicate);
            return Ok(Past::Completed(Before { run: id, profiles }));
        }
    }
    Ok(Past::Nothing { looked_at })
}

/// Whether the number of profiles changed more than the export allows, or so much that somebody should know: then the
/// warning.
///
/// # Errors
/// [`Guard::Changed`].
pub fn compare(profiles: u64, before: &Before, limits: &Limits) -> Result<Option<String>, Guard> {
    let share = share(profiles.abs_diff(before.profiles), before.profiles);
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let change = || {
        let word = if profiles < before.profiles { "fewer" } else { "more" };
        format!("{} % {word} than the {} of the run {}", percent(share), before.profiles, before.run)
    };
    if let Some(allowed) = limits.change_share.filter(|&allowed| share > allowed) {
        return Err(Guard::Changed { profiles, change: change(), allowed: percent(allowed) });
    }
    let noteworthy = limits.warn_change_share.is_some_and(|bound| share > bound);
    Ok(noteworthy.then(|| format!("the drops have {profiles} profiles, {}", change())))
}

/// Both are fewer than 2^52, so this is exact enough.
#[expect(clippy::cast_precision_loss)]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(profiles: u64, limits: &Limits) -> Result<Option<String>, String> {
        let before = Before { run: RunId::parse("20261122T163512Z-abc").unwrap(), profiles: 100 };
        compare(profiles, &before, limits).map_err(|guard| guard.to_string())
    }

    #[test]
    fn by_default_it_warns_of_half_and_refuses_nothing() {
        let limits = Limits::default();
        for profiles in [50, 100, 150] {
            assert_eq!(compared(profiles, &limits).unwrap(), None);
        }
        insta::assert_snapshot!(compared(49, &limits).unwrap().unwrap(), @"the drops have 49 profiles, 51.0 % fewer than the 100 of the run 20261122T163512Z-abc");
        insta::assert_snapshot!(compared(400, &limits).unwrap().unwrap(), @"the drops have 400 profiles, 300.0 % more than the 100 of the run 20261122T163512Z-abc");
        assert_eq!(compared(1, &Limits { warn_change_share: None, ..limits }).unwrap(), None);
    }

    #[test]
    fn an_export_may_have_it_refused() {
        let limits = Limits { change_share: Some(0.2), ..Limits::default() };
        assert_eq!(compared(120, &limits).unwrap(), None);
        insta::assert_snapshot!(compared(79, &limits).unwrap_err(), @"the drops have 79 profiles, 21.0 % fewer than the 100 of the run 20261122T163512Z-abc; the export allows a change of 20.0 %: if it is meant, raise `limits.change_share`, and run it");
    }
}
