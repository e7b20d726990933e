//! What becomes of rows.

use segue_segment::{Chunk, Identity};
use segue_source::Reader;

use super::*;

fn mapping(email: &str, first: Option<&str>) -> Mapping {
    Mapping { email: email.into(), first_name: first.map(Into::into), last_name: None }
}

fn wanted(destination: Destination, mapping: Mapping) -> Wanted {
    Wanted { destination, mapping, columns: Vec::new(), limit: 1_000_000 }
}

fn run(wanted: &[Wanted], parts: &[&str]) -> (Vec<Staged>, Vec<Tally>) {
    let mut intake = Intake::new(wanted);
    for (number, text) in (0..).zip(parts) {
        intake.begin_part(number);
        let mut reader = Reader::default();
        reader.feed(text.as_bytes(), &mut intake).unwrap();
        reader.finish(&mut intake).unwrap();
    }
    intake.finish()
}

fn chunks(staged: &[Staged], wanted: usize) -> Vec<Chunk> {
    let bytes = staged.iter().filter_map(|staged| match staged {
        Staged::Chunk { plan, bytes, .. } if *plan == wanted => Some(bytes.to_vec()),
        _ => None,
    });
    bytes.map(|bytes| Chunk::decode(bytes).unwrap()).collect()
}

const DROP: &str =
    "id,Email,first\n1, A@example.com ,Ann\n2,nobody,Bob\n3,a@EXAMPLE.com,Again\n4,,\n5,b@example.com,\n";

#[test]
fn every_row_is_counted_once() {
    let (_, tallies) = run(&[wanted(Destination::Klaviyo, mapping("email", None))], &[DROP]);
    let counts = tallies[0].counts;
    assert_eq!((counts.read, counts.invalid, counts.duplicate, counts.pending), (5, 2, 1, 2));
    counts.check().unwrap();
}

#[test]
fn one_pass_serves_exports_of_different_forms() {
    let both = [
        wanted(Destination::Snapchat, mapping("email", None)),
        wanted(Destination::Mailchimp, mapping("Email", Some("first"))),
    ];
    let (staged, tallies) = run(&both, &[DROP]);
    let (hashes, profiles) = (chunks(&staged, 0), chunks(&staged, 1));
    assert!(hashes[0].profiles().all(|p| matches!(p.identity, Identity::Hash(_)) && p.first_name.is_none()));
    let read: Vec<_> = profiles[0]
        .profiles()
        .map(|p| (p.at.row, p.email().unwrap().to_owned(), p.first_name.map(str::to_owned)))
        .collect();
    assert_eq!(read, [(1, "a@example.com".into(), Some("Ann".into())), (5, "b@example.com".into(), None)]);
    assert_eq!(tallies[0].counts, tallies[1].counts);
}

#[test]
fn duplicates_are_found_across_parts_and_rows_keep_their_part() {
    let parts = ["email\na@example.com\n", "first,email\nx,A@example.com\ny,c@example.com\n"];
    let (staged, tallies) = run(&[wanted(Destination::Klaviyo, mapping("email", None))], &parts);
    assert_eq!((tallies[0].counts.read, tallies[0].counts.duplicate), (3, 1));
    let rows: Vec<_> = chunks(&staged, 0)[0].profiles().map(|p| p.at).collect();
    assert_eq!(rows, [RowRef { part: 0, row: 1 }, RowRef { part: 1, row: 2 }]);
}

#[test]
fn a_missing_column_stops_only_the_export_that_maps_it() {
    let both = [
        wanted(Destination::Klaviyo, mapping("mail", None)),
        wanted(Destination::Klaviyo, mapping("email", None)),
        wanted(Destination::Klaviyo, mapping("email", Some("given"))),
    ];
    let (staged, tallies) = run(&both, &[DROP]);
    assert!(tallies[0].missing.is_some() && tallies[1].missing.is_none() && tallies[2].missing.is_some());
    assert!(chunks(&staged, 0).is_empty() && chunks(&staged, 2).is_empty());
    assert_eq!(
        (tallies[0].counts.invalid, tallies[0].counts.pending),
        (0, 5),
        "nothing is known of its rows"
    );
    assert_eq!(chunks(&staged, 1)[0].len(), 2);
}

#[test]
fn a_column_that_is_expected_must_be_there_though_nothing_is_sent_of_it() {
    let expecting = |column: &str| Wanted {
        columns: vec!["id".into(), column.into()],
        ..wanted(Destination::Klaviyo, mapping("email", None))
    };
    let (staged, tallies) = run(&[expecting("first"), expecting("plan")], &[DROP]);
    assert_eq!(chunks(&staged, 0)[0].len(), 2);
    let (_, error) = tallies[1].missing.clone().unwrap();
    assert_eq!(error.to_string(), "the file has no column `plan`; its columns are id, Email, first");
    assert!(tallies[0].missing.is_none());
}

#[test]
fn attributes_that_are_changed_are_counted_for_those_who_are_sent() {
    let long = "x".repeat(300);
    let text = format!("email,first\na@example.com,{long}\nb@example.com,B\u{7}ob\na@example.com,{long}\n");
    let (_, tallies) = run(
        &[
            wanted(Destination::Klaviyo, mapping("email", Some("first"))),
            wanted(Destination::Klaviyo, mapping("email", None)),
        ],
        &[&text],
    );
    assert_eq!((tallies[0].attributes_changed.shortened, tallies[0].attributes_changed.cleaned), (1, 1));
    assert!(tallies[1].attributes_changed.is_none(), "no name is mapped");
}

#[test]
fn above_the_limit_it_counts_and_no_longer_stages() {
    let few = Wanted { limit: 1, ..wanted(Destination::Klaviyo, mapping("email", None)) };
    let (staged, tallies) = run(&[few], &[DROP]);
    assert_eq!(chunks(&staged, 0)[0].len(), 1);
    assert_eq!(tallies[0].totals.profiles, 2);
}

#[test]
fn chunks_are_full_but_for_the_last() {
    let size = Destination::Mailchimp.shape().profiles_per_chunk;
    let addresses: Vec<String> = (0..=size).map(|n| format!("p{n}@example.com\n")).collect();
    let text = format!("email\n{}", addresses.concat());
    let (staged, tallies) = run(&[wanted(Destination::Mailchimp, mapping("email", None))], &[&text]);
    assert_eq!(chunks(&staged, 0).iter().map(Chunk::len).collect::<Vec<_>>(), [size, 1]);
    assert_eq!(tallies[0].chunks, 2);
}

#[test]
fn the_rejected_list_has_part_row_and_reason_and_no_value() {
    let (staged, _) = run(&[wanted(Destination::Klaviyo, mapping("email", None))], &[DROP]);
    let lines = staged.iter().find_map(|staged| match staged {
        Staged::Invalid { lines, .. } => Some(String::from_utf8(lines.to_vec()).unwrap()),
        Staged::Chunk { .. } => None,
    });
    insta::assert_snapshot!(lines.unwrap(), @r#"
    {"part":0,"row":2,"reason":"not_an_address"}
    {"part":0,"row":4,"reason":"empty"}
    "#);
}
