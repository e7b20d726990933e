//! Showing refused rows.

use segue_platform::Objects;
use segue_platform::memory::MemoryBucket;
use segue_segment::RowRef;
use segue_state::receipt::lines as encoded;

use super::super::tests::{configured, sealed};
use super::*;
use crate::output::Output;

const RUN: &str = "20261122T163512Z-a";
const DROP: &str =
    "email,first_name\nann@example.com,Ann\nnobody,Bob\n\"c@@example.com\",\"Cy\r\"\nd@example.com,Dee\n";

fn args() -> Args {
    Args { meant: Meant::latest("e"), reason: None, limit: None, with_source: false }
}

/// A run with two rows that Segue refused, and one that the destination did.
async fn refused() -> (State, Run) {
    let state = configured().await;
    let run = sealed(&state, RUN).await;
    let at = |row, reason| Rejected::at(RowRef { part: 0, row }, reason);
    let pages = [
        (
            keys::invalid_page("e", &run.run, "a", 0),
            vec![at(2, Reason::NotAnAddress), at(3, Reason::NotAnAddress)],
        ),
        (keys::invalid_page("e", &run.run, "lost", 0), vec![at(2, Reason::NotAnAddress)]),
        (
            keys::rejected_chunk("e", &run.run, 0),
            vec![at(4, Reason::ComplianceState), Rejected::somewhere(Reason::Refused)],
        ),
    ];
    for (key, rows) in pages {
        state.objects().put(&key, encoded(&rows).into()).await.unwrap();
    }
    (state, run)
}

fn printed(found: &Found, args: &Args) -> String {
    let mut bytes = Vec::new();
    let mut screen = Screen::new(Output::Text, &mut bytes);
    print(&found.lines, &found.total, args, &mut screen).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn each_row_has_its_file_number_and_reason_and_nobody_is_named() {
    let (state, _) = refused().await;
    insta::assert_snapshot!(printed(&found(&state, &args(), MOST).await.unwrap(), &args()), @r"
    file                row  reason            refused by
    segments/vip/a.csv    2  not_an_address    segue
    segments/vip/a.csv    3  not_an_address    segue
    segments/vip/a.csv    4  compliance_state  klaviyo
    not told                 refused           klaviyo
    ");
}

#[tokio::test]
async fn rows_are_filtered_by_reason_and_what_is_not_shown_is_counted() {
    let (state, _) = refused().await;
    let args = Args { reason: Some(Reason::NotAnAddress), ..args() };
    insta::assert_snapshot!(printed(&found(&state, &args, 1).await.unwrap(), &args), @r"
    file                row  reason          refused by
    segments/vip/a.csv    2  not_an_address  segue
    1 of 2 rows are shown; see more with --limit
    ");
    assert!(super::reason("empty").is_ok() && super::reason("nonsense").unwrap_err().contains("too_long"));
}

#[tokio::test]
async fn the_rows_can_be_read_from_the_drop_as_long_as_it_is_the_same() {
    let (_, run) = refused().await;
    let bucket = MemoryBucket::default();
    let wanted = || [(0, 2), (0, 3)].into_iter();
    let gone = source::read(&bucket, &run, wanted()).await;
    assert!(gone.problems[0].to_string().contains("segments/vip/a.csv: it is not there any more"));

    bucket.put("segments/vip/a.csv", DROP.into()).await.unwrap();
    let found = source::read(&bucket, &run, wanted()).await;
    assert!(found.problems.is_empty());
    assert_eq!(found.rows.len(), 2);
    assert_eq!(found.rows[&(0, 2)]["email"], "nobody");
    assert_eq!(found.rows[&(0, 3)]["email"], "c@@example.com");

    let mut replaced = run.clone();
    replaced.drops[0].parts[0].etag = Some("\"another\"".into());
    let others = source::read(&bucket, &replaced, wanted()).await;
    assert!(others.rows.is_empty());
    assert!(others.problems[0].to_string().contains("it was replaced since"));
}
