//! A bucket of S3.

use std::error::Error;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream;

use crate::objects::{Object, Objects, Opened, Put, StoreError, Stored};

/// A 409 says that another conditional write to the key is under way (S3's user guide, "conditional writes").
const CONFLICT_TRIES: u32 = 6;
/// Tries at a range whose bytes break off half-way. The client itself repeats only what fails before the first byte.
const RANGE_TRIES: u32 = 4;

/// A bucket of S3.
#[derive(Clone)]
pub struct Bucket {
    client: Client,
    name: String,
}

enum Condition<'a> {
    None,
    Absent,
    Matches(&'a str),
}

impl Bucket {
    /// The bucket `name`.
    #[must_use]
    pub const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    async fn fetch(&self, key: &str, etag: Option<&str>) -> Result<Option<GetObjectOutput>, StoreError> {
        let request =
            self.client.get_object().bucket(&self.name).key(key).set_if_match(etag.map(str::to_owned));
        match request.send().await {
            Ok(output) => Ok(Some(output)),
            Err(error) => match status(&error) {
                Some(404) => Ok(None),
                Some(412) => Err(StoreError::Changed { key: key.to_owned() }),
                Some(403) if self.lists_without(key).await => Ok(None),
                _ => Err(store_error("read", key, &error)),
            },
        }
    }

    /// Whether a listing is allowed, and does not have the key. S3 answers 403 for a missing key to those who may list
    /// some prefixes only, since reading a key has no prefix that IAM could compare.
    async fn lists_without(&self, key: &str) -> bool {
        let request = self.client.list_objects_v2().bucket(&self.name).prefix(key).max_keys(1);
        let listed = request.send().await;
        // The key itself comes before all that begin with it.
        listed.is_ok_and(|page| page.contents().first().is_none_or(|object| object.key() != Some(key)))
    }

    /// One try at a range. The inner error is worth another one.
    async fn try_range(
        &self,
        key: &str,
        etag: &str,
        range: &Range<u64>,
    ) -> Result<Result<Bytes, String>, StoreError> {
        let changed = || StoreError::Changed { key: key.to_owned() };
        let last = range.end.saturating_sub(1);
        let request = self.client.get_object().bucket(&self.name).key(key).if_match(etag);
        let output = request.range(format!("bytes={}-{last}", range.start)).send().await;
        let mut body = match output {
            Ok(output) => output.body,
            // 416: it has become shorter.
            Err(error) if matches!(status(&error), Some(404 | 412 | 416)) => return Err(changed()),
            Err(error) => return Err(store_error("read", key, &error)),
        };
        let length = usize::try_from(range.end - range.start).map_err(|_| changed())?;
        let mut bytes = BytesMut::with_capacity(length);
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) if bytes.len() + piece.len() <= length => bytes.extend_from_slice(&piece),
                Ok(_) => return Err(changed()),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        if bytes.len() == length { Ok(Ok(bytes.freeze())) } else { Err(changed()) }
    }

    async fn write(&self, key: &str, bytes: Bytes, condition: Condition<'_>) -> Result<Put, StoreError> {
        for attempt in 0.. {
            let mut request =
                self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(bytes.clone()));
            request = match condition {
                Condition::None => request,
                Condition::Absent => request.if_none_match("*"),
                Condition::Matches(etag) => request.if_match(etag),
            };
            match request.send().await {
                Ok(output) => return Ok(Put::Written(output.e_tag().unwrap_or_default().to_owned())),
                Err(error) => match status(&error) {
                    Some(412) => return Ok(Put::Conflict),
                    // If-Match on an object that was deleted.
                    Some(404) if error.code() == Some("NoSuchKey") => return Ok(Put::Conflict),
                    Some(409) if attempt + 1 < CONFLICT_TRIES => pause(attempt).await,
                    _ => return Err(store_error("write", key, &error)),
                },
            }
        }
        Err(failed("write", key, "too many conflicts".to_owned()))
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let Some(output) = self.fetch(key, None).await? else { return Ok(None) };
        let etag = output.e_tag().unwrap_or_default().to_owned();
        let body = output.body.collect().await.map_err(|error| failed("read", key, error.to_string()))?;
        Ok(Some(Object { bytes: body.into_bytes(), etag }))
    }

    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError> {
        let Some(output) = self.fetch(key, etag).await? else { return Ok(None) };
        let size = output.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        let etag = output.e_tag().unwrap_or_default().to_owned();
        let key = key.to_owned();
        let pieces = stream::unfold((output.body, key), |(mut body, key)| async move {
            let piece = body.next().await?;
            let piece = piece.map_err(|error| failed("read", &key, error.to_string()));
            Some((piece, (body, key)))
        });
        Ok(Some(Opened { size, etag, pieces: pieces.boxed() }))
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let mut problem = String::new();
        for attempt in 0..RANGE_TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(25..=100) << attempt)).await;
            }
            match self.try_range(key, etag, &range).await? {
                Ok(bytes) => return Ok(bytes),
                Err(broken) => problem = broken,
            }
        }
        Err(failed("read", key, problem))
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.write(key, bytes, Condition::Absent).await
    }

    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError> {
        self.write(key, bytes, Condition::Matches(etag)).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.write(key, bytes, Condition::None).await.map(|_| ())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let request = self.client.delete_object().bucket(&self.name).key(key);
        request.send().await.map(|_| ()).map_err(|error| store_error("delete", key, &error))
    }

    /// Whoever may do this has to be allowed to read the object too (S3's user guide, "conditional deletes").
    async fn delete_as(&self, key: &str, etag: &str) -> Result<bool, StoreError> {
        for attempt in 0.. {
            let request = self.client.delete_object().bucket(&self.name).key(key).if_match(etag);
            match request.send().await {
                Ok(_) => return Ok(true),
                Err(error) => match status(&error) {
                    Some(404) if error.code() == Some("NoSuchKey") => return Ok(true),
                    Some(412) => return Ok(false),
                    Some(409) if attempt + 1 < CONFLICT_TRIES => pause(attempt).await,
                    _ => return Err(store_error("delete", key, &error)),
                },
            }
        }
        Err(failed("delete", key, "too many conflicts".to_owned()))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        let mut pages =
            self.client.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| store_error("list", prefix, &error))?;
            found.extend(page.contents().iter().map(|object| {
                Stored {
                    key: object.key().unwrap_or_default().to_owned(),
                    size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                    etag: object.e_tag().unwrap_or_default().to_owned(),
                    modified_ms: object
                        .last_modified()
                        .and_then(|time| time.to_millis().ok())
                        .and_then(|time| u64::try_from(time).ok())
                        .unwrap_or_default(),
                }
            }));
        }
        Ok(found)
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let request = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).delimiter("/");
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| store_error("list", prefix, &error))?;
            let names = page.common_prefixes().iter().filter_map(|folder| {
                folder.prefix()?.strip_prefix(prefix)?.strip_suffix('/').map(str::to_owned)
            });
            found.extend(names);
        }
        Ok(found)
    }
}

/// Before a conditional request is made again.
async fn pause(attempt: u32) {
    let most = 20_u64 << attempt;
    tokio::time::sleep(Duration::from_millis(fastrand::u64(most / 2..=most))).await;
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn store_error<E>(action: &'static str, key: &str, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if status(error) == Some(403) {
        return StoreError::Denied { key: key.to_owned(), action };
    }
    let problem = error.code().map_or_else(|| sources(error), str::to_owned);
    failed(action, key, problem)
}

fn failed(action: &'static str, key: &str, problem: String) -> StoreError {
    StoreError::Failed { key: key.to_owned(), action, problem }
}

/// An error and what it came from, in one line.
#[must_use]
pub fn sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    use wiremock::matchers::{header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn bucket(server: &MockServer) -> Bucket {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(server.uri())
            .force_path_style(true)
            .build();
        Bucket::new(Client::from_conf(config), "state".to_owned())
    }

    fn denied() -> ResponseTemplate {
        let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        ResponseTemplate::new(403).set_body_raw(body, "application/xml")
    }

    /// A bucket in which reading `open/e/1` is denied, and listing it answers so.
    async fn unreadable(listing: ResponseTemplate) -> Result<Option<Object>, StoreError> {
        let server = MockServer::start().await;
        Mock::given(method("GET")).and(path("/state/open/e/1")).respond_with(denied()).mount(&server).await;
        Mock::given(method("GET"))
            .and(query_param("prefix", "open/e/1"))
            .respond_with(listing)
            .mount(&server)
            .await;
        bucket(&server).get("open/e/1").await
    }

    fn listing(keys: &[&str]) -> ResponseTemplate {
        let contents: Vec<_> =
            keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        let body = format!("<ListBucketResult><Name>state</Name>{}</ListBucketResult>", contents.concat());
        ResponseTemplate::new(200).set_body_raw(body, "application/xml")
    }

    #[tokio::test]
    async fn who_may_list_learns_that_a_denied_key_is_missing() {
        assert!(unreadable(listing(&[])).await.unwrap().is_none());
        assert!(unreadable(listing(&["open/e/12"])).await.unwrap().is_none(), "another one's name begins so");
    }

    #[tokio::test]
    async fn what_is_there_and_may_not_be_read_is_denied() {
        for answer in [listing(&["open/e/1"]), denied()] {
            let error = unreadable(answer).await.err();
            assert!(matches!(error, Some(StoreError::Denied { .. })), "{error:?}");
        }
    }

    /// What becomes of removing `config/a.json` as it was under the entity tag `"1"`, if it is answered so.
    async fn removed(answers: &[(u16, &str)]) -> Result<bool, StoreError> {
        let server = MockServer::start().await;
        for (status, code) in answers {
            let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
            Mock::given(method("DELETE"))
                .and(path("/state/config/a.json"))
                .and(header("if-match", "\"1\""))
                .respond_with(ResponseTemplate::new(*status).set_body_raw(body, "application/xml"))
                .up_to_n_times(1)
                .mount(&server)
                .await;
        }
        bucket(&server).delete_as("config/a.json", "\"1\"").await
    }

    #[tokio::test]
    async fn only_what_is_as_it_was_is_removed() {
        assert!(removed(&[(204, "")]).await.unwrap());
        assert!(!removed(&[(412, "PreconditionFailed")]).await.unwrap());
        assert!(removed(&[(404, "NoSuchKey")]).await.unwrap(), "somebody removed it before");
        assert!(removed(&[(409, "ConditionalRequestConflict"), (204, "")]).await.unwrap());
        let denied = removed(&[(403, "AccessDenied")]).await.unwrap_err();
        assert!(matches!(denied, StoreError::Denied { action: "delete", .. }), "{denied:?}");
    }
}
