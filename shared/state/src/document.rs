//! Reading and writing versioned documents.

use bytes::Bytes;
use futures::TryStreamExt;
use segue_platform::{Objects, Put, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The version of every document and message that this release writes.
pub const VERSION: u64 = 1;

/// A document of the state bucket that can't be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    /// The bucket failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer release wrote it. Not a failure: it has to wait for one that can read it.
    #[error(
        "{key} has version {version}; this release reads up to {VERSION}: wait for the upgrade to finish"
    )]
    Version {
        /// The key.
        key: String,
        /// Its version.
        version: u64,
    },
    /// Its content was not understood.
    #[error("{key} is malformed: {problem}")]
    Malformed {
        /// The key.
        key: String,
        /// What is wrong, and in which field.
        problem: String,
    },
}

impl StateError {
    /// The key that it is about.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Store(
                StoreError::Changed { key } | StoreError::Denied { key, .. } | StoreError::Failed { key, .. },
            )
            | Self::Version { key, .. }
            | Self::Malformed { key, .. } => key,
        }
    }

    /// Whether nobody here understands the document: it is malformed, or a newer release wrote it. Others may be fine.
    #[must_use]
    pub const fn is_of_document(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::Version { .. })
    }

    /// Whether waiting may help: an outage, or an upgrade that is under way.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Version { .. } | Self::Store(StoreError::Failed { .. } | StoreError::Denied { .. })
        )
    }
}

/// A document as it was read.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// Its content.
    pub body: T,
    /// The object's entity tag, to change it by.
    pub etag: String,
    /// Who wrote it, to know one's own write again.
    writer: String,
}

/// A name for one writing process: the same write sent twice is known by it.
#[must_use]
pub fn writer() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// Decodes a document of this release or the one before.
///
/// # Errors
/// [`StateError::Version`] or [`StateError::Malformed`]; the latter names the field.
pub fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<(T, String), StateError> {
    let malformed = |problem: String| StateError::Malformed { key: key.to_owned(), problem };
    let mut value: Value = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let fields = value.as_object_mut().ok_or_else(|| malformed("it is no JSON object".to_owned()))?;
    let version = fields.remove("version").and_then(|version| version.as_u64()).unwrap_or(VERSION);
    if version > VERSION {
        return Err(StateError::Version { key: key.to_owned(), version });
    }
    let writer = fields.remove("writer").and_then(|writer| writer.as_str().map(str::to_owned));
    let body = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        malformed(if path == "." { problem } else { format!("`{path}`: {problem}") })
    })?;
    Ok((body, writer.unwrap_or_default()))
}

/// Encodes a document, with version and writer.
///
/// # Errors
/// [`StateError::Malformed`] for a body that is no JSON object.
pub fn encode<T: Serialize>(key: &str, body: &T, writer: &str) -> Result<Bytes, StateError> {
    let malformed = |problem: String| StateError::Malformed { key: key.to_owned(), problem };
    let mut value = serde_json::to_value(body).map_err(|error| malformed(error.to_string()))?;
    let fields = value.as_object_mut().ok_or_else(|| malformed("it is no JSON object".to_owned()))?;
    fields.insert("version".to_owned(), VERSION.into());
    fields.insert("writer".to_owned(), writer.into());
    serde_json::to_vec(&value).map(Bytes::from).map_err(|error| malformed(error.to_string()))
}

/// Reads a document; `None` if there is none.
///
/// # Errors
/// See [`StateError`].
pub async fn read<T: DeserializeOwned>(
    objects: &dyn Objects,
    key: &str,
) -> Result<Option<Versioned<T>>, StateError> {
    let Some(object) = objects.get(key).await? else { return Ok(None) };
    let (body, writer) = decode(key, &object.bytes)?;
    Ok(Some(Versioned { body, etag: object.etag, writer }))
}

/// Reads a document that is at most so many bytes long: of a larger one nothing is read.
///
/// # Errors
/// See [`StateError`]; it is [`StateError::Malformed`] if it is larger.
pub async fn read_bounded<T: DeserializeOwned>(
    objects: &dyn Objects,
    key: &str,
    most: u64,
) -> Result<Option<Versioned<T>>, StateError> {
    match look(objects, key, most).await? {
        Lying::Nothing => Ok(None),
        Lying::Usable(found) => Ok(Some(found)),
        Lying::Broken(Broken { problem, .. }) => Err(StateError::Malformed { key: key.to_owned(), problem }),
    }
}

/// What lies where a document belongs.
#[derive(Debug, Clone)]
pub enum Lying<T> {
    /// Nothing.
    Nothing,
    /// A document.
    Usable(Versioned<T>),
    /// Something that is none: it can be replaced or removed, as long as it is this.
    Broken(Broken),
}

/// Something that lies where a document belongs, and is none.
#[derive(Debug, Clone)]
pub struct Broken {
    /// What is wrong with it.
    pub problem: String,
    /// The object's entity tag, to replace or remove it by.
    pub etag: String,
}

/// Reads what lies where a document of at most so many bytes belongs.
///
/// # Errors
/// [`StateError`] if it can't be read for now: never [`StateError::Malformed`].
pub async fn look<T: DeserializeOwned>(
    objects: &dyn Objects,
    key: &str,
    most: u64,
) -> Result<Lying<T>, StateError> {
    let Some(opened) = objects.open(key, None).await? else { return Ok(Lying::Nothing) };
    let etag = opened.etag;
    if opened.size > most {
        let problem = format!("it has {} bytes; such a document has at most {most}", opened.size);
        return Ok(Lying::Broken(Broken { problem, etag }));
    }
    let bytes = opened.pieces.try_fold(Vec::new(), async |mut bytes, piece| {
        bytes.extend_from_slice(&piece);
        Ok(bytes)
    });
    match decode(key, &bytes.await?) {
        Ok((body, writer)) => Ok(Lying::Usable(Versioned { body, etag, writer })),
        Err(StateError::Malformed { problem, .. }) => Ok(Lying::Broken(Broken { problem, etag })),
        Err(error) => Err(error),
    }
}

/// What came of creating a document.
#[derive(Debug)]
pub enum Created<T> {
    /// It is this one now, under this entity tag.
    New(String),
    /// There was one before.
    Existing(Versioned<T>),
}

/// Creates a document, unless there is one. One's own write that a retry repeated counts as new.
///
/// # Errors
/// See [`StateError`].
pub async fn create<T: Serialize + DeserializeOwned>(
    objects: &dyn Objects,
    key: &str,
    body: &T,
) -> Result<Created<T>, StateError> {
    let writer = writer();
    let bytes = encode(key, body, &writer)?;
    loop {
        if let Put::Written(etag) = objects.create(key, bytes.clone()).await? {
            return Ok(Created::New(etag));
        }
        match read::<T>(objects, key).await? {
            Some(found) if found.writer == writer => return Ok(Created::New(found.etag)),
            Some(found) => return Ok(Created::Existing(found)),
            // Removed in between: try again.
            None => {}
        }
    }
}

/// Changes a document that is still in the state `etag`. `false` if it is not.
///
/// # Errors
/// See [`StateError`].
pub async fn replace<T: Serialize>(
    objects: &dyn Objects,
    key: &str,
    body: &T,
    etag: &str,
) -> Result<bool, StateError> {
    let writer = writer();
    let bytes = encode(key, body, &writer)?;
    if let Put::Written(_) = objects.replace(key, bytes, etag).await? {
        return Ok(true);
    }
    let found = read::<Value>(objects, key).await?;
    Ok(found.is_some_and(|found| found.writer == writer))
}

#[cfg(test)]
mod tests {
    use segue_platform::memory::MemoryBucket;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
    }

    fn body(name: &str) -> Body {
        Body { name: name.to_owned() }
    }

    #[tokio::test]
    async fn the_first_creation_wins_and_the_second_is_told_what_is_there() {
        let bucket = MemoryBucket::default();
        assert!(matches!(create(&bucket, "k", &body("one")).await.unwrap(), Created::New(_)));
        let Created::Existing(found) = create(&bucket, "k", &body("two")).await.unwrap() else { panic!() };
        assert_eq!(found.body, body("one"));
    }

    #[tokio::test]
    async fn a_change_needs_the_state_that_was_read() {
        let bucket = MemoryBucket::default();
        let Created::New(etag) = create(&bucket, "k", &body("one")).await.unwrap() else { panic!() };
        assert!(replace(&bucket, "k", &body("two"), &etag).await.unwrap());
        assert!(!replace(&bucket, "k", &body("three"), &etag).await.unwrap());
        assert_eq!(read::<Body>(&bucket, "k").await.unwrap().unwrap().body, body("two"));
    }

    #[test]
    fn a_newer_version_is_told_from_a_malformed_document() {
        let newer = decode::<Body>("k", br#"{"version":2,"name":"x"}"#).unwrap_err();
        assert!(newer.passes() && newer.to_string().contains("version 2"));
        let unknown = decode::<Body>("k", br#"{"version":1,"name":"x","nmae":"y"}"#).unwrap_err();
        assert!(!unknown.passes() && unknown.to_string().contains("nmae"), "{unknown}");
        let wrong = decode::<Body>("k", br#"{"name":5}"#).unwrap_err();
        assert!(wrong.to_string().contains("`name`"), "{wrong}");
    }
}
