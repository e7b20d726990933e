//! How far the reading of a run's drops is, told by what is staged of it: nobody records anything for that.

use std::collections::BTreeMap;

use segue_platform::StoreError;
use segue_state::{State, Status, Summary, keys};

/// Looks at what is staged, as long as that is allowed: contributors may not list chunks.
#[derive(Debug, Default)]
pub(super) struct Reading {
    denied: bool,
}

impl Reading {
    /// The run, and if its drop is being read, how many profiles it has at least.
    pub(super) async fn told(&mut self, state: &State, mut run: Summary) -> Summary {
        let Some(destination) = run.destination.filter(|_| run.status == Status::Staging && !self.denied)
        else {
            return run;
        };
        let prefix = keys::attempts(&run.export, &run.run);
        match state.objects().list(&prefix).await {
            Ok(found) => {
                let chunks = most(found.iter().filter_map(|stored| stored.key.strip_prefix(&prefix)));
                if chunks > 0 {
                    let profiles = chunks * destination.shape().profiles_per_chunk;
                    run.message = format!("{}, {profiles} profiles so far", run.message);
                }
            }
            Err(StoreError::Denied { .. }) => self.denied = true,
            // What could not be seen now may be seen at the next look.
            Err(StoreError::Changed { .. } | StoreError::Failed { .. }) => {}
        }
        run
    }
}

/// The chunks of that staging attempt that has most: an earlier one may have broken off.
fn most<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let mut attempts: BTreeMap<&str, usize> = BTreeMap::new();
    for (attempt, name) in names.filter_map(|name| name.split_once('/')) {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            *attempts.entry(attempt).or_default() += 1;
        }
    }
    attempts.into_values().max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use segue_platform::memory::MemoryBucket;
    use segue_state::summary;

    use super::super::tests::a_run;
    use super::*;

    #[tokio::test]
    async fn whole_chunks_of_the_attempt_that_is_ahead_are_counted() {
        let state = State::new(Arc::new(MemoryBucket::default()));
        let run = a_run("20261122T163512Z-a");
        let (export, id) = (&run.export.id, &run.run);
        let mut reading = Reading::default();
        let staging = summary::staging(&run);
        assert_eq!(reading.told(&state, staging.clone()).await, staging);
        for (attempt, chunks) in [("broken", 1), ("ahead", 3)] {
            for chunk in 0..chunks {
                state.objects().put(&keys::chunk(export, id, attempt, chunk), "x".into()).await.unwrap();
            }
            state.objects().put(&keys::held_back(export, id, attempt), "x".into()).await.unwrap();
        }
        let told = reading.told(&state, staging.clone()).await;
        assert_eq!(told.message, "the drop is being read, 600000 profiles so far");
        let delivering = Summary { status: Status::Delivering, ..staging };
        assert_eq!(reading.told(&state, delivering.clone()).await, delivering);
    }
}
