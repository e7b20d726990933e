//! What stays of the runs over a connection, however its exports left it: people in audiences, and staged chunks.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use segue_state::{RunId, State};
use serde::Serialize;

use crate::Failure;

/// How many runs are read at once.
const AT_ONCE: usize = 16;

/// An export that sent people to an audience.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sent {
    /// Its id. It may be gone by now, or use another connection.
    pub export: String,
    /// The audience, where the people stay.
    pub audience_id: String,
}

/// What stays of the runs over a connection.
#[derive(Debug, Default)]
pub struct Remains {
    /// Who sent, and where to.
    pub sent: BTreeSet<Sent>,
    /// Staged chunks that stay until they expire.
    pub chunks: u64,
    /// The folders in which they are. Nothing else is in there.
    pub folders: Vec<String>,
    /// Runs that could not be read.
    pub unread: Vec<String>,
}

impl Remains {
    /// Takes them from the records of the runs: exports are changed, detached and removed, and those stay.
    ///
    /// # Errors
    /// [`Failure`] if runs or chunks can't be listed.
    pub async fn of(state: &State, connection: &str) -> Result<Self, Failure> {
        let mut remains = Self::default();
        let mut over: BTreeMap<String, BTreeSet<RunId>> = BTreeMap::new();
        for export in state.exports_run().await? {
            let runs = state.runs(&export).await?;
            let mut records =
                stream::iter(runs).map(async |run| state.run(&export, &run).await).buffer_unordered(AT_ONCE);
            while let Some(record) = records.next().await {
                match record {
                    Ok(Some(record)) if record.export.connection == connection => {
                        let audience_id = record.export.audience_id;
                        remains.sent.insert(Sent { export: export.clone(), audience_id });
                        over.entry(export.clone()).or_default().insert(record.run);
                    }
                    Ok(_) => {}
                    Err(error) if error.is_of_document() => {
                        remains.unread.push(format!("a run could not be read: {error}"));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        for (export, runs) in over {
            remains.staged(state, &export, &runs).await?;
        }
        Ok(remains)
    }

    /// Counts the chunks of these runs of an export.
    async fn staged(&mut self, state: &State, export: &str, runs: &BTreeSet<RunId>) -> Result<(), Failure> {
        let folder = format!("chunks/{export}/");
        let listed = state.objects().list(&folder).await?;
        let mut left = BTreeSet::new();
        let mut others = false;
        for stored in &listed {
            let run = stored.key.strip_prefix(&folder).and_then(|rest| rest.split_once('/'));
            match run.and_then(|(run, _)| RunId::parse(run).ok()).filter(|run| runs.contains(run)) {
                Some(run) => {
                    left.insert(run);
                    self.chunks += 1;
                }
                None => others = true,
            }
        }
        if others {
            // It sends over another connection by now: those chunks are not to be deleted.
            self.folders.extend(left.iter().map(|run| format!("{folder}{run}/")));
        } else if !left.is_empty() {
            self.folders.push(folder);
        }
        Ok(())
    }
}
