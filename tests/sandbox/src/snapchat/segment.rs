//! Segments: what they look like, making, listing and deleting them.
use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Snapchat, forbidden, refused, success};
use crate::call::{Answer, Call};
use crate::snapchat::users::{self, Hash};

/// Fewer matched users than this can't be targeted.
const TARGETABLE: usize = 1000;

/// A segment and who is in it.
pub(super) struct Segment {
    id: String,
    pub(super) ad_account_id: String,
    name: String,
    pub(super) source_type: String,
    pub(super) hashes: HashSet<Hash>,
    pub(super) uploaded: bool,
}

impl Segment {
    pub(super) fn new(id: &str, ad_account_id: &str, name: &str, source_type: &str) -> Self {
        let (id, ad_account_id) = (id.to_owned(), ad_account_id.to_owned());
        let (name, source_type) = (name.to_owned(), source_type.to_owned());
        Self { id, ad_account_id, name, source_type, hashes: HashSet::new(), uploaded: false }
    }

    fn shown(&self) -> Value {
        let count = self.hashes.len();
        let mut segment = json!({
            "id": self.id,
            "updated_at": "2026-11-01T10:00:00.000Z",
            "created_at": "2026-11-01T10:00:00.000Z",
            "name": self.name,
            "ad_account_id": self.ad_account_id,
            "organization_id": super::ORGANIZATION,
            "description": "",
            "status": "ACTIVE",
            "source_type": self.source_type,
            "retention_in_days": 9999,
            "approximate_number_users": count,
        });
        // Both are absent right after creation.
        if self.uploaded {
            segment["upload_status"] = json!("COMPLETE");
            segment["targetable_status"] = json!(if count < TARGETABLE { "TOO_FEW_USERS" } else { "READY" });
        }
        json!({ "sub_request_status": "SUCCESS", "segment": segment })
    }

    pub(super) fn answer(&self, word: &str) -> Answer {
        success(word, "segments", &[self.shown()])
    }

    pub(super) fn empty(&mut self) -> Answer {
        self.hashes = HashSet::new();
        self.answer("SUCCESS")
    }

    /// Who is in it, sorted, as lower-case hex.
    pub(super) fn listed(&self) -> Vec<String> {
        let mut hashes: Vec<&Hash> = self.hashes.iter().collect();
        hashes.sort_unstable();
        hashes.into_iter().map(users::encode).collect()
    }
}

impl Snapchat {
    pub(super) fn list_segments(&self, caller: usize, ad_account: &str, call: &Call) -> Answer {
        if self.accounts[caller].ad_account_id != ad_account {
            return forbidden();
        }
        let limit = call.number("limit").unwrap_or(1000);
        if !(50..=1000).contains(&limit) {
            return refused(400, "E1001", "limit must be between 50 and 1000");
        }
        let from = call.number("cursor").unwrap_or(0);
        let own: Vec<_> =
            self.segments.values().filter(|segment| segment.ad_account_id == ad_account).collect();
        let page: Vec<Value> = own.iter().skip(from).take(limit).map(|segment| segment.shown()).collect();
        let mut body =
            json!({ "request_status": "success", "request_id": crate::ids::hex(32), "segments": page });
        if own.len() > from + limit {
            let path = format!("{}/snapchat/v1/adaccounts/{ad_account}/segments", call.origin);
            body["paging"] = json!({ "next_link": format!("{path}?limit={limit}&cursor={}", from + limit) });
        }
        Answer::json(200, &body)
    }

    pub(super) fn create_segment(&mut self, caller: usize, ad_account: &str, call: &Call) -> Answer {
        if self.accounts[caller].ad_account_id != ad_account {
            return forbidden();
        }
        let asked = call.json.as_ref().and_then(|body| body["segments"].as_array());
        let Some([asked]) = asked.map(Vec::as_slice) else {
            return refused(400, "E1001", "segments must hold one segment");
        };
        let text = |field: &str| asked[field].as_str().unwrap_or_default();
        let name_fits = (1..=375).contains(&text("name").chars().count());
        if !name_fits || text("source_type") != "FIRST_PARTY" || text("ad_account_id") != ad_account {
            return refused(400, "E1001", "name, source_type or ad_account_id is missing or wrong");
        }
        let id = format!("56{:014}", fastrand::u64(..100_000_000_000_000));
        let segment = Segment::new(&id, ad_account, text("name"), "FIRST_PARTY");
        let answer = segment.answer("SUCCESS");
        self.segments.insert(id, segment);
        answer
    }

    pub(super) fn delete_segment(&mut self, caller: usize, id: &str) -> Answer {
        let answer = self.with_segment(caller, id, |_| success("SUCCESS", "segments", &[]));
        if answer.status == 200 {
            self.segments.remove(id);
        }
        answer
    }
}
