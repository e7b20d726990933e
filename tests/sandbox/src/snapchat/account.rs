//! Who the caller is, and which organizations and ad accounts it sees.
use serde_json::json;

use super::{Snapchat, forbidden, success};
use crate::call::Answer;
use crate::ids;

impl Snapchat {
    pub(super) fn me(&self, caller: usize) -> Answer {
        let account = &self.accounts[caller];
        let me = json!({
            "id": account.organization_id,
            "email": "sandbox@example.com",
            "organization_id": account.organization_id,
            "display_name": account.name,
        });
        Answer::json(200, &json!({ "request_status": "success", "request_id": ids::hex(32), "me": me }))
    }

    pub(super) fn organizations(&self, caller: usize) -> Answer {
        let account = &self.accounts[caller];
        let organization = json!({
            "sub_request_status": "success",
            "organization": { "id": account.organization_id, "name": account.name, "type": "ENTERPRISE" },
        });
        success("success", "organizations", &[organization])
    }

    pub(super) fn ad_accounts(&self, caller: usize, organization: &str) -> Answer {
        if self.accounts[caller].organization_id != organization {
            return forbidden();
        }
        let account = &self.accounts[caller];
        let ad_account = json!({
            "sub_request_status": "success",
            "adaccount": {
                "id": account.ad_account_id,
                "name": account.name,
                "type": "PARTNER",
                "status": "ACTIVE",
                "organization_id": organization,
                "currency": "USD",
                "timezone": "America/Los_Angeles",
            },
        });
        success("success", "adaccounts", &[ad_account])
    }
}
