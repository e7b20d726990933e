//! From what an export says of its files to how they are read.

use std::fmt::Display;
use std::str::FromStr;

use segue_source::Options;
use segue_state::Source;
use segue_state::config::Problem;

/// How an export's files are read.
///
/// # Errors
/// All that is wrong with what the export says, each with its field.
pub fn options(source: &Source) -> Result<Options, Vec<Problem>> {
    let mut problems = Vec::new();
    let default = Options::default();
    let options = Options {
        format: parsed("source.format", source.format.as_deref(), &mut problems),
        delimiter: parsed("source.delimiter", source.delimiter.as_deref(), &mut problems),
        encoding: parsed("source.encoding", source.encoding.as_deref(), &mut problems),
        header: source.header,
        max_ratio: source.max_ratio.unwrap_or(default.max_ratio),
        max_bytes: source.max_bytes.unwrap_or(default.max_bytes),
    };
    let mut positive = |field, holds: bool| {
        if !holds {
            problems.push(Problem { field, problem: "use at least 1".to_owned() });
        }
    };
    positive("source.max_ratio", options.max_ratio > 0);
    positive("source.max_bytes", options.max_bytes > 0);
    if problems.is_empty() { Ok(options) } else { Err(problems) }
}

fn parsed<T: FromStr<Err: Display>>(
    field: &'static str,
    text: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match text?.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            problems.push(Problem { field, problem: error.to_string() });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Options, String> {
        options(&serde_json::from_str(json).unwrap())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn what_is_left_out_is_found_out() {
        assert_eq!(read("{}"), Ok(Options::default()));
        let said = read(
            r#"{"format": "delimited", "delimiter": "tab", "encoding": "latin1", "header": false, "max_ratio": 9}"#,
        )
        .unwrap();
        assert_eq!((said.delimiter.unwrap().byte(), said.encoding.unwrap().name()), (b'\t', "windows-1252"));
        assert_eq!((said.header, said.max_ratio, said.max_bytes), (false, 9, Options::default().max_bytes));
    }

    #[test]
    fn everything_that_is_wrong_is_said_with_its_field() {
        let wrong =
            r#"{"format": "csv", "delimiter": "ab", "encoding": "ebcdic", "max_ratio": 0, "max_bytes": 0}"#;
        insta::assert_snapshot!(read(wrong).unwrap_err(), @r#"
        `source.format`: `csv` is no format; use one of delimited, ndjson, json, parquet
        `source.delimiter`: "ab" can't be a delimiter; use one ASCII character that is no letter, digit, quote, @ or line ending
        `source.encoding`: `ebcdic` is no encoding; use a label of the WHATWG, such as utf-8, utf-16le, windows-1252, shift_jis
        `source.max_ratio`: use at least 1
        `source.max_bytes`: use at least 1
        "#);
    }
}
