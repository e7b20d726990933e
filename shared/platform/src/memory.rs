//! AWS in memory, for tests: the same promises as the real edges, and nothing else.

mod watched;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use secrecy::SecretString;
use serde_json::Value;

use crate::clock::now_ms;
use crate::invoke::{Invoke, InvokeError};
use crate::objects::{Object, Objects, Opened, Put, StoreError, Stored};
use crate::queue::{Outgoing, Queue, QueueError};
use crate::secrets::{SecretError, SecretValue, Secrets};

pub use watched::{Asked, Before, Watched};

/// A bucket in memory.
#[derive(Default)]
pub struct MemoryBucket {
    objects: Mutex<BTreeMap<String, Kept>>,
    written: Mutex<u64>,
}

#[derive(Clone)]
struct Kept {
    bytes: Bytes,
    etag: String,
    modified_ms: u64,
}

impl MemoryBucket {
    /// The keys that there are.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        lock(&self.objects).keys().cloned().collect()
    }

    fn keep(&self, objects: &mut BTreeMap<String, Kept>, key: &str, bytes: Bytes) -> String {
        let mut written = lock(&self.written);
        *written += 1;
        let etag = format!("\"{written}\"");
        objects.insert(key.to_owned(), Kept { bytes, etag: etag.clone(), modified_ms: now_ms() });
        etag
    }
}

#[async_trait]
impl Objects for MemoryBucket {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        Ok(lock(&self.objects)
            .get(key)
            .map(|kept| Object { bytes: kept.bytes.clone(), etag: kept.etag.clone() }))
    }

    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError> {
        let Some(kept) = lock(&self.objects).get(key).cloned() else { return Ok(None) };
        if etag.is_some_and(|etag| etag != kept.etag) {
            return Err(StoreError::Changed { key: key.to_owned() });
        }
        let size = kept.bytes.len() as u64;
        // Like S3's, it must not be asked for more after its end.
        let pieces = stream::unfold(kept.bytes, |mut rest| async move {
            let piece = rest.split_to(rest.len().min(64 << 10));
            (!piece.is_empty()).then_some((Ok(piece), rest))
        });
        Ok(Some(Opened { size, etag: kept.etag, pieces: pieces.boxed() }))
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let objects = lock(&self.objects);
        let kept = objects.get(key).filter(|kept| kept.etag == etag && place(range.end) <= kept.bytes.len());
        kept.filter(|_| range.start <= range.end)
            .map(|kept| kept.bytes.slice(place(range.start)..place(range.end)))
            .ok_or_else(|| StoreError::Changed { key: key.to_owned() })
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        let mut objects = lock(&self.objects);
        if objects.contains_key(key) {
            return Ok(Put::Conflict);
        }
        Ok(Put::Written(self.keep(&mut objects, key, bytes)))
    }

    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError> {
        let mut objects = lock(&self.objects);
        if objects.get(key).is_none_or(|kept| kept.etag != etag) {
            return Ok(Put::Conflict);
        }
        Ok(Put::Written(self.keep(&mut objects, key, bytes)))
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.keep(&mut lock(&self.objects), key, bytes);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        lock(&self.objects).remove(key);
        Ok(())
    }

    async fn delete_as(&self, key: &str, etag: &str) -> Result<bool, StoreError> {
        let mut objects = lock(&self.objects);
        if objects.get(key).is_some_and(|kept| kept.etag != etag) {
            return Ok(false);
        }
        objects.remove(key);
        Ok(true)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        let objects = lock(&self.objects);
        let found = objects.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(key, kept)| Stored {
            key: key.clone(),
            size: kept.bytes.len() as u64,
            etag: kept.etag.clone(),
            modified_ms: kept.modified_ms,
        });
        Ok(found.collect())
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let objects = lock(&self.objects);
        let mut names: Vec<String> = objects
            .keys()
            .filter_map(|key| key.strip_prefix(prefix)?.split_once('/').map(|(name, _)| name.to_owned()))
            .collect();
        names.dedup();
        Ok(names)
    }
}

/// Queues in memory: they keep what was sent and hidden.
#[derive(Default)]
pub struct MemoryQueue {
    sent: Mutex<Vec<(String, Outgoing)>>,
    hidden: Mutex<Vec<(String, Duration)>>,
}

impl MemoryQueue {
    /// Takes out what was sent so far: URL and message.
    #[must_use]
    pub fn take(&self) -> Vec<(String, Outgoing)> {
        std::mem::take(&mut lock(&self.sent))
    }

    /// Receipt handles and for how long their messages were hidden.
    #[must_use]
    pub fn hidden(&self) -> Vec<(String, Duration)> {
        lock(&self.hidden).clone()
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, url: &str, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        lock(&self.sent).extend(messages.into_iter().map(|message| (url.to_owned(), message)));
        Ok(())
    }

    async fn hide(&self, _url: &str, receipt_handle: &str, time: Duration) -> Result<(), QueueError> {
        lock(&self.hidden).push((receipt_handle.to_owned(), time));
        Ok(())
    }
}

/// Secrets in memory, with their versions counted from 1.
#[derive(Default)]
pub struct MemorySecrets {
    current: Mutex<BTreeMap<String, (u64, SecretString)>>,
    staged: Mutex<BTreeMap<String, SecretString>>,
}

impl MemorySecrets {
    /// Leaves a new version behind as a process does that is killed before it makes it the current one.
    pub fn stage(&self, name: &str, text: &SecretString) {
        lock(&self.staged).insert(name.to_owned(), text.clone());
    }
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, name: &str) -> Result<SecretValue, SecretError> {
        let secrets = lock(&self.current);
        let (version, text) = secrets.get(name).ok_or_else(|| SecretError::Missing(name.to_owned()))?;
        Ok(SecretValue { text: text.clone(), version: version.to_string() })
    }

    async fn refresh(&self, name: &str, text: &SecretString, replaced: &str) -> Result<(), SecretError> {
        let mut secrets = lock(&self.current);
        lock(&self.staged).remove(name);
        match secrets.get_mut(name) {
            Some((version, kept)) if version.to_string() == replaced => {
                (*version, *kept) = (*version + 1, text.clone());
                Ok(())
            }
            Some(_) => Err(SecretError::Changed(name.to_owned())),
            None => Err(SecretError::Missing(name.to_owned())),
        }
    }

    async fn refreshed(&self, name: &str) -> Result<Option<SecretValue>, SecretError> {
        let staged = lock(&self.staged).get(name).cloned();
        Ok(staged.map(|text| SecretValue { text, version: "staged".to_owned() }))
    }

    async fn store(&self, name: &str, text: &SecretString) -> Result<(), SecretError> {
        let mut secrets = lock(&self.current);
        lock(&self.staged).remove(name);
        let version = secrets.get(name).map_or(0, |(version, _)| *version) + 1;
        secrets.insert(name.to_owned(), (version, text.clone()));
        Ok(())
    }

    async fn replace(
        &self,
        name: &str,
        text: &SecretString,
        replaced: Option<&str>,
    ) -> Result<(), SecretError> {
        let mut secrets = lock(&self.current);
        let now = secrets.get(name).map(|(version, _)| *version);
        if now.map(|version| version.to_string()).as_deref() != replaced {
            return Err(SecretError::Changed(name.to_owned()));
        }
        lock(&self.staged).remove(name);
        secrets.insert(name.to_owned(), (now.unwrap_or_default() + 1, text.clone()));
        Ok(())
    }
}

/// Functions in memory: they keep what they were handed, and answer what they were told to.
#[derive(Default)]
pub struct MemoryInvoke {
    started: Mutex<Vec<String>>,
    asked: Mutex<Vec<(String, Value)>>,
    answers: Mutex<VecDeque<Value>>,
    denied: Mutex<Vec<String>>,
}

impl MemoryInvoke {
    /// Takes out the payloads that functions were started with.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.started))
    }

    /// Takes out the questions so far: function, or function and alias, and request.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut lock(&self.asked))
    }

    /// What is answered to the next question that has no answer yet.
    pub fn answer(&self, answer: Value) {
        lock(&self.answers).push_back(answer);
    }

    /// From now on nobody may invoke this function (`name`, or `name:alias`).
    pub fn deny(&self, function: &str) {
        lock(&self.denied).push(function.to_owned());
    }

    fn admit(&self, function: &str) -> Result<(), InvokeError> {
        let denied = lock(&self.denied).iter().any(|denied| denied == function);
        if denied { Err(InvokeError::Denied { function: function.to_owned() }) } else { Ok(()) }
    }
}

#[async_trait]
impl Invoke for MemoryInvoke {
    async fn start(&self, function: &str, payload: String) -> Result<(), InvokeError> {
        self.admit(function)?;
        lock(&self.started).push(payload);
        Ok(())
    }

    async fn ask(&self, function: &str, payload: String) -> Result<Value, InvokeError> {
        self.admit(function)?;
        let broke = |problem| InvokeError::Broke { function: function.to_owned(), problem };
        let request = serde_json::from_str(&payload).map_err(|error| broke(error.to_string()))?;
        lock(&self.asked).push((function.to_owned(), request));
        lock(&self.answers).pop_front().ok_or_else(|| broke("no answer was put in".to_owned()))
    }

    async fn may(&self, function: &str) -> Result<bool, InvokeError> {
        Ok(self.admit(function).is_ok())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
