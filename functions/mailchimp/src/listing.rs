//! The audiences of the account, which the API calls lists.

use segue_delivery::{Answer, Listing, Offered, Page};
use serde::Deserialize;

/// Nothing else of an audience is asked for: there are people in it (`campaign_defaults`, `contact`).
const FIRST: &str =
    "/lists?fields=lists.id,lists.name,lists.stats.member_count,total_items&count=1000&offset=";
/// The largest page.
const COUNT: u64 = 1000;

/// `GET /lists` (Marketing API 3.0.55).
pub(crate) struct Lists;

#[derive(Deserialize)]
struct Envelope {
    lists: Vec<List>,
    total_items: u64,
}

#[derive(Deserialize)]
struct List {
    id: String,
    name: String,
    stats: Option<Stats>,
}

#[derive(Deserialize)]
struct Stats {
    member_count: Option<u64>,
}

impl Listing for Lists {
    fn first(&self) -> String {
        format!("{FIRST}0")
    }

    fn read(&self, question: &str, answer: &Answer) -> Option<Page> {
        let Envelope { lists, total_items } = answer.json()?;
        let from: u64 = question.strip_prefix(FIRST)?.parse().ok()?;
        let more = !lists.is_empty() && from + COUNT < total_items;
        let audiences = lists.into_iter().map(|List { id, name, stats }| Offered {
            id,
            name,
            kind: None,
            profiles: stats.and_then(|stats| stats.member_count),
        });
        Some(Page {
            audiences: audiences.collect(),
            next: more.then(|| format!("{FIRST}{}", from + COUNT)).into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_audience_has_its_id_and_a_longer_list_is_read_on() {
        let body = r#"{"lists":[{"id":"a1","name":"News","stats":{"member_count":7}}],"total_items":1001}"#;
        let answer = Answer { status: 200, retry_after: None, body: body.into() };
        let page = Lists.read(&Lists.first(), &answer).unwrap();
        let news = Offered { id: "a1".into(), name: "News".into(), kind: None, profiles: Some(7) };
        assert_eq!(page.audiences, [news]);
        assert!(page.next[0].ends_with("&offset=1000"), "{:?}", page.next);
        assert!(Lists.read(&page.next[0], &answer).unwrap().next.is_empty());
    }
}
