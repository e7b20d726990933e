//! The state bucket, document by document.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;
use jiff::Timestamp;
use segue_platform::Objects;
use segue_segment::Destination;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::document::{self, Created, StateError, Versioned};
use crate::{Cancel, Head, Health, LaneRecord, Open, Progress, Receipt, Run, RunId, Sealed, Summary, keys};

/// The state bucket.
#[derive(Clone)]
pub struct State {
    objects: Arc<dyn Objects>,
}

type Found<T> = Result<Option<T>, StateError>;

impl State {
    /// In this bucket.
    #[must_use]
    pub fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects }
    }

    /// The bucket itself, for chunks and pages of rows.
    #[must_use]
    pub fn objects(&self) -> &dyn Objects {
        &*self.objects
    }

    async fn body<T: DeserializeOwned>(&self, key: &str) -> Found<T> {
        Ok(self.read(key).await?.map(|found| found.body))
    }

    /// Reads a document with what is needed to change it.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Found<Versioned<T>> {
        document::read(self.objects(), key).await
    }

    /// Creates a document unless there is one.
    pub async fn create<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        body: &T,
    ) -> Result<Created<T>, StateError> {
        document::create(self.objects(), key, body).await
    }

    /// Changes a document that is still in the state `etag`; `false` if it is not.
    pub async fn replace<T: Serialize>(&self, key: &str, body: &T, etag: &str) -> Result<bool, StateError> {
        document::replace(self.objects(), key, body, etag).await
    }

    /// Writes a document of which only one process at a time can be the owner.
    pub async fn put<T: Serialize>(&self, key: &str, body: &T) -> Result<(), StateError> {
        let bytes = document::encode(key, body, &document::writer())?;
        Ok(self.objects.put(key, bytes).await?)
    }

    /// What a run does.
    pub async fn run(&self, export: &str, run: &RunId) -> Found<Run> {
        self.body(&keys::run(export, run)).await
    }

    /// The seal of a run.
    pub async fn sealed(&self, export: &str, run: &RunId) -> Found<Sealed> {
        self.body(&keys::sealed(export, run)).await
    }

    /// Who cancelled a run.
    pub async fn cancel(&self, export: &str, run: &RunId) -> Found<Cancel> {
        self.body(&keys::cancel(export, run)).await
    }

    /// That a run is not finished.
    pub async fn open(&self, export: &str, run: &RunId) -> Found<Versioned<Open>> {
        self.read(&keys::open(export, run)).await
    }

    /// Takes a run off the list of those that are not finished.
    pub async fn close(&self, export: &str, run: &RunId) -> Result<(), StateError> {
        Ok(self.objects.delete(&keys::open(export, run)).await?)
    }

    /// All runs that are not finished: export and run.
    pub async fn open_runs(&self) -> Result<Vec<(String, RunId)>, StateError> {
        let listed = self.objects.list(keys::OPEN).await?;
        let names = listed.iter().filter_map(|stored| {
            let (export, run) = stored.key.strip_prefix(keys::OPEN)?.split_once('/')?;
            Some((export.to_owned(), RunId::parse(run).ok()?))
        });
        Ok(names.collect())
    }

    /// The exports that have run, also those that were removed since.
    pub async fn exports_run(&self) -> Result<Vec<String>, StateError> {
        Ok(self.objects.folders(keys::RUNS).await?)
    }

    /// The ids of an export's runs, oldest first.
    pub async fn runs(&self, export: &str) -> Result<Vec<RunId>, StateError> {
        let names = self.objects.folders(&keys::runs(export)).await?;
        Ok(names.iter().filter_map(|name| RunId::parse(name).ok()).collect())
    }

    /// How a run ended.
    pub async fn summary(&self, export: &str, run: &RunId) -> Found<Versioned<Summary>> {
        self.read(&keys::summary(export, run)).await
    }

    /// Where a chunk stands.
    pub async fn progress(&self, export: &str, run: &RunId, chunk: u32) -> Found<Progress> {
        self.body(&keys::progress(export, run, chunk)).await
    }

    /// The outcome of a chunk.
    pub async fn receipt(&self, export: &str, run: &RunId, chunk: u32) -> Found<Versioned<Receipt>> {
        self.read(&keys::receipt(export, run, chunk)).await
    }

    /// The numbers of the chunks that have a receipt.
    pub async fn receipted(&self, export: &str, run: &RunId) -> Result<Vec<u32>, StateError> {
        let prefix = keys::receipts(export, run);
        let listed = self.objects.list(&prefix).await?;
        let numbers = listed
            .iter()
            .filter_map(|stored| stored.key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse().ok());
        Ok(numbers.collect())
    }

    /// The receipts of these chunks, in their order.
    pub async fn receipts(
        &self,
        export: &str,
        run: &RunId,
        chunks: &[u32],
    ) -> Result<Vec<Receipt>, StateError> {
        let mut receipts = Vec::with_capacity(chunks.len());
        for chunks in chunks.chunks(32) {
            let found = chunks.iter().map(|&chunk| self.receipt(export, run, chunk));
            receipts.extend(try_join_all(found).await?.into_iter().flatten().map(|found| found.body));
        }
        Ok(receipts)
    }

    /// The pacing windows of a lane.
    pub async fn lane(&self, destination: Destination, group: &str) -> Result<LaneRecord, StateError> {
        Ok(self.body(&keys::lane(destination, group)).await?.unwrap_or_default())
    }

    /// Notes the newest run of each segment for an export; an older run changes nothing.
    pub async fn advance_head(&self, export: &str, run: &Run) -> Result<(), StateError> {
        let key = keys::head(export);
        loop {
            let found = self.read::<Head>(&key).await?;
            let mut head = found.as_ref().map(|found| found.body.clone()).unwrap_or_default();
            let before = head.clone();
            for drop in &run.drops {
                let newest = head.segments.entry(drop.segment.clone()).or_insert_with(|| run.run.clone());
                if *newest < run.run {
                    *newest = run.run.clone();
                }
            }
            if head == before {
                return Ok(());
            }
            let done = match found {
                None => matches!(self.create(&key, &head).await?, Created::New(_)),
                Some(found) => self.replace(&key, &head, &found.etag).await?,
            };
            if done {
                return Ok(());
            }
        }
    }

    /// Notes what is wrong with a connection, or that nothing is any more.
    pub async fn set_health(&self, connection: &str, problem: Option<String>) -> Result<(), StateError> {
        let key = keys::health(connection);
        match problem {
            // Since when counts from the first time.
            Some(message) => match self.body::<Health>(&key).await? {
                Some(known) if known.message == message => Ok(()),
                _ => self.put(&key, &Health { message, since: Timestamp::now() }).await,
            },
            None => Ok(self.objects.delete(&key).await?),
        }
    }

    /// Reads a staged chunk's bytes.
    pub async fn chunk(&self, export: &str, run: &RunId, attempt: &str, chunk: u32) -> Found<Bytes> {
        Ok(self.objects.get(&keys::chunk(export, run, attempt, chunk)).await?.map(|object| object.bytes))
    }
}
