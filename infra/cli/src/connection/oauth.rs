//! Signing in at Snapchat and Mailchimp with OAuth (RFC 6749, 4.1): the addresses, the code, the exchange. No I/O.
//!
//! A challenge (RFC 7636) goes along. Neither vendor documents whether it looks at it; a server ignores what it does not
//! know (RFC 6749, 3.1), and for one that does not there is [`Question::challenged`].

pub mod listener;

use data_encoding::BASE64URL_NOPAD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use segue_delivery::{Answer, Request};
use segue_platform::Env;
use segue_segment::Destination;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use crate::Failure;
use crate::stack::Stack;

/// Where the browser comes back to if nobody says otherwise. It has to be registered with the OAuth app.
pub const REDIRECT: &str = "http://127.0.0.1:48910/callback";

/// Where a destination asks people, and where it exchanges codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The page.
    pub authorize: Url,
    /// The exchange.
    pub token: Url,
}

impl Endpoints {
    /// Beside the URL of the same host that the stack's functions use; `None` for a destination without OAuth.
    ///
    /// # Errors
    /// [`Failure`] if the stack does not name that URL, or it is not private.
    pub fn of(stack: &Stack, destination: Destination) -> Result<Option<Self>, Failure> {
        let (output, token) = match destination {
            Destination::Snapchat => ("SnapchatTokenUrl", "access_token"),
            Destination::Mailchimp => ("MailchimpMetadataUrl", "token"),
            Destination::Klaviyo => return Ok(None),
        };
        let wrong = |problem: String| Failure::new(format!("the stack's {output}: {problem}"));
        let settings = [("URL", stack.output(output)?)];
        let known = Env::of(&settings).base_url("URL", "").map_err(|error| wrong(error.to_string()))?;
        let known = Url::parse(&known).map_err(|error| wrong(error.to_string()))?;
        let beside = |name: &str| known.join(name).map_err(|error| wrong(error.to_string()));
        Ok(Some(Self { authorize: beside("authorize")?, token: beside(token)? }))
    }
}

/// An OAuth app that was registered at a destination.
#[derive(Debug, Clone)]
pub struct OauthApp {
    /// Its id.
    pub client_id: SecretString,
    /// Its secret.
    pub client_secret: SecretString,
}

impl OauthApp {
    /// What a secret holds as long as nobody has signed in.
    #[must_use]
    pub fn stored(&self) -> SecretString {
        let Self { client_id, client_secret } = self;
        let fields = json!({
            "client_id": client_id.expose_secret(), "client_secret": client_secret.expose_secret(),
        });
        fields.to_string().into()
    }
}

/// Where a browser is to come back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// To this program.
    Loopback(Url),
    /// To somewhere else: the address that it comes to is pasted.
    Elsewhere(Url),
}

impl Redirect {
    /// Where it is if nobody says otherwise: [`REDIRECT`].
    #[must_use]
    pub fn usual() -> Self {
        Self::parse(REDIRECT).unwrap_or_else(|_| unreachable!("a test reads it"))
    }

    /// Out of a command line.
    ///
    /// # Errors
    /// What is wrong with it: a code must not travel over the network in the clear.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("no address: {error}"))?;
        if url.fragment().is_some() || !url.username().is_empty() {
            return Err("leave out the user name and everything from `#` on".to_owned());
        }
        match (url.scheme(), url.host_str()) {
            ("https", _) => Ok(Self::Elsewhere(url)),
            ("http", Some("127.0.0.1" | "localhost" | "[::1]")) => Ok(Self::Loopback(url)),
            _ => Err("use https, or http on 127.0.0.1".to_owned()),
        }
    }

    /// It.
    #[must_use]
    pub const fn url(&self) -> &Url {
        match self {
            Self::Loopback(url) | Self::Elsewhere(url) => url,
        }
    }
}

/// One attempt to sign in.
#[derive(Debug)]
pub struct Question {
    destination: Destination,
    endpoints: Endpoints,
    app: OauthApp,
    redirect: Url,
    state: String,
    verifier: Option<SecretString>,
}

/// A code that a destination handed out. It is good once, and for minutes.
pub type Code = SecretString;

/// An address that is no answer to our question: somebody else's, or cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer(pub &'static str);

/// The answer of a token endpoint.
#[derive(Deserialize)]
struct Tokens {
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// RFC 6749, 5.2.
#[derive(Deserialize)]
struct Denial {
    error: String,
}

impl Question {
    /// A new one, with a state that nobody can guess.
    ///
    /// # Errors
    /// [`Failure`] if this machine has no randomness.
    pub fn new(
        destination: Destination,
        endpoints: Endpoints,
        app: OauthApp,
        redirect: Url,
        challenged: bool,
    ) -> Result<Self, Failure> {
        let verifier = if challenged { Some(SecretString::from(random()?)) } else { None };
        Ok(Self { destination, endpoints, app, redirect, state: random()?, verifier })
    }

    /// Whether a challenge goes along.
    #[must_use]
    pub const fn challenged(&self) -> bool {
        self.verifier.is_some()
    }

    /// Where the browser comes back to.
    #[must_use]
    pub const fn redirect(&self) -> &Url {
        &self.redirect
    }

    /// The address that a person has to open.
    #[must_use]
    pub fn address(&self) -> Url {
        let mut url = self.endpoints.authorize.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("response_type", "code");
            query.append_pair("client_id", self.app.client_id.expose_secret());
            query.append_pair("redirect_uri", self.redirect.as_str());
            if self.destination == Destination::Snapchat {
                query.append_pair("scope", "snapchat-marketing-api");
            }
            query.append_pair("state", &self.state);
            if let Some(verifier) = &self.verifier {
                let challenge = Sha256::digest(verifier.expose_secret().as_bytes());
                query.append_pair("code_challenge", &BASE64URL_NOPAD.encode(&challenge));
                query.append_pair("code_challenge_method", "S256");
            }
        }
        url
    }

    /// Reads the address that a browser came back to: the code, or why there is none.
    ///
    /// # Errors
    /// [`NoAnswer`] if it does not answer this question; whoever sent it must not end the sign-in.
    pub fn read(&self, address: &Url) -> Result<Result<Code, Failure>, NoAnswer> {
        let field = |name: &str| {
            address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        match field("state") {
            None => return Err(NoAnswer("it has no `state`: copy the whole address")),
            Some(state) if state != self.state => {
                return Err(NoAnswer("its `state` is another one: it belongs to another sign-in"));
            }
            Some(_) => {}
        }
        if let Some(error) = field("error") {
            return Ok(Err(self.refused(&error)));
        }
        field("code")
            .filter(|code| !code.is_empty())
            .map(|code| Ok(Code::from(code)))
            .ok_or(NoAnswer("it has no `code`: copy the whole address"))
    }

    /// The closed list of RFC 6749, 4.1.2.1: whatever else is said there is not repeated.
    fn refused(&self, error: &str) -> Failure {
        let name = self.destination.shape().display_name;
        match error {
            "access_denied" => Failure::new(format!("{name}: the sign-in was cancelled there"))
                .hint("nothing was saved; run it again and allow it"),
            "invalid_scope" => {
                Failure::new(format!("{name} does not let this OAuth app ask for the scope (invalid_scope)"))
                    .hint(format!("at {name}, let the app use the API for which it is registered"))
            }
            "invalid_request" if self.challenged() => {
                Failure::new(format!("{name} does not understand the question (invalid_request)"))
                    .hint("it may not know PKCE: try again with --no-pkce")
            }
            "unauthorized_client"
            | "invalid_request"
            | "unsupported_response_type"
            | "server_error"
            | "temporarily_unavailable" => Failure::new(format!("{name} refuses to sign in ({error})"))
                .hint("look at the OAuth app's settings there, or try again later"),
            _ => Failure::new(format!("{name} refuses to sign in"))
                .hint("look at the OAuth app's settings there"),
        }
    }

    /// The request that turns the code into tokens.
    #[must_use]
    pub fn exchange(&self, code: &Code) -> Request {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("client_id", self.app.client_id.expose_secret())
            .append_pair("client_secret", self.app.client_secret.expose_secret())
            .append_pair("redirect_uri", self.redirect.as_str())
            .append_pair("code", code.expose_secret());
        if let Some(verifier) = &self.verifier {
            form.append_pair("code_verifier", verifier.expose_secret());
        }
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        Request {
            endpoint: "token",
            method: Method::POST,
            url: self.endpoints.token.to_string(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, kind)]),
            body: form.finish().into(),
        }
    }

    /// Reads its answer: the credentials as they are stored, the app's among them.
    ///
    /// # Errors
    /// [`Failure`] if there are none.
    pub fn exchanged(&self, answer: &Answer) -> Result<SecretString, Failure> {
        let name = self.destination.shape().display_name;
        if !answer.is_success() {
            return Err(self.denied(answer));
        }
        let tokens = answer.json::<Tokens>();
        let (field, token) = match self.destination {
            Destination::Snapchat => ("refresh_token", tokens.and_then(|tokens| tokens.refresh_token)),
            Destination::Mailchimp | Destination::Klaviyo => {
                ("access_token", tokens.and_then(|tokens| tokens.access_token))
            }
        };
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Err(Failure::new(format!("{name} gave no `{field}` for the code"))
                .hint("nothing was saved; run it again, and check the stack's URL of it"));
        };
        let fields = json!({
            "client_id": self.app.client_id.expose_secret(),
            "client_secret": self.app.client_secret.expose_secret(),
            field: token,
        });
        Ok(fields.to_string().into())
    }

    fn denied(&self, answer: &Answer) -> Failure {
        let name = self.destination.shape().display_name;
        let redirect = &self.redirect;
        match answer.json::<Denial>().map(|denial| denial.error).as_deref() {
            Some("invalid_grant") => Failure::new(format!("{name} does not take the code (invalid_grant)")).hint(format!(
                "a code is good once and for minutes, and only if {redirect} is registered with the OAuth app to the \
                 letter; run it again"
            )),
            Some("invalid_client" | "unauthorized_client") => {
                Failure::new(format!("{name} does not know the OAuth app: `client_id` or `client_secret` is wrong"))
                    .hint("nothing was saved; hand in those of the app as it is registered there")
            }
            Some("invalid_request") if self.challenged() => {
                Failure::new(format!("{name} does not understand the exchange (invalid_request)"))
                    .hint("it may not know PKCE: try again with --no-pkce")
            }
            _ => Failure::new(format!("{name} does not exchange the code (HTTP {})", answer.status))
                .hint("nothing was saved; try again later"),
        }
    }
}

/// 256 bits that nobody can guess, as letters and digits that need no escaping.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("this machine gives no random numbers: {error}")))?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
