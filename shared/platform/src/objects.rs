//! Objects in a bucket, with the conditional writes that Segue's state relies on.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

/// An object that was read whole.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its content.
    pub bytes: Bytes,
    /// Its entity tag, with quotes, as S3 gives it.
    pub etag: String,
}

/// An object as a listing has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag.
    pub etag: String,
    /// When it was last written, in milliseconds since 1970.
    pub modified_ms: u64,
}

/// An object that is being read.
pub struct Opened {
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag.
    pub etag: String,
    /// Its bytes, in order.
    pub pieces: BoxStream<'static, Result<Bytes, StoreError>>,
}

/// What a conditional write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It was written, and has this entity tag now.
    Written(String),
    /// The condition did not hold: somebody else was there before, or this very write, sent twice.
    Conflict,
}

/// A failure of the bucket. It names the key, which holds no personal data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The object is not there any more, or not as it was.
    #[error("{key} was changed or removed while it was read")]
    Changed {
        /// The key.
        key: String,
    },
    /// It may not be read or written.
    #[error("access to {key} is denied ({action}); check the function's policy and the bucket's key")]
    Denied {
        /// The key.
        key: String,
        /// What was tried.
        action: &'static str,
    },
    /// Anything else: throttling, network, an outage.
    #[error("{action} of {key} failed: {problem}")]
    Failed {
        /// The key.
        key: String,
        /// What was tried.
        action: &'static str,
        /// The service's error code, or what went wrong on the way.
        problem: String,
    },
}

/// A bucket.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Reads an object; `None` if there is none.
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError>;

    /// Opens an object for reading from front to back; `None` if there is none. With `etag`, only that state of it.
    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError>;

    /// Reads these bytes of an object that must still be in the state `etag`, and have all of them: it is
    /// [`StoreError::Changed`] otherwise.
    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// Writes an object that must not exist yet.
    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError>;

    /// Writes an object that must still be in the state `etag`.
    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError>;

    /// Writes an object whatever was there.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError>;

    /// Removes an object; it is no error if there is none.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Removes an object that must still be in the state `etag`; `false` if it is not, `true` also if there is none. A
    /// bucket that knows no conditional deletes looks at it just before.
    async fn delete_as(&self, key: &str, etag: &str) -> Result<bool, StoreError> {
        match self.get(key).await? {
            Some(found) if found.etag != etag => Ok(false),
            Some(_) => self.delete(key).await.map(|()| true),
            None => Ok(true),
        }
    }

    /// All objects under a prefix, in the order of their keys.
    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError>;

    /// The names that follow `prefix` up to the next slash, in their order. `prefix` ends with a slash.
    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}
