//! The record of what was asked: one JSON object a line, with everything cut out that is a credential.
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::Call;
use crate::destination::Destination;
use crate::state::lock;

/// One request as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// When it was answered, RFC 3339.
    pub at: String,
    /// The destination.
    pub destination: Destination,
    /// The method.
    pub method: String,
    /// The whole path, with the destination's prefix.
    pub path: String,
    /// The query as it was sent, credentials cut out.
    pub query: String,
    /// The headers, names in lower case, credentials left out.
    pub headers: BTreeMap<String, String>,
    /// The word before the credential in `Authorization`, such as `Bearer`; nothing where there is no such header.
    pub authorization: Option<String>,
    /// The status of the answer; nothing where the connection was closed instead.
    pub status: Option<u16>,
    /// The body: JSON where it is JSON, else a string.
    pub body: Value,
}

/// Where records go: a file, the memory, or nowhere.
#[derive(Default)]
pub(crate) struct Recorder {
    file: Option<Mutex<File>>,
    memory: Option<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// Opens `<folder>/requests.ndjson` for appending.
    pub(crate) fn open(folder: Option<&Path>, in_memory: bool) -> std::io::Result<Self> {
        let file = folder
            .map(|folder| {
                create_dir_all(folder)?;
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(folder.join("requests.ndjson"))
                    .map(Mutex::new)
            })
            .transpose()?;
        Ok(Self { file, memory: in_memory.then(Mutex::default) })
    }

    /// Records a request. When this returns, the line is in the file.
    pub(crate) fn record(&self, destination: Destination, path: &str, call: &mut Call, status: Option<u16>) {
        if self.file.is_none() && self.memory.is_none() {
            return;
        }
        let mut recorded = Recorded {
            at: jiff::Timestamp::now().to_string(),
            destination,
            method: call.method.clone(),
            path: path.into(),
            query: without_credentials(&call.query),
            headers: harmless(&call.headers),
            authorization: scheme(&call.headers),
            status,
            body: Value::Null,
        };
        if let Some(file) = &self.file {
            let line = line(&recorded, call);
            // A full disk must not look like a destination's fault; the missing line shows in whoever counts them.
            let _ = lock(file).write_all(&line);
        }
        if let Some(memory) = &self.memory {
            recorded.body = match call.json.take() {
                Some(json) => json,
                None if call.body.is_empty() => Value::Null,
                None => Value::String(body_text(call)),
            };
            lock(memory).push(recorded);
        }
    }

    pub(crate) fn in_memory(&self) -> Vec<Recorded> {
        self.memory.as_ref().map(|memory| lock(memory).clone()).unwrap_or_default()
    }

    pub(crate) fn forget(&self) {
        if let Some(memory) = &self.memory {
            lock(memory).clear();
        }
    }
}

/// One line, newline included. A JSON body is copied as it came: a newline in it can only be white space.
fn line(recorded: &Recorded, call: &Call) -> Vec<u8> {
    let mut head = serde_json::to_value(recorded).unwrap_or_default();
    if call.json.is_none() && !call.body.is_empty() {
        head["body"] = Value::String(body_text(call));
    }
    if call.json.is_none() {
        return format!("{head}\n").into_bytes();
    }
    if let Some(fields) = head.as_object_mut() {
        fields.remove("body");
    }
    let mut line = head.to_string().into_bytes();
    line.pop();
    line.extend_from_slice(b",\"body\":");
    line.extend(call.body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    line.extend_from_slice(b"}\n");
    line
}

/// A body that isn't JSON: a form has its credentials cut out.
fn body_text(call: &Call) -> String {
    let text = String::from_utf8_lossy(&call.body);
    if call.header("content-type").contains("form") { without_credentials(&text) } else { text.into_owned() }
}

/// Cuts credentials out of form-encoded text.
fn without_credentials(form: &str) -> String {
    const SECRET: [&str; 8] = [
        "refresh_token",
        "access_token",
        "client_secret",
        "client_id",
        "code",
        "code_verifier",
        "apikey",
        "api_key",
    ];
    let cut = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if SECRET.contains(&name) => format!("{name}=[cut]"),
        _ => pair.to_owned(),
    };
    if form.is_empty() { String::new() } else { form.split('&').map(cut).collect::<Vec<_>>().join("&") }
}

fn harmless(headers: &HeaderMap) -> BTreeMap<String, String> {
    let secret = |name: &str| {
        ["authorization", "cookie", "token", "secret", "api-key", "apikey"]
            .iter()
            .any(|part| name.contains(part))
    };
    let plain = headers.iter().filter(|(name, _)| !secret(name.as_str()));
    plain
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// How a request signs in; a header that is nothing but a credential is not told.
fn scheme(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get("authorization")?.as_bytes()).into_owned();
    let word = text.split_once(' ').map_or("", |(word, _)| word);
    let known = ["Basic", "Bearer", "OAuth", "Klaviyo-API-Key"].contains(&word);
    Some(if known { word.into() } else { "unknown".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_credential_only_the_scheme_is_told() {
        let told = |value: &str| {
            scheme(&HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())]))
        };
        assert_eq!(told("Klaviyo-API-Key pk_1").as_deref(), Some("Klaviyo-API-Key"));
        assert_eq!(told("pk_1").as_deref(), Some("unknown"));
        assert_eq!(told("pk 1").as_deref(), Some("unknown"));
        assert_eq!(scheme(&HeaderMap::new()), None);
    }

    #[test]
    fn credentials_are_cut_out_of_forms_and_headers() {
        let cut = without_credentials("grant_type=refresh_token&refresh_token=abc&client_secret=d%20e");
        assert_eq!(cut, "grant_type=refresh_token&refresh_token=[cut]&client_secret=[cut]");
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer abc".parse().unwrap());
        headers.insert("x-csrf-token", "abc".parse().unwrap());
        headers.insert("revision", "2026-07-15".parse().unwrap());
        assert_eq!(harmless(&headers).into_keys().collect::<Vec<_>>(), ["revision"]);
    }
}
