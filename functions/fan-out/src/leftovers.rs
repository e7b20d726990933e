//! What lost staging attempts leave behind: chunks that nobody will deliver, and rows that were refused once more.
//!
//! A loser cleans up after itself, but one that was killed can't. So whoever comes upon a sealed run does it for all.

use segue_state::{Run, Sealed, State, StateError, keys};

/// Removes what was staged by other attempts than the one that the seal names; for a run that ended there, the chunks
/// of that one too.
///
/// # Errors
/// See [`StateError`].
pub async fn clear(state: &State, run: &Run, sealed: &Sealed) -> Result<(), StateError> {
    let (export, id) = (&run.export.id, &run.run);
    let chunks = keys::attempt(export, id, &sealed.attempt);
    for stored in state.objects().list(&keys::attempts(export, id)).await? {
        if sealed.ended.is_some() || !stored.key.starts_with(&chunks) {
            state.objects().delete(&stored.key).await?;
        }
    }
    let pages = keys::invalid_prefix(export, id, &sealed.attempt);
    let staged = format!("{}staging-", keys::rejected(export, id));
    for stored in state.objects().list(&staged).await? {
        if !stored.key.starts_with(&pages) {
            state.objects().delete(&stored.key).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use segue_platform::memory::MemoryBucket;
    use segue_state::{Ended, Status};

    use super::*;

    fn run() -> Run {
        serde_json::from_value(serde_json::json!({
            "run": "20261122T163512Z-abc", "lane": "acct", "destination": "klaviyo", "drops": [],
            "trigger": {"kind": "upload", "at": "2026-11-22T16:35:12Z"}, "created_at": "2026-11-22T16:35:13Z",
            "export": {"id": "e", "display_name": "E", "connection": "c", "audience_id": "a",
                       "segments": ["vip"], "fields": {"email": "email"}},
        }))
        .unwrap()
    }

    fn seal(attempt: &str) -> Sealed {
        Sealed {
            attempt: attempt.to_owned(),
            ended: None,
            ..crate::opening::refusal(Status::Refused, String::new())
        }
    }

    async fn left(sealed: &Sealed) -> Vec<String> {
        let state = State::new(Arc::new(MemoryBucket::default()));
        let id = run().run;
        let mut keys: Vec<String> = ["lost", "won", "won2"]
            .iter()
            .flat_map(|attempt| [keys::chunk("e", &id, attempt, 0), keys::invalid_page("e", &id, attempt, 0)])
            .collect();
        keys.push(keys::rejected_chunk("e", &id, 0));
        for key in &keys {
            state.objects().put(key, Bytes::new()).await.unwrap();
        }
        for _ in 0..2 {
            clear(&state, &run(), sealed).await.unwrap();
        }
        state.objects().list("").await.unwrap().into_iter().map(|stored| stored.key).collect()
    }

    #[tokio::test]
    async fn what_counts_stays_and_what_a_killed_attempt_staged_goes() {
        let id = run().run;
        let kept = [
            keys::chunk("e", &id, "won", 0),
            keys::rejected_chunk("e", &id, 0),
            keys::invalid_page("e", &id, "won", 0),
        ];
        assert_eq!(left(&seal("won")).await, kept);
    }

    #[tokio::test]
    async fn a_run_that_was_refused_keeps_no_chunks() {
        let ended = Some(Ended { status: Status::Refused, message: String::new() });
        let found = left(&Sealed { ended, ..seal("won") }).await;
        assert!(!found.iter().any(|key| key.starts_with("chunks/")), "{found:?}");
        assert_eq!(found.len(), 2);
    }
}
