//! A bucket that takes as long as S3 and counts its requests. Documents are in memory; chunks and drops are files, so
//! that the memory of this process is not the bucket's.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use segue_platform::memory::MemoryBucket;
use segue_platform::objects::Opened;
use segue_platform::{Object, Objects, Put, StoreError, Stored};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::ledger::{Kind, Ledger, about};

/// Until the first byte, within a region.
const LATENCY: Duration = Duration::from_millis(15);
/// One connection's bytes a second.
const RATE: f64 = 80e6;
/// How much of an object is handed over at once.
const PIECE: usize = 1 << 20;
/// Keys in a page of a listing.
const PAGE: usize = 1000;

/// The bucket.
pub(crate) struct Bucket {
    documents: MemoryBucket,
    files: TempDir,
    ledger: Arc<Ledger>,
}

impl Bucket {
    pub(crate) fn new(ledger: Arc<Ledger>) -> anyhow::Result<Self> {
        let files = tempfile::Builder::new().prefix("bench-delivery-").tempdir()?;
        Ok(Self { documents: MemoryBucket::default(), files, ledger })
    }

    /// Where the content of a large object is; documents have none.
    fn file(&self, key: &str) -> Option<PathBuf> {
        let large = key.starts_with("chunks/") || key.starts_with("segments/");
        large.then(|| self.files.path().join(key.replace('/', "+")))
    }

    async fn spend(&self, kind: Kind, key: &str, size: usize) {
        sleep(LATENCY + transfer(size)).await;
        self.ledger.count(kind, about(key));
    }

    /// Keeps the content of a large object in its file, and answers what the document beside it holds.
    fn keep(&self, key: &str, bytes: Bytes) -> Result<Bytes, StoreError> {
        let Some(file) = self.file(key) else { return Ok(bytes) };
        std::fs::write(file, &bytes).map_err(|error| failed(key, "writing", &error))?;
        Ok(Bytes::new())
    }

    fn note_receipt(&self, key: &str) {
        let mut parts = key.split('/');
        if about(key) == "receipts"
            && let Some(export) = parts.nth(1)
        {
            self.ledger.receipt(export);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^52")]
fn transfer(size: usize) -> Duration {
    Duration::from_secs_f64(size as f64 / RATE)
}

fn failed(key: &str, action: &'static str, error: &std::io::Error) -> StoreError {
    StoreError::Failed { key: key.to_owned(), action, problem: error.to_string() }
}

#[async_trait]
impl Objects for Bucket {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let mut found = self.documents.get(key).await?;
        if let (Some(object), Some(file)) = (&mut found, self.file(key)) {
            object.bytes = std::fs::read(file).map_err(|error| failed(key, "reading", &error))?.into();
        }
        self.spend(Kind::S3Get, key, found.as_ref().map_or(0, |object| object.bytes.len())).await;
        Ok(found)
    }

    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError> {
        self.spend(Kind::S3Get, key, 0).await;
        let Some(file) = self.file(key) else { return self.documents.open(key, etag).await };
        let Some(object) = self.documents.get(key).await? else { return Ok(None) };
        let key = key.to_owned();
        let file = std::fs::File::open(file).map_err(|error| failed(&key, "opening", &error))?;
        let size = file.metadata().map_err(|error| failed(&key, "opening", &error))?.len();
        let pieces = stream::unfold((file, key), |(mut file, key)| async move {
            let mut piece = Vec::with_capacity(PIECE);
            let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            sleep(transfer(piece.len())).await;
            match read {
                Ok(0) => None,
                Ok(_) => Some((Ok(Bytes::from(piece)), (file, key))),
                Err(error) => Some((Err(failed(&key, "reading", &error)), (file, key))),
            }
        });
        Ok(Some(Opened { size, etag: object.etag, pieces: pieces.boxed() }))
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.spend(Kind::S3Get, key, 0).await;
        let Some(path) = self.file(key) else { return self.documents.read(key, etag, range).await };
        let mut piece = Vec::new();
        let read = std::fs::File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(range.start))?;
            file.take(range.end - range.start).read_to_end(&mut piece)
        });
        read.map_err(|error| failed(key, "reading", &error))?;
        sleep(transfer(piece.len())).await;
        Ok(piece.into())
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        let size = bytes.len();
        let done = self.documents.create(key, self.keep(key, bytes)?).await;
        self.spend(Kind::S3Put, key, size).await;
        self.note_receipt(key);
        done
    }

    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError> {
        let size = bytes.len();
        let done = self.documents.replace(key, self.keep(key, bytes)?, etag).await;
        self.spend(Kind::S3Put, key, size).await;
        self.note_receipt(key);
        done
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let size = bytes.len();
        let done = self.documents.put(key, self.keep(key, bytes)?).await;
        self.spend(Kind::S3Put, key, size).await;
        done
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        if let Some(file) = self.file(key) {
            // It is no error if there is none.
            let _ = std::fs::remove_file(file);
        }
        let done = self.documents.delete(key).await;
        self.spend(Kind::S3Delete, key, 0).await;
        done
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        let found = self.documents.list(prefix).await?;
        for _ in 0..=found.len() / PAGE {
            self.spend(Kind::S3Put, prefix, 0).await;
        }
        Ok(found)
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.spend(Kind::S3Put, prefix, 0).await;
        self.documents.folders(prefix).await
    }
}
