//! The lists of the account.

use segue_delivery::listing::next_page;
use segue_delivery::{Answer, Listing, Offered, Page, Unlisted};
use serde::Deserialize;

/// `GET /api/lists`, ten a page (OpenAPI, revision 2026-07-15). How many people are on a list is not asked for: that is
/// answered once a second and list.
pub(crate) struct Lists;

/// What a key without the scope lacks (developers.klaviyo.com/en/docs/authenticate_#api-key-scopes: the scopes of a key
/// can't be changed).
const NO_SCOPE: &str = "its private key needs the scope `lists:read`; a key's scopes can't be changed, so make a new key \
     at Klaviyo, under Settings, API keys, and give it with `segue connection connect`";

#[derive(Deserialize)]
struct Document {
    data: Vec<List>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct List {
    id: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

impl Listing for Lists {
    fn first(&self) -> String {
        "/api/lists?fields[list]=name".to_owned()
    }

    fn read(&self, question: &str, answer: &Answer) -> Result<Page, Unlisted> {
        if answer.status == 403 {
            return Err(Unlisted::Forbidden(NO_SCOPE));
        }
        let document = answer.is_success().then(|| answer.json()).flatten();
        let Document { data, links } = document.ok_or(Unlisted::Failed)?;
        let audiences = data.into_iter().map(|List { id, attributes }| Offered {
            id,
            name: attributes.name.unwrap_or_default(),
            kind: None,
            profiles: None,
        });
        let next = links.and_then(|links| next_page(question, &links.next?));
        Ok(Page { audiences: audiences.collect(), next: next.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_has_its_id_and_the_next_page_is_asked_for() {
        let body = r#"{"data":[{"type":"list","id":"YafG4m","attributes":{"name":"News"}}],
            "links":{"next":"https://a.klaviyo.com/api/lists?fields%5Blist%5D=name&page%5Bcursor%5D=b"}}"#;
        let answer = Answer { status: 200, retry_after: None, body: body.into() };
        let page = Lists.read(&Lists.first(), &answer).unwrap();
        let news = Offered { id: "YafG4m".into(), name: "News".into(), kind: None, profiles: None };
        assert_eq!(page.audiences, [news]);
        assert_eq!(page.next, ["/api/lists?fields%5Blist%5D=name&page%5Bcursor%5D=b"]);
    }

    #[test]
    fn a_key_without_the_scope_is_told_which_it_needs() {
        let read = |status, body: &'static str| {
            Lists.read(&Lists.first(), &Answer { status, retry_after: None, body: body.into() })
        };
        let Err(Unlisted::Forbidden(remedy)) = read(403, "{}") else { panic!("it may list") };
        assert!(remedy.contains("`lists:read`") && remedy.contains("segue connection connect"));
        for (status, body) in [(404, "{}"), (400, r#"{"data":[]}"#), (200, "<html>"), (200, "{}")] {
            assert_eq!(read(status, body), Err(Unlisted::Failed), "{status} {body}");
        }
    }
}
