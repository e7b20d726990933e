//! What is done with a stranger's configuration and messages: nothing may panic, and what is understood is the same
//! after it was written and read again. The first byte tells which of them it is.
#![allow(clippy::unwrap_used, reason = "a finding is told by panicking")]

use segue_segment::Destination;
use segue_state::config::{check_connection, check_export};
use segue_state::document::{decode, encode};
use segue_state::{ChunkMessage, Connection, Export, RunId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A connection, an export or a message's body.
pub(crate) fn documents(data: &[u8]) {
    let Some((which, document)) = data.split_first() else { return };
    match which % 3 {
        0 => connection(document),
        1 => export(document),
        _ => {
            if let Ok(body) = std::str::from_utf8(document) {
                message(body);
            }
        }
    }
}

fn understood<T: DeserializeOwned>(document: &[u8]) -> Option<T> {
    match decode("config", document) {
        Ok((body, _)) => Some(body),
        Err(error) => {
            assert!(error.to_string().starts_with("config "), "{error}");
            None
        }
    }
}

fn again<T: Serialize + DeserializeOwned>(body: &T) -> T {
    let bytes = encode("config", body, "writer").unwrap();
    let (read, writer) = decode("config", &bytes).unwrap();
    assert_eq!(writer, "writer");
    read
}

fn connection(document: &[u8]) {
    let Some(connection) = understood::<Connection>(document) else { return };
    assert_eq!(again(&connection), connection);
    assert!(check_connection(&connection).iter().all(|problem| !problem.to_string().is_empty()));
}

fn export(document: &[u8]) {
    let Some(export) = understood::<Export>(document) else { return };
    let mut read = again(&export);
    // The last digits of a number may get lost on the way, since they are read fast rather than exactly.
    let near = |one: f64, other: f64| (one - other).abs() <= one.abs() * 1e-12;
    let (limits, written) = (&mut read.limits, &export.limits);
    assert!(near(limits.invalid_share, written.invalid_share));
    limits.invalid_share = written.invalid_share;
    for (read, written) in [
        (&mut limits.change_share, written.change_share),
        (&mut limits.warn_change_share, written.warn_change_share),
    ] {
        if let (Some(one), Some(other)) = (*read, written) {
            assert!(near(one, other));
            *read = written;
        }
    }
    assert_eq!(read, export);
    for destination in [Destination::Snapchat, Destination::Mailchimp, Destination::Klaviyo] {
        let problems = check_export(&export, destination);
        assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
    }
}

fn message(body: &str) {
    match ChunkMessage::parse(body) {
        Ok(message) => {
            assert_eq!(ChunkMessage::parse(&message.body()).unwrap(), message);
            assert!(RunId::parse(message.run.as_str()).is_ok(), "it leads to a run and nowhere else");
            assert!(!message.once().contains(char::is_whitespace));
        }
        // A log has the error, and must have nobody's address by that.
        Err(error) => assert!(!error.to_string().contains('@'), "{error}"),
    }
}
