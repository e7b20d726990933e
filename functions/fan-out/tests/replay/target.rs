//! What is done with a stranger's events and manifests: nothing may panic, a request that is understood is the same
//! after it was written and read again, so is an upload, and a manifest leads nowhere but into its folder.
#![allow(clippy::unwrap_used, reason = "a finding is told by panicking")]

use fan_out::catalog::place;
use fan_out::invocation::{Invocation, Upload};
use fan_out::options::options;
use fan_out::parts::{MOST, closed};
use futures::FutureExt;
use segue_platform::Objects;
use segue_platform::memory::MemoryBucket;
use segue_state::{Part, RunId, Source};
use serde_json::{Value, json};

/// The bytes as an event, as a manifest, and as what an export says of its files.
pub(crate) fn events(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
    match Invocation::parse(&event) {
        Ok(Invocation::Uploads(uploads)) => uploads.iter().for_each(upload),
        Ok(Invocation::Request(request)) => {
            let written = serde_json::to_value(&request).unwrap();
            assert_eq!(Invocation::parse(&written).unwrap(), Invocation::Request(request));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if event.get("parts").is_some() || event.get("entries").is_some() {
        manifest(data).now_or_never().unwrap();
    }
    if let Ok(Err(problems)) = serde_json::from_value::<Source>(event).map(|source| options(&source)) {
        assert!(problems.iter().all(|problem| problem.to_string().starts_with("`source.")));
    }
}

fn upload(upload: &Upload) {
    let event = json!({
        "source": "aws.s3", "detail-type": "Object Created", "time": upload.at,
        "detail": {
            "bucket": {"name": upload.bucket},
            "object": {
                "key": upload.key, "size": upload.size, "etag": upload.etag, "sequencer": upload.sequencer,
            },
        },
    });
    assert_eq!(Invocation::parse(&event).unwrap(), Invocation::Uploads(vec![upload.clone()]));
    // What comes of it next: where it stands, and the run that it starts.
    let _ = place("segments/", &upload.key);
    let run = RunId::of(upload.at, &[&upload.bucket, &upload.key, &upload.sequencer]);
    assert_eq!(RunId::parse(run.as_str()).unwrap(), run);
}

async fn manifest(bytes: &[u8]) {
    const FOLDER: &str = "segments/vip/d/";
    let part = |name: &str| Part { key: format!("{FOLDER}{name}"), etag: None, size: 1 };
    let mut listed = ["a.csv", "b.csv", "x/c.csv", "manifest.json"].map(part);
    listed[3].size = bytes.len() as u64;
    let [.., marker] = &listed;
    let bucket = MemoryBucket::default();
    bucket.put(&marker.key, bytes.to_vec().into()).await.unwrap();
    let found = closed((&bucket, "drops"), "vip", FOLDER, marker, &listed).await.unwrap().unwrap();
    if let Some(obstacle) = found.obstacle {
        assert!(found.drop.parts.is_empty() && obstacle.to_string().starts_with(&marker.key), "{obstacle}");
        return;
    }
    let keys: Vec<&str> = found.drop.parts.iter().map(|part| part.key.as_str()).collect();
    assert!((1..=MOST).contains(&keys.len()));
    assert!(keys.iter().all(|key| *key != marker.key && listed.iter().any(|part| part.key == *key)));
    assert!((1..keys.len()).all(|at| !keys[..at].contains(&keys[at])), "no part comes twice");
}
