//! The account behind a key: its root document, its audiences, and the OAuth metadata.
use serde_json::{Value, json};

use super::{DATA_CENTRE, Mailchimp};
use crate::call::{Answer, Call};

impl Mailchimp {
    /// Answers 200 to a bad token too; only the body tells.
    pub(super) fn metadata(&self, call: &Call) -> Answer {
        let token = call.credential("oauth").or_else(|| call.credential("bearer")).unwrap_or_default();
        let known = self.accounts.iter().find(|account| account.oauth_token.as_deref() == Some(token));
        let Some(account) = known else {
            return Answer::json(200, &json!({ "error": "invalid_token" }));
        };
        let body = json!({
            "dc": DATA_CENTRE,
            "role": "owner",
            "accountname": account.account_name,
            "user_id": 12_345_678,
            "login": {
                "email": "sandbox@example.com",
                "avatar": null,
                "login_id": 12_345_678,
                "login_name": "sandbox@example.com",
                "login_email": "sandbox@example.com",
            },
            "login_url": "https://login.mailchimp.com",
            "api_endpoint": format!("{}/mailchimp", call.origin),
        });
        Answer::json(200, &body)
    }

    pub(super) fn root(&self, account: usize) -> Answer {
        let account = &self.accounts[account];
        let own = self.lists.values().filter(|list| list.account_id == account.account_id);
        let body = json!({
            "account_id": account.account_id,
            "login_id": "12345678",
            "account_name": account.account_name,
            "email": "sandbox@example.com",
            "first_name": "Sand",
            "last_name": "Box",
            "username": "sandbox",
            "role": "owner",
            "member_since": "2026-11-01T10:00:00+00:00",
            "pricing_plan_type": "monthly",
            "account_timezone": "UTC",
            "account_industry": "",
            "pro_enabled": false,
            "last_login": "2026-11-01T10:00:00+00:00",
            "total_subscribers": own.map(|list| list.count("subscribed")).sum::<usize>(),
            "_links": [],
        });
        Answer::json(200, &body)
    }

    pub(super) fn all_lists(&self, account: usize, call: &Call) -> Answer {
        let owner = &self.accounts[account].account_id;
        let own: Vec<Value> = self
            .lists
            .values()
            .filter(|list| list.account_id == *owner)
            .map(super::list::List::shown)
            .collect();
        paged("lists", own, call)
    }
}

/// A page of `items`, with the paging that every collection has: `count` is at most 1000 and 10 by default.
pub(super) fn paged(name: &str, items: Vec<Value>, call: &Call) -> Answer {
    let Some((count, offset)) = page(call) else {
        return super::problem::invalid(&[("count".into(), "Value must be between 0 and 1000.")]);
    };
    let total = items.len();
    let page: Vec<Value> = items.into_iter().skip(offset).take(count).collect();
    Answer::json(200, &json!({ name: page, "total_items": total, "_links": [] }))
}

/// `count` and `offset`.
pub(super) fn page(call: &Call) -> Option<(usize, usize)> {
    let count = call.param("count").map_or(Some(10), |count| count.parse().ok())?;
    let offset = call.param("offset").map_or(Some(0), |offset| offset.parse().ok())?;
    (count <= 1000).then_some((count, offset))
}
