//! The look-ups before a run's first push: once a run, in as many invocations as it takes, and nobody slips through.

use std::time::Duration;

use md5::{Digest, Md5};
use segue_platform::Objects;
use segue_state::{LookUp, Outcome, Status, keys};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, Respond};

use crate::lane::{EXPORT, MINUTES, Played, email};
use crate::script::{json_answer, script, text_answer};
use crate::{Chimp, LIST, members, takes_all};

/// A page of contacts who left, out of so many.
fn page(rows: &[u64], total: u64) -> Value {
    let hash = |row: &u64| u128::from_be_bytes(Md5::digest(email(*row)).into());
    let id = |row: &u64| json!({"id": format!("{:032x}", hash(row))});
    json!({"members": rows.iter().map(id).collect::<Vec<_>>(), "total_items": total})
}

async fn contacts(chimp: &Chimp, status: &str, offset: u64, answers: impl Respond + 'static) {
    let asked = Mock::given(method("GET")).and(path(format!("{LIST}/members")));
    let asked = asked.and(query_param("status", status)).and(query_param("offset", offset.to_string()));
    asked.respond_with(answers).with_priority(1).mount(&chimp.server).await;
}

/// How often a list of contacts was asked for, from this one on.
async fn asked(chimp: &Chimp, status: &str, offset: u64) -> usize {
    let wanted = format!(
        "status={status}&fields=members.id,members.email_address,total_items&count=1000&offset={offset}"
    );
    let all = chimp.server.received_requests().await.unwrap();
    all.iter().filter(|request| request.url.query() == Some(wanted.as_str())).count()
}

async fn sent(chimp: &Chimp) -> Vec<String> {
    let mut sent: Vec<String> = chimp.pushes().await.iter().flat_map(members).collect();
    sent.sort_unstable();
    sent
}

#[tokio::test]
async fn people_who_left_are_looked_up_once_a_run_and_held_back_in_every_chunk() {
    let chimp = Chimp::new(takes_all).await;
    contacts(&chimp, "archived", 0, json_answer(200, &page(&[2, 99], 2))).await;
    contacts(&chimp, "unsubscribed", 0, json_answer(200, &page(&[5], 1))).await;
    contacts(&chimp, "cleaned", 0, json_answer(200, &page(&[6], 1))).await;
    let run = chimp.bench.run(6, 2).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.accepted, summary.counts.rejected), (Status::Completed, 3, 3));
    assert_eq!(chimp.bench.rejected(&run, 0).await, [(2, "archived".to_owned())]);
    let last = [(5, "unsubscribed".to_owned()), (6, "cleaned".to_owned())];
    assert_eq!(chimp.bench.rejected(&run, 2).await, last);
    assert_eq!(sent(&chimp).await, [email(1), email(3), email(4)]);
    for status in ["archived", "unsubscribed", "cleaned"] {
        assert_eq!(asked(&chimp, status, 0).await, 1, "{status}");
    }
    let held = keys::held_back(EXPORT, &run, "attempt");
    assert!(!chimp.bench.bucket.keys().contains(&held), "who is held back is kept no longer than the chunks");
}

#[tokio::test]
async fn a_look_up_that_does_not_fit_goes_on_where_it_stopped() {
    let chimp = Chimp::new(takes_all).await;
    let with =
        |row: u64, others: std::ops::RangeInclusive<u64>| [row].into_iter().chain(others).collect::<Vec<_>>();
    contacts(&chimp, "archived", 0, json_answer(200, &page(&with(1, 5..=1_003), 2_001))).await;
    contacts(&chimp, "archived", 1_000, json_answer(200, &page(&with(2, 1_004..=2_002), 2_001))).await;
    let busy = text_answer(429, "").insert_header("retry-after", "3600");
    contacts(&chimp, "archived", 2_000, script([busy, json_answer(200, &page(&[3], 2_001))])).await;
    let run = chimp.bench.run(4, 10).await;
    assert!(chimp.bench.deliver(&run, 0).await.pause() >= Duration::from_mins(59));
    assert!(chimp.pushes().await.is_empty(), "somebody was sent before everybody who left was known");
    let record: segue_state::AudienceRecord =
        chimp.bench.state.read(&keys::audience(EXPORT, &run)).await.unwrap().unwrap().body;
    assert!(record.left.contains(&LookUp { what: "archived".into(), offset: 2_000 }));

    chimp.bench.rest().await;
    assert_eq!(chimp.bench.deliver_again(&run, 0, MINUTES).await, Played::Done);
    assert_eq!(sent(&chimp).await, [email(4)]);
    assert_eq!((asked(&chimp, "archived", 0).await, asked(&chimp, "archived", 1_000).await), (1, 1));
}

#[tokio::test]
async fn a_list_that_is_shorter_than_it_says_is_read_again() {
    let chimp = Chimp::new(takes_all).await;
    // Somebody left the list between its pages, so that one of those behind was on neither.
    let answers = [json_answer(200, &page(&[1], 2)), json_answer(200, &page(&[1, 2], 2))];
    contacts(&chimp, "archived", 0, script(answers)).await;
    let run = chimp.bench.run(3, 10).await;
    assert_eq!(chimp.bench.play_out(&run).await.counts.rejected, 2);
    assert_eq!((sent(&chimp).await, asked(&chimp, "archived", 0).await), (vec![email(3)], 2));
}

#[tokio::test]
async fn a_list_that_shows_the_same_people_twice_is_known_whatever_its_total() {
    let chimp = Chimp::new(takes_all).await;
    contacts(&chimp, "archived", 0, json_answer(200, &page(&[1], 9))).await;
    let run = chimp.bench.run(3, 10).await;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 2);
    assert_eq!(asked(&chimp, "archived", 0).await, 2);
}

#[tokio::test]
async fn a_list_that_keeps_changing_lets_nobody_through() {
    let chimp = Chimp::new(takes_all).await;
    let answers = (4..30).map(|row| json_answer(200, &page(&[row], 2_000)));
    contacts(&chimp, "archived", 0, script(answers)).await;
    let run = chimp.bench.run(3, 10).await;
    chimp.bench.deliver(&run, 0).await.pause();
    assert!(chimp.pushes().await.is_empty());
    assert!(chimp.bench.progress(&run, 0).await.trouble.unwrap().contains("audience"));
}

#[tokio::test]
async fn somebody_who_moves_to_an_earlier_page_while_the_list_is_read_is_found() {
    let chimp = Chimp::new(takes_all).await;
    let rows = |from: u64, to: u64| (from..=to).collect::<Vec<_>>();
    // 1,001 people, 1 the last of them. While the first page was on its way row 11 left, so that the second page is
    // empty: 1 stands at the end of the first page by now.
    let first = page(&rows(11, 1_010), 1_001);
    let again = page(&[&rows(12, 1_010)[..], &[1]].concat(), 1_000);
    contacts(&chimp, "archived", 0, script([json_answer(200, &first), json_answer(200, &again)])).await;
    contacts(&chimp, "archived", 1_000, json_answer(200, &page(&[], 1_000))).await;
    let run = chimp.bench.run(2, 10).await;
    assert_eq!(chimp.bench.play_out(&run).await.counts.accepted, 1);
    assert_eq!(sent(&chimp).await, [email(2)]);
}

#[tokio::test]
async fn a_look_up_of_another_day_is_none() {
    let chimp = Chimp::new(takes_all).await;
    let answers = [json_answer(200, &page(&[1], 1)), json_answer(200, &page(&[1, 3], 2))];
    contacts(&chimp, "archived", 0, script(answers)).await;
    let run = chimp.bench.run(4, 2).await;
    assert_eq!(chimp.bench.deliver(&run, 0).await, Played::Done);
    let key = keys::audience(EXPORT, &run);
    let record: segue_state::AudienceRecord = chimp.bench.state.read(&key).await.unwrap().unwrap().body;
    let old = segue_state::AudienceRecord { at: record.at - Duration::from_hours(2), ..record };
    chimp.bench.state.put(&key, &old).await.unwrap();
    assert_eq!(chimp.bench.deliver(&run, 1).await, Played::Done);
    assert_eq!(sent(&chimp).await, [email(2), email(4)]);
}

#[tokio::test]
async fn who_is_held_back_is_asked_for_again_where_it_is_not_there_any_more() {
    let chimp = Chimp::new(takes_all).await;
    contacts(&chimp, "archived", 0, json_answer(200, &page(&[1, 3], 2))).await;
    let run = chimp.bench.run(4, 2).await;
    assert_eq!(chimp.bench.deliver(&run, 0).await, Played::Done);
    chimp.bench.bucket.delete(&keys::held_back(EXPORT, &run, "attempt")).await.unwrap();
    assert_eq!(chimp.bench.deliver(&run, 1).await, Played::Done);
    assert_eq!(sent(&chimp).await, [email(2), email(4)]);
    assert_eq!(asked(&chimp, "archived", 0).await, 2);
}

#[tokio::test]
async fn an_audience_that_can_not_be_used_fails_every_chunk_and_a_retry_looks_again() {
    let chimp = Chimp::new(takes_all).await;
    // One answer a chunk, then the audience is there.
    let answers = [text_answer(404, "{}"), text_answer(404, "{}"), json_answer(200, &json!({"id": "AUD1"}))];
    let audience = Mock::given(method("GET")).and(path(LIST)).respond_with(script(answers));
    audience.with_priority(1).mount(&chimp.server).await;
    let run = chimp.bench.run(2, 1).await;
    let summary = chimp.bench.play_out(&run).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Failed, 2));
    assert!(summary.message.contains("does not know the audience"), "{}", summary.message);
    assert!(chimp.pushes().await.is_empty());
    let document = chimp.bench.state.run(EXPORT, &run).await.unwrap().unwrap();
    let deadline = jiff::Timestamp::now() + Duration::from_mins(1);
    let again = segue_state::finish::retry(&chimp.bench.state, &document, deadline).await.unwrap();
    for message in again {
        assert_eq!(chimp.bench.play(&message.body(), crate::lane::QUEUE, 1, MINUTES).await, Played::Done);
    }
    let receipt = chimp.bench.receipt(&run, 1).await;
    assert_eq!(receipt.outcome, Outcome::Delivered, "{:?}", receipt.message);
    assert_eq!(chimp.bench.summary(&run).await.status, Status::Completed);
}
