//! OAuth: access tokens with a lifetime, refresh tokens that may rotate, and the rates that hang on them.
use std::time::{Duration, Instant};

use serde_json::json;

use super::{APP_RATE, Snapchat, TOKEN_RATE};
use crate::call::{Answer, Call};
use crate::ids;
use crate::limits::Average;
use crate::seed::SnapchatAccount;
use crate::sign_in::{field, oauth_error};

/// An access token that was issued.
pub(super) struct Token {
    ad_account_id: String,
    expires: Instant,
    rate: Average,
}

impl Snapchat {
    /// `POST /login/oauth2/access_token`, RFC 6749 sections 4.1.3 and 6.
    pub(super) fn token_answer(&mut self, call: &Call) -> Answer {
        if call.method != "POST"
            || !call.header("content-type").starts_with("application/x-www-form-urlencoded")
        {
            return oauth_error(400, "invalid_request", "a form is expected");
        }
        let (client, secret) = (field(&call.body, "client_id"), field(&call.body, "client_secret"));
        let known = |known: &&mut SnapchatAccount| known.client_id == client && known.client_secret == secret;
        if !self.accounts.iter_mut().any(|account| known(&account)) {
            return oauth_error(401, "invalid_client", "client authentication failed");
        }
        let refresh = field(&call.body, "refresh_token");
        let kind = field(&call.body, "grant_type");
        let account = match kind.as_str() {
            "refresh_token" => {
                self.accounts.iter_mut().find(|account| known(account) && account.refresh_token == refresh)
            }
            "authorization_code" => match self.sign_in.redeem(call) {
                Ok(()) => self.accounts.iter_mut().find(known),
                Err(denied) => return denied,
            },
            _ => return oauth_error(400, "unsupported_grant_type", "codes and refresh tokens are taken"),
        };
        let Some(account) = account else {
            return oauth_error(400, "invalid_grant", "the refresh token is invalid, expired or revoked");
        };
        if self.rotation {
            account.refresh_token = ids::opaque(48);
        }
        let access = format!("sandbox-access-{}", ids::opaque(48));
        let mut body = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": "snapchat-marketing-api",
        });
        if self.rotation || !self.omit_refresh_token || kind == "authorization_code" {
            body["refresh_token"] = json!(account.refresh_token);
        }
        let token = Token {
            ad_account_id: account.ad_account_id.clone(),
            expires: call.at + Duration::from_secs(self.expires_in),
            rate: Average::new(TOKEN_RATE, call.at),
        };
        self.tokens.insert(access, token);
        Answer::json(200, &body)
    }

    /// The account behind a request's access token, if that is still good.
    pub(super) fn caller(&self, call: &Call) -> Option<usize> {
        let token = self.tokens.get(call.credential("bearer")?)?;
        let good = call.at < token.expires;
        self.accounts.iter().position(|account| good && account.ad_account_id == token.ad_account_id)
    }

    /// Whether the token's and the app's averages allow one more request; spends it if both do.
    pub(super) fn within_rate(&mut self, caller: usize, call: &Call) -> bool {
        let client = self.accounts[caller].client_id.clone();
        let app = self.apps.entry(client).or_insert_with(|| Average::new(APP_RATE, call.at));
        let Some(token) = call.credential("bearer").and_then(|token| self.tokens.get_mut(token)) else {
            return false;
        };
        let fits = app.fits(call.at) && token.rate.fits(call.at);
        if fits {
            app.spend();
            token.rate.spend();
        }
        fits
    }
}
