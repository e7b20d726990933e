//! The sign-in pages of the vendors that have OAuth: a page where a person allows or cancels, and the codes that it
//! hands out (RFC 6749, sections 4.1 and 10; RFC 7636 where a vendor takes it).
use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::parse;

use crate::call::{Answer, Call};
use crate::ids;

/// RFC 6749, 4.1.2, recommends this as the longest life of a code.
const LIFETIME: Duration = Duration::from_mins(10);

/// How a vendor takes what it does not document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pkce {
    /// A challenge is held to; none is fine.
    #[default]
    Taken,
    /// As RFC 6749 has it for parameters that a server does not know.
    Ignored,
    /// No code without a challenge.
    Required,
    /// A parameter that it does not know is an error.
    Refused,
}

/// What a seed says of a vendor's sign-in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignInSeed {
    /// What becomes of PKCE.
    pub pkce: Option<Pkce>,
    /// Redirect addresses must be https: loopback is refused.
    pub https_only: Option<bool>,
    /// All codes handed out so far are worth nothing.
    pub expire_codes: bool,
}

/// A code that was handed out.
struct Grant {
    client_id: String,
    redirect_uri: String,
    challenge: Option<String>,
    expires: Instant,
}

/// A vendor's sign-in.
pub(crate) struct SignIn {
    vendor: &'static str,
    /// The scope without which nothing is allowed, where the vendor has scopes.
    scope: Option<&'static str>,
    codes: HashMap<String, Grant>,
    pkce: Pkce,
    https_only: bool,
}

impl SignIn {
    pub(crate) fn new(vendor: &'static str, scope: Option<&'static str>) -> Self {
        Self { vendor, scope, codes: HashMap::new(), pkce: Pkce::default(), https_only: false }
    }

    pub(crate) fn seed(&mut self, seed: &SignInSeed) {
        self.pkce = seed.pkce.unwrap_or(self.pkce);
        self.https_only = seed.https_only.unwrap_or(self.https_only);
        if seed.expire_codes {
            self.codes.clear();
        }
    }

    /// The page, and what pressing one of its buttons does. `app` tells the name of a client that is known.
    pub(crate) fn page(&mut self, call: &Call, app: impl Fn(&str) -> Option<String>) -> Answer {
        let client = call.param("client_id").unwrap_or_default();
        // Whoever asks wrongly here is told on the page: a redirect could lead anywhere.
        let Some(name) = app(&client) else { return self.html(400, "<p>There is no such app.</p>") };
        let redirect = call.param("redirect_uri").unwrap_or_default();
        let Some(mut target) = self.redirect(&redirect) else {
            return self.html(400, "<p>This redirect address is not registered with the app.</p>");
        };
        let outcome = match self.objection(call) {
            Some(error) => ("error", error.to_owned()),
            None if call.method == "GET" => return self.html(200, &form(&name)),
            None => match field(&call.body, "decision").as_str() {
                "allow" => ("code", self.hand_out(client, redirect, call)),
                "cancel" => ("error", "access_denied".to_owned()),
                _ => return self.html(400, "<p>Press one of the buttons.</p>"),
            },
        };
        target.query_pairs_mut().append_pair(outcome.0, &outcome.1);
        if let Some(state) = call.param("state") {
            target.query_pairs_mut().append_pair("state", &state);
        }
        Answer::empty(302).with("location", &target).with("cache-control", &"no-store")
    }

    fn redirect(&self, address: &str) -> Option<Url> {
        let url = Url::parse(address).ok().filter(|url| url.fragment().is_none())?;
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let taken = url.scheme() == "https" || (url.scheme() == "http" && loopback && !self.https_only);
        taken.then_some(url)
    }

    /// What is wrong with the question, once it is clear where to answer.
    fn objection(&self, call: &Call) -> Option<&'static str> {
        let challenge = call.param("code_challenge");
        let method = call.param("code_challenge_method");
        let scopes = call.param("scope").unwrap_or_default();
        if call.param("response_type").as_deref() != Some("code") {
            Some("unsupported_response_type")
        } else if self.scope.is_some_and(|needed| scopes.split(' ').all(|scope| scope != needed)) {
            Some("invalid_scope")
        } else {
            let wrong = match self.pkce {
                Pkce::Ignored => false,
                Pkce::Refused => challenge.is_some() || method.is_some(),
                Pkce::Required if challenge.is_none() => true,
                Pkce::Taken | Pkce::Required => challenge.is_some() && method.as_deref() != Some("S256"),
            };
            wrong.then_some("invalid_request")
        }
    }

    fn hand_out(&mut self, client_id: String, redirect_uri: String, call: &Call) -> String {
        let code = ids::opaque(40);
        let challenge = call.param("code_challenge").filter(|_| self.pkce != Pkce::Ignored);
        let grant = Grant { client_id, redirect_uri, challenge, expires: call.at + LIFETIME };
        self.codes.insert(code.clone(), grant);
        code
    }

    /// Takes a code back: it is good once, and for whom it was handed out only. The client itself is known already.
    pub(crate) fn redeem(&mut self, call: &Call) -> Result<(), Answer> {
        let denied = |what: &str| Err(oauth_error(400, "invalid_grant", what));
        let Some(grant) = self.codes.remove(&field(&call.body, "code")) else {
            return denied("the code is unknown, or was used");
        };
        if grant.client_id != field(&call.body, "client_id") || call.at >= grant.expires {
            return denied("the code is another app's, or has expired");
        }
        if grant.redirect_uri != field(&call.body, "redirect_uri") {
            return denied("the redirect address is another one");
        }
        let verifier = field(&call.body, "code_verifier");
        match grant.challenge {
            Some(challenge) if BASE64URL.encode(Sha256::digest(verifier.as_bytes())) != challenge => {
                denied("the verifier does not fit the challenge")
            }
            None if !verifier.is_empty() && self.pkce == Pkce::Refused => {
                Err(oauth_error(400, "invalid_request", "unknown parameter"))
            }
            _ => Ok(()),
        }
    }

    fn html(&self, status: u16, content: &str) -> Answer {
        let vendor = self.vendor;
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{vendor}</title><h1>{vendor}</h1>{content}</html>"
        );
        Answer::of_type(status, "text/html; charset=utf-8", page.into_bytes())
    }
}

fn form(app: &str) -> String {
    let app = app.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<p>{app} wants to use your account.</p><form method=\"post\">\
         <button name=\"decision\" value=\"allow\">Allow</button>\
         <button name=\"decision\" value=\"cancel\">Cancel</button></form>"
    )
}

/// A field of a form, or nothing.
pub(crate) fn field(form: &[u8], name: &str) -> String {
    parse(form).find(|(key, _)| key == name).map_or_else(String::new, |(_, value)| value.into_owned())
}

/// An error of a token endpoint (RFC 6749, 5.2).
pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}
