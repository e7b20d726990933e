//! What the files that were applied said, so that what was changed by hand since can be told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `config/applied/…`: connections and exports as files wrote them. Whoever changes one by hand leaves this alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// By the connection's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub connections: BTreeMap<String, AppliedItem>,
    /// By the export's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exports: BTreeMap<String, AppliedItem>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedItem {
    /// A digest of what the file said of it.
    pub digest: String,
    /// When it was applied.
    pub at: Timestamp,
    /// The AWS identity that applied it.
    pub by: String,
    /// The id of the account that a connection led to then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// A stamp of the credentials that were handed in with the file: whether others are the same can be told by it, and
    /// nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
}
