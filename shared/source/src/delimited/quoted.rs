//! Records with quotes in them: finding their end, and taking the quotes off.

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

/// Finds the newline that ends the record at the start of `buffer`.
pub(super) fn end_of_record(buffer: &[u8], delimiter: u8) -> End {
    let mut at = 0;
    loop {
        // At the start of a field.
        if buffer.get(at) == Some(&b'"') {
            let Some(closing) = closing_quote(buffer, at + 1) else { return End::Open };
            at = closing + 1;
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
            match memchr2(b'\n', delimiter, &buffer[at..]) {
                None => return End::Closed,
                Some(found) if buffer[at + found] == b'\n' => return End::At(at + found),
                Some(found) => at += found + 1,
            }
        }
    }
}

/// The quote that closes a field whose text starts at `from`; two in a row stand for one in the text.
fn closing_quote(buffer: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let quote = from + memchr(b'"', buffer.get(from..)?)?;
        if buffer.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        from = quote + 2;
    }
}

/// Splits a whole record, handing on each field; text that had doubled quotes goes to `unquoted`. Answers the number
/// of fields.
pub(super) fn split(
    record: &[u8],
    delimiter: u8,
    unquoted: &mut Vec<u8>,
    mut field: impl FnMut(usize, Span),
) -> usize {
    let mut column = 0;
    let mut at = 0;
    loop {
        if record.get(at) == Some(&b'"') {
            let closing = closing_quote(record, at + 1).unwrap_or(record.len());
            field(column, text(record, at + 1, closing, unquoted));
            at = closing + 1;
        } else {
            let end = memchr(delimiter, &record[at..]).map_or(record.len(), |found| at + found);
            field(column, Span { from: at, to: end, unquoted: false });
            at = end;
        }
        column += 1;
        if record.get(at) != Some(&delimiter) {
            return column;
        }
        at += 1;
    }
}

fn text(record: &[u8], from: usize, to: usize, unquoted: &mut Vec<u8>) -> Span {
    let quoted = &record[from..to];
    if memchr(b'"', quoted).is_none() {
        return Span { from, to, unquoted: false };
    }
    let start = unquoted.len();
    let mut rest = quoted;
    while let Some(quote) = memchr(b'"', rest) {
        unquoted.extend_from_slice(&rest[..=quote]);
        // The second of the two.
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    unquoted.extend_from_slice(rest);
    Span { from: start, to: unquoted.len(), unquoted: true }
}

/// All fields of a header, trimmed.
pub(super) fn all_fields(record: &[u8], delimiter: u8) -> Vec<String> {
    let mut unquoted = Vec::new();
    let mut spans = Vec::new();
    split(record, delimiter, &mut unquoted, |_, span| spans.push(span));
    spans
        .into_iter()
        .map(|span| {
            let bytes = if span.unquoted { &unquoted } else { record };
            String::from_utf8_lossy(&bytes[span.from..span.to]).trim().to_owned()
        })
        .collect()
}
