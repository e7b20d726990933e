//! Records with quotes in them: finding their end and their fields in one go, and taking the quotes off.

use memchr::{memchr, memchr2};

use crate::rows::Span;

/// How far a record goes.
pub(super) enum End {
    /// To the newline at this position.
    At(usize),
    /// Further than the buffer, which ends outside quotes.
    Closed,
    /// Further than the buffer, which ends inside quotes.
    Open,
    /// There is text behind a closing quote.
    AfterQuote,
}

/// A field, without the quotes around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    from: usize,
    to: usize,
    /// Whether there are doubled quotes in it.
    doubled: bool,
}

/// Finds the newline that ends the record at the start of `buffer`, and puts the fields up to there into `cuts`.
pub(super) fn cut(buffer: &[u8], delimiter: u8, cuts: &mut Vec<Cut>) -> End {
    cuts.clear();
    let mut at = 0;
    loop {
        // At the start of a field.
        if buffer.get(at) == Some(&b'"') {
            let Some(field) = in_quotes(buffer, at + 1) else { return End::Open };
            cuts.push(field);
            at = field.to + 1;
            match buffer.get(at) {
                None => return End::Closed,
                Some(&b'\n') => return End::At(at),
                Some(&b'\r') => match buffer.get(at + 1) {
                    None => return End::Closed,
                    Some(b'\n') => return End::At(at + 1),
                    Some(_) => return End::AfterQuote,
                },
                Some(&byte) if byte == delimiter => at += 1,
                Some(_) => return End::AfterQuote,
            }
        } else {
            let rest = &buffer[at..];
            let found = memchr2(b'\n', delimiter, rest);
            let mut field = &rest[..found.unwrap_or(rest.len())];
            let is_last = found.is_none_or(|found| rest[found] == b'\n');
            if is_last {
                field = field.strip_suffix(b"\r").unwrap_or(field);
            }
            cuts.push(Cut { from: at, to: at + field.len(), doubled: false });
            match found {
                None => return End::Closed,
                Some(found) if is_last => return End::At(at + found),
                Some(found) => at += found + 1,
            }
        }
    }
}

/// The field whose text starts at `from`, up to the quote that closes it; two in a row stand for one in the text.
fn in_quotes(buffer: &[u8], from: usize) -> Option<Cut> {
    let mut doubled = false;
    let mut at = from;
    loop {
        let to = at + memchr(b'"', buffer.get(at..)?)?;
        if buffer.get(to + 1) != Some(&b'"') {
            return Some(Cut { from, to, doubled });
        }
        doubled = true;
        at = to + 2;
    }
}

impl Cut {
    /// Where the field's text is; text that had doubled quotes goes to `unquoted`.
    pub(super) fn span(self, record: &[u8], unquoted: &mut Vec<u8>) -> Span {
        let Self { from, to, doubled } = self;
        if !doubled {
            return Span { from, to, unquoted: false };
        }
        let start = unquoted.len();
        let mut rest = &record[from..to];
        while let Some(quote) = memchr(b'"', rest) {
            unquoted.extend_from_slice(&rest[..=quote]);
            // The second of the two.
            rest = rest.get(quote + 2..).unwrap_or_default();
        }
        unquoted.extend_from_slice(rest);
        Span { from: start, to: unquoted.len(), unquoted: true }
    }

    /// The same as text, trimmed.
    pub(super) fn name(self, record: &[u8]) -> String {
        let mut unquoted = Vec::new();
        let span = self.span(record, &mut unquoted);
        let bytes = if span.unquoted { &unquoted } else { record };
        String::from_utf8_lossy(&bytes[span.from..span.to]).trim().to_owned()
    }
}
