//! Files of every format: the same people come out of each, and the record says what it was.

use std::io::Write;
use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use segue_platform::Objects;
use segue_segment::Destination::{self, Klaviyo, Mailchimp, Snapchat};
use segue_state::{Drop, Part, SourceRecord, Status, TriggerKind, keys};
use serde_json::json;

use crate::bench::{Bench, name};

/// Row by row: an address and a first name.
const PEOPLE: [[&str; 2]; 5] = [
    ["Jane.Doe@Example.com ", "Jané"],
    ["nobody", "X"],
    ["joe@example.com", ""],
    ["jane.doe@example.com", "Other; \"one\""],
    ["kim@example.com", "Kim, née Lee"],
];

fn delimited(delimiter: char) -> String {
    PEOPLE.iter().fold(format!("email{delimiter}first_name\n"), |text, [email, first]| {
        text + email + &delimiter.to_string() + "\"" + &first.replace('"', "\"\"") + "\"\n"
    })
}

fn objects() -> Vec<serde_json::Value> {
    PEOPLE.iter().map(|[email, first]| json!({"id": 1, "email": email, "first_name": first})).collect()
}

fn lines(objects: &[serde_json::Value]) -> String {
    objects.iter().fold(String::new(), |text, object| text + &object.to_string() + "\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(text.as_bytes()).unwrap();
    to.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn parquet<'a>(rows: &(impl Iterator<Item = [&'a str; 2]> + Clone)) -> Vec<u8> {
    let schema = "message people { required binary email (UTF8); required binary first_name (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    // Small pages and groups, so that there are many.
    let properties = WriterProperties::builder().set_data_page_row_count_limit(1000).build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    for column in 0..2 {
        let mut writer = group.next_column().unwrap().unwrap();
        let ColumnWriter::ByteArrayColumnWriter(typed) = writer.untyped() else { panic!("no text") };
        let values: Vec<ByteArray> = rows.clone().map(|row| row[column].into()).collect();
        typed.write_batch(&values, None, None).unwrap();
        writer.close().unwrap();
    }
    group.close().unwrap();
    file.into_inner().unwrap()
}

/// Drops these bytes, and answers the chunks of each destination.
async fn chunks(bench: &Bench, bytes: &[u8]) -> Vec<Vec<u8>> {
    bench.drop_bytes(bytes).await;
    let mut all = Vec::new();
    for destination in Destination::ALL {
        let (run, sealed) = (bench.run(destination).await, bench.sealed(destination).await.unwrap());
        assert_eq!(sealed.ended, None, "{destination}");
        for number in 0..sealed.chunks {
            let key = keys::chunk(&run.export.id, &run.run, &sealed.attempt, number);
            all.push(bench.bucket.get(&key).await.unwrap().unwrap().bytes.to_vec());
        }
    }
    all
}

async fn sources(bench: &Bench, destination: Destination) -> Vec<[String; 4]> {
    let records = bench.sealed(destination).await.unwrap().sources.into_iter();
    let row = |record: SourceRecord| {
        [record.format, record.compression, record.encoding, record.delimiter.unwrap_or_default()]
    };
    records.map(row).collect()
}

#[tokio::test]
async fn the_same_people_in_every_dress_are_the_same_chunks() {
    let (csv, ndjson) = (delimited(','), lines(&objects()));
    let expected = chunks(&Bench::new().await, csv.as_bytes()).await;
    assert_eq!(expected.len(), 3);
    let windows = encoding_rs::WINDOWS_1252.encode(&delimited(';')).0.into_owned();
    let array = serde_json::to_vec(&objects()).unwrap();
    let zstd = zstd::encode_all(ndjson.as_bytes(), 1).unwrap();
    let dressed = [
        (csv.clone().into_bytes(), ["delimited", "none", "UTF-8", ","]),
        (gzip(&csv), ["delimited", "gzip", "UTF-8", ","]),
        (utf16(&csv), ["delimited", "none", "UTF-16LE", ","]),
        (ndjson.into_bytes(), ["ndjson", "none", "UTF-8", ""]),
        (zstd, ["ndjson", "zstd", "UTF-8", ""]),
        (array, ["json", "none", "UTF-8", ""]),
        (windows, ["delimited", "none", "windows-1252", ";"]),
        (parquet(&PEOPLE.into_iter()), ["parquet", "none", "UTF-8", ""]),
    ];
    for (bytes, what) in dressed {
        let bench = Bench::new().await;
        if what[2] == "windows-1252" {
            for destination in Destination::ALL {
                bench.export(destination, |export| export.source.encoding = Some("latin1".into())).await;
            }
        }
        assert!(chunks(&bench, &bytes).await == expected, "{what:?} gives other chunks");
        assert_eq!(sources(&bench, Klaviyo).await, [what.map(str::to_owned)]);
    }
}

/// More than sixteen mebibytes of delimited text, and the same people as Parquet.
fn many() -> (String, Vec<u8>) {
    let people: Vec<[String; 2]> =
        (0..400_000).map(|n| [format!("person.{n}@subdomain.example.com"), format!("Name{n:07}")]).collect();
    let rows = || people.iter().map(|[email, first]| [email.as_str(), first.as_str()]);
    let mut text = "email,first_name\n".to_owned();
    rows().for_each(|[email, first]| {
        text.extend([email, ",", first, "\n"]);
    });
    (text, parquet(&rows()))
}

#[tokio::test]
async fn large_files_are_read_by_ranges_and_give_the_same_chunks() {
    let (text, parquet) = many();
    assert!(text.len() > 17 << 20);
    let klaviyo = || async {
        let bench = Bench::new().await;
        bench.export(Klaviyo, |export| export.limits.profiles = Some(1_000_000)).await;
        bench
    };
    // Small enough when it is packed, so that it comes in one stream.
    let expected = chunks(&klaviyo().await, &gzip(&text)).await;
    assert_eq!(expected.len(), 2 + 9 + 2);
    for file in [text.as_bytes(), &parquet] {
        assert!(chunks(&klaviyo().await, file).await == expected);
    }
}

/// Drops `bytes` for one export and expects a refusal.
async fn refused(bench: &Bench, bytes: &[u8]) -> String {
    bench.only(&[Klaviyo]).await;
    bench.drop_bytes(bytes).await;
    let summary = bench.summary(Klaviyo).await;
    assert_eq!(summary.status, Status::Refused, "{}", summary.message);
    assert!(bench.queue.take().is_empty() && bench.keys("chunks/").is_empty());
    summary.message
}

#[tokio::test]
async fn parquet_that_is_cut_off_or_no_parquet_is_refused() {
    let whole = parquet(&PEOPLE.into_iter());
    let message = refused(&Bench::new().await, &whole[..whole.len() - 9]).await;
    assert!(
        message.contains("segments/vip/a.csv: the file does not end as a Parquet file does"),
        "{message}"
    );
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.source.format = Some("parquet".into())).await;
    assert!(refused(&bench, delimited(',').as_bytes()).await.contains("does not end as a Parquet file does"));
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.source.format = Some("delimited".into())).await;
    assert!(refused(&bench, &whole).await.contains("set it to parquet"));
}

#[tokio::test]
async fn a_column_that_parquet_lacks_is_named() {
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.fields.email = "mail".into()).await;
    let message = refused(&bench, &parquet(&PEOPLE.into_iter())).await;
    assert!(message.contains("no column `mail`; its columns are email, first_name"), "{message}");
}

#[tokio::test]
async fn exports_that_read_a_file_in_different_ways_each_read_it_in_theirs() {
    let bench = Bench::new().await;
    bench.only(&[Snapchat, Mailchimp, Klaviyo]).await;
    bench
        .export(Mailchimp, |export| {
            export.source.header = false;
            export.fields.email = "1".into();
        })
        .await;
    bench.drop_bytes(delimited(',').as_bytes()).await;
    let read = async |destination| bench.sealed(destination).await.unwrap().read;
    assert_eq!((read(Snapchat).await, read(Mailchimp).await, read(Klaviyo).await), (5, 6, 5));
}

#[tokio::test]
async fn an_unpacking_limit_can_be_set() {
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.source.max_bytes = Some(50)).await;
    let message = refused(&bench, &gzip(&delimited(','))).await;
    assert!(message.contains("more than 50 bytes; raise `max_bytes`"), "{message}");
}

#[tokio::test]
async fn a_way_to_read_that_makes_no_sense_refuses_the_run() {
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.source.encoding = Some("ebcdic".into())).await;
    let message = refused(&bench, delimited(',').as_bytes()).await;
    assert!(message.contains("`source.encoding`: `ebcdic` is no encoding"), "{message}");
}

/// Stages a run over these parts, as if fan-out were asked to.
async fn staged(bench: &Bench, parts: &[&[u8]]) -> String {
    bench.only(&[Klaviyo]).await;
    bench.drop_bytes(delimited(',').as_bytes()).await;
    let run = bench.run(Klaviyo).await;
    let mut listed = Vec::new();
    for (number, bytes) in parts.iter().enumerate() {
        let key = format!("segments/vip/d/part-{number}");
        bench.segments.put(&key, bytes.to_vec().into()).await.unwrap();
        listed.push(Part { key, etag: None, size: bytes.len() as u64 });
    }
    for key in bench.keys("runs/").into_iter().filter(|key| !key.ends_with("run.json")) {
        bench.bucket.delete(&key).await.unwrap();
    }
    let _ = bench.queue.take();
    let drops = vec![Drop { segment: "vip".into(), parts: listed }];
    bench.edit(&keys::run(&name(Klaviyo), &run.run), |run| run["drops"] = json!(drops)).await;
    assert_eq!(run.trigger.kind, TriggerKind::Upload);
    bench.handle(&json!({"request": "restage", "export": name(Klaviyo), "run": run.run})).await;
    let found = bench.app.state.sealed(&name(Klaviyo), &run.run).await.unwrap().unwrap();
    found.ended.map(|ended| ended.message).unwrap_or_default()
}

#[tokio::test]
async fn an_empty_part_is_fine_as_long_as_another_has_rows() {
    let bench = Bench::new().await;
    let message = staged(&bench, &[b"", delimited(',').as_bytes(), b"[]", &gzip("")]).await;
    assert_eq!(message, "");
    assert_eq!(bench.sealed(Klaviyo).await.unwrap().profiles, 3);
    let parts: Vec<u32> = bench.sealed(Klaviyo).await.unwrap().sources.iter().map(|it| it.part).collect();
    assert_eq!(parts, [1, 2]);
    assert!(staged(&Bench::new().await, &[b"", b"\n"]).await.contains("no rows"));
}

#[tokio::test]
async fn objects_may_leave_a_name_out_unless_all_do() {
    let without = br#"{"email": "x@example.com"}"#;
    let bench = Bench::new().await;
    assert_eq!(staged(&bench, &[without, lines(&objects()).as_bytes(), without]).await, "");
    assert_eq!(bench.staged(Klaviyo).await[0], (1, "x@example.com".into(), None));
    let message = staged(&Bench::new().await, &[without, without]).await;
    assert!(message.contains("part-0: the file has no field `first_name`"), "{message}");
    let message = staged(&Bench::new().await, &[without, br#"{"first_name": "X"}"#]).await;
    assert!(message.contains("part-1: the file has no field `email`"), "{message}");
}
