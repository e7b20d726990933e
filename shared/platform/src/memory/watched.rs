//! A bucket in memory with somebody before it: each request may wait, fail, or find what was changed a moment ago.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryBucket;
use crate::objects::{Object, Objects, Opened, Put, StoreError, Stored};

/// What is asked of a bucket: its methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as the methods of `Objects`")]
pub enum Asked {
    Get,
    Open,
    Read,
    Create,
    Replace,
    Put,
    Delete,
    DeleteAs,
    List,
    Folders,
}

impl Asked {
    /// Whether it changes the bucket.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Replace | Self::Put | Self::Delete | Self::DeleteAs)
    }
}

/// Whoever stands before a bucket.
#[async_trait]
pub trait Before: Send + Sync {
    /// What happens before a request for this key, or prefix, comes to the bucket. An error is the request's answer.
    async fn before(&self, asked: Asked, key: &str) -> Result<(), StoreError>;
}

/// A bucket with somebody before it.
pub struct Watched<B> {
    bucket: Arc<MemoryBucket>,
    by: B,
}

impl<B> Watched<B> {
    /// This bucket, behind `by`.
    pub const fn new(bucket: Arc<MemoryBucket>, by: B) -> Self {
        Self { bucket, by }
    }
}

#[async_trait]
impl<B: Before> Objects for Watched<B> {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.by.before(Asked::Get, key).await?;
        self.bucket.get(key).await
    }

    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError> {
        self.by.before(Asked::Open, key).await?;
        self.bucket.open(key, etag).await
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.by.before(Asked::Read, key).await?;
        self.bucket.read(key, etag, range).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.by.before(Asked::Create, key).await?;
        self.bucket.create(key, bytes).await
    }

    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError> {
        self.by.before(Asked::Replace, key).await?;
        self.bucket.replace(key, bytes, etag).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.by.before(Asked::Put, key).await?;
        self.bucket.put(key, bytes).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.by.before(Asked::Delete, key).await?;
        self.bucket.delete(key).await
    }

    async fn delete_as(&self, key: &str, etag: &str) -> Result<bool, StoreError> {
        self.by.before(Asked::DeleteAs, key).await?;
        self.bucket.delete_as(key, etag).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        self.by.before(Asked::List, prefix).await?;
        self.bucket.list(prefix).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.by.before(Asked::Folders, prefix).await?;
        self.bucket.folders(prefix).await
    }
}
