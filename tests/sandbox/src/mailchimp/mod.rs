//! Mailchimp's Marketing API 3.0, as far as audiences need it: which call is which, and who may make it.
mod account;
mod batch_subscribe;
mod batches;
mod contact;
mod list;
mod members;
mod problem;
mod projection;
mod upsert;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::audiences::MailchimpMember;
use crate::call::{Answer, Call};
use crate::seed::{MailchimpAccount, MailchimpContact, MailchimpList, MailchimpSeed, Rule};
use crate::sign_in::SignIn;
use batches::Batch;
use list::List;
pub(crate) use problem::{crowded, denied, fault};
use problem::{forbidden, not_found, problem};

/// The one data centre that the sandbox is.
const DATA_CENTRE: &str = "us19";

/// The faked Mailchimp.
pub(crate) struct Mailchimp {
    accounts: Vec<MailchimpAccount>,
    lists: BTreeMap<String, List>,
    refuse: Vec<Rule>,
    batches: BTreeMap<String, Batch>,
    batch_time: Duration,
    failing_operations: u32,
    sign_in: SignIn,
}

impl Default for Mailchimp {
    fn default() -> Self {
        let account = MailchimpAccount {
            api_key: Some("sandboxkey-us19".into()),
            oauth_token: Some("sandbox-oauth".into()),
            client_id: Some("sandbox-client".into()),
            client_secret: Some("sandbox-secret".into()),
            account_id: "8d3a3db4d97663a9074efcc16".into(),
            account_name: "Sandbox".into(),
        };
        let list = List::new("a1b2c3d4e5", &account.account_id, "Sandbox");
        let fakes = Rule { local_prefix: Some("fake".into()), ..Rule::default() };
        Self {
            accounts: vec![account],
            lists: BTreeMap::from([("a1b2c3d4e5".to_owned(), list)]),
            refuse: vec![fakes],
            batches: BTreeMap::new(),
            batch_time: Duration::from_secs(1),
            failing_operations: 0,
            sign_in: SignIn::new("Mailchimp", None),
        }
    }
}

impl Mailchimp {
    pub(crate) fn answer(&mut self, call: &Call) -> Answer {
        self.run_due_batches(call.at);
        let parts = call.segments();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (call.method.as_str(), parts.as_slice()) {
            ("GET", ["oauth2", "metadata"]) => self.metadata(call),
            ("GET" | "POST", ["oauth2", "authorize"]) => self.consent_page(call),
            ("POST", ["oauth2", "token"]) => self.token(call),
            // The link to the results carries its own right of access, as the vendor's signed link does.
            ("GET", ["archive", id, "results.tar.gz"]) => self.batch_results(id),
            (_, ["3.0", rest @ ..]) => {
                let answer = match self.account_of(call) {
                    Ok(account) => self.route(account, rest, call),
                    Err(answer) => answer,
                };
                projection::projected(answer, call)
            }
            _ => not_found(),
        }
    }

    /// One call of an account's, its path without the version: batches make theirs through here as well.
    fn route(&mut self, account: usize, path: &[&str], call: &Call) -> Answer {
        match (call.method.as_str(), path) {
            ("GET", []) => self.root(account),
            ("GET", ["ping"]) => Answer::json(200, &json!({ "health_status": "Everything's Chimpy!" })),
            ("GET", ["lists"]) => self.all_lists(account, call),
            ("GET" | "POST", ["batches"]) => self.batches(account, call),
            ("GET" | "DELETE", ["batches", id]) => self.batch(account, id, call),
            (method, ["lists", id, rest @ ..]) => {
                let owner = &self.accounts[account].account_id;
                let Some(list) = self.lists.get_mut(*id).filter(|list| list.account_id == *owner) else {
                    return not_found();
                };
                let rules = &self.refuse;
                match (method, rest) {
                    ("GET", []) => Answer::json(200, &list.shown()),
                    ("POST", []) => list.batch_subscribe(rules, call),
                    ("GET", ["merge-fields"]) => list.all_merge_fields(call),
                    ("GET", ["members"]) => list.all_members(call),
                    ("POST", ["members"]) => list.create_member(rules, call),
                    ("GET", ["members", hash]) => list.member(hash),
                    ("PUT", ["members", hash]) => list.put_member(rules, hash, call),
                    ("PATCH", ["members", hash]) => list.patch_member(rules, hash, call),
                    ("DELETE", ["members", hash]) => list.archive_member(hash),
                    ("POST", ["members", hash, "tags"]) => list.tag_member(hash, call),
                    ("GET", ["members", hash, "tags"]) => list.member_tags(hash),
                    ("POST", ["members", hash, "actions", "delete-permanent"]) => list.forget_member(hash),
                    _ => not_allowed_or_found(rest),
                }
            }
            _ => not_found(),
        }
    }

    /// The account that the credentials belong to: Basic with any user name, or Bearer.
    pub(crate) fn account_of(&self, call: &Call) -> Result<usize, Answer> {
        let basic = call.credential("basic").and_then(|encoded| {
            let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
            decoded.split_once(':').map(|(_, key)| key.to_owned())
        });
        let Some(key) = basic.or_else(|| call.credential("bearer").map(str::to_owned)) else {
            let detail = "Your request did not include an API key.";
            return Err(problem(401, "API Key Missing", detail, Value::Null));
        };
        let found = |account: &MailchimpAccount| {
            account.api_key.as_ref() == Some(&key) || account.oauth_token.as_ref() == Some(&key)
        };
        let account = self.accounts.iter().position(found).ok_or_else(denied)?;
        match key.rsplit_once('-') {
            Some((_, elsewhere))
                if self.accounts[account].api_key.as_ref() == Some(&key) && elsewhere != DATA_CENTRE =>
            {
                Err(forbidden(&format!("The API key provided is linked to datacenter '{elsewhere}'")))
            }
            _ => Ok(account),
        }
    }

    pub(crate) fn seed(&mut self, seed: MailchimpSeed) -> Result<(), String> {
        for account in seed.accounts {
            match self.accounts.iter_mut().find(|known| known.account_id == account.account_id) {
                Some(known) => *known = account,
                None => self.accounts.push(account),
            }
        }
        for MailchimpList { id, account_id, name, merge_fields } in seed.lists {
            let owner = account_id.unwrap_or_else(|| self.accounts[0].account_id.clone());
            let list = self.lists.entry(id.clone()).or_insert_with(|| List::new(&id, &owner, &name));
            if let Some(merge_fields) = merge_fields {
                list.replace_merge_fields(merge_fields);
            }
        }
        for contact in seed.contacts {
            let MailchimpContact { list, email_address, status, by, merge_fields, tags } = contact;
            let id = list.or_else(|| self.lists.keys().next().cloned()).unwrap_or_default();
            let list = self.lists.get_mut(&id).ok_or_else(|| format!("no such audience: {id}"))?;
            let by_self = match by.as_deref() {
                None | Some("admin") => false,
                Some("self") => true,
                Some(other) => return Err(format!("`by` is self or admin, not {other}")),
            };
            list.put_in(&email_address, &status, by_self, &merge_fields, &tags)?;
        }
        self.sign_in.seed(&seed.sign_in);
        self.refuse = seed.refuse.unwrap_or_else(|| std::mem::take(&mut self.refuse));
        self.failing_operations = seed.fail_operations.unwrap_or(self.failing_operations);
        self.batch_time = seed.batch_ms.map_or(self.batch_time, Duration::from_millis);
        Ok(())
    }

    pub(crate) fn audiences(&mut self, now: Instant) -> BTreeMap<String, Vec<MailchimpMember>> {
        self.run_due_batches(now);
        self.lists.iter().map(|(id, list)| (id.clone(), list.listed())).collect()
    }
}

fn not_allowed_or_found(rest: &[&str]) -> Answer {
    if matches!(rest, [] | ["members" | "merge-fields"] | ["members", _]) {
        return problem(
            405,
            "Method Not Allowed",
            "The requested method and resource are not compatible.",
            Value::Null,
        );
    }
    not_found()
}
