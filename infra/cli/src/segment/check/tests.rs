//! What is said of files, good and bad.

use segue_segment::Chunk;

use super::*;
use crate::output::Output;

const GOOD: &str = "id,Email,First\n1, A@example.com ,Ann\n2,nobody,Bob\n3,a@EXAMPLE.com,Again\n4,b@example.com,\n5,c@example.com,\n6,d@example.com,\n";

fn args(destination: Destination, email: &str) -> Args {
    Args {
        file: PathBuf::new(),
        destination,
        email: email.into(),
        first_name: None,
        last_name: None,
        limit: None,
        invalid_share: 0.2,
        chunks_to: None,
    }
}

/// The exit status, what is on standard output, and what is on standard error; the folder's name left out.
fn checked(content: &[u8], output: Output, args: Args) -> (u8, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drop.csv");
    std::fs::write(&file, content).unwrap();
    let mut out = Vec::new();
    let result = run(&Args { file, ..args }, &mut Screen::new(output, &mut out));
    let plain = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    let error = result.err();
    let status = error.as_ref().map_or(0, Failure::status);
    (status, plain(String::from_utf8(out).unwrap()), plain(error.map(|e| e.to_string()).unwrap_or_default()))
}

fn refused(content: &[u8]) -> String {
    let (status, out, error) = checked(content, Output::Json, args(Destination::Klaviyo, "email"));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, json["would_run"].as_bool(), json["chunks"].as_u64()), (1, Some(false), Some(0)));
    assert_eq!(format!("error: {}\n", json["message"].as_str().unwrap()), error);
    error
}

#[test]
fn a_good_file_is_counted_under_the_names_of_a_summary() {
    let (status, out, error) = checked(GOOD.as_bytes(), Output::Json, args(Destination::Klaviyo, "email"));
    assert_eq!((status, error.as_str()), (0, ""));
    let mut json: serde_json::Value = serde_json::from_str(&out).unwrap();
    for measured in ["elapsed_seconds", "rows_per_second"] {
        assert!(json[measured].take().is_number());
    }
    insta::assert_snapshot!(json.to_string(), @r#"{"accepted":0,"cancelled":0,"chunks":1,"destination":"klaviyo","duplicate":1,"elapsed_seconds":null,"failed":0,"file":"drop.csv","invalid":1,"invalid_by_reason":{"not_an_address":1},"message":"4 profiles would go to Klaviyo in 1 chunk","pending":4,"read":6,"rejected":0,"rows_per_second":null,"unchanged":0,"unknown":0,"would_run":true}"#);
}

#[test]
fn people_get_a_table() {
    let (_, out, _) = checked(GOOD.as_bytes(), Output::Text, args(Destination::Snapchat, "email"));
    let stable: Vec<_> =
        out.lines().filter(|line| !line.starts_with("seconds") && !line.starts_with("rows/s")).collect();
    let widths: Vec<_> =
        stable.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(widths.join("\n"), @r"
    rows read 6
    invalid 1
    not_an_address 1
    duplicate 1
    profiles 4
    chunks 1
    4 profiles would go to Snapchat in 1 chunk
    ");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_row_and_what_to_do() {
    let bad: [&[u8]; 8] = [
        b"",
        b"email,first\n",
        b"id,e-mail\n1,a@example.com\n",
        b"email\na@example.com\n\xff\xfe@example.com\n",
        b"email,first\na@example.com,A\nb@example.com\n",
        b"email,first\na@example.com,A\nb@example.com,\"B\nc@example.com,C\n",
        b"email\na@example.com\nnobody\n",
        b"email,first\nnobody,\n,\n",
    ];
    let said: Vec<_> = bad.iter().map(|content| refused(content)).collect();
    insta::assert_snapshot!(said.concat(), @r"
    error: drop.csv: the file is empty; a header line and at least one row are needed
    error: the drop has no rows; an empty segment is not sent, since it is a mistake as a rule
    error: drop.csv: the file has no column `email`; its columns are id, e-mail; map the right one in the export
    error: drop.csv: row 2 is not valid UTF-8; export the file as UTF-8, or set `encoding` to what it is in, such as windows-1252
    error: drop.csv: row 2 has 1 fields, the header has 2; is a delimiter inside a field not quoted?
    error: drop.csv: row 2 opens a quoted field that is never closed; double the quotes inside fields
    error: 1 of 2 rows (50.0 %) are invalid, the export allows 20.0 %; mend the file, or raise `limits.invalid_share`
    error: none of the 2 rows has a usable e-mail address in the column `email`; is it the right one?
    ");
}

#[test]
fn more_profiles_than_the_limit_are_counted_and_refused() {
    let few = Args { limit: Some(3), ..args(Destination::Klaviyo, "email") };
    let (status, out, error) = checked(GOOD.as_bytes(), Output::Text, few);
    assert_eq!(status, 1);
    assert!(out.contains("profiles"), "{out}");
    insta::assert_snapshot!(error, @"error: the drops have 4 profiles, the export's limit is 3; raise `limits.profiles` if your contract allows it");
}

#[test]
fn chunks_are_kept_as_they_would_be_staged_and_only_if_they_would_be() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("000007"), "not a chunk").unwrap();
    std::fs::write(folder.path().join("000008"), "SGCH of an earlier check").unwrap();
    let keeping =
        || Args { chunks_to: Some(folder.path().to_owned()), ..args(Destination::Klaviyo, "email") };
    checked(GOOD.as_bytes(), Output::Text, keeping());
    let chunk = Chunk::decode(std::fs::read(folder.path().join("000000")).unwrap()).unwrap();
    assert_eq!(chunk.len(), 4);
    assert!(folder.path().join("000007").exists() && !folder.path().join("000008").exists());
    checked(GOOD.as_bytes(), Output::Text, Args { limit: Some(1), ..keeping() });
    assert!(!folder.path().join("000000").exists());
}

#[test]
fn wrong_use_is_told_from_a_bad_file() {
    let names = Args { first_name: Some("First".into()), ..args(Destination::Snapchat, "email") };
    assert_eq!(checked(GOOD.as_bytes(), Output::Text, names).0, 2);
    let mut out = Vec::new();
    let missing = Args { file: "/nowhere/at/all.csv".into(), ..args(Destination::Klaviyo, "email") };
    assert_eq!(run(&missing, &mut Screen::new(Output::Text, &mut out)).unwrap_err().status(), 2);
}
