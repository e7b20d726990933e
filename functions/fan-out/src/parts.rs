//! Drops of many part files: what closes one, and which parts it has then.
//!
//! A part that is uploaded starts nothing; the upload of the marker does. `_SUCCESS` closes a drop over all parts that
//! are there by then, a manifest over those that it names.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use segue_platform::{Objects, StoreError};
use segue_state::{Drop, Part};
use serde::Deserialize;

use crate::guard::Guard;

/// Most parts of a run. Its record names them all, and is read again for each chunk.
pub const MOST: usize = 10_000;
/// Largest manifest that is read: room for that many keys of the longest kind.
const MAX_MANIFEST: u64 = 16 << 20;
/// Names of a manifest; Redshift's `UNLOAD` calls it the last.
const MANIFESTS: [&str; 3] = ["_manifest.json", "manifest.json", "manifest"];

/// What closes a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// An empty `_SUCCESS`, as Hadoop and Spark write it.
    Success,
    /// A manifest that names the parts.
    Manifest,
}

impl Closing {
    /// What a file of this name closes, if it closes anything.
    #[must_use]
    pub fn by(name: &str) -> Option<Self> {
        match name {
            "_SUCCESS" => Some(Self::Success),
            name => MANIFESTS.contains(&name).then_some(Self::Manifest),
        }
    }
}

/// A drop that was found, and why it can't be read, if that is known already.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The drop; without parts if there is an obstacle.
    pub drop: Drop,
    /// What stops every run over it.
    pub obstacle: Option<Guard>,
}

/// The parts of the drop that `marker` closes, among the objects `listed` in its folder. `folder` ends with a slash.
/// `None` if this marker closes nothing, since there is a manifest.
///
/// # Errors
/// [`StoreError`] if the manifest can't be read.
pub async fn closed(
    bucket: (&dyn Objects, &str),
    segment: &str,
    folder: &str,
    marker: &Part,
    listed: &[Part],
) -> Result<Option<Found>, StoreError> {
    let name = marker.key.strip_prefix(folder).unwrap_or_default();
    let found = match Closing::by(name) {
        None => return Ok(None),
        Some(Closing::Success) => {
            let manifest = listed.iter().find(|part| is_manifest(folder, &part.key));
            if let Some(manifest) = manifest {
                tracing::info!(marker = %marker.key, manifest = %manifest.key, "the manifest closes this drop");
                return Ok(None);
            }
            all(folder, marker, listed)
        }
        Some(Closing::Manifest) => named(bucket, folder, marker, listed).await?,
    };
    let found = found.and_then(|parts| match parts.len() {
        0 => Err(Guard::NoParts { marker: marker.key.clone() }),
        parts if parts > MOST => Err(Guard::TooManyParts { found: parts }),
        _ => Ok(parts),
    });
    let (parts, obstacle) = match found {
        Ok(parts) => (parts, None),
        Err(guard) => (Vec::new(), Some(guard)),
    };
    Ok(Some(Found { drop: Drop { segment: segment.to_owned(), parts }, obstacle }))
}

/// Whether this is the manifest of the drop in `folder`.
fn is_manifest(folder: &str, key: &str) -> bool {
    key.strip_prefix(folder).is_some_and(|name| MANIFESTS.contains(&name))
}

/// Whether a file of a drop is a part. A name that begins with `_` or `.`, be it a folder's, is none.
fn is_part(folder: &str, key: &str) -> bool {
    let Some(below) = key.strip_prefix(folder) else { return false };
    let name = below.rsplit('/').next().unwrap_or_default();
    !name.is_empty()
        && !name.ends_with("_$folder$")
        && Closing::by(name).is_none()
        && !below.split('/').any(|name| name.starts_with(['_', '.']))
}

/// All parts that are there.
fn all(folder: &str, marker: &Part, listed: &[Part]) -> Result<Vec<Part>, Guard> {
    if !listed.iter().any(|part| part.key == marker.key) {
        // A writer that overwrites a drop takes its marker away first.
        return Err(Guard::Gone { file: marker.key.clone() });
    }
    let mut parts: Vec<Part> = listed.iter().filter(|part| is_part(folder, &part.key)).cloned().collect();
    parts.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(parts)
}

/// The parts that the manifest names, in its order.
async fn named(
    (objects, bucket): (&dyn Objects, &str),
    folder: &str,
    marker: &Part,
    listed: &[Part],
) -> Result<Result<Vec<Part>, Guard>, StoreError> {
    let file = || marker.key.clone();
    if marker.size > MAX_MANIFEST {
        let problem = format!("it is larger than {} MiB", MAX_MANIFEST >> 20);
        return Ok(Err(Guard::Manifest { file: file(), problem }));
    }
    let Some(bytes) = manifest(objects, marker).await? else {
        return Ok(Err(Guard::Gone { file: file() }));
    };
    let keys = names(&bytes)
        .and_then(|names| names.iter().map(|name| key(bucket, folder, name)).collect::<Result<Vec<_>, _>>());
    let keys = match keys {
        Ok(keys) => keys,
        Err(problem) => return Ok(Err(Guard::Manifest { file: file(), problem })),
    };
    let there: BTreeMap<&str, &Part> = listed.iter().map(|part| (part.key.as_str(), part)).collect();
    let mut once = BTreeSet::new();
    let (mut parts, mut missing) = (Vec::new(), Vec::new());
    for key in keys.iter().filter(|key| once.insert(key.as_str())) {
        match there.get(key.as_str()) {
            Some(&part) => parts.push(part.clone()),
            None => missing.push(shown(key)),
        }
    }
    if !missing.is_empty() {
        return Ok(Err(Guard::MissingParts { file: file(), missing }));
    }
    let others = listed.iter().filter(|part| is_part(folder, &part.key) && !once.contains(part.key.as_str()));
    let ignored = others.count();
    if ignored > 0 {
        tracing::warn!(manifest = %marker.key, ignored, "files that the manifest does not name are left out");
    }
    Ok(Ok(parts))
}

/// The bytes of a manifest in the one state that was announced; `None` if it is in another by now, or gone.
async fn manifest(objects: &dyn Objects, marker: &Part) -> Result<Option<Vec<u8>>, StoreError> {
    let opened = match objects.open(&marker.key, marker.etag.as_deref()).await {
        Ok(Some(opened)) if opened.size == marker.size => opened,
        Ok(_) | Err(StoreError::Changed { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let pieces: Vec<_> = opened.pieces.try_collect().await?;
    Ok(Some(pieces.concat()))
}

#[derive(Deserialize)]
struct Manifest {
    parts: Option<Vec<String>>,
    entries: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    url: String,
}

/// The names in a manifest: `{"parts": ["…"]}`, or as warehouses write it, `{"entries": [{"url": "s3://…"}]}`.
fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
    let shape = r#"it has to be {"parts": ["part-0.csv", …]} or {"entries": [{"url": "s3://…"}, …]}"#;
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            return shape.to_owned();
        }
        format!("it is no JSON (line {}, column {})", error.line(), error.column())
    })?;
    match (manifest.parts, manifest.entries) {
        (None, Some(entries)) => Ok(entries.into_iter().map(|entry| entry.url).collect()),
        (Some(parts), None) => Ok(parts),
        _ => Err(shape.to_owned()),
    }
}

/// A name as messages show it. It is a stranger's, and may have any length.
fn shown(name: &str) -> String {
    const LONGEST: usize = 200;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The key that a name in a manifest stands for: a URL, a whole key, or one below the drop's folder.
fn key(bucket: &str, folder: &str, name: &str) -> Result<String, String> {
    let outside = || {
        format!("`{}` is not in the drop's own folder; a manifest names the parts of its drop", shown(name))
    };
    let url = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| name.strip_prefix(scheme));
    let key = match url.map(|url| url.split_once('/')) {
        Some(Some((of, key))) if of == bucket => key.to_owned(),
        Some(_) => return Err(outside()),
        None if name.starts_with(folder) => name.to_owned(),
        None => format!("{folder}{}", name.strip_prefix("./").unwrap_or(name)),
    };
    let below = key.strip_prefix(folder).ok_or_else(outside)?;
    if below.is_empty() || below.ends_with('/') || Closing::by(below).is_some() {
        return Err(format!("`{}` is no part", shown(name)));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use segue_platform::memory::MemoryBucket;

    use super::*;

    const FOLDER: &str = "segments/vip/d/";

    fn part(key: &str) -> Part {
        Part { key: format!("{FOLDER}{key}"), etag: None, size: 1 }
    }

    async fn found(manifest: &str, listed: &[&str]) -> Result<Vec<String>, String> {
        let bucket = MemoryBucket::default();
        let marker = Part { size: manifest.len() as u64, ..part("manifest.json") };
        bucket.put(&marker.key, manifest.to_owned().into()).await.unwrap();
        let listed: Vec<Part> = listed.iter().map(|key| part(key)).collect();
        let found = closed((&bucket, "drops"), "vip", FOLDER, &marker, &listed).await.unwrap().unwrap();
        match found.obstacle {
            None => Ok(found.drop.parts.iter().map(|part| part.key.replace(FOLDER, "")).collect()),
            Some(guard) => Err(guard.to_string()),
        }
    }

    #[test]
    fn what_is_hidden_is_no_part_and_nested_folders_are_fine() {
        for key in ["part-0.csv", "country=de/part-0.csv", "a b+c", "x/y/z.gz"] {
            assert!(is_part(FOLDER, &part(key).key), "{key}");
        }
        for key in [
            "_SUCCESS",
            "_temporary/0/part-0.csv",
            ".part-0.csv.crc",
            "x/.y/z",
            "x/",
            "x_$folder$",
            "manifest",
            "x/_manifest.json",
        ] {
            assert!(!is_part(FOLDER, &part(key).key), "{key}");
        }
        assert!(!is_part(FOLDER, "segments/vip/other/part-0.csv"));
    }

    #[tokio::test]
    async fn a_manifest_names_parts_by_relative_key_whole_key_or_url() {
        let manifest = r#"{"parts": ["b.csv", "segments/vip/d/a.csv", "./x/c.csv", "b.csv"], "rows": 12}"#;
        let listed = ["a.csv", "b.csv", "manifest.json", "stray.csv", "x/c.csv"];
        assert_eq!(found(manifest, &listed).await.unwrap(), ["b.csv", "a.csv", "x/c.csv"]);
        let redshift = r#"{"entries": [{"url": "s3://drops/segments/vip/d/a.csv", "meta": {"content_length": 5}},
            {"url": "s3a://drops/segments/vip/d/b.csv", "mandatory": true}]}"#;
        assert_eq!(found(redshift, &listed).await.unwrap(), ["a.csv", "b.csv"]);
    }

    #[tokio::test]
    async fn a_manifest_that_can_not_be_followed_says_why() {
        let said = async |manifest: &str| found(manifest, &["a.csv"]).await.unwrap_err();
        insta::assert_snapshot!(said("{").await, @"segments/vip/d/manifest.json: it is no JSON (line 1, column 1); mend the manifest and upload it again");
        for shape in ["[]", "{}", r#"{"parts": "a.csv"}"#, r#"{"parts": [1]}"#, r#"{"entries": ["a.csv"]}"#] {
            assert!(said(shape).await.contains("it has to be {\"parts\""), "{shape}");
        }
        insta::assert_snapshot!(said(r#"{"parts": ["a.csv", "b.csv"]}"#).await, @"segments/vip/d/manifest.json names parts that are not there: segments/vip/d/b.csv; upload them, then the manifest again");
        for outside in ["s3://another/segments/vip/d/a.csv", "s3://drops/segments/b/a.csv", "s3://drops"] {
            let manifest = format!(r#"{{"parts": ["{outside}"]}}"#);
            assert!(said(&manifest).await.contains("is not in the drop's own folder"), "{outside}");
        }
        assert!(said(r#"{"parts": []}"#).await.contains("has no parts"));
        assert!(said(r#"{"parts": ["manifest"]}"#).await.contains("is no part"));
        for manifest in [format!("../{}", "é".repeat(9_999)), format!("s3://else/{}", "x".repeat(9_999))] {
            let manifest = format!(r#"{{"parts": ["{manifest}"]}}"#);
            assert!(said(&manifest).await.chars().count() < 400, "a stranger's text is shortened");
        }
    }

    #[tokio::test]
    async fn a_drop_of_more_parts_than_a_record_holds_is_refused() {
        let marker = part("_SUCCESS");
        let mut listed: Vec<Part> = (0..=MOST).map(|number| part(&format!("part-{number:05}.csv"))).collect();
        listed.push(marker.clone());
        let bucket = MemoryBucket::default();
        let look = async |listed: &[Part]| {
            closed((&bucket, "drops"), "vip", FOLDER, &marker, listed).await.unwrap().unwrap()
        };
        let refused = look(&listed).await;
        insta::assert_snapshot!(refused.obstacle.unwrap(), @"the drops have 10001 parts, a run reads at most 10000; write fewer, larger ones");
        assert!(refused.drop.parts.is_empty());
        assert_eq!(look(&listed[1..]).await.drop.parts.len(), MOST);
    }
}
