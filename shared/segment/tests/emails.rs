//! Our e-mail rules over addresses that others put together, see `tests/emails/README.md`.
//!
//! Where we differ from a source it is for one of the reasons below. A difference without one fails the test, and so
//! does a reason that explains nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use segue_segment::Email;
use serde::Deserialize;

/// What a source says of an address.
#[derive(Deserialize)]
struct Verdict {
    address: String,
    valid: bool,
    r#as: String,
}

/// A reason why we differ.
struct Difference {
    rule: &'static str,
    because: &'static str,
    /// Whether we take what the source refuses; otherwise it is the other way round.
    ours: bool,
    applies: fn(&Verdict, &str, &str) -> bool,
}

/// The order matters: an address counts for the first reason that applies.
const DIFFERENCES: &[Difference] = &[
    Difference {
        rule: "quoted local part",
        because: "legal, and in a list of customers a mistake in writing it; destinations refuse it",
        ours: false,
        applies: |_, local, _| local.contains('"'),
    },
    Difference {
        rule: "local part beyond ASCII",
        because: "no destination takes it, and most mail servers don't",
        ours: false,
        applies: |_, local, _| !local.is_ascii(),
    },
    Difference {
        rule: "IP address for a domain",
        because: "legal, and nobody's address",
        ours: false,
        applies: |_, _, domain| {
            domain.starts_with('[')
                || (domain.contains('.') && domain.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
        },
    },
    Difference {
        rule: "domain without a dot",
        because: "there is no mail behind a top-level domain or the name of a local host",
        ours: false,
        applies: |_, _, domain| !domain.contains('.'),
    },
    Difference {
        rule: "top-level domain of one letter, or with digits or hyphens",
        because: "there are none",
        ours: false,
        applies: |_, _, domain| {
            let top = domain.rsplit('.').next().unwrap_or_default();
            top.len() == 1 || top.bytes().any(|b| b.is_ascii_digit() || b == b'-')
        },
    },
    Difference {
        rule: "white space at the ends",
        because: "it is trimmed before the address is looked at",
        ours: true,
        applies: |verdict, _, _| verdict.address.trim() != verdict.address,
    },
    Difference {
        rule: "reserved domain",
        because: "whether a domain exists is for the destinations to know; example.com must pass in tests",
        ours: true,
        applies: |verdict, _, _| verdict.r#as == "invalid_reserved_domain",
    },
    Difference {
        rule: "punycode and hyphens are not looked into",
        because: "as long as labels are letters, digits and inner hyphens any registry may allow them",
        ours: true,
        applies: |_, _, domain| domain.split('.').any(|label| label.get(2..4) == Some("--")),
    },
];

#[test]
fn every_difference_from_others_is_on_purpose() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emails");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ndjson"));
    files.sort();
    let mut table = String::new();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut unexplained = BTreeSet::new();
    let mut buffer = String::new();
    for file in &files {
        let (mut valid, mut invalid, mut different) = (0, 0, 0);
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let verdict: Verdict = serde_json::from_str(line).unwrap();
            let ours = Email::normalise(verdict.address.as_bytes(), &mut buffer);
            *(if ours.is_ok() { &mut valid } else { &mut invalid }) += 1;
            if ours.is_ok() == verdict.valid {
                continue;
            }
            different += 1;
            let (local, domain) = verdict.address.rsplit_once('@').unwrap_or((&verdict.address, ""));
            let explains = |difference: &&Difference| {
                difference.ours == ours.is_ok() && (difference.applies)(&verdict, local, domain)
            };
            match DIFFERENCES.iter().find(explains) {
                Some(difference) => *counts.entry(difference.rule).or_default() += 1,
                None => {
                    unexplained.insert(format!("{:?}: {ours:?}, they say {}", verdict.address, verdict.r#as));
                }
            }
        }
        let source = file.file_stem().unwrap().to_str().unwrap();
        writeln!(table, "{source}: we take {valid} and refuse {invalid}; {different} differ").unwrap();
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    table.push('\n');
    for Difference { rule, because, ours, .. } in DIFFERENCES {
        let count = counts.get(rule).copied().unwrap_or_default();
        assert!(count > 0, "{rule} explains nothing");
        let verb = if *ours { "taken" } else { "refused" };
        writeln!(table, "{count} {verb}: {rule} ({because})").unwrap();
    }
    insta::assert_snapshot!(table, @"
    email_address-0.2.9: we take 13 and refuse 36; 13 differ
    email_validator-2.1.0.post1: we take 52 and refuse 185; 47 differ
    isemail-1.2.0: we take 42 and refuse 142; 45 differ
    jsonschema-4.26.0: we take 6 and refuse 14; 6 differ
    validator-0.20.0: we take 10 and refuse 31; 7 differ
    validators-0.36.0: we take 8 and refuse 20; 3 differ

    14 refused: quoted local part (legal, and in a list of customers a mistake in writing it; destinations refuse it)
    22 refused: local part beyond ASCII (no destination takes it, and most mail servers don't)
    17 refused: IP address for a domain (legal, and nobody's address)
    4 refused: domain without a dot (there is no mail behind a top-level domain or the name of a local host)
    4 refused: top-level domain of one letter, or with digits or hyphens (there are none)
    52 taken: white space at the ends (it is trimmed before the address is looked at)
    6 taken: reserved domain (whether a domain exists is for the destinations to know; example.com must pass in tests)
    2 taken: punycode and hyphens are not looked into (as long as labels are letters, digits and inner hyphens any registry may allow them)
    ");
}
