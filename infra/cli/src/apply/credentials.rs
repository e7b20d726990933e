//! Credentials of a connection: where they come from, and whether they can be any. No error repeats one.

use std::collections::BTreeMap;
use std::io::Read;

use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use segue_platform::{Env, SecretError, Secrets};
use segue_segment::Destination;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::specs::CredentialsSpec;
use crate::connection::supply::is_variable;
use crate::prompt::unread;

/// Where credentials are read from, besides AWS.
pub struct Inputs<'a> {
    /// The environment.
    pub env: Env<'a>,
    /// Standard input.
    pub stdin: &'a mut dyn Read,
}

/// What a connection's credentials are to be.
#[derive(Debug)]
pub enum Credentials {
    /// As they are.
    Kept,
    /// Those of a secret that exists already.
    Existing(String),
    /// New ones.
    Given(SecretString),
}

/// The name of the secret that a connection's credentials are stored under.
#[must_use]
pub fn secret_name(stack: &str, destination: Destination, connection: &str) -> String {
    format!("{stack}/{destination}/{connection}")
}

/// No variable has this name. It may be a key, written there by mistake: only what can be nothing but a name is repeated.
fn unset(name: &str) -> String {
    if is_variable(name) {
        return format!("the environment variable `{name}` is not set");
    }
    "`env` takes the name of an environment variable, and none has the name given; if that was a key, revoke it".to_owned()
}

/// Gets the credentials that a file names, and checks them.
///
/// # Errors
/// What is wrong: never a value.
pub async fn get(
    spec: &CredentialsSpec,
    destination: Destination,
    stack: &str,
    secrets: &dyn Secrets,
    inputs: &mut Inputs<'_>,
) -> Result<Credentials, String> {
    match spec {
        CredentialsSpec { env: Some(name), stdin: None | Some(false), secret: None } => {
            let text = inputs.env.named(name);
            let text = text.ok_or_else(|| unset(name))?;
            given(text, destination)
                .map_err(|problem| format!("the environment variable `{name}`: {problem}"))
        }
        CredentialsSpec { env: None, stdin: Some(true), secret: None } => {
            let mut text = String::new();
            let read = inputs.stdin.read_to_string(&mut text);
            read.map_err(|error| unread(&error).to_owned())?;
            given(text, destination).map_err(|problem| format!("standard input: {problem}"))
        }
        CredentialsSpec { env: None, stdin: None | Some(false), secret: Some(name) } => {
            let prefix = secret_name(stack, destination, "");
            if !name.starts_with(&prefix) || *name == prefix {
                return Err(format!("the functions may only read secrets whose name starts with `{prefix}`"));
            }
            match secrets.get(name).await {
                Ok(found) => check(found.text.expose_secret(), destination)
                    .map_err(|problem| format!("the secret `{name}`: {problem}"))?,
                // Who may configure need not be allowed to read credentials.
                Err(SecretError::Denied(_)) => {}
                Err(SecretError::Missing(_)) => return Err(format!("the secret `{name}` does not exist")),
                Err(error) => return Err(error.to_string()),
            }
            Ok(Credentials::Existing(name.clone()))
        }
        _ => Err("name exactly one of `env`, `stdin: true` and `secret`".to_owned()),
    }
}

fn given(text: String, destination: Destination) -> Result<Credentials, String> {
    check(&text, destination)?;
    Ok(Credentials::Given(SecretString::from(text)))
}

/// Checks that these can be credentials of a destination.
///
/// # Errors
/// What is wrong: the field, never its value.
pub fn check(text: &str, destination: Destination) -> Result<(), String> {
    let fields =
        object(text).ok_or_else(|| format!("it has to be a JSON object with {}", expected(destination)))?;
    match destination {
        Destination::Snapchat => ["client_id", "client_secret", "refresh_token"]
            .iter()
            .try_for_each(|name| field(&fields, name).map(|_| ())),
        Destination::Mailchimp => {
            match (fields.contains_key("api_key"), fields.contains_key("access_token")) {
                (true, false) => {
                    let centre = field(&fields, "api_key")?.rsplit_once('-').map(|(_, centre)| centre);
                    let known =
                        centre.is_some_and(|c| !c.is_empty() && c.bytes().all(|b| b.is_ascii_alphanumeric()));
                    known.then_some(()).ok_or_else(|| {
                    "`api_key` does not end with the account's data centre, such as -us19: copy all of it".to_owned()
                })
                }
                (false, true) => field(&fields, "access_token").map(|_| ()),
                _ => Err("it has to have either `api_key` or `access_token`".to_owned()),
            }
        }
        Destination::Klaviyo => {
            let private = field(&fields, "private_key")?.starts_with("pk_");
            private.then_some(()).ok_or_else(|| {
                "`private_key` does not start with pk_: it is no private API key of Klaviyo's".to_owned()
            })
        }
    }
}

const fn expected(destination: Destination) -> &'static str {
    match destination {
        Destination::Snapchat => "`client_id`, `client_secret` and `refresh_token`",
        Destination::Mailchimp => "`api_key` or `access_token`",
        Destination::Klaviyo => "`private_key`",
    }
}

pub(crate) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    let value = fields.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
    let text = value.as_str().ok_or_else(|| format!("`{name}` has to be text"))?;
    if text.is_empty() {
        return Err(format!("`{name}` is empty"));
    }
    // It goes into a header of HTTP.
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("`{name}` has spaces, line breaks or foreign letters in it"));
    }
    Ok(text)
}

/// The field of a secret that says which credentials were handed in. Signing in may put a new token in the place of
/// one of them; whoever hands the old ones in once more still means the same.
const MARK: &str = "handed_in";

/// Credentials as they are stored.
#[must_use]
pub fn marked(given: &SecretString) -> SecretString {
    let Some(mut fields) = object(given.expose_secret()) else { return given.clone() };
    fields.insert(MARK.to_owned(), fingerprint(&fields).into());
    SecretString::from(Value::Object(fields).to_string())
}

/// Whether a stored secret holds these credentials, or what became of them.
#[must_use]
pub fn holds(stored: &SecretString, given: &SecretString) -> bool {
    match (object(stored.expose_secret()), object(given.expose_secret())) {
        (Some(stored), Some(given)) => match stored.get(MARK) {
            Some(mark) => *mark == fingerprint(&given),
            None => given.iter().all(|(name, value)| stored.get(name) == Some(value)),
        },
        _ => false,
    }
}

/// What credentials can be known again by, stored ones and those that were handed in: a part of a digest of a digest.
#[must_use]
pub fn stamp(credentials: &SecretString) -> String {
    let fields = object(credentials.expose_secret()).unwrap_or_default();
    let mark = fields.get(MARK).and_then(Value::as_str).map_or_else(|| fingerprint(&fields), str::to_owned);
    HEXLOWER.encode(&Sha256::digest(mark)[..8])
}

/// Of credentials, whatever the order and the spaces they are written with.
fn fingerprint(fields: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
    let mut digest = Sha256::new();
    for (name, value) in sorted {
        for text in [name, &value.to_string()] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
    }
    HEXLOWER.encode(&digest.finalize())
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use segue_platform::memory::MemorySecrets;

    use super::*;

    fn said(text: &str, destination: Destination) -> String {
        check(text, destination).err().unwrap_or_else(|| "fine".to_owned())
    }

    #[test]
    fn credentials_need_what_their_destination_asks_for() {
        let snapchat = r#"{"client_id":"a","client_secret":"b","refresh_token":"c","access_token":"d"}"#;
        assert_eq!(said(snapchat, Destination::Snapchat), "fine");
        assert_eq!(said(r#"{"api_key":"sandboxkey-us19"}"#, Destination::Mailchimp), "fine");
        assert_eq!(said(r#"{"access_token":"x"}"#, Destination::Mailchimp), "fine");
        assert_eq!(said(r#"{"private_key":"pk_x"}"#, Destination::Klaviyo), "fine");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field_and_never_repeated() {
        let all = [
            (r#"{"client_id":"secret","refresh_token":"secret"}"#, Destination::Snapchat),
            (r#"{"client_id":"","client_secret":"secret","refresh_token":"secret"}"#, Destination::Snapchat),
            (r#"{"client_id":5,"client_secret":"secret"}"#, Destination::Snapchat),
            (r#"{"api_key":"secret"}"#, Destination::Mailchimp),
            (r#"{"api_key":"secret-us19\n"}"#, Destination::Mailchimp),
            (r#"{"api_key":"secret-us19","access_token":"secret"}"#, Destination::Mailchimp),
            (r#"{"private_key":"secret"}"#, Destination::Klaviyo),
            ("pk_secret", Destination::Klaviyo),
            (r#"["secret"]"#, Destination::Klaviyo),
        ];
        let text: Vec<_> = all.iter().map(|(text, destination)| said(text, *destination)).collect();
        assert!(!text.concat().contains("secret\""), "{text:?}");
        insta::assert_snapshot!(text.join("\n"), @r"
        `client_secret` is missing
        `client_id` is empty
        `client_id` has to be text
        `api_key` does not end with the account's data centre, such as -us19: copy all of it
        `api_key` has spaces, line breaks or foreign letters in it
        it has to have either `api_key` or `access_token`
        `private_key` does not start with pk_: it is no private API key of Klaviyo's
        it has to be a JSON object with `private_key`
        it has to be a JSON object with `private_key`
        ");
    }

    #[tokio::test]
    async fn they_come_from_exactly_one_place() {
        let secrets = MemorySecrets::default();
        let stored = SecretString::from(r#"{"private_key":"pk_x"}"#);
        secrets.store("segue/klaviyo/old", &stored).await.unwrap();
        let spec = |env: Option<&str>, stdin, secret: Option<&str>| CredentialsSpec {
            env: env.map(Into::into),
            stdin,
            secret: secret.map(Into::into),
        };
        let mut said = Vec::new();
        for spec in [
            spec(Some("KEY"), None, None),
            spec(Some("NONE"), None, None),
            spec(Some("pk_secret"), None, None),
            spec(Some("WRONG"), None, None),
            spec(None, Some(true), None),
            spec(None, None, Some("segue/klaviyo/old")),
            spec(None, None, Some("segue/klaviyo/new")),
            spec(None, None, Some("other/klaviyo/old")),
            spec(Some("KEY"), Some(true), None),
            spec(None, Some(false), None),
        ] {
            let mut stdin = &br#"{"private_key":"pk_y"}"#[..];
            let env = Env::of(&[("KEY", r#"{"private_key":"pk_x"}"#), ("WRONG", "{}")]);
            let mut inputs = Inputs { env, stdin: &mut stdin };
            let got = get(&spec, Destination::Klaviyo, "segue", &secrets, &mut inputs).await;
            said.push(got.map_or_else(|error| error, |credentials| format!("{credentials:?}")));
        }
        insta::assert_snapshot!(said.join("\n"), @r#"
        Given(SecretBox<str>([REDACTED]))
        the environment variable `NONE` is not set
        `env` takes the name of an environment variable, and none has the name given; if that was a key, revoke it
        the environment variable `WRONG`: `private_key` is missing
        Given(SecretBox<str>([REDACTED]))
        Existing("segue/klaviyo/old")
        the secret `segue/klaviyo/new` does not exist
        the functions may only read secrets whose name starts with `segue/klaviyo/`
        name exactly one of `env`, `stdin: true` and `secret`
        name exactly one of `env`, `stdin: true` and `secret`
        "#);
    }

    #[tokio::test]
    async fn nothing_is_read_from_a_terminal_that_would_show_it() {
        /// As standard input is at a terminal.
        struct Shown;

        impl Read for Shown {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::Unsupported.into())
            }
        }

        let spec = CredentialsSpec { stdin: Some(true), ..CredentialsSpec::default() };
        let mut inputs = Inputs { env: Env::of(&[]), stdin: &mut Shown };
        let got = get(&spec, Destination::Klaviyo, "segue", &MemorySecrets::default(), &mut inputs).await;
        assert!(got.unwrap_err().starts_with("standard input is a terminal, which would show what is typed"));
    }

    #[test]
    fn a_secret_holds_what_was_handed_in_whatever_became_of_its_token() {
        let given = SecretString::from(r#"{"client_id":"a","refresh_token":"one"}"#);
        let stored = marked(&given);
        assert!(holds(&stored, &given));
        let rotated = SecretString::from(stored.expose_secret().replace("one", "two"));
        assert!(holds(&rotated, &SecretString::from(r#"{ "refresh_token":"one", "client_id":"a" }"#)));
        assert!(!holds(&rotated, &SecretString::from(r#"{"client_id":"a","refresh_token":"three"}"#)));
        assert!(!holds(&rotated, &SecretString::from("x")));
    }

    #[test]
    fn credentials_are_known_again_by_their_stamp_also_when_their_token_changed() {
        let given = SecretString::from(r#"{"client_id":"a","refresh_token":"one"}"#);
        let rotated = SecretString::from(marked(&given).expose_secret().replace("one", "two"));
        assert_eq!(stamp(&rotated), stamp(&given));
        assert_ne!(stamp(&given), stamp(&SecretString::from(r#"{"client_id":"a","refresh_token":"two"}"#)));
        assert_eq!(stamp(&given).len(), 16);
    }

    #[test]
    fn a_secret_that_somebody_else_stored_is_compared_field_by_field() {
        let stored = SecretString::from(r#"{"client_id":"a","access_token":"t"}"#);
        assert!(holds(&stored, &SecretString::from(r#"{"client_id":"a"}"#)));
        assert!(!holds(&stored, &SecretString::from(r#"{"client_id":"b"}"#)));
    }
}
