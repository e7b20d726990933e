//! Writing chunks and pages to the state bucket while reading goes on.

use bytes::Bytes;
use segue_platform::StoreError;
use segue_state::{Run, RunId, State, StateError, keys};
use tokio::task::JoinSet;

use crate::App;
use crate::error::StagingError;
use crate::intake::Staged;

/// Chunks that are written at once. Each holds ten megabytes at the most.
const WRITERS: usize = 4;

/// Writes chunks and pages, a few at a time, while reading goes on.
pub(crate) struct Writers {
    tasks: JoinSet<Result<(), StoreError>>,
    places: Vec<(String, RunId)>,
    attempt: String,
    /// None if nothing is kept.
    state: Option<State>,
}

impl Writers {
    pub(crate) fn new(app: &App, runs: &[Run], attempt: &str) -> Self {
        Self {
            tasks: JoinSet::new(),
            places: runs.iter().map(|run| (run.export.id.clone(), run.run.clone())).collect(),
            attempt: attempt.to_owned(),
            state: Some(app.state.clone()),
        }
    }

    /// For a dry run: what is staged is dropped at once.
    pub(crate) fn nowhere() -> Self {
        Self { tasks: JoinSet::new(), places: Vec::new(), attempt: String::new(), state: None }
    }

    pub(crate) async fn write(&mut self, staged: Vec<Staged>) -> Result<(), StagingError> {
        let Some(state) = self.state.clone() else { return Ok(()) };
        for staged in staged {
            let (key, bytes) = self.place(staged);
            while self.tasks.len() >= WRITERS {
                self.next().await?;
            }
            let state = state.clone();
            self.tasks.spawn(async move { state.objects().put(&key, bytes).await });
        }
        Ok(())
    }

    pub(crate) async fn done(&mut self) -> Result<(), StagingError> {
        while !self.tasks.is_empty() {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<(), StagingError> {
        match self.tasks.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(StateError::from(error).into()),
            Some(Err(_)) => Err(StagingError::Writer),
        }
    }

    fn place(&self, staged: Staged) -> (String, Bytes) {
        match staged {
            Staged::Chunk { plan, number, bytes } => {
                let (export, run) = &self.places[plan];
                (keys::chunk(export, run, &self.attempt, number), bytes)
            }
            Staged::Invalid { plan, page, lines } => {
                let (export, run) = &self.places[plan];
                (keys::invalid_page(export, run, &self.attempt, page), lines)
            }
        }
    }
}
