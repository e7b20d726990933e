//! What there is: the drops of a segment in the segment bucket, and the exports that want them.

use segue_platform::{StoreError, Stored};
use segue_state::{Drop, Export, Part, Role, StateError};

use crate::App;
use crate::invocation::Upload;
use crate::parts::{self, Closing, Found};

/// Where a key of the segment bucket stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'a> {
    /// A file that is a drop by itself.
    Drop {
        /// Its segment.
        segment: &'a str,
    },
    /// What closes a drop of many files.
    Marker {
        /// Its segment.
        segment: &'a str,
        /// The folder with its parts; ends with a slash.
        folder: &'a str,
    },
    /// Any other file deeper down: a part of a drop of many files.
    Part,
    /// No drop: elsewhere, hidden, or a folder.
    Elsewhere,
}

/// Tells where a key stands. `prefix` ends with a slash.
#[must_use]
pub fn place<'a>(prefix: &str, key: &'a str) -> Place<'a> {
    let Some((segment, file)) = key.strip_prefix(prefix).and_then(|rest| rest.split_once('/')) else {
        return Place::Elsewhere;
    };
    if segment.is_empty() || file.is_empty() || file.starts_with(['_', '.']) || file.ends_with("_$folder$") {
        return Place::Elsewhere;
    }
    match file.split_once('/') {
        None => Place::Drop { segment },
        Some((_, name)) if Closing::by(name).is_some() => {
            Place::Marker { segment, folder: &key[..key.len() - name.len()] }
        }
        Some(_) => Place::Part,
    }
}

/// The drop that an upload is.
#[must_use]
pub fn uploaded(segment: &str, upload: &Upload) -> Drop {
    Drop { segment: segment.to_owned(), parts: vec![pinned(upload)] }
}

/// The drop of many files that an uploaded marker closes; `None` if it closes none.
///
/// # Errors
/// [`StoreError`] if the segment bucket can't be listed, or the manifest not be read.
pub async fn closed(
    app: &App,
    segment: &str,
    folder: &str,
    upload: &Upload,
) -> Result<Option<Found>, StoreError> {
    let listed: Vec<Part> = app.segments.list(folder).await?.into_iter().map(part).collect();
    let bucket = (&*app.segments, app.config.segment_bucket.as_str());
    parts::closed(bucket, segment, folder, &pinned(upload), &listed).await
}

/// The latest drop of a segment, by the time of its file or of what closes it; `None` if there is none yet.
///
/// # Errors
/// [`StoreError`] if the segment bucket can't be listed, or a manifest not be read.
pub async fn latest(app: &App, segment: &str) -> Result<Option<Found>, StoreError> {
    Ok(newest(app, segment).await?.map(|newest| newest.found))
}

/// The latest drop of a segment, as [`latest`] has it, and what a listing says of it.
pub(crate) struct Newest {
    pub(crate) found: Found,
    /// The key of its file, or its folder with the slash at the end.
    pub(crate) key: String,
    /// When its file, or what closes it, was put, in milliseconds since 1970.
    pub(crate) put_ms: u64,
}

/// The latest drop of a segment, and when it was put; `None` if there is none yet.
pub(crate) async fn newest(app: &App, segment: &str) -> Result<Option<Newest>, StoreError> {
    let prefix = &app.config.segment_prefix;
    let listed = app.segments.list(&format!("{prefix}{segment}/")).await?;
    let mut drops: Vec<&Stored> = listed
        .iter()
        .filter(|stored| matches!(place(prefix, &stored.key), Place::Drop { .. } | Place::Marker { .. }))
        .collect();
    drops.sort_by(|a, b| (b.modified_ms, &b.key).cmp(&(a.modified_ms, &a.key)));
    for stored in drops {
        let Place::Marker { folder, .. } = place(prefix, &stored.key) else {
            let drop = Drop { segment: segment.to_owned(), parts: vec![part(stored.clone())] };
            let found = Found { drop, obstacle: None };
            return Ok(Some(Newest { found, key: stored.key.clone(), put_ms: stored.modified_ms }));
        };
        let within = listed.iter().filter(|other| other.key.starts_with(folder));
        let within: Vec<Part> = within.cloned().map(part).collect();
        let bucket = (&*app.segments, app.config.segment_bucket.as_str());
        if let Some(found) = parts::closed(bucket, segment, folder, &part(stored.clone()), &within).await? {
            return Ok(Some(Newest { found, key: folder.to_owned(), put_ms: stored.modified_ms }));
        }
    }
    Ok(None)
}

/// The drop at a key: a file right under its segment, what closes a drop of many files, or the folder of one. `None` if
/// there is none.
///
/// # Errors
/// [`StoreError`] if the segment bucket can't be listed, or a manifest not be read.
pub async fn drop_at(app: &App, key: &str) -> Result<Option<Found>, StoreError> {
    let prefix = &app.config.segment_prefix;
    let folder = match place(prefix, key) {
        Place::Drop { segment } => {
            let stored = app.segments.list(key).await?.into_iter().find(|stored| stored.key == key);
            let drop = stored.map(|stored| Drop { segment: segment.to_owned(), parts: vec![part(stored)] });
            return Ok(drop.map(|drop| Found { drop, obstacle: None }));
        }
        Place::Marker { folder, .. } => folder,
        Place::Part if key.ends_with('/') => key,
        Place::Part | Place::Elsewhere => return Ok(None),
    };
    let within: Vec<Part> = app.segments.list(folder).await?.into_iter().map(part).collect();
    for marker in &within {
        if let Place::Marker { segment, folder: closed } = place(prefix, &marker.key)
            && closed == folder
        {
            let bucket = (&*app.segments, app.config.segment_bucket.as_str());
            // Beside a manifest, `_SUCCESS` closes nothing.
            if let Some(found) = parts::closed(bucket, segment, folder, marker, &within).await? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

fn pinned(upload: &Upload) -> Part {
    Part { key: upload.key.clone(), etag: upload.etag.clone(), size: upload.size }
}

fn part(stored: Stored) -> Part {
    Part { key: stored.key, etag: Some(stored.etag), size: stored.size }
}

/// The exports that there are.
#[derive(Debug)]
pub struct Exports {
    /// Those that can be used.
    pub usable: Vec<(Role, Export)>,
    /// Whether all could be read. If some of the contributors' could not for now, the event has to come again for them.
    pub unread: Result<(), StateError>,
}

/// All exports that are well-formed; the others are logged, since someone must act.
///
/// # Errors
/// [`StateError`] if the configuration can't be read.
pub async fn exports(app: &App) -> Result<Exports, StateError> {
    let (usable, broken) = app.state.exports().await?;
    let mut unread = Ok(());
    for error in broken {
        tracing::error!(%error, "an export's configuration can't be used");
        if matches!(error, StateError::Store(StoreError::Failed { .. })) {
            unread = Err(error);
        }
    }
    Ok(Exports { usable, unread })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_is_a_file_right_under_its_segment() {
        assert_eq!(place("segments/", "segments/vip/2026.csv"), Place::Drop { segment: "vip" });
        assert_eq!(place("in/seg/", "in/seg/a b/x"), Place::Drop { segment: "a b" });
    }

    #[test]
    fn a_marker_closes_the_folder_right_under_the_segment() {
        for name in ["_SUCCESS", "_manifest.json", "manifest.json", "manifest"] {
            let marker = Place::Marker { segment: "vip", folder: "segments/vip/d 1/" };
            assert_eq!(place("segments/", &format!("segments/vip/d 1/{name}")), marker);
        }
    }

    #[test]
    fn anything_else_is_none() {
        for key in [
            "x/vip/a.csv",
            "segments/a.csv",
            "segments/vip/",
            "segments//a",
            "segments/vip/_SUCCESS",
            "segments/vip/.x",
            "segments/vip/d1_$folder$",
            "segments/vip/_temporary/0/_SUCCESS",
        ] {
            assert_eq!(place("segments/", key), Place::Elsewhere, "{key}");
        }
        assert_eq!(place("segments/", "segments/vip/d1/part-0.csv"), Place::Part);
        assert_eq!(place("segments/", "segments/vip/d1/de/_SUCCESS"), Place::Part, "of a folder in the drop");
    }
}
