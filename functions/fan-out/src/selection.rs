//! What a run on demand reads: the latest drop of each of an export's segments, of one of them, or one drop of old.

use segue_platform::StoreError;
use segue_state::{Drop, Export};

use crate::catalog::{self, Place, place};
use crate::guard::Guard;
use crate::{App, parts};

/// What an operator chose of the segments of the exports that are to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this segment.
    pub segment: Option<String>,
    /// Only this drop: the key of its file, of what closes it, or of its folder, with the slash at the end.
    pub drop: Option<String>,
}

/// What was found of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selected {
    /// The drops, in the order of the segments.
    pub drops: Vec<Drop>,
    /// What stops every run over them.
    pub obstacle: Option<Guard>,
}

impl Selection {
    /// The segments that are read for an export, in its order: all of its own, if nothing was chosen.
    #[must_use]
    pub fn segments(&self, export: &Export, prefix: &str) -> Vec<String> {
        match self.only(prefix) {
            Some(segment) => vec![segment.to_owned()],
            None => export.segments.clone(),
        }
    }

    /// Why an export can't read what was chosen, if it can't: the segment is none of its own.
    #[must_use]
    pub fn obstacle(&self, export: &Export, prefix: &str) -> Option<Guard> {
        let segment = self.only(prefix)?;
        let own = export.segments.iter().any(|own| own == segment);
        (!own).then(|| Guard::NotItsSegment(segment.to_owned()))
    }

    /// The drops of these segments that are to be read.
    ///
    /// # Errors
    /// [`StoreError`] if the segment bucket can't be listed, or a manifest not be read.
    pub async fn find(&self, app: &App, segments: &[String]) -> Result<Selected, StoreError> {
        let mut selected = match &self.drop {
            Some(key) => self.one(app, key).await?,
            None => latest(app, segments).await?,
        };
        let found = selected.drops.iter().map(|drop| drop.parts.len()).sum();
        if found > parts::MOST {
            selected.obstacle = Some(Guard::TooManyParts { found });
            selected.drops.iter_mut().for_each(|drop| drop.parts.clear());
        }
        Ok(selected)
    }

    /// The one segment that was chosen, by itself or by one of its drops.
    fn only<'a>(&'a self, prefix: &str) -> Option<&'a str> {
        self.segment.as_deref().or_else(|| segment_of(prefix, self.drop.as_deref()?))
    }

    async fn one(&self, app: &App, key: &str) -> Result<Selected, StoreError> {
        let prefix = &app.config.segment_prefix;
        let stopped = |guard| Selected { drops: Vec::new(), obstacle: Some(guard) };
        let of = segment_of(prefix, key);
        if let (Some(segment), Some(of)) = (self.segment.as_deref(), of)
            && segment != of
        {
            let (drop, segment) = (key.to_owned(), segment.to_owned());
            return Ok(stopped(Guard::OtherSegment { drop, segment }));
        }
        Ok(match catalog::drop_at(app, key).await? {
            Some(found) => Selected { drops: vec![found.drop], obstacle: found.obstacle },
            None => stopped(Guard::NoSuchDrop { drop: key.to_owned(), prefix: prefix.clone() }),
        })
    }
}

async fn latest(app: &App, segments: &[String]) -> Result<Selected, StoreError> {
    let mut selected = Selected::default();
    for segment in segments {
        match catalog::latest(app, segment).await? {
            Some(found) => {
                selected.drops.push(found.drop);
                selected.obstacle = selected.obstacle.or(found.obstacle);
            }
            None => selected.obstacle = Some(Guard::NoDrop(segment.clone())),
        }
    }
    Ok(selected)
}

/// The segment that a key stands in, be it a file, a marker, a part or a folder.
fn segment_of<'a>(prefix: &str, key: &'a str) -> Option<&'a str> {
    match place(prefix, key) {
        Place::Drop { segment } | Place::Marker { segment, .. } => Some(segment),
        Place::Part | Place::Elsewhere => {
            let (segment, _) = key.strip_prefix(prefix)?.split_once('/')?;
            (!segment.is_empty()).then_some(segment)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export() -> Export {
        serde_json::from_value(serde_json::json!({
            "id": "e", "display_name": "E", "connection": "c", "audience_id": "a", "segments": ["vip", "new"],
            "fields": {"email": "email"},
        }))
        .unwrap()
    }

    #[test]
    fn nothing_chosen_is_everything_and_a_drop_chooses_its_segment() {
        let all = Selection::default();
        assert_eq!(all.segments(&export(), "segments/"), ["vip", "new"]);
        let one = Selection { segment: Some("new".into()), drop: None };
        assert_eq!(one.segments(&export(), "segments/"), ["new"]);
        for key in
            ["segments/vip/a.csv", "segments/vip/d/", "segments/vip/d/_SUCCESS", "segments/vip/d/part-0"]
        {
            let drop = Selection { segment: None, drop: Some(key.into()) };
            assert_eq!(drop.segments(&export(), "segments/"), ["vip"], "{key}");
            assert_eq!(drop.obstacle(&export(), "segments/"), None);
        }
    }

    #[test]
    fn what_is_not_among_an_exports_segments_is_not_its() {
        let other = Selection { segment: Some("other".into()), drop: None };
        let obstacle = other.obstacle(&export(), "segments/");
        assert_eq!(obstacle, Some(Guard::NotItsSegment("other".into())));
        assert_eq!(Selection::default().obstacle(&export(), "segments/"), None);
    }
}
