//! The segments of all ad accounts that the user sees. Only customer lists can be filled; the others are named, since
//! people look for them.

use segue_delivery::listing::next_page;
use segue_delivery::{Answer, Listing, Offered, Page};
use serde::Deserialize;

use crate::audience::CUSTOMER_LIST;

const ORGANIZATIONS: &str = "/me/organizations";

/// Organizations, their ad accounts, and the segments of those
/// (developers.snap.com/api/marketing-api/Ads-API/organizations, ad-accounts, customer-lists).
pub(crate) struct Segments;

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    organizations: Vec<Organization>,
    #[serde(default)]
    adaccounts: Vec<AdAccount>,
    #[serde(default)]
    segments: Vec<Segment>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Organization {
    organization: Id,
}

#[derive(Deserialize)]
struct AdAccount {
    adaccount: Id,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Segment {
    segment: Seen,
}

#[derive(Deserialize)]
struct Seen {
    id: String,
    name: Option<String>,
    source_type: Option<String>,
    approximate_number_users: Option<u64>,
}

#[derive(Deserialize)]
struct Paging {
    next_link: Option<String>,
}

impl Listing for Segments {
    fn first(&self) -> String {
        ORGANIZATIONS.to_owned()
    }

    fn read(&self, question: &str, answer: &Answer) -> Option<Page> {
        let Envelope { organizations, adaccounts, segments, paging } = answer.json()?;
        let organizations =
            organizations.into_iter().map(|it| format!("/organizations/{}/adaccounts", it.organization.id));
        let accounts =
            adaccounts.into_iter().map(|it| format!("/adaccounts/{}/segments?limit=1000", it.adaccount.id));
        let page = paging.and_then(|paging| next_page(question, &paging.next_link?));
        Some(Page {
            audiences: segments.into_iter().map(|it| it.segment.offered()).collect(),
            next: organizations.chain(accounts).chain(page).collect(),
        })
    }
}

impl Seen {
    fn offered(self) -> Offered {
        let Self { id, name, source_type, approximate_number_users: profiles } = self;
        let kind = source_type.map(|kind| match kind.as_str() {
            CUSTOMER_LIST => "customer list".to_owned(),
            other => other.to_lowercase().replace('_', " "),
        });
        Offered { name: name.unwrap_or_default(), id, kind, profiles }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(question: &str, body: &'static str) -> Page {
        Segments.read(question, &Answer { status: 200, retry_after: None, body: body.into() }).unwrap()
    }

    #[test]
    fn organizations_lead_to_ad_accounts_and_those_to_segments() {
        let page =
            read("/me/organizations", r#"{"organizations":[{"organization":{"id":"o1","name":"O"}}]}"#);
        assert_eq!(page.next, ["/organizations/o1/adaccounts"]);
        let page =
            read(&page.next[0], r#"{"adaccounts":[{"adaccount":{"id":"a1"}},{"adaccount":{"id":"a2"}}]}"#);
        assert_eq!(page.next, ["/adaccounts/a1/segments?limit=1000", "/adaccounts/a2/segments?limit=1000"]);
        let body = r#"{"segments":[
            {"segment":{"id":"1","name":"VIP","source_type":"FIRST_PARTY","approximate_number_users":900}},
            {"segment":{"id":"2","name":"Seen","source_type":"FOOT_TRAFFIC_INSIGHTS"}}],
            "paging":{"next_link":"https://adsapi.snapchat.com/v1/adaccounts/a1/segments?limit=1000&cursor=b"}}"#;
        let page = read("/adaccounts/a1/segments?limit=1000", body);
        let offered = |id: &str, name: &str, kind: &str, profiles| Offered {
            id: id.into(),
            name: name.into(),
            kind: Some(kind.into()),
            profiles,
        };
        let expected = [
            offered("1", "VIP", "customer list", Some(900)),
            offered("2", "Seen", "foot traffic insights", None),
        ];
        assert_eq!(page.audiences, expected);
        assert_eq!(page.next, ["/adaccounts/a1/segments?limit=1000&cursor=b"]);
    }
}
