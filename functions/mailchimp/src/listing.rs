//! The audiences of the account, which the API calls lists.

use segue_delivery::{Answer, Listing, Offered, Page, Unlisted};
use serde::Deserialize;

/// Nothing else of an audience is asked for: there are people in it (`campaign_defaults`, `contact`).
const FIRST: &str =
    "/lists?fields=lists.id,lists.name,lists.stats.member_count,total_items&count=1000&offset=";
/// The largest page.
const COUNT: u64 = 1000;

/// What a user lacks who may not list audiences.
const NO_ROLE: &str = "the person whose key this is needs a role at Mailchimp that may manage audiences; give them one, or \
     connect the account with the key of somebody who has one, with `segue connection connect`";

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

    fn read(&self, question: &str, answer: &Answer) -> Result<Page, Unlisted> {
        if answer.status == 403 {
            return Err(Unlisted::Forbidden(NO_ROLE));
        }
        let envelope = answer.is_success().then(|| answer.json()).flatten();
        let Envelope { lists, total_items } = envelope.ok_or(Unlisted::Failed)?;
        let offset = question.strip_prefix(FIRST).and_then(|offset| offset.parse::<u64>().ok());
        let from = offset.ok_or(Unlisted::Failed)?;
        let more = !lists.is_empty() && from + COUNT < total_items;
        let audiences = lists.into_iter().map(|List { id, name, stats }| Offered {
            id,
            name,
            kind: None,
            profiles: stats.and_then(|stats| stats.member_count),
        });
        Ok(Page {
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

    #[test]
    fn what_lists_nothing_is_a_failure_that_says_what_to_do() {
        let read = |status, body: &'static str| {
            Lists.read(&Lists.first(), &Answer { status, retry_after: None, body: body.into() })
        };
        let Err(Unlisted::Forbidden(remedy)) = read(403, "{}") else { panic!("it may list") };
        assert!(remedy.contains("a role at Mailchimp that may manage audiences"));
        for (status, body) in
            [(404, "{}"), (400, r#"{"lists":[],"total_items":0}"#), (200, "<html>"), (200, "{}")]
        {
            assert_eq!(read(status, body), Err(Unlisted::Failed), "{status} {body}");
        }
    }
}
