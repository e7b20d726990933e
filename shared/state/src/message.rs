//! The message that stands for a chunk in a queue: a claim check without personal data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::VERSION;
use crate::{Run, RunId};

/// What is to be done with the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Push its profiles.
    Add,
    /// Look at the jobs that the destination made of it.
    Follow,
}

/// A message of the FIFO queue, or of the timer queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkMessage {
    /// The export.
    pub export: String,
    /// The run.
    pub run: RunId,
    /// The chunk's number.
    pub chunk: u32,
    /// 0 at first, one more with each retry.
    pub generation: u32,
    /// What is to be done.
    pub op: Op,
    /// The message group that a timer's message goes to when it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The resumer queued it, so that the run's last receipt may be this chunk's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
}

/// A message that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// A newer release sent it: it goes back to the queue.
    #[error("the message has version {0}; this release reads up to {VERSION}")]
    Version(u64),
    /// It is none of ours.
    #[error("the message can't be parsed: {0}")]
    Malformed(String),
}

impl ChunkMessage {
    /// The message that has a chunk pushed.
    #[must_use]
    pub fn add(run: &Run, chunk: u32, generation: u32) -> Self {
        let (export, run) = (run.export.id.clone(), run.run.clone());
        Self { export, run, chunk, generation, op: Op::Add, group: None, resumed: false }
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn parse(body: &str) -> Result<Self, MessageError> {
        let malformed = |error: serde_json::Error| {
            // Where, not what: the text of a stranger's message stays out of the log.
            MessageError::Malformed(format!(
                "{:?} at line {}, column {}",
                error.classify(),
                error.line(),
                error.column()
            ))
        };
        let value: Value = serde_json::from_str(body).map_err(malformed)?;
        if let Some(version) =
            value.get("version").and_then(Value::as_u64).filter(|&version| version > VERSION)
        {
            return Err(MessageError::Version(version));
        }
        let message: Self = serde_json::from_value(value).map_err(malformed)?;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if RunId::parse(message.run.as_str()).is_err() || message.export.is_empty() || !plain(&message.export)
        {
            return Err(MessageError::Malformed("export or run is none of ours".to_owned()));
        }
        Ok(message)
    }

    /// The message's body.
    #[must_use]
    pub fn body(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("version".to_owned(), VERSION.into());
        }
        value.to_string()
    }

    /// What makes it the same message as another one.
    #[must_use]
    pub fn once(&self) -> String {
        format!("{}/{}/{}/{}", self.export, self.run, self.chunk, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> ChunkMessage {
        ChunkMessage {
            export: "vip-to-snapchat".into(),
            run: RunId::parse("20261122T163512Z-abc").unwrap(),
            chunk: 3,
            generation: 0,
            op: Op::Add,
            group: None,
            resumed: false,
        }
    }

    #[test]
    fn its_body_is_stable() {
        insta::assert_snapshot!(
            message().body(),
            @r#"{"chunk":3,"export":"vip-to-snapchat","generation":0,"op":"add","run":"20261122T163512Z-abc","version":1}"#
        );
        assert_eq!(ChunkMessage::parse(&message().body()).unwrap(), message());
    }

    #[test]
    fn a_newer_one_waits_and_a_foreign_one_is_refused_without_its_text() {
        let newer = message().body().replace("\"version\":1", "\"version\":2");
        assert!(matches!(ChunkMessage::parse(&newer), Err(MessageError::Version(2))));
        for body in ["", "[]", "jane@example.com", r#"{"export":"jane@example.com"}"#] {
            let error = ChunkMessage::parse(body).unwrap_err().to_string();
            assert!(!error.contains("jane"), "{error}");
        }
        let elsewhere = message().body().replace("vip-to-snapchat", "../config");
        assert!(ChunkMessage::parse(&elsewhere).is_err());
    }
}
