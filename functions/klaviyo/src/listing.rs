//! The lists of the account.

use segue_delivery::listing::next_page;
use segue_delivery::{Answer, Listing, Offered, Page};
use serde::Deserialize;

/// `GET /api/lists`, ten a page (OpenAPI, revision 2026-07-15). How many people are on a list is not asked for: that is
/// answered once a second and list.
pub(crate) struct Lists;

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

    fn read(&self, question: &str, answer: &Answer) -> Option<Page> {
        let Document { data, links } = answer.json()?;
        let audiences = data.into_iter().map(|List { id, attributes }| Offered {
            id,
            name: attributes.name.unwrap_or_default(),
            kind: None,
            profiles: None,
        });
        let next = links.and_then(|links| next_page(question, &links.next?));
        Some(Page { audiences: audiences.collect(), next: next.into_iter().collect() })
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
}
