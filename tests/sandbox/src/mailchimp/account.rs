//! The account behind a key: its root document, its audiences, and the OAuth metadata.
use serde_json::{Value, json};

use super::{DATA_CENTRE, Mailchimp};
use crate::call::{Answer, Call};
use crate::ids;
use crate::sign_in::{field, oauth_error};

impl Mailchimp {
    pub(super) fn consent_page(&mut self, call: &Call) -> Answer {
        let accounts = &self.accounts;
        self.sign_in.page(call, |client| {
            let account = accounts.iter().find(|account| account.client_id.as_deref() == Some(client));
            account.map(|account| account.account_name.clone())
        })
    }

    /// A code becomes a token that never ends: `expires_in` is 0, and there is no refresh token.
    pub(super) fn token(&mut self, call: &Call) -> Answer {
        if !call.header("content-type").starts_with("application/x-www-form-urlencoded") {
            return oauth_error(400, "invalid_request", "a form is expected");
        }
        if field(&call.body, "grant_type") != "authorization_code" {
            return oauth_error(400, "unsupported_grant_type", "codes are taken");
        }
        let (client, secret) =
            (Some(field(&call.body, "client_id")), Some(field(&call.body, "client_secret")));
        let known = |a: &&mut super::MailchimpAccount| a.client_id == client && a.client_secret == secret;
        let Some(account) = self.accounts.iter_mut().find(known) else {
            return oauth_error(401, "invalid_client", "client authentication failed");
        };
        if let Err(denied) = self.sign_in.redeem(call) {
            return denied;
        }
        let token = account.oauth_token.get_or_insert_with(|| ids::opaque(32));
        Answer::json(200, &json!({ "access_token": token, "expires_in": 0, "scope": null }))
    }

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
