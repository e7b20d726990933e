//! What there is: the drops of a segment in the segment bucket, and the exports that want them.

use segue_platform::StoreError;
use segue_state::{Drop, Export, Part, Role, StateError};

use crate::App;
use crate::invocation::Upload;

/// Where a key of the segment bucket stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'a> {
    /// A file that is a drop by itself.
    Drop {
        /// Its segment.
        segment: &'a str,
    },
    /// A file deeper down: a part of a drop of many files, or its marker.
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
    match file.split_once('/') {
        _ if segment.is_empty() || file.is_empty() => Place::Elsewhere,
        Some(_) => Place::Part,
        None if file.starts_with(['_', '.']) => Place::Elsewhere,
        None => Place::Drop { segment },
    }
}

/// The drop that an upload is.
#[must_use]
pub fn uploaded(segment: &str, upload: &Upload) -> Drop {
    let part = Part { key: upload.key.clone(), etag: upload.etag.clone(), size: upload.size };
    Drop { segment: segment.to_owned(), parts: vec![part] }
}

/// The latest drop of a segment; `None` if there is none yet.
///
/// # Errors
/// [`StoreError`] if the segment bucket can't be listed.
pub async fn latest(app: &App, segment: &str) -> Result<Option<Drop>, StoreError> {
    let prefix = &app.config.segment_prefix;
    let listed = app.segments.list(&format!("{prefix}{segment}/")).await?;
    let drops = listed.into_iter().filter(|stored| matches!(place(prefix, &stored.key), Place::Drop { .. }));
    let latest = drops.max_by(|a, b| (a.modified_ms, &a.key).cmp(&(b.modified_ms, &b.key)));
    Ok(latest.map(|stored| {
        let part = Part { key: stored.key, etag: Some(stored.etag), size: stored.size };
        Drop { segment: segment.to_owned(), parts: vec![part] }
    }))
}

/// All exports that are well-formed; the others are logged, since someone must act.
///
/// # Errors
/// [`StateError`] if the configuration can't be read.
pub async fn exports(app: &App) -> Result<Vec<(Role, Export)>, StateError> {
    let (exports, broken) = app.state.exports().await?;
    for error in broken {
        tracing::error!(%error, "an export's configuration can't be used");
    }
    Ok(exports)
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
    fn anything_else_is_none() {
        for key in [
            "x/vip/a.csv",
            "segments/a.csv",
            "segments/vip/",
            "segments//a",
            "segments/vip/_SUCCESS",
            "segments/vip/.x",
        ] {
            assert_eq!(place("segments/", key), Place::Elsewhere, "{key}");
        }
        assert_eq!(place("segments/", "segments/vip/d1/part-0.csv"), Place::Part);
    }
}
