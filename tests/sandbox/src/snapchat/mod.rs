//! Snapchat's Marketing API, as far as customer lists need it: which call is which, and who may make it.
mod account;
mod segment;
mod tokens;
mod users;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::ids;
use crate::limits::Average;
use crate::seed::{SnapchatAccount, SnapchatSeed, SnapchatSegment};
use crate::sign_in::SignIn;
use segment::Segment;
use tokens::Token;

/// Requests a second, on average, that one access token may make.
const TOKEN_RATE: f64 = 10.0;
/// Requests a second, on average, that one app may make over all its tokens.
const APP_RATE: f64 = 20.0;

const ORGANIZATION: &str = "40d6719b-da09-410b-9185-0cc9c0dfed1d";
const AD_ACCOUNT: &str = "8adc3db7-8148-4fbf-999c-8d2266369d74";
const STRANGERS_AD_ACCOUNT: &str = "a5ce6a5f-3d2c-4e0f-9d0b-7f4f0f4f4035";

/// The faked Snapchat.
pub(crate) struct Snapchat {
    accounts: Vec<SnapchatAccount>,
    segments: BTreeMap<String, Segment>,
    tokens: HashMap<String, Token>,
    apps: HashMap<String, Average>,
    undercount: usize,
    expires_in: u64,
    rotation: bool,
    omit_refresh_token: bool,
    sign_in: SignIn,
}

impl Default for Snapchat {
    fn default() -> Self {
        let account = SnapchatAccount {
            client_id: "sandbox-client".into(),
            client_secret: "sandbox-secret".into(),
            refresh_token: "sandbox-refresh".into(),
            organization_id: ORGANIZATION.into(),
            ad_account_id: AD_ACCOUNT.into(),
            name: "Sandbox".into(),
        };
        let segment = |id: &str, owner: &str, source_type: &str| {
            (id.to_owned(), Segment::new(id, owner, "Sandbox", source_type))
        };
        Self {
            accounts: vec![account],
            segments: BTreeMap::from([
                segment("5677923948298240", AD_ACCOUNT, "FIRST_PARTY"),
                segment("5677923948298241", AD_ACCOUNT, "ENGAGEMENT"),
                segment("5600000000000403", STRANGERS_AD_ACCOUNT, "FIRST_PARTY"),
            ]),
            tokens: HashMap::new(),
            apps: HashMap::new(),
            undercount: 0,
            expires_in: 3600,
            rotation: false,
            omit_refresh_token: false,
            sign_in: SignIn::new("Snapchat", Some("snapchat-marketing-api")),
        }
    }
}

impl Snapchat {
    pub(crate) fn answer(&mut self, call: &Call, limits: bool) -> Answer {
        if call.path == "/login/oauth2/access_token" {
            return self.token_answer(call);
        }
        if call.path == "/login/oauth2/authorize" && matches!(call.method.as_str(), "GET" | "POST") {
            let accounts = &self.accounts;
            let app = |client: &str| accounts.iter().find(|a| a.client_id == client).map(|a| a.name.clone());
            return self.sign_in.page(call, app);
        }
        let Some(caller) = self.caller(call) else { return denied() };
        if limits && !self.within_rate(caller, call) {
            return fault(429);
        }
        let parts = call.segments();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (call.method.as_str(), parts.as_slice()) {
            ("GET", ["v1", "me"]) => self.me(caller),
            ("GET", ["v1", "me", "organizations"]) => self.organizations(caller),
            ("GET", ["v1", "organizations", id, "adaccounts"]) => self.ad_accounts(caller, id),
            ("GET", ["v1", "adaccounts", id, "segments"]) => self.list_segments(caller, id, call),
            ("POST", ["v1", "adaccounts", id, "segments"]) => self.create_segment(caller, id, call),
            ("GET", ["v1", "segments", id]) => {
                self.with_segment(caller, id, |segment| segment.answer("success"))
            }
            ("DELETE", ["v1", "segments", id]) => self.delete_segment(caller, id),
            ("POST", ["v1", "segments", id, "users"]) => {
                self.change_users(caller, id, call, users::Change::Add)
            }
            ("DELETE", ["v1", "segments", id, "users"]) => {
                self.change_users(caller, id, call, users::Change::Remove)
            }
            ("DELETE", ["v1", "segments", id, "all_users"]) => self.with_segment(caller, id, Segment::empty),
            _ => refused(404, "E3003", "The requested resource could not be found"),
        }
    }

    /// Answers a request as if its token had expired, and lets it expire.
    pub(crate) fn expire(&mut self, call: &Call) -> Answer {
        call.credential("bearer").map(|token| self.tokens.remove(token));
        denied()
    }

    /// Runs `act` on a segment of the caller's, or says why not.
    fn with_segment(&mut self, caller: usize, id: &str, act: impl FnOnce(&mut Segment) -> Answer) -> Answer {
        let owner = &self.accounts[caller].ad_account_id;
        match self.segments.get_mut(id) {
            None => refused(404, "E3003", "The requested segment could not be found"),
            Some(segment) if segment.ad_account_id != *owner => forbidden(),
            Some(segment) => act(segment),
        }
    }

    pub(crate) fn seed(&mut self, seed: SnapchatSeed) -> Result<(), String> {
        for account in seed.accounts {
            match self.accounts.iter_mut().find(|known| known.ad_account_id == account.ad_account_id) {
                Some(known) => *known = account,
                None => self.accounts.push(account),
            }
        }
        for SnapchatSegment { id, ad_account_id, name, source_type, hashes } in seed.segments {
            let owner = ad_account_id.unwrap_or_else(|| self.accounts[0].ad_account_id.clone());
            let mut segment = Segment::new(&id, &owner, &name, &source_type);
            for hash in &hashes {
                segment.hashes.insert(users::decode(hash).ok_or_else(|| format!("not a SHA-256: `{hash}`"))?);
            }
            self.segments.insert(id, segment);
        }
        self.undercount = seed.undercount.unwrap_or(self.undercount);
        self.expires_in = seed.expires_in.unwrap_or(self.expires_in);
        self.rotation = seed.rotation.unwrap_or(self.rotation);
        self.omit_refresh_token = seed.omit_refresh_token.unwrap_or(self.omit_refresh_token);
        self.sign_in.seed(&seed.sign_in);
        if seed.expire_tokens {
            self.tokens.clear();
        }
        Ok(())
    }

    pub(crate) fn audiences(&self) -> BTreeMap<String, Vec<String>> {
        let own = self.segments.iter().filter(|(_, segment)| segment.ad_account_id != STRANGERS_AD_ACCOUNT);
        own.map(|(id, segment)| (id.clone(), segment.listed())).collect()
    }
}

/// What Snapchat says to a token that it doesn't know (any more): the bare word, no JSON.
fn denied() -> Answer {
    Answer::text(401, "unauthorized").with("www-authenticate", &"Bearer error=\"invalid_token\"")
}

/// What Snapchat says where the caller's user lacks the role, or the thing is somebody else's.
fn forbidden() -> Answer {
    Answer::json(
        403,
        &json!({
            "request_status": "ERROR",
            "request_id": ids::hex(32),
            "debug_message": "Caller does not have permission",
            "display_message": "We're sorry, but the requested resource is not available at this time",
            "error_code": "E3002",
        }),
    )
}

/// The envelope of all other errors.
fn refused(status: u16, code: &str, debug: &str) -> Answer {
    let body = json!({
        "request_status": "ERROR",
        "request_id": ids::hex(32),
        "debug_message": debug,
        "display_message": "We're sorry, but the request could not be processed",
        "error_code": code,
    });
    Answer::json(status, &body)
}

/// What a scripted fault answers where it brings no body.
pub(crate) fn fault(status: u16) -> Answer {
    match status {
        401 => denied(),
        403 => forbidden(),
        // Neither a body nor a hint is documented for these.
        429 | 500.. => Answer::empty(status),
        _ => refused(status, "E1001", "Scripted by the sandbox"),
    }
}

/// The envelope of a success; Snapchat's own examples write the word in both cases.
fn success(word: &str, list: &str, items: &[Value]) -> Answer {
    Answer::json(200, &json!({ "request_status": word, "request_id": ids::hex(32), list: items }))
}
