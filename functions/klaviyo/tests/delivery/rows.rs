//! Rows that Klaviyo refuses: named by a 400, or listed by a finished job.

use segue_platform::Objects;
use segue_segment::destination::Form;
use segue_segment::{ChunkWriter, Email, RowRef};
use segue_state::{Status, keys};
use serde_json::Value;
use wiremock::matchers::{path, path_regex, query_param, query_param_is_missing};
use wiremock::{Mock, Request};

use crate::lane::{EXPORT, email};
use crate::script::{script, text_answer};
use crate::{JOBS, Klav, accepted, import_error, imported, job, named, page};

#[tokio::test]
async fn import_errors_are_read_to_their_last_page() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("complete", 5), 1).await;
    let pages = [
        (None, vec![1, 2], Some("two")),
        (Some("two"), vec![3, 4], Some("three")),
        (Some("three"), vec![5], None),
    ];
    for (cursor, rows, next) in pages {
        let errors: Vec<Value> = rows.into_iter().map(import_error).collect();
        let asked =
            Mock::given(path(format!("{JOBS}/J1/import-errors"))).and(query_param("page[size]", "100"));
        let asked = match cursor {
            Some(cursor) => asked.and(query_param("page[cursor]", cursor)),
            None => asked.and(query_param_is_missing("page[cursor]")),
        };
        asked.respond_with(page(&errors, next)).expect(1).with_priority(1).mount(&klav.server).await;
    }
    let run = klav.bench.run(8, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.rejected), (Status::Completed, 3, 5));
    let rows: Vec<u64> = klav.bench.rejected(&run, 0).await.into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, [1, 2, 3, 4, 5]);
    assert!(!klav.bench.everything_recorded().await.contains("person-"), "a vendor's text was kept");
}

async fn with_errors(klav: &Klav, errors: &[Value]) {
    let asked = Mock::given(path_regex("/import-errors$"));
    asked.respond_with(page(errors, None)).with_priority(1).mount(&klav.server).await;
}

#[tokio::test]
async fn failures_that_are_counted_and_not_listed_are_rejected_too() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("complete", 4), 1).await;
    with_errors(&klav, &[import_error(2)]).await;
    let run = klav.bench.run(6, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (2, 4));
    assert_eq!(klav.bench.rejected(&run, 0).await.iter().filter(|(row, _)| *row == 0).count(), 3);
}

#[tokio::test]
async fn failures_that_are_listed_and_not_counted_are_rejected_too() {
    let klav = Klav::new(accepted("J1")).await;
    with_errors(&klav, &[import_error(2), import_error(2), import_error(3)]).await;
    let run = klav.bench.run(6, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (4, 2));
}

#[tokio::test]
async fn rows_that_a_400_names_are_left_out_and_the_others_sent() {
    let klav = Klav::new(script([named(&[1, 3]), accepted("J1")])).await;
    let run = klav.bench.run(5, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.rejected), (Status::Completed, 3, 2));
    let imports = klav.requests("POST").await;
    assert_eq!(imported(&imports[1]), [email(1), email(3), email(5)]);
    let refused = "address_refused".to_owned();
    assert_eq!(klav.bench.rejected(&run, 0).await, [(2, refused.clone()), (4, refused)]);
    assert!(!klav.bench.everything_recorded().await.contains("person-"), "a vendor's text was kept");
}

#[tokio::test]
async fn rows_that_are_named_bit_by_bit_are_left_out_one_after_the_other() {
    // Each index counts within what is left.
    let klav = Klav::new(script([named(&[0]), named(&[0]), named(&[2]), accepted("J1")])).await;
    let run = klav.bench.run(5, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (2, 3));
    assert_eq!(imported(&klav.requests("POST").await[3]), [email(3), email(4)]);
}

#[tokio::test]
async fn a_call_whose_rows_are_all_named_has_its_outcome_without_a_job() {
    let klav = Klav::new(named(&[0, 1])).await;
    let run = klav.bench.run(2, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.rejected, klav.imports().await), (Status::Completed, 2, 1));
}

#[tokio::test]
async fn errors_of_a_job_are_mapped_to_rows_although_others_were_left_out() {
    let klav = Klav::new(script([named(&[0]), accepted("J1")])).await;
    klav.jobs_are(job("complete", 1), 1).await;
    with_errors(&klav, &[import_error(3)]).await;
    let run = klav.bench.run(4, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (2, 2));
    let rows: Vec<u64> = klav.bench.rejected(&run, 0).await.into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, [1, 3]);
}

#[tokio::test]
async fn a_400_that_fits_no_row_is_about_the_call_and_comes_to_an_end() {
    let klav = Klav::new(named(&[999])).await;
    let run = klav.bench.run(3, 10).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!(
        (summary.status, summary.counts.failed),
        (Status::Failed, 3),
        "nobody was taken, so no row is to blame"
    );
    assert_eq!(klav.imports().await, 5);
}

#[tokio::test]
async fn a_profile_that_is_too_large_is_rejected_with_its_row_and_the_others_are_sent() {
    let klav = Klav::new(accepted("J1")).await;
    klav.jobs_are(job("complete", 0), 1).await;
    let run = klav.bench.run(2, 10).await;
    let mut writer = ChunkWriter::new(Form::Profiles);
    let mut buffer = String::new();
    for (row, name) in [(1, "x".repeat(100_000)), (2, "Jo".to_owned())] {
        let address = email(row);
        let address = Email::normalise(address.as_bytes(), &mut buffer).unwrap();
        writer.push_profile(RowRef { part: 0, row }, address, Some(&name), None);
    }
    let key = keys::chunk(EXPORT, &run, "attempt", 0);
    klav.bench.bucket.put(&key, writer.finish().into()).await.unwrap();
    let summary = klav.bench.play_out(&run).await;
    assert_eq!((summary.counts.accepted, summary.counts.rejected), (1, 1));
    assert_eq!(klav.bench.rejected(&run, 0).await, [(1, "profile_too_large".to_owned())]);
    assert_eq!(imported(&klav.requests("POST").await[0]), [email(2)]);
}

#[tokio::test]
async fn a_few_bad_rows_that_nobody_names_cost_their_rows_and_no_chunk() {
    // A 400 without a pointer, as long as one of these is in the call.
    let bad = [email(3), email(8), email(19)];
    let klav = Klav::new(move |request: &Request| {
        let sent = imported(request);
        let spoilt = sent.iter().any(|address| bad.contains(address));
        if spoilt { text_answer(400, "{}") } else { accepted(&format!("J{}", sent.len())) }
    })
    .await;
    klav.jobs_are(job("complete", 0), 1).await;
    let run = klav.bench.run(20, 20).await;
    let summary = klav.bench.play_out(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.rejected),
        (Status::Completed, 17, 3)
    );
    let refused = "refused".to_owned();
    let mut rows = klav.bench.rejected(&run, 0).await;
    rows.sort_unstable();
    assert_eq!(rows, [(3, refused.clone()), (8, refused.clone()), (19, refused)]);
}
