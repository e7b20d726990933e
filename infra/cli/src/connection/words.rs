//! In plain words: why nobody can tell whose account a connection's credentials belong to, and what to do. No secret
//! is repeated, nor what a destination wrote in its answer.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use segue_delivery::account::{NoAccount, NoAudience, Unreachable};
use segue_delivery::{Answer, CredentialsError};
use segue_platform::{SecretError, Secrets};
use segue_segment::Destination;
use segue_state::Export;
use serde_json::Value;

use crate::apply::credentials;
use crate::stack::Stack;

/// What is wrong, and what to do.
pub type Words = (String, String);

/// Why the audience of an export can't be filled, and what to do.
#[must_use]
pub fn of_audience(subject: &Subject<'_>, export: &Export, error: &NoAudience) -> Words {
    let (problem, fix) = match error {
        // It says itself what to do.
        NoAudience::Refused(refusal) => {
            let text = refusal.to_string();
            text.split_once("; ").map_or_else(
                || (text.clone(), "check the export's `audience_id`".to_owned()),
                |(problem, fix)| (problem.to_owned(), fix.to_owned()),
            )
        }
        NoAudience::Untold(error) => subject.words(error),
    };
    (format!("export `{}`, audience {}: {problem}", export.id, export.audience_id), fix)
}

/// The credentials in question.
pub struct Subject<'a> {
    stack: &'a Stack,
    destination: Destination,
    secret: &'a str,
    /// If they can be read.
    text: Option<SecretString>,
    /// The command that they are handed in with, if that is not a file's.
    command: Option<String>,
}

impl<'a> Subject<'a> {
    /// Those of the secret of this name.
    pub async fn of(
        stack: &'a Stack,
        destination: Destination,
        secrets: &dyn Secrets,
        secret: &'a str,
    ) -> Self {
        let text = secrets.get(secret).await.ok().map(|found| found.text);
        Self { stack, destination, secret, text, command: None }
    }

    /// They are handed in for this connection, with `segue connection connect` as a rule.
    #[must_use]
    pub fn by_hand(mut self, verb: &str, connection: &str) -> Self {
        self.command = Some(format!("connection {verb} {connection}"));
        self
    }

    /// Why nobody can tell whose they are, and what to do.
    #[must_use]
    pub fn words(&self, error: &NoAccount) -> Words {
        match error {
            NoAccount::NoTls => {
                (error.to_string(), "look at the certificates that this machine trusts".to_owned())
            }
            NoAccount::Secret(error) => self.secret(error),
            NoAccount::Credentials(error) => (self.credentials(error), self.hand_in()),
            NoAccount::Dead(error) => (self.dead(error), self.reconnect()),
            NoAccount::Unreachable { host, why } => self.unreachable(host, why),
            NoAccount::Answered { answer, .. } => self.answered(answer),
        }
    }

    const fn company(&self) -> &'static str {
        self.destination.shape().display_name
    }

    fn hand_in(&self) -> String {
        format!("hand the credentials in: {}", self.command())
    }

    fn reconnect(&self) -> String {
        format!("reconnect this account: get new credentials at {}, then {}", self.company(), self.command())
    }

    fn command(&self) -> String {
        self.stack.command(self.command.as_deref().unwrap_or("apply -f FILE"))
    }

    fn secret(&self, error: &SecretError) -> Words {
        let secret = self.secret;
        match error {
            SecretError::Missing(_) => (format!("the secret `{secret}` does not exist"), self.hand_in()),
            SecretError::Deleted(_) => (
                format!("the secret `{secret}` is marked for deletion"),
                format!(
                    "{}; or have the old ones back with: aws secretsmanager restore-secret --secret-id {secret}",
                    self.hand_in()
                ),
            ),
            SecretError::Denied(_) => (
                format!("AWS denies you to read the secret `{secret}`"),
                "your AWS identity needs secretsmanager:GetSecretValue on it, and kms:Decrypt where the stack has a \
                 key of your own"
                    .to_owned(),
            ),
            SecretError::Changed(_) | SecretError::Failed { .. } => (
                error.to_string(),
                "check AWS_PROFILE, AWS_REGION, that you are logged in, and what you may do".to_owned(),
            ),
        }
    }

    /// The functions only say that they can't use it; what exactly is wrong is told by the same check as in `apply`.
    fn credentials(&self, error: &CredentialsError) -> String {
        let text = self.text.as_ref().map(ExposeSecret::expose_secret);
        let found = text.and_then(|text| credentials::check(text, self.destination).err());
        let found = found.unwrap_or_else(|| match (error, self.destination) {
            (CredentialsError::NotJson, _) => "it is no JSON object".to_owned(),
            (CredentialsError::Field("api_key"), Destination::Mailchimp) => {
                "`api_key` does not end with a data centre, such as -us19".to_owned()
            }
            (CredentialsError::Field(field), _) => format!("`{field}` is missing or malformed"),
        });
        format!("the secret `{}`: {found}", self.secret)
    }

    fn dead(&self, error: &str) -> String {
        let name = self.company();
        match error {
            "invalid_grant" => format!(
                "{name} does not take the refresh token any more (invalid_grant): it was revoked, or has expired"
            ),
            "invalid_client" | "unauthorized_client" => format!(
                "{name} does not know the OAuth app ({error}): `client_id` or `client_secret` is wrong, or the app \
                 was removed"
            ),
            "invalid_token" => format!("{name} does not take the access token any more: it was revoked"),
            other => format!("{name} refuses the credentials ({other})"),
        }
    }

    fn unreachable(&self, host: &str, why: &Unreachable) -> Words {
        let name = self.company();
        let (what, fix) = match why {
            Unreachable::Name => match self.centre() {
                Some(centre) => (
                    format!("there is no host `{host}`, or DNS can't be asked"),
                    format!(
                        "the end of `api_key` names the data centre, {centre}: if that is right, check the network \
                         and the DNS of this machine"
                    ),
                ),
                None => (
                    format!("there is no host `{host}`, or DNS can't be asked"),
                    "check the network and the DNS of this machine".to_owned(),
                ),
            },
            Unreachable::Refused => (
                format!("`{host}` refuses the connection"),
                format!("check the stack's URL of {name}, and whether a proxy or firewall stands in between"),
            ),
            Unreachable::NoConnection => (
                format!("no connection to `{host}` could be made (time-out)"),
                "check the network of this machine, and whether a proxy or firewall stands in between"
                    .to_owned(),
            ),
            Unreachable::Tls(text) => (
                format!("no TLS with `{host}`: {text}"),
                "check this machine's clock and certificates, and whether a proxy stands in between"
                    .to_owned(),
            ),
            Unreachable::Silent => {
                (format!("`{host}` does not answer (time-out)"), "try again later".to_owned())
            }
            Unreachable::Broke => (format!("the connection to `{host}` broke"), "try again later".to_owned()),
        };
        (format!("{name} can't be reached: {what}"), fix)
    }

    fn answered(&self, answer: &Answer) -> Words {
        let name = self.company();
        let status = answer.status;
        match status {
            401 => (self.key_refused(), self.reconnect()),
            429 => throttled(name, answer),
            // Without a JSON body it is throttling (mailchimp.com/developer/marketing/docs/errors).
            403 if self.destination == Destination::Mailchimp && !is_object(answer) => {
                throttled(name, answer)
            }
            403 => self.role_too_small(answer),
            408 | 425 | 500..=599 => (
                format!("{name} has trouble of its own (HTTP {status})"),
                format!("try again {}; runs under way wait for it by themselves", when(answer.retry_after)),
            ),
            410 => (
                format!("{name} retired the API that this release speaks (HTTP 410)"),
                "upgrade Segue: the stack, and this `segue`".to_owned(),
            ),
            _ => (
                format!("{name} gave an answer that makes no sense to Segue (HTTP {status})"),
                format!(
                    "check the stack's URL of {name}, and whether a proxy stands in between; otherwise try again later"
                ),
            ),
        }
    }

    fn key_refused(&self) -> String {
        let name = self.company();
        match self.destination {
            Destination::Snapchat => {
                format!("{name} refuses an access token that it gave just now (HTTP 401)")
            }
            Destination::Mailchimp => self.centre().map_or_else(
                || format!("{name} refuses the access token (HTTP 401): it was revoked"),
                |centre| {
                    format!(
                        "{name} refuses the API key (HTTP 401): it was revoked, or it is no key of the data centre \
                         {centre} that its end names"
                    )
                },
            ),
            Destination::Klaviyo => {
                format!("{name} refuses the private key (HTTP 401): it was deleted, or is incomplete")
            }
        }
    }

    fn role_too_small(&self, answer: &Answer) -> Words {
        let name = self.company();
        if let (Some(centre), Some(other)) = (self.centre(), other_centre(answer)) {
            let wrong = format!("the API key belongs to the data centre {other}, and its end says {centre}");
            return (wrong, format!("copy all of the key at {name}, then {}", self.hand_in()));
        }
        let fix = match self.destination {
            Destination::Snapchat => {
                "at Snapchat, give the person who connected it a role in the ad account that may manage audiences, \
                 such as Data Manager"
            }
            Destination::Mailchimp => {
                "at Mailchimp, give the person whose key this is a role that may manage audiences, or take the key \
                 of somebody who has one"
            }
            Destination::Klaviyo => {
                "at Klaviyo, make a private key with full access, or with the scopes accounts:read, lists:read, \
                 lists:write, profiles:read and profiles:write, and hand it in"
            }
        };
        (format!("{name} knows the credentials, and their role is too small (HTTP 403)"), fix.to_owned())
    }

    /// The data centre that the end of a Mailchimp key names. It is no secret.
    fn centre(&self) -> Option<String> {
        let fields: Value = serde_json::from_str(self.text.as_ref()?.expose_secret()).ok()?;
        let key = fields.get("api_key").filter(|_| self.destination == Destination::Mailchimp)?.as_str()?;
        key.rsplit_once('-').map(|(_, centre)| centre).filter(|centre| is_centre(centre)).map(str::to_owned)
    }
}

/// The data centre that Mailchimp says a key belongs to.
fn other_centre(answer: &Answer) -> Option<String> {
    let body = answer.json::<Value>()?;
    let (_, rest) = body.get("detail")?.as_str()?.split_once("linked to datacenter '")?;
    rest.split_once('\'').map(|(centre, _)| centre).filter(|centre| is_centre(centre)).map(str::to_owned)
}

fn is_centre(text: &str) -> bool {
    (3..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_object(answer: &Answer) -> bool {
    answer.json::<Value>().is_some_and(|body| body.is_object())
}

fn throttled(name: &str, answer: &Answer) -> Words {
    (
        format!("{name} is throttling this account (HTTP {})", answer.status),
        format!("try again {}; runs under way wait for it by themselves", when(answer.retry_after)),
    )
}

fn when(wish: Option<Duration>) -> String {
    wish.map_or_else(|| "later".to_owned(), |wish| format!("in {} seconds", wish.as_secs()))
}
