//! The segments of all ad accounts that the user sees. Only customer lists can be filled; the others are named, since
//! people look for them.

use segue_delivery::listing::next_page;
use segue_delivery::{Answer, Listing, Offered, Page, Unlisted};
use serde::Deserialize;

use crate::answer::succeeded;
use crate::audience::CUSTOMER_LIST;

const ORGANIZATIONS: &str = "/me/organizations";

/// What a user lacks who may not even see organizations.
const NO_MEMBER: &str = "the person who connected it has to be a member of the organisation: add them in Snapchat's \
     business manager, under Members";

const OF_ORGANIZATION: &str = "/organizations/";
/// An organisation's ad accounts.
const ACCOUNTS: &str = "/adaccounts";
const OF_ACCOUNT: &str = "/adaccounts/";

/// Organizations, their ad accounts, and the segments of those
/// (developers.snap.com/api/marketing-api/Ads-API/organizations, ad-accounts, customer-lists).
pub(crate) struct Segments;

#[derive(Deserialize)]
struct Envelope {
    request_status: Option<String>,
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
    sub_request_status: Option<String>,
    organization: Option<Id>,
}

#[derive(Deserialize)]
struct AdAccount {
    sub_request_status: Option<String>,
    adaccount: Option<Id>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Segment {
    sub_request_status: Option<String>,
    segment: Option<Seen>,
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

    fn read(&self, question: &str, answer: &Answer) -> Result<Page, Unlisted> {
        if answer.status == 403 {
            return Err(forbidden(question));
        }
        let envelope = answer.is_success().then(|| answer.json::<Envelope>()).flatten();
        let envelope = envelope.filter(Envelope::succeeded).ok_or(Unlisted::Failed)?;
        let Envelope { organizations, adaccounts, segments, paging, .. } = envelope;
        let next = paging.and_then(|paging| paging.next_link);
        if next.is_none() && organizations.is_empty() && question == ORGANIZATIONS {
            return Err(Unlisted::Forbidden(NO_MEMBER));
        }
        if next.is_none() && adaccounts.is_empty() && question.ends_with(ACCOUNTS) {
            return Err(no_account(question));
        }
        let organizations = organizations.into_iter().filter_map(|it| it.organization);
        let organizations = organizations.map(|it| format!("{OF_ORGANIZATION}{}{ACCOUNTS}", it.id));
        let accounts = adaccounts.into_iter().filter_map(|it| it.adaccount);
        let accounts = accounts.map(|it| format!("{OF_ACCOUNT}{}/segments?limit=1000", it.id));
        let page = next.and_then(|next| next_page(question, &next));
        Ok(Page {
            audiences: segments.into_iter().filter_map(|it| Some(it.segment?.offered())).collect(),
            next: organizations.chain(accounts).chain(page).collect(),
        })
    }
}

/// A user may have a role in some of the ad accounts only.
fn forbidden(question: &str) -> Unlisted {
    let id = |of: &str| question.strip_prefix(of).and_then(|rest| rest.split('/').next());
    let (what, id) = match (id(OF_ORGANIZATION), id(OF_ACCOUNT)) {
        (Some(id), _) => ("organisation", id),
        (_, Some(id)) => ("ad account", id),
        (None, None) => return Unlisted::Forbidden(NO_MEMBER),
    };
    Unlisted::Part(format!(
        "the {what} {id} is left out, since Snapchat does not show its audiences to the person who connected this (HTTP \
         403); if they are to be listed, give that person the role Data Manager there"
    ))
}

/// Nor may there be nothing to fill: without an ad account there is no audience.
fn no_account(question: &str) -> Unlisted {
    let id = question.trim_start_matches(OF_ORGANIZATION).trim_end_matches(ACCOUNTS);
    Unlisted::Part(format!(
        "the organisation {id} shows no ad account to the person who connected this; if it has one, give that person \
         the role Data Manager there"
    ))
}

impl Envelope {
    /// Whether all of it did: a part that failed looks like one that is empty.
    fn succeeded(&self) -> bool {
        let organizations = self.organizations.iter().map(|it| &it.sub_request_status);
        let accounts = self.adaccounts.iter().map(|it| &it.sub_request_status);
        let segments = self.segments.iter().map(|it| &it.sub_request_status);
        let mut all = organizations.chain(accounts).chain(segments).chain([&self.request_status]);
        all.all(|status| succeeded(status.as_deref()))
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

    fn tried(question: &str, status: u16, body: &str) -> Result<Page, Unlisted> {
        Segments.read(question, &Answer { status, retry_after: None, body: body.to_owned().into() })
    }

    fn read(question: &str, body: &str) -> Page {
        tried(question, 200, body).unwrap()
    }

    #[test]
    fn organizations_lead_to_ad_accounts_and_those_to_segments() {
        let page = read(
            "/me/organizations",
            r#"{"request_status":"SUCCESS","organizations":[
                {"sub_request_status":"success","organization":{"id":"o1","name":"O"}}]}"#,
        );
        assert_eq!(page.next, ["/organizations/o1/adaccounts"]);
        let page = read(
            &page.next[0],
            r#"{"request_status":"success","adaccounts":[
                {"sub_request_status":"SUCCESS","adaccount":{"id":"a1"}},
                {"sub_request_status":"SUCCESS","adaccount":{"id":"a2"}}]}"#,
        );
        assert_eq!(page.next, ["/adaccounts/a1/segments?limit=1000", "/adaccounts/a2/segments?limit=1000"]);
        let body = r#"{"request_status":"SUCCESS","segments":[
            {"sub_request_status":"SUCCESS",
             "segment":{"id":"1","name":"VIP","source_type":"FIRST_PARTY","approximate_number_users":900}},
            {"sub_request_status":"SUCCESS","segment":{"id":"2","name":"Seen","source_type":"FOOT_TRAFFIC_INSIGHTS"}}],
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

    #[test]
    fn a_failure_that_is_answered_with_200_is_no_empty_list() {
        for body in [
            r#"{"request_status":"ERROR","segments":[]}"#,
            r#"{"request_status":"ERROR"}"#,
            r#"{"segments":[]}"#,
            r#"{"request_status":"SUCCESS","segments":[{"sub_request_status":"ERROR"}]}"#,
            r#"{"request_status":"SUCCESS","adaccounts":[{"sub_request_status":"ERROR","adaccount":{"id":"a"}}]}"#,
            r#"{"request_status":"SUCCESS","organizations":[{"sub_request_status":"ERROR"}]}"#,
            "<html>",
        ] {
            assert_eq!(
                tried("/adaccounts/a1/segments?limit=1000", 200, body),
                Err(Unlisted::Failed),
                "{body}"
            );
        }
        assert_eq!(tried(ORGANIZATIONS, 404, r#"{"request_status":"SUCCESS"}"#), Err(Unlisted::Failed));
    }

    #[test]
    fn an_ad_account_without_a_role_is_left_out_and_named() {
        let Err(Unlisted::Part(note)) = tried("/adaccounts/a1/segments?limit=1000", 403, "") else {
            panic!("it is listed")
        };
        insta::assert_snapshot!(note, @"the ad account a1 is left out, since Snapchat does not show its audiences to the person who connected this (HTTP 403); if they are to be listed, give that person the role Data Manager there");
        let Err(Unlisted::Part(note)) = tried("/organizations/o1/adaccounts", 403, "") else {
            panic!("it is listed")
        };
        assert!(note.starts_with("the organisation o1 is left out"), "{note}");
        assert_eq!(tried(ORGANIZATIONS, 403, ""), Err(Unlisted::Forbidden(NO_MEMBER)));
    }

    #[test]
    fn who_is_in_no_organisation_or_sees_no_ad_account_is_told() {
        let none = r#"{"request_status":"SUCCESS","organizations":[],"paging":{}}"#;
        assert_eq!(tried(ORGANIZATIONS, 200, none), Err(Unlisted::Forbidden(NO_MEMBER)));
        let none = r#"{"request_status":"SUCCESS","adaccounts":[]}"#;
        let Err(Unlisted::Part(note)) = tried("/organizations/o1/adaccounts", 200, none) else {
            panic!("it is an empty list")
        };
        assert!(note.starts_with("the organisation o1 shows no ad account"), "{note}");
        // Of several pages the last one may be empty.
        assert!(tried("/organizations/o1/adaccounts?cursor=b", 200, none).is_ok());
        assert!(tried("/adaccounts/a1/segments?limit=1000", 200, r#"{"request_status":"SUCCESS"}"#).is_ok());
    }
}
