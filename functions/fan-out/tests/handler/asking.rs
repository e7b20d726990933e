//! Who may ask what, and what operators are offered to choose from.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use segue_platform::memory::MemoryBucket;
use segue_platform::objects::Opened;
use segue_platform::{Deadline, Object, Objects, Put, StoreError, Stored};
use segue_segment::Destination::{Klaviyo, Mailchimp, Snapchat};
use segue_state::{Export, Role, SharedWith, Status, keys};
use serde_json::{Value, json};

use crate::bench::{Bench, name};

const FILE: &str = "email,first_name\na@example.com,A\n";

/// Asks as a contributor.
async fn asked(bench: &Bench, request: &Value) -> Value {
    let deadline = Deadline::after(Duration::from_mins(10));
    fan_out::handle(&bench.app, request, Role::Contributors, deadline).await.unwrap()
}

fn run(exports: &Value) -> Value {
    json!({"request": "run", "exports": exports, "id": "1", "requested_at": "2026-11-22T17:00:00Z",
           "trigger": "on_demand"})
}

/// Saves the export to Klaviyo as one of the contributors'.
async fn shared(bench: &Bench) {
    bench.connect(Klaviyo, |connection| connection.shared_with = SharedWith::Contributors).await;
    theirs(bench).await;
}

async fn theirs(bench: &Bench) {
    let (_, export): (_, Export) = bench.app.state.export(&name(Klaviyo)).await.unwrap().unwrap();
    bench.bucket.delete(&keys::export(Role::Administrators, &export.id)).await.unwrap();
    bench.app.state.put(&keys::export(Role::Contributors, &export.id), &export).await.unwrap();
}

#[tokio::test]
async fn contributors_run_their_own_exports() {
    let bench = Bench::new().await;
    shared(&bench).await;
    bench.put("segments/vip/a.csv", FILE).await;
    assert_eq!(asked(&bench, &run(&json!([name(Klaviyo)]))).await, Value::Null);
    assert_eq!(bench.messages().len(), 1);
    assert_eq!(
        asked(&bench, &json!({"request": "preview", "exports": [name(Klaviyo)]})).await["exports"][0]["read"],
        1
    );
}

#[tokio::test]
async fn all_exports_are_all_of_theirs() {
    let bench = Bench::new().await;
    shared(&bench).await;
    bench.put("segments/vip/a.csv", FILE).await;
    asked(&bench, &run(&Value::Null)).await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 1);
    assert!(bench.runs(Snapchat).await.is_empty() && bench.runs(Mailchimp).await.is_empty());
}

#[tokio::test]
async fn of_an_administrators_export_nothing_is_run_and_nothing_told() {
    let bench = Bench::new().await;
    shared(&bench).await;
    bench.put("segments/vip/a.csv", FILE).await;
    let both = json!([name(Klaviyo), name(Snapchat)]);
    for request in [run(&both), json!({"request": "preview", "exports": both})] {
        let answer = asked(&bench, &request).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer["refused"].as_str().unwrap(), @"the export `vip-to-snapchat` is the administrators', who alone run it; contributors run those of their own");
        }
    }
    assert!(bench.runs(Klaviyo).await.is_empty(), "half of what was asked for was done");
    let answer = asked(&bench, &run(&json!(["nobody"]))).await;
    assert!(answer["refused"].as_str().unwrap().contains("no export `nobody`"), "{answer}");
}

#[tokio::test]
async fn everything_else_is_refused() {
    let bench = Bench::new().await;
    let upload = bench.put("segments/vip/a.csv", FILE).await;
    for event in [
        upload,
        json!({"Records": []}),
        json!({"request": "refresh", "scheduled_time": "2026-11-22T16:00:00Z"}),
        json!({"request": "resume"}),
        json!({"request": "restage", "export": name(Klaviyo), "run": "20261122T163512Z-0000000000000000"}),
    ] {
        let answer = asked(&bench, &event).await;
        let why = answer["refused"].as_str().unwrap();
        assert!(why.starts_with("contributors may not have fan-out "), "{event}: {why}");
    }
    assert!(bench.runs(Klaviyo).await.is_empty() && bench.messages().is_empty());
}

#[tokio::test]
async fn a_contributors_export_on_a_connection_that_is_not_shared_never_runs() {
    let bench = Bench::new().await;
    theirs(&bench).await;
    bench.only(&[Klaviyo]).await;
    let upload = bench.put("segments/vip/a.csv", FILE).await;
    // Whoever asks: the upload, an administrator, or a contributor.
    bench.handle(&upload).await;
    bench.handle(&run(&json!([name(Klaviyo)]))).await;
    let mut other = run(&json!([name(Klaviyo)]));
    other["id"] = json!("2");
    asked(&bench, &other).await;
    let runs = bench.runs(Klaviyo).await;
    assert_eq!(runs.len(), 3);
    for id in runs {
        let summary = bench.app.state.summary(&name(Klaviyo), &id).await.unwrap().unwrap().body;
        assert_eq!(summary.status, Status::Refused);
        assert!(summary.message.contains("is not shared with contributors"), "{}", summary.message);
    }
    assert!(bench.messages().is_empty());
}

#[tokio::test]
async fn segments_that_have_a_drop_are_offered() {
    let bench = Bench::new().await;
    bench.put("segments/vip/a.csv", FILE).await;
    bench.put("segments/open/d/part-0.csv", FILE).await;
    bench.put("segments/many/d/part-0.csv", FILE).await;
    bench.put("segments/many/d/_SUCCESS", "").await;
    let answer = asked(&bench, &json!({"request": "segments"})).await;
    assert_eq!(answer, bench.handle(&json!({"request": "segments"})).await);
    let offers = answer["segments"].as_array().unwrap();
    let shown: Vec<_> =
        offers.iter().map(|offer| (&offer["segment"], &offer["drop"], &offer["size"])).collect();
    let size = json!(FILE.len());
    assert_eq!(
        shown,
        [
            (&json!("many"), &json!("segments/many/d/"), &size),
            (&json!("vip"), &json!("segments/vip/a.csv"), &size)
        ]
    );
    assert!(offers.iter().all(|offer| offer["at"].as_str().unwrap().starts_with("20")), "{answer}");
}

async fn columns(bench: &Bench, file: impl AsRef<[u8]>, source: Value) -> Value {
    bench.put("segments/vip/a", file).await;
    asked(bench, &json!({"request": "columns", "segment": "vip", "source": source})).await
}

#[tokio::test]
async fn columns_are_offered_by_name_and_nobody_is_among_them() {
    let bench = Bench::new().await;
    let answer = columns(&bench, FILE, Value::Null).await;
    assert_eq!(
        answer,
        json!({"drop": "segments/vip/a", "format": "delimited", "columns": ["email", "first_name"]})
    );
    let objects = "{\"id\":1,\"traits\":{\"email\":\"a@example.com\"}}\n{\"vip\":true}\n";
    let answer = columns(&bench, objects, Value::Null).await;
    assert_eq!(answer["columns"], json!(["id", "traits.email", "vip"]));
    let headless = "a@example.com,A\nb@example.com,B\n";
    let answer = columns(&bench, headless, Value::Null).await;
    assert!(answer["refused"].as_str().unwrap().contains("is the header missing?"), "{answer}");
    assert!(!answer.to_string().contains('@'), "{answer}");
    let answer = columns(&bench, headless, json!({"header": false})).await;
    assert_eq!(answer["columns"], json!(["1", "2"]));
}

#[tokio::test]
async fn whatever_is_said_of_the_source_nobody_is_shown() {
    let bench = Bench::new().await;
    let dictionary = r#"{"jane@example.com": {"plan": "gold"}, "Jane Doe": {"plan": "gold"}}"#;
    let row = "Jane,Doe,unknown\nJohn,Roe,unknown\n";
    let object = "{\"id\":1,\"name\":\"Jane\",\"phone\":\"\"}\n";
    for (file, source) in [
        (dictionary, json!({})),
        (dictionary, json!({"header": false})),
        (dictionary, json!({"header": false, "format": "ndjson"})),
        (row, json!({})),
        (row, json!({"delimiter": ";"})),
        (object, json!({"format": "delimited"})),
        (object, json!({"format": "delimited", "delimiter": ":"})),
        (r#"[{"Jane Doe": {"email": "x"}, "John Roe": {"email": "x"}}]"#, json!({"header": false})),
    ] {
        let answer = columns(&bench, file, source.clone()).await;
        let text = answer.to_string().to_lowercase();
        assert!(!text.contains("jane") && !text.contains("doe"), "{source}: {answer}");
        assert!(answer["columns"] == json!([]) || answer["refused"].is_string(), "{source}: {answer}");
    }
    let answer = columns(&bench, row, Value::Null).await;
    insta::assert_snapshot!(answer["note"].as_str().unwrap(), @"segments/vip/a: the names of its columns are not shown, since they may be people's; name the column yourself (`--email NAME`), or run `segue segment check` on the file, which shows them");
    assert_eq!((&answer["columns"], &answer["left_out"]), (&json!([]), &json!(3)));
    let mixed = r#"{"id": 1, "email": "a@example.com", "friends": {"jane": 1, "john": 2}}"#;
    let answer = columns(&bench, mixed, Value::Null).await;
    assert_eq!((&answer["columns"], &answer["left_out"]), (&json!(["id", "email"]), &json!(2)));
    assert!(
        answer["note"].as_str().unwrap().contains("the names of 2 more columns are not shown"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_has_no_columns_says_why() {
    let bench = Bench::new().await;
    let asked_of =
        async |segment: &str| asked(&bench, &json!({"request": "columns", "segment": segment})).await;
    let said = |answer: &Value| answer["refused"].as_str().unwrap().to_owned();
    assert!(said(&asked_of("vip").await).contains("has no drop yet"));
    assert!(said(&columns(&bench, "", Value::Null).await).contains("has no row"));
    assert!(
        said(&columns(&bench, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Value::Null).await)
            .starts_with("segments/vip/a: ")
    );
    assert!(said(&columns(&bench, FILE, json!({"format": "csv"})).await).contains("`csv` is no format"));
}

/// A bucket that counts the bytes that are taken from it.
struct Counting(Arc<MemoryBucket>, Arc<AtomicU64>);

#[async_trait]
impl Objects for Counting {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let found = self.0.get(key).await?;
        self.1.fetch_add(found.as_ref().map_or(0, |found| found.bytes.len() as u64), Ordering::SeqCst);
        Ok(found)
    }

    async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Opened>, StoreError> {
        let taken = self.1.clone();
        let count = move |piece: &Result<Bytes, StoreError>| {
            taken.fetch_add(piece.as_ref().map_or(0, |piece| piece.len() as u64), Ordering::SeqCst);
        };
        let opened = self.0.open(key, etag).await?;
        Ok(opened.map(|opened| Opened { pieces: opened.pieces.inspect(count).boxed(), ..opened }))
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.1.fetch_add(range.end - range.start, Ordering::SeqCst);
        self.0.read(key, etag, range).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.0.create(key, bytes).await
    }

    async fn replace(&self, key: &str, bytes: Bytes, etag: &str) -> Result<Put, StoreError> {
        self.0.replace(key, bytes, etag).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.0.put(key, bytes).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        self.0.list(prefix).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.0.folders(prefix).await
    }
}

#[tokio::test]
async fn a_large_file_is_read_at_its_beginning_only() {
    let mut bench = Bench::new().await;
    let taken = Arc::<AtomicU64>::default();
    bench.app.segments = Arc::new(Counting(bench.segments.clone(), taken.clone()));
    let mut file = FILE.as_bytes().to_vec();
    file.extend_from_slice(&b"b@example.com,B\n".repeat(200_000));
    // What is wrong far below does not make the names wrong.
    file.extend_from_slice(b"\"never closed");
    let all = file.len() as u64;
    assert_eq!(columns(&bench, file, Value::Null).await["columns"], json!(["email", "first_name"]));
    let taken_of_many_rows = taken.swap(0, Ordering::SeqCst);
    assert!((1..=256 << 10).contains(&taken_of_many_rows), "{taken_of_many_rows} of {all}");
    // A first row without an end is looked for no longer than that.
    let endless = format!("email,first_name\n\"{}", "x".repeat(8 << 20));
    assert_eq!(columns(&bench, endless, Value::Null).await["columns"], json!(["email", "first_name"]));
    let taken = taken.load(Ordering::SeqCst);
    assert!((1 << 20..=(1 << 20) + (128 << 10)).contains(&taken), "{taken}");
}

#[tokio::test]
async fn contributors_ask_for_nothing_in_the_future() {
    let bench = Bench::new().await;
    shared(&bench).await;
    bench.put("segments/vip/a.csv", FILE).await;
    let mut request = run(&json!([name(Klaviyo)]));
    request["requested_at"] = json!("9999-01-01T00:00:00Z");
    let answer = asked(&bench, &request).await;
    assert!(answer["refused"].as_str().unwrap().contains("in the future"), "{answer}");
    assert!(bench.runs(Klaviyo).await.is_empty());
}

#[tokio::test]
async fn what_contributors_write_does_not_keep_a_drop_from_the_others() {
    let bench = Bench::new().await;
    let key = keys::export(Role::Contributors, "newer");
    bench.bucket.put(&key, json!({"version": 99}).to_string().into()).await.unwrap();
    bench.drop_bytes(FILE.as_bytes()).await;
    assert_eq!(bench.messages().len(), 3);
}
