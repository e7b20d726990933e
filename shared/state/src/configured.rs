//! Connections and exports out of the state bucket: people write them there by other means than Segue's, too, and what
//! one of them writes must not stand in another's way.

use futures::{StreamExt, stream};
use segue_platform::Stored;
use serde::de::DeserializeOwned;

use crate::config::is_id;
use crate::document::{self, Broken, Lying, StateError};
use crate::{Connection, Export, Role, State, keys};

/// Most bytes of one of them. Segue writes some hundred.
const LARGEST: u64 = 64 * 1024;
/// Most exports of contributors. All of them are read for each drop.
const MOST: usize = 1_000;
/// A document that was copied, say: what is done to it would be done to another one.
const OF_ANOTHER_NAME: &str = "`id` is not the one of its name";
/// Exports that are read at once.
const AT_ONCE: usize = 32;
/// Most segments of an export, and most bytes of a segment's name: they become keys, which S3 ends at 1,024 bytes.
const MOST_SEGMENTS: usize = 100;
const LONGEST_SEGMENT: usize = 512;

impl State {
    /// A connection; `None` also for what can't be a connection's id.
    ///
    /// # Errors
    /// [`StateError`] if it can't be read.
    pub async fn connection(&self, id: &str) -> Result<Option<Connection>, StateError> {
        if !is_id(id) {
            return Ok(None);
        }
        let key = keys::connection(id);
        match self.configured::<Connection>(&key).await? {
            Some(found) if found.id != id => {
                Err(StateError::Malformed { key, problem: OF_ANOTHER_NAME.to_owned() })
            }
            found => Ok(found),
        }
    }

    /// An export, and who may change it. Ids are unique across roles; an administrator's comes first.
    ///
    /// # Errors
    /// [`StateError`] if it can't be read, or is not the export of that id.
    pub async fn export(&self, id: &str) -> Result<Option<(Role, Export)>, StateError> {
        if !is_id(id) {
            return Ok(None);
        }
        for role in Role::ALL {
            if let Some(export) = self.export_of(role, id).await? {
                return Ok(Some((role, export)));
            }
        }
        Ok(None)
    }

    /// All exports, the administrators' first. One that can't be used is reported beside them: it must not stop the
    /// others.
    ///
    /// # Errors
    /// [`StateError`] if the bucket can't be listed, or an administrators' export not be read for now.
    pub async fn exports(&self) -> Result<(Vec<(Role, Export)>, Vec<StateError>), StateError> {
        let (mut exports, mut broken, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for role in Role::ALL {
            let listed = self.objects().list(&keys::exports(role)).await?;
            let (mut ids, strange) = ids(role, &listed);
            broken.extend(strange);
            if role == Role::Contributors && ids.len() > MOST {
                let problem =
                    format!("{} exports lie here, and {MOST} are looked at; remove some", ids.len());
                broken.push(StateError::Malformed { key: keys::exports(role), problem });
                ids.truncate(MOST);
            }
            let found: Vec<_> = stream::iter(ids)
                .map(async |id| (self.export_of(role, &id).await, id))
                .buffered(AT_ONCE)
                .collect()
                .await;
            for (found, id) in found {
                // Also if the administrators' one can't be read.
                if taken.contains(&id) {
                    let problem = "an administrators' export has its id".to_owned();
                    broken.push(StateError::Malformed { key: keys::export(role, &id), problem });
                    continue;
                }
                match found {
                    Ok(None) => continue,
                    Ok(Some(export)) => exports.push((role, export)),
                    Err(error @ StateError::Malformed { .. }) => broken.push(error),
                    // Nor does a version that nobody knows, or an object that nobody may read, stop anything.
                    Err(error) if role == Role::Contributors => broken.push(error),
                    Err(error) => return Err(error),
                }
                taken.push(id);
            }
        }
        Ok((exports, broken))
    }

    /// What lies where the connection of this id belongs.
    ///
    /// # Errors
    /// [`StateError`] if it can't be read for now, or a newer release wrote it.
    pub async fn lying_connection(&self, id: &str) -> Result<Lying<Connection>, StateError> {
        if !is_id(id) {
            return Ok(Lying::Nothing);
        }
        let found = document::look::<Connection>(self.objects(), &keys::connection(id), LARGEST).await?;
        Ok(match found {
            Lying::Usable(found) if found.body.id != id => {
                Lying::Broken(Broken { problem: OF_ANOTHER_NAME.to_owned(), etag: found.etag })
            }
            other => other,
        })
    }

    /// What lies where the export of this id belongs, if `role` may change it.
    ///
    /// # Errors
    /// [`StateError`] if it can't be read for now, or a newer release wrote it.
    pub async fn lying_export(&self, role: Role, id: &str) -> Result<Lying<Export>, StateError> {
        if !is_id(id) {
            return Ok(Lying::Nothing);
        }
        let found = document::look::<Export>(self.objects(), &keys::export(role, id), LARGEST).await?;
        Ok(match found {
            Lying::Usable(found) => match unusable(id, &found.body) {
                Some(problem) => Lying::Broken(Broken { problem: problem.to_owned(), etag: found.etag }),
                None => Lying::Usable(found),
            },
            other => other,
        })
    }

    async fn export_of(&self, role: Role, id: &str) -> Result<Option<Export>, StateError> {
        let key = keys::export(role, id);
        let Some(export) = self.configured::<Export>(&key).await? else { return Ok(None) };
        match unusable(id, &export) {
            Some(problem) => Err(StateError::Malformed { key, problem: problem.to_owned() }),
            None => Ok(Some(export)),
        }
    }

    async fn configured<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StateError> {
        let found = document::read_bounded(self.objects(), key, LARGEST).await?;
        Ok(found.map(|found| found.body))
    }
}

/// The ids that these objects have by their keys, and the objects whose keys are none of an export.
fn ids(role: Role, listed: &[Stored]) -> (Vec<String>, Vec<StateError>) {
    let prefix = keys::exports(role);
    let (mut ids, mut strange) = (Vec::new(), Vec::new());
    for Stored { key, .. } in listed {
        let id = key.strip_prefix(&prefix).and_then(|name| name.strip_suffix(".json"));
        match id {
            Some(id) if is_id(id) => ids.push(id.to_owned()),
            // The folder itself, as some tools make it.
            _ if *key == prefix => {}
            _ if strange.len() < MOST => {
                let problem = "its name is none of an export, which is ID.json".to_owned();
                strange.push(StateError::Malformed { key: key.clone(), problem });
            }
            _ => {}
        }
    }
    (ids, strange)
}

/// What keeps an export from being used at all: names in it that become keys.
fn unusable(id: &str, export: &Export) -> Option<&'static str> {
    if export.id != id {
        return Some(OF_ANOTHER_NAME);
    }
    if !export.is_detached() && !is_id(&export.connection) {
        return Some("`connection` is no connection's id");
    }
    if export.display_name.contains(char::is_control) {
        return Some("`display_name`: use one line, without control characters");
    }
    let long = |segment: &String| segment.len() > LONGEST_SEGMENT;
    if export.segments.len() > MOST_SEGMENTS || export.segments.iter().any(long) {
        return Some("`segments`: use at most 100 segments, with names of at most 512 bytes");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use segue_platform::Objects;
    use segue_platform::memory::MemoryBucket;
    use serde_json::{Value, json};

    use super::*;

    fn export(id: &str) -> Value {
        json!({
            "id": id, "display_name": "E", "connection": "c", "audience_id": "a", "segments": ["vip"],
            "fields": {"email": "email"},
        })
    }

    async fn bucket(written: &[(&str, Value)]) -> State {
        let bucket = MemoryBucket::default();
        for (name, body) in written {
            let key = format!("config/exports/{name}.json");
            bucket.put(&key, serde_json::to_vec(body).unwrap().into()).await.unwrap();
        }
        State::new(Arc::new(bucket))
    }

    async fn told(state: &State) -> (Vec<String>, String) {
        let (exports, broken) = state.exports().await.unwrap();
        let told: Vec<String> = broken.iter().map(ToString::to_string).collect();
        (exports.into_iter().map(|(_, export)| export.id).collect(), told.join("\n"))
    }

    #[tokio::test]
    async fn what_a_contributor_writes_neither_stops_nor_replaces_anybody_elses() {
        let mut name = export("bell");
        name["display_name"] = json!("x\u{1b}]52;c;eA==\u{7}");
        let mut segments = export("many");
        segments["segments"] = json!(vec!["s"; 101]);
        let mut keyed = export("far");
        keyed["connection"] = json!("x".repeat(2_000));
        let mut heavy = export("heavy");
        heavy["display_name"] = json!("x".repeat(65 * 1024));
        let state = bucket(&[
            ("administrators/news", export("news")),
            ("contributors/a", export("own")),
            ("contributors/bell", name),
            ("contributors/far", keyed),
            ("contributors/fake/20261123T000000Z-x", export("fake")),
            ("contributors/heavy", heavy),
            ("contributors/many", segments),
            ("contributors/news", export("news")),
            ("contributors/own", export("own")),
        ])
        .await;
        let (exports, broken) = told(&state).await;
        assert_eq!(exports, ["news", "own"]);
        insta::assert_snapshot!(broken, @r"
        config/exports/contributors/fake/20261123T000000Z-x.json is malformed: its name is none of an export, which is ID.json
        config/exports/contributors/a.json is malformed: `id` is not the one of its name
        config/exports/contributors/bell.json is malformed: `display_name`: use one line, without control characters
        config/exports/contributors/far.json is malformed: `connection` is no connection's id
        config/exports/contributors/heavy.json is malformed: it has 66673 bytes; such a document has at most 65536
        config/exports/contributors/many.json is malformed: `segments`: use at most 100 segments, with names of at most 512 bytes
        config/exports/contributors/news.json is malformed: an administrators' export has its id
        ");
        assert_eq!(state.export("news").await.unwrap().unwrap().0, Role::Administrators);
        assert!(state.export("a").await.is_err(), "nobody gets another export than the one of that id");
        assert!(state.export(&"x".repeat(2_000)).await.unwrap().is_none());
        assert!(state.connection("../news").await.unwrap().is_none());
    }

    /// Who disables a copy would disable the connection that it was copied from.
    #[tokio::test]
    async fn a_connection_is_the_one_of_its_name() {
        let state = bucket(&[]).await;
        let copied = json!({
            "id": "main", "display_name": "Main", "destination": "klaviyo", "secret": "segue/klaviyo/main",
        });
        for name in ["main", "shop"] {
            state.objects().put(&keys::connection(name), copied.to_string().into()).await.unwrap();
        }
        assert_eq!(state.connection("main").await.unwrap().unwrap().id, "main");
        let refused = state.connection("shop").await.unwrap_err().to_string();
        assert_eq!(refused, "config/connections/shop.json is malformed: `id` is not the one of its name");
        assert!(matches!(state.lying_connection("main").await.unwrap(), Lying::Usable(_)));
        assert!(matches!(state.lying_connection("shop").await.unwrap(), Lying::Broken(_)));
    }

    #[tokio::test]
    async fn an_administrators_export_that_is_broken_is_not_replaced_either() {
        let written = [("administrators/news", json!({"id": "news"})), ("contributors/news", export("news"))];
        let state = bucket(&written).await;
        let (exports, broken) = told(&state).await;
        assert!(
            exports.is_empty() && broken.contains("administrators/news.json is malformed: missing field")
        );
        assert!(state.export("news").await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_document_can_be_replaced_and_removed_as_it_lies_there() {
        let written = [
            ("contributors/a", export("b")),
            ("contributors/c", json!({"id": "c"})),
            ("contributors/d", export("d")),
        ];
        let state = bucket(&written).await;
        for id in ["a", "c"] {
            let Lying::Broken(broken) = state.lying_export(Role::Contributors, id).await.unwrap() else {
                panic!("{id} is none")
            };
            let key = keys::export(Role::Contributors, id);
            assert!(!broken.problem.is_empty());
            assert!(state.objects().delete_as(&key, &broken.etag).await.unwrap());
        }
        assert!(matches!(state.lying_export(Role::Contributors, "d").await.unwrap(), Lying::Usable(_)));
        assert!(matches!(state.lying_export(Role::Contributors, "../d").await.unwrap(), Lying::Nothing));
        assert!(matches!(state.lying_connection("d").await.unwrap(), Lying::Nothing));
    }

    #[tokio::test]
    async fn there_is_an_end_to_how_many_are_read() {
        let ids: Vec<String> = (0..=MOST).map(|n| format!("contributors/e{n:05}")).collect();
        let bodies = ids.iter().map(|name| (name.as_str(), export(name.trim_start_matches("contributors/"))));
        let state = bucket(&bodies.collect::<Vec<_>>()).await;
        let (exports, broken) = told(&state).await;
        assert_eq!(exports.len(), MOST);
        assert!(broken.contains("1001 exports lie here, and 1000 are looked at"), "{broken}");
    }
}
