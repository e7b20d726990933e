//! The delimiter, found out from the first line that is not empty.
//!
//! Of comma, semicolon, tab and pipe it is the one that stands there most often outside quotes. Two that stand there
//! equally often are refused: a guess could read names for addresses. A line without any has one column. A line
//! `sep=;`, which spreadsheets understand, says it and is no row.

use crate::error::SourceError;
use crate::options::Delimiter;

/// What the beginning of the file tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// More text is needed.
    Incomplete { quotes: bool },
    /// The records begin after `skip` bytes.
    Found { delimiter: u8, skip: usize },
}

/// Looks at the first line of a file, which `buffer` begins with.
pub(super) fn first(buffer: &[u8], declared: Option<Delimiter>, last: bool) -> Result<First, SourceError> {
    let start = buffer.iter().position(|byte| !matches!(byte, b'\n' | b'\r')).unwrap_or(buffer.len());
    let (counts, end) = match count(&buffer[start..]) {
        (counts, End::At(end)) => (counts, end),
        (_, End::Open { quotes }) if !last => return Ok(First::Incomplete { quotes }),
        (counts, End::Open { .. }) => (counts, buffer.len() - start),
    };
    let line = &buffer[start..start + end];
    if let Some(said) = said(line) {
        let skip = (start + end + 1).min(buffer.len());
        return Ok(First::Found { delimiter: declared.unwrap_or(said).byte(), skip });
    }
    let delimiter = match declared {
        Some(declared) => declared,
        None => most(counts)?,
    };
    Ok(First::Found { delimiter: delimiter.byte(), skip: start })
}

enum End {
    At(usize),
    Open { quotes: bool },
}

/// Counts the usual delimiters outside quotes, up to the end of the line.
fn count(text: &[u8]) -> ([usize; 4], End) {
    let mut counts = [0; 4];
    let mut quoted = false;
    let mut starts = true;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if quoted {
            if byte == b'"' {
                if text.get(at) == Some(&b'"') {
                    at += 1;
                } else {
                    quoted = false;
                }
            }
            continue;
        }
        match byte {
            b'"' if starts => quoted = true,
            b'\n' => return (counts, End::At(at - 1)),
            _ => {}
        }
        let usual = Delimiter::USUAL.iter().position(|delimiter| delimiter.byte() == byte);
        starts = usual.is_some();
        if let Some(index) = usual {
            counts[index] += 1;
        }
    }
    (counts, End::Open { quotes: quoted })
}

fn most(counts: [usize; 4]) -> Result<Delimiter, SourceError> {
    let mut best = (0, Delimiter::default());
    let mut equal = None;
    for (count, delimiter) in counts.into_iter().zip(Delimiter::USUAL) {
        if count > best.0 {
            best = (count, delimiter);
            equal = None;
        } else if count == best.0 && count > 0 {
            equal = Some(delimiter);
        }
    }
    match equal {
        Some(second) => Err(SourceError::Delimiter { first: best.1, second }),
        None => Ok(best.1),
    }
}

/// What a line `sep=;` says.
fn said(line: &[u8]) -> Option<Delimiter> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.split_last()? {
        (&byte, b"sep=" | b"SEP=" | b"Sep=") => Delimiter::of(byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> First {
        first(text.as_bytes(), None, true).unwrap()
    }

    #[test]
    fn the_most_frequent_outside_quotes_wins() {
        for (text, delimiter) in [
            ("id,email\n", b','),
            ("id;email;name, first\r\n", b';'),
            ("\"a,b,c,d\";email\n", b';'),
            ("id\temail", b'\t'),
            ("\temail\tname\n", b'\t'),
            ("id|\"e|;;;\"\"mail\"", b'|'),
            ("inch\";size\n1,2,3\n", b';'),
            ("email\nA,B;C\n", b','),
        ] {
            assert_eq!(found(text), First::Found { delimiter, skip: 0 }, "{text:?}");
        }
    }

    #[test]
    fn a_tie_is_refused() {
        let error = first(b"id,email|name\n", None, false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the first line may be separated by `,` or by `|`; set `delimiter` to the right one"
        );
        let declared = "|".parse().ok();
        assert_eq!(first(b"id,email|name\n", declared, false), Ok(First::Found { delimiter: b'|', skip: 0 }));
    }

    #[test]
    fn a_line_for_spreadsheets_says_it() {
        assert_eq!(found("sep=;\r\nid;email\n"), First::Found { delimiter: b';', skip: 7 });
        assert_eq!(found("\nsep=|"), First::Found { delimiter: b'|', skip: 6 });
    }

    #[test]
    fn a_line_without_its_end_is_waited_for() {
        assert_eq!(first(b"\r\nid,em", None, false), Ok(First::Incomplete { quotes: false }));
        assert_eq!(first(b"id,\"em\n", None, false), Ok(First::Incomplete { quotes: true }));
        assert_eq!(first(b"\n\n", None, false), Ok(First::Incomplete { quotes: false }));
    }
}
