//! Which audiences an account has, for an operator who is to choose one: names, ids and how many people they have, and
//! nobody in them.

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::destination::Session;
use crate::wire::{Answer, Request};

/// How the audiences of an account are listed: question by question, each a path below the session's base URL, with its
/// query.
pub trait Listing: Send + Sync {
    /// The first question.
    fn first(&self) -> String;

    /// Reads the answer to a question, whatever its status.
    ///
    /// # Errors
    /// [`Unlisted`] if there is no list in it.
    fn read(&self, question: &str, answer: &Answer) -> Result<Page, Unlisted>;
}

/// An answer that lists nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlisted {
    /// Whoever the credentials belong to may not list audiences. What to do about it.
    Forbidden(&'static str),
    /// The same of a part of the account, and of the other parts they may. Which it is, and what to do.
    Part(String),
    /// It says that it failed, or was not understood.
    Failed,
}

/// What one answer told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Audiences.
    pub audiences: Vec<Offered>,
    /// What has to be asked besides.
    pub next: Vec<String>,
}

/// An audience that an export could fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Its id, as `audience_id` takes it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is, where the destination has several kinds.
    pub kind: Option<String>,
    /// How many people are in it, if the destination says so.
    pub profiles: Option<u64>,
}

/// Asks one question.
pub(crate) fn request(session: &Session, question: &str) -> Request {
    Request {
        endpoint: "audiences",
        method: Method::GET,
        url: format!("{}{question}", session.base),
        headers: session.headers.clone(),
        body: Bytes::new(),
    }
}

/// The question that a link to the next page is: the same path with the link's query. Of the link nothing else counts,
/// so that credentials go nowhere else.
#[must_use]
pub fn next_page(question: &str, link: &str) -> Option<String> {
    let path = question.split('?').next()?;
    let (_, query) = link.split_once('?')?;
    (!query.is_empty() && query.is_ascii()).then(|| format!("{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_link_only_the_query_is_followed() {
        let next =
            next_page("/api/lists?fields[list]=name", "https://elsewhere.example/x?page%5Bcursor%5D=b");
        assert_eq!(next.as_deref(), Some("/api/lists?page%5Bcursor%5D=b"));
        assert_eq!(next_page("/api/lists", "https://a.klaviyo.com/api/lists"), None);
    }
}
