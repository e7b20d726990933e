//! What an export says of the files of its segments. Whatever it leaves out is found out from each file.

use serde::{Deserialize, Serialize};

use super::connection::yes;

/// How to read files. The words are checked by fan-out, which knows the formats; nothing else has to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `delimited`, `ndjson`, `json` or `parquet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// What separates the fields of delimited text: one character, or `tab`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// The encoding of text without a byte order mark, such as `windows-1252`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether delimited text starts with a header. Without one, columns are mapped by position, from `1` on.
    #[serde(default = "yes")]
    pub header: bool,
    /// Most bytes that one byte of a compressed file may unpack to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<u32>,
    /// Most bytes that a compressed file may unpack to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

impl Source {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Source {
    fn default() -> Self {
        Self { format: None, delimiter: None, encoding: None, header: true, max_ratio: None, max_bytes: None }
    }
}

#[cfg(test)]
mod tests {
    use crate::Export;

    #[test]
    fn an_export_that_says_nothing_of_its_files_is_as_it_was_before() {
        let text = serde_json::json!({
            "id": "e", "display_name": "E", "connection": "c", "audience_id": "a1",
            "segments": ["vip"], "fields": {"email": "email"},
        });
        let mut export: Export = serde_json::from_value(text).unwrap();
        assert!(export.source.is_default());
        assert!(!serde_json::to_string(&export).unwrap().contains("source"));
        export.source.delimiter = Some("tab".into());
        let written = serde_json::to_string(&export).unwrap();
        assert!(written.contains(r#""source":{"delimiter":"tab","header":true}"#), "{written}");
        assert_eq!(serde_json::from_str::<Export>(&written).unwrap(), export);
    }
}
