//! One request and one answer as the destinations see them, free of any server's types.
use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// A request to a destination, its body read.
pub(crate) struct Call {
    pub(crate) method: String,
    /// Below the destination's prefix, still percent-encoded.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body where it is JSON, parsed before any lock is taken.
    pub(crate) json: Option<Value>,
    /// `http://host:port` as the client wrote it: vendors answer with absolute links.
    pub(crate) origin: String,
    pub(crate) at: Instant,
}

impl Call {
    /// Parses the body. `str::parse` is the one entry that `serde_json` compiles itself, so it is optimised even
    /// in a debug build of this crate: a full Snapchat request is 6.9 MB.
    pub(crate) fn parse(body: &[u8]) -> Option<Value> {
        if body.is_empty() {
            return None;
        }
        std::str::from_utf8(body).ok()?.parse().ok()
    }

    /// The decoded, non-empty segments of the path.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(percent_decoded).collect()
    }

    /// The first value of a query parameter, decoded.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// A query parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.param(name)?.parse().ok()
    }

    /// Whether a query parameter is `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value == "true" || value == "1")
    }

    /// A header's text, or nothing where it isn't there or isn't text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The credential behind an `Authorization` scheme, whose case doesn't matter.
    pub(crate) fn credential(&self, scheme: &str) -> Option<&str> {
        let (found, rest) = self.header("authorization").split_once(' ')?;
        found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }
}

fn percent_decoded(part: &str) -> String {
    // A `+` in a path is a plus; the form decoder takes it for a space.
    let guarded: Cow<'_, str> =
        if part.contains('+') { part.replace('+', "%2B").into() } else { part.into() };
    let encoded = guarded.replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(encoded.as_bytes()).map(|(key, _)| key.into_owned()).collect()
}

/// What a destination answers, and what the statistics want to know about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Rows that the request carried and the destination looked at.
    pub(crate) rows: u64,
    /// Of those, rows that were in the audience already.
    pub(crate) repeats: u64,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::of_type(status, "application/json", body.to_string().into_bytes())
    }

    /// A plain text answer.
    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::of_type(status, "text/plain; charset=utf-8", body.as_bytes().to_vec())
    }

    /// An answer of any content type.
    pub(crate) fn of_type(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("content-type", content_type.into())], body, rows: 0, repeats: 0 }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: &dyn ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Says how many rows the request carried and how many of those were there already.
    pub(crate) fn counting(mut self, rows: usize, repeats: usize) -> Self {
        self.rows = rows as u64;
        self.repeats = repeats as u64;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn path_segments_are_decoded_as_paths_not_as_forms() {
        assert_eq!(percent_decoded("jane%2Bx%40example.com"), "jane+x@example.com");
        assert_eq!(percent_decoded("a+b=c&d"), "a+b=c&d");
    }
}
