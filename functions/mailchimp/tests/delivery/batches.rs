//! Batches in their lane: what is known of a call counts, whatever becomes of its repetition.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use segue_state::Status;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, ResponseTemplate};

use crate::lane::MINUTES;
use crate::script::json_answer;
use crate::{Chimp, takes_all};

/// Rows 1 and 3 are taken, over row 2 the destination failed.
fn archive() -> Vec<u8> {
    let result = |row: usize, status: u16| json!({"status_code": status, "operation_id": row.to_string(), "response": "{}"});
    let text = Value::from(vec![result(0, 200), result(1, 500), result(2, 200)]).to_string();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_cksum();
    tar.append_data(&mut header, "0.json", text.as_bytes()).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&tar.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

/// A batch that is finished at once, whose second operation fails each time.
async fn half_failing() -> Chimp {
    let chimp = Chimp::new(takes_all).await;
    let started = Mock::given(method("POST")).and(path("/us19/3.0/batches"));
    started
        .respond_with(json_answer(200, &json!({"id": "8b", "status": "pending"})))
        .mount(&chimp.server)
        .await;
    let link = format!("{}/archive", chimp.server.uri());
    let finished =
        json!({"id": "8b", "status": "finished", "errored_operations": 1, "response_body_url": link});
    let looked = Mock::given(method("GET")).and(path_regex("^/us19/3.0/batches/8b$"));
    looked.respond_with(json_answer(200, &finished)).with_priority(1).mount(&chimp.server).await;
    let fetched = Mock::given(method("GET")).and(path("/archive"));
    let answer = ResponseTemplate::new(200).set_body_bytes(archive());
    fetched.respond_with(answer).with_priority(1).mount(&chimp.server).await;
    chimp.bench.change_export(&json!({"existing_contacts": "update"}));
    chimp
}

async fn batches(chimp: &Chimp) -> usize {
    let all = chimp.server.received_requests().await.unwrap();
    all.iter().filter(|request| request.method == "POST" && request.url.path().ends_with("/batches")).count()
}

#[tokio::test]
async fn what_a_batch_failed_over_is_sent_again_and_the_rest_stays_accepted() {
    let chimp = half_failing().await;
    let run = chimp.bench.run(3, 10).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.failed), (Status::Partial, 2, 1));
    assert_eq!(batches(&chimp).await, 3, "twice again, then it is left to a retry");
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_a_call_is_repeated_keeps_what_the_call_came_to() {
    let chimp = half_failing().await;
    let run = chimp.bench.run(3, 10).await;
    chimp.bench.deliver(&run, 0).await.pause();
    chimp.bench.cancel(&run).await;
    chimp.bench.deliver_again(&run, 0, MINUTES).await;
    let summary = chimp.bench.summary(&run).await;
    assert_eq!(
        (summary.status, summary.counts.accepted, summary.counts.cancelled),
        (Status::Cancelled, 2, 1)
    );
    assert_eq!(batches(&chimp).await, 1);
}
