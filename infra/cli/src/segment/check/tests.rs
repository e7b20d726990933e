//! What is said of files, good and bad.

use std::io::Write as _;

use segue_segment::Chunk;

use super::*;
use crate::output::Output;

const GOOD: &str = "id,Email,First\n1, A@example.com ,Ann\n2,nobody,Bob\n3,a@EXAMPLE.com,Again\n4,b@example.com,\n5,c@example.com,\n6,d@example.com,\n";

fn args(destination: Destination, email: &str) -> Args {
    Args {
        file: PathBuf::new(),
        destination,
        email: Some(email.into()),
        first_name: None,
        last_name: None,
        format: None,
        delimiter: None,
        encoding: None,
        header: true,
        no_header: false,
        max_ratio: Options::default().max_ratio,
        max_bytes: Options::default().max_bytes,
        columns: Vec::new(),
        max_profiles: None,
        min_profiles: 0,
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
    assert!(error.starts_with(&format!("error: {}\n", json["message"].as_str().unwrap())), "{error}");
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
    insta::assert_snapshot!(json.to_string(), @r#"{"accepted":0,"cancelled":0,"chunks":1,"columns":["id","Email","First"],"destination":"klaviyo","duplicate":1,"elapsed_seconds":null,"failed":0,"file":"drop.csv","invalid":1,"invalid_by_reason":{"not_an_address":1},"message":"4 profiles would go to Klaviyo in 1 chunk","pending":4,"problems":[{"part":0,"reason":"not_an_address","row":2}],"read":6,"rejected":0,"rows_per_second":null,"sending":{"basis":"10 requests a second and 150 a minute, as documented; its jobs then take their own time","calls":1,"seconds":1},"source":{"compression":"none","delimiter":",","encoding":"UTF-8","format":"delimited"},"unchanged":0,"unknown":0,"would_run":true}"#);
}

#[test]
fn people_get_a_table() {
    let (_, out, _) = checked(GOOD.as_bytes(), Output::Text, args(Destination::Snapchat, "email"));
    let stable: Vec<_> =
        out.lines().filter(|line| !line.starts_with("seconds") && !line.starts_with("rows/s")).collect();
    let widths: Vec<_> =
        stable.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(widths.join("\n"), @r"
    file delimited, UTF-8, separated by `,`
    columns id, Email, First
    rows read 6
    invalid 1
    not_an_address 1
    duplicate 1
    profiles 4
    chunks 1
    row 2: not_an_address
    4 profiles would go to Snapchat in 1 chunk
    1 call, 1 s at least (10 requests a second, as documented)
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
    hint: did you mean `e-mail`?
    error: drop.csv: row 2 is not valid UTF-8; export the file as UTF-8, or set `encoding` to what it is in, such as windows-1252
    error: drop.csv: row 2 has 1 fields, the header has 2; is a delimiter inside a field not quoted?
    error: drop.csv: row 2 opens a quoted field that is never closed; double the quotes inside fields
    error: 1 of 2 rows (50.0 %) are invalid, the export allows 20.0 %; mend the file, or raise `limits.invalid_share`
    error: none of the 2 rows has a usable e-mail address in the column `email`; is it the right one?
    ");
}

#[test]
fn more_profiles_than_the_limit_are_counted_and_refused() {
    let few = Args { max_profiles: Some(3), ..args(Destination::Klaviyo, "email") };
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
    checked(GOOD.as_bytes(), Output::Text, Args { max_profiles: Some(1), ..keeping() });
    assert!(!folder.path().join("000000").exists());
}

#[cfg(unix)]
#[test]
fn kept_chunks_are_for_nobody_else_and_nothing_is_written_over() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let keeping = || Args { chunks_to: Some(kept.clone()), ..args(Destination::Klaviyo, "email") };
    assert_eq!(checked(GOOD.as_bytes(), Output::Text, keeping()).0, 0);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept), mode(&kept.join("000000"))), (0o700, 0o600));

    std::fs::remove_file(kept.join("000000")).unwrap();
    let other = folder.path().join("other");
    std::fs::write(&other, "somebody's").unwrap();
    symlink(&other, kept.join("000000")).unwrap();
    let (status, _, error) = checked(GOOD.as_bytes(), Output::Text, keeping());
    assert!(status == 1 && error.contains("000000 could not be written"), "{error}");
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "somebody's");
}

#[test]
fn wrong_use_is_told_from_a_bad_file() {
    let names = Args { first_name: Some("First".into()), ..args(Destination::Snapchat, "email") };
    assert_eq!(checked(GOOD.as_bytes(), Output::Text, names).0, 2);
    let mut out = Vec::new();
    let missing = Args { file: "/nowhere/at/all.csv".into(), ..args(Destination::Klaviyo, "email") };
    assert_eq!(run(&missing, &mut Screen::new(Output::Text, &mut out)).unwrap_err().status(), 2);
}

/// What is said of a file of which nothing is mapped.
fn looked_at(content: &[u8], args: Args) -> (u8, String) {
    let (status, out, error) = checked(content, Output::Text, Args { email: None, ..args });
    let lines: Vec<_> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    (status, lines.join("\n") + &error)
}

#[test]
fn without_a_mapping_it_says_what_could_be_mapped() {
    let any = || args(Destination::Klaviyo, "");
    let file = "id;Kontakt;Vorname;last name\n1;a@example.com;Ann;A\n2;;Bob;B\n3;c@example.com;Cy;C\n";
    insta::assert_snapshot!(looked_at(file.as_bytes(), any()).1, @r"
    file delimited, UTF-8, separated by `;`
    columns id, Kontakt, Vorname, last name
    like e-mail Kontakt
    like first name Vorname
    like last name last name
    nothing is mapped yet: check the rows with `--email 'Kontakt'`
    ");
    let file = r#"{"traits": {"email": "a@example.com", "firstName": "A"}, "id": 1}"#;
    insta::assert_snapshot!(looked_at(file.as_bytes(), any()).1, @r"
    file ndjson, UTF-8
    columns traits.email, traits.firstName, id
    like e-mail traits.email
    like first name traits.firstName
    nothing is mapped yet: check the rows with `--email 'traits.email'`
    ");
    let (status, said) = looked_at(b"id,plan\n1,gold\n", any());
    assert_eq!(status, 0);
    assert!(said.contains("no column looks like e-mail addresses"), "{said}");
}

#[test]
fn a_file_without_a_header_is_never_shown() {
    let file = b"a@example.com,Ann\nb@example.com,Bob\n";
    let (status, said) = looked_at(file, args(Destination::Klaviyo, ""));
    assert_eq!(status, 1);
    assert!(!said.contains("Ann") && said.contains("--header false"), "{said}");
    let positions = Args { header: false, ..args(Destination::Klaviyo, "1") };
    let (status, out, _) = checked(file, Output::Text, positions);
    assert_eq!(status, 0);
    assert!(!out.contains("Ann") && out.contains("2 profiles would go"), "{out}");
    let (_, said) = looked_at(file, Args { header: false, ..args(Destination::Klaviyo, "") });
    assert!(said.contains("--email '1'"), "{said}");
}

#[test]
fn parquet_and_declared_text_are_read_too() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/source/tests/files/parquet");
    let nested = std::fs::read(format!("{folder}/nested.parquet")).unwrap();
    let (status, said) = looked_at(&nested, args(Destination::Klaviyo, ""));
    assert_eq!(status, 0, "{said}");
    assert!(said.starts_with("file parquet, UTF-8\n"), "{said}");

    let windows = b"email;Stra\xdfe\na@example.com;M\xfcnchen\n";
    let declared = Args {
        encoding: Some("windows-1252".parse().unwrap()),
        delimiter: Some(";".parse().unwrap()),
        format: Some("delimited".parse().unwrap()),
        ..args(Destination::Klaviyo, "email")
    };
    let (status, out, error) = checked(windows, Output::Text, declared);
    assert_eq!(status, 0, "{error}");
    assert!(out.contains("windows-1252") && out.contains("Straße"), "{out}");
}

#[test]
fn the_first_five_problems_are_told_by_row() {
    let file = format!("email\n{}{}", "nobody\n".repeat(9), "a@example.com\n");
    let (_, out, _) = checked(file.as_bytes(), Output::Text, args(Destination::Klaviyo, "email"));
    assert!(out.contains("row 5: not_an_address") && !out.contains("row 6"), "{out}");
}

#[test]
fn the_guards_of_an_export_can_be_tried_out() {
    let tried = |content: &[u8], args: Args| checked(content, Output::Text, args).2;
    let few = Args { min_profiles: 5, ..args(Destination::Klaviyo, "email") };
    insta::assert_snapshot!(tried(GOOD.as_bytes(), few), @"error: the drops have 4 profiles, the export wants 5 at least; is the drop complete? If it is, lower `limits.min_profiles`");
    let missing =
        Args { columns: vec!["id".into(), "country".into()], ..args(Destination::Klaviyo, "email") };
    insta::assert_snapshot!(tried(GOOD.as_bytes(), missing), @"error: drop.csv: the file has no column `country`; its columns are id, Email, First; map the right one in the export");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(GOOD.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let large = Args { max_bytes: 100, ..args(Destination::Klaviyo, "email") };
    insta::assert_snapshot!(tried(&packed, large), @"error: drop.csv: the file unpacks to more than 100 bytes; raise `max_bytes` if that is no mistake, or drop it in parts");
}
