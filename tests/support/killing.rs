//! Edges of AWS at which an invocation can be killed: before or after its n-th request.

use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use segue_platform::memory::{MemoryBucket, MemoryQueue};
use segue_platform::objects::Opened;
use segue_platform::{Object, Objects, Outgoing, Put, Queue, QueueError, StoreError, Stored};
use tokio::sync::Notify;

/// Counts requests to AWS, and kills at one of them: even moments are before a request, odd ones after it.
pub(crate) struct Switch {
    at: u64,
    passed: AtomicU64,
    killed: Notify,
}

impl Switch {
    pub(crate) fn at(moment: u64) -> Arc<Self> {
        Arc::new(Self { at: moment, passed: AtomicU64::new(0), killed: Notify::new() })
    }

    /// Comes back when the process is to be killed: whoever waits drops the invocation then.
    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }

    async fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::Relaxed) == self.at {
            self.killed.notify_one();
            pending::<()>().await;
        }
    }
}

/// A bucket and a queue behind the switch.
pub(crate) struct Killing<T> {
    pub(crate) inner: Arc<T>,
    pub(crate) switch: Arc<Switch>,
}

impl<T> Killing<T> {
    async fn around<O>(&self, request: impl Future<Output = O>) -> O {
        self.switch.pass().await;
        let outcome = request.await;
        self.switch.pass().await;
        outcome
    }
}

#[async_trait]
impl Objects for Killing<MemoryBucket> {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.around(self.inner.get(key)).await
    }

    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError> {
        self.around(self.inner.open(key, etag)).await
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.around(self.inner.read(key, etag, range)).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.around(self.inner.create(key, bytes)).await
    }

    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError> {
        self.around(self.inner.replace(key, bytes, etag)).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.around(self.inner.put(key, bytes)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.around(self.inner.delete(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        self.around(self.inner.list(prefix)).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.around(self.inner.folders(prefix)).await
    }
}

#[async_trait]
impl Queue for Killing<MemoryQueue> {
    async fn send(&self, url: &str, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        self.around(self.inner.send(url, messages)).await
    }

    async fn hide(&self, url: &str, receipt_handle: &str, time: Duration) -> Result<(), QueueError> {
        self.around(self.inner.hide(url, receipt_handle, time)).await
    }
}
