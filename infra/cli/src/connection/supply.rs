//! Credentials that somebody hands in: from an environment variable, standard input or a prompt, never from an argument.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use segue_platform::{SecretError, Secrets};
use segue_segment::Destination;
use serde_json::{Map, Value, json};

use super::oauth::OauthApp;
use crate::Failure;
use crate::apply::{Inputs, credentials};
use crate::prompt::{Prompt, needed, unread};

/// Where credentials come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CredentialsFrom {
    /// An environment variable that holds the credentials: a JSON object, or a key alone.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "credentials_stdin")]
    pub credentials_env: Option<String>,
    /// Read the credentials from standard input: a JSON object, or a key alone.
    #[arg(long)]
    pub credentials_stdin: bool,
}

/// What was handed in.
pub enum Supplied {
    /// Everything that the functions need.
    Ready(SecretString),
    /// An OAuth app: somebody has to sign in with it.
    App(OauthApp),
}

impl fmt::Debug for Supplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::App(_) => "App",
        })
    }
}

impl CredentialsFrom {
    /// Reads them; `None` if the command line names no place.
    ///
    /// # Errors
    /// [`Failure`] of wrong use: the place, and what is wrong there, never a value.
    pub fn read(
        &self,
        destination: Destination,
        inputs: &mut Inputs<'_>,
    ) -> Result<Option<Supplied>, Failure> {
        let (place, text) = match &self.credentials_env {
            Some(name) => {
                let place = format!("the environment variable `{name}`");
                let text = inputs.env.named(name).ok_or_else(|| unset(name))?;
                (place, text)
            }
            None if self.credentials_stdin => {
                let mut text = String::new();
                let read = inputs.stdin.read_to_string(&mut text);
                read.map_err(|error| {
                    Failure::usage(unread(&error))
                        .hint("at a terminal, leave --credentials-stdin out: then it is asked for")
                })?;
                ("standard input".to_owned(), text)
            }
            None => return Ok(None),
        };
        let supplied = understood(&text, destination);
        supplied
            .map(Some)
            .map_err(|problem| Failure::usage(format!("{place}: {problem}")).hint(wanted(destination)))
    }
}

/// No variable has this name. It may be a key, given by mistake: only what can be nothing but a name is repeated.
fn unset(name: &str) -> Failure {
    if is_variable(name) {
        return Failure::usage(format!("the environment variable `{name}` is not set"));
    }
    Failure::usage("--credentials-env takes the name of an environment variable, and none has the name given").hint(
        "if that was a key, make a new one and revoke it: it is in the history of your shell now; put the new one into \
         a variable, or pipe it to --credentials-stdin",
    )
}

/// Whether a text can be nothing but the name of a variable.
pub(crate) fn is_variable(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// What can be handed in.
const fn wanted(destination: Destination) -> &'static str {
    match destination {
        Destination::Snapchat => {
            "Snapchat needs {\"client_id\": \"...\", \"client_secret\": \"...\"} of an OAuth app, and a `refresh_token` beside them \
             if nobody is to sign in"
        }
        Destination::Mailchimp => {
            "Mailchimp needs an API key such as ...-us19, {\"access_token\": \"...\"}, or {\"client_id\": \"...\", \
             \"client_secret\": \"...\"} of an OAuth app to sign in with"
        }
        Destination::Klaviyo => "Klaviyo needs a private API key, pk_...",
    }
}

/// Understands what was handed in.
fn understood(text: &str, destination: Destination) -> Result<Supplied, String> {
    let text = text.trim();
    let fields = serde_json::from_str::<Map<String, Value>>(text).ok();
    // A key alone is what the destinations' own pages show to be copied.
    let alone = (fields.is_none() && !text.starts_with(['{', '[', '"'])).then(|| match destination {
        Destination::Mailchimp => Some(json!({ "api_key": text })),
        Destination::Klaviyo => Some(json!({ "private_key": text })),
        Destination::Snapchat => None,
    });
    if let Some(fields) = fields.filter(|fields| is_app(fields, destination)) {
        let field = |name| credentials::field(&fields, name).map(SecretString::from);
        return Ok(Supplied::App(OauthApp {
            client_id: field("client_id")?,
            client_secret: field("client_secret")?,
        }));
    }
    let text = alone.flatten().map_or_else(|| text.to_owned(), |fields| fields.to_string());
    credentials::check(&text, destination)?;
    Ok(Supplied::Ready(text.into()))
}

fn is_app(fields: &Map<String, Value>, destination: Destination) -> bool {
    let has = |name: &str| fields.contains_key(name);
    let oauth = destination != Destination::Klaviyo && has("client_id");
    oauth && !["refresh_token", "access_token", "api_key"].into_iter().any(has)
}

/// Asks the person at the terminal.
///
/// # Errors
/// [`Failure`] if there is none, or what they say can't be credentials.
pub fn asked(destination: Destination, prompt: &mut dyn Prompt) -> Result<Supplied, Failure> {
    if !prompt.is_terminal() {
        return Err(needed("--credentials-env or --credentials-stdin").hint(wanted(destination)));
    }
    let app = |prompt: &mut dyn Prompt| {
        let client_id = prompt.secret("Client id of the OAuth app")?;
        let client_secret = prompt.secret("Client secret of the OAuth app")?;
        Ok::<_, Failure>(OauthApp { client_id, client_secret }.stored())
    };
    let text = match destination {
        Destination::Snapchat => app(prompt)?,
        Destination::Mailchimp => {
            let ways = ["with an API key", "in the browser, with an OAuth app"];
            match prompt.choose("Sign in", &ways, 0)? {
                0 => prompt.secret("API key")?,
                _ => app(prompt)?,
            }
        }
        Destination::Klaviyo => prompt.secret("Private API key")?,
    };
    understood(text.expose_secret(), destination)
        .map_err(|problem| Failure::new(problem).hint(wanted(destination)))
}

/// The OAuth app that a connection's secret holds, from the last time that somebody signed in.
///
/// # Errors
/// [`Failure`] if the secret can't be read.
pub async fn stored_app(
    secrets: &dyn Secrets,
    name: &str,
    destination: Destination,
) -> Result<Option<OauthApp>, Failure> {
    if destination == Destination::Klaviyo {
        return Ok(None);
    }
    let text = match secrets.get(name).await {
        Ok(found) => found.text,
        // What somebody deleted is not used again.
        Err(SecretError::Missing(_) | SecretError::Deleted(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text.expose_secret()) else {
        return Ok(None);
    };
    let field = |name| credentials::field(&fields, name).map(SecretString::from).ok();
    let (Some(client_id), Some(client_secret)) = (field("client_id"), field("client_secret")) else {
        return Ok(None);
    };
    Ok(Some(OauthApp { client_id, client_secret }))
}

#[cfg(test)]
mod tests {
    use segue_platform::Env;
    use segue_platform::memory::MemorySecrets;

    use super::*;
    use crate::prompt::tests::Scripted;

    fn said(text: &str, destination: Destination) -> String {
        understood(text, destination).map_or_else(|problem| problem, |supplied| format!("{supplied:?}"))
    }

    #[test]
    fn keys_objects_and_apps_are_told_apart_and_nothing_is_repeated() {
        let all = [
            ("pk_hush\n", Destination::Klaviyo),
            ("hush", Destination::Klaviyo),
            (r#"{"private_key":"pk_hush"}"#, Destination::Klaviyo),
            (r#"{"private_key":"#, Destination::Klaviyo),
            ("hush-us19", Destination::Mailchimp),
            ("hush", Destination::Mailchimp),
            (r#"{"access_token":"hush"}"#, Destination::Mailchimp),
            (r#"{"client_id":"1","client_secret":"hush"}"#, Destination::Mailchimp),
            (r#"{"client_id":"1","client_secret":"hush"}"#, Destination::Snapchat),
            (r#"{"client_id":"1"}"#, Destination::Snapchat),
            (r#"{"client_id":"1","client_secret":"hush","refresh_token":"hush"}"#, Destination::Snapchat),
            ("hush", Destination::Snapchat),
        ];
        let said: Vec<_> = all.iter().map(|(text, destination)| said(text, *destination)).collect();
        assert!(!said.concat().contains("hush"), "{said:?}");
        insta::assert_snapshot!(said.join("\n"), @r"
        Ready
        `private_key` does not start with pk_: it is no private API key of Klaviyo's
        Ready
        it has to be a JSON object with `private_key`
        Ready
        `api_key` does not end with the account's data centre, such as -us19: copy all of it
        Ready
        App
        App
        `client_secret` is missing
        Ready
        it has to be a JSON object with `client_id`, `client_secret` and `refresh_token`
        ");
    }

    #[test]
    fn the_place_is_named_when_it_holds_nothing_or_the_wrong_thing() {
        let read = |from: CredentialsFrom, stdin: &str| {
            let env = Env::of(&[("KEY", "hush")]);
            let mut stdin = stdin.as_bytes();
            from.read(Destination::Klaviyo, &mut Inputs { env, stdin: &mut stdin })
        };
        let env = |name: &str| CredentialsFrom {
            credentials_env: Some(name.to_owned()),
            ..CredentialsFrom::default()
        };
        let stdin = || CredentialsFrom { credentials_stdin: true, ..CredentialsFrom::default() };
        let failures = [read(env("NONE"), ""), read(env("KEY"), ""), read(stdin(), "")];
        let failures = failures.map(|read| {
            let failure = read.unwrap_err();
            assert_eq!(failure.status(), 2);
            failure.to_string()
        });
        insta::assert_snapshot!(failures.concat(), @r"
        error: the environment variable `NONE` is not set
        error: the environment variable `KEY`: `private_key` does not start with pk_: it is no private API key of Klaviyo's
        hint: Klaviyo needs a private API key, pk_...
        error: standard input: `private_key` is empty
        hint: Klaviyo needs a private API key, pk_...
        ");
        assert!(matches!(read(stdin(), "pk_hush\n"), Ok(Some(Supplied::Ready(_)))));
        assert!(matches!(read(CredentialsFrom::default(), "pk_hush"), Ok(None)));
    }

    #[test]
    fn a_person_is_asked_for_what_the_destination_takes() {
        let ask = |destination, answers: &[&str]| {
            let mut prompt = Scripted::answering(answers);
            let got = asked(destination, &mut prompt);
            assert!(prompt.is_done());
            got.map_or_else(|failure| failure.to_string(), |supplied| format!("{supplied:?}"))
        };
        assert_eq!(ask(Destination::Klaviyo, &["pk_hush"]), "Ready");
        assert_eq!(ask(Destination::Mailchimp, &["with an API key", "hush-us1"]), "Ready");
        assert_eq!(ask(Destination::Mailchimp, &["in the browser, with an OAuth app", "1", "hush"]), "App");
        assert_eq!(ask(Destination::Snapchat, &["1", "hush"]), "App");
        assert!(ask(Destination::Snapchat, &["1", ""]).starts_with("error: `client_secret` is empty"));
        let nobody = asked(Destination::Klaviyo, &mut Scripted::default()).unwrap_err();
        assert_eq!(nobody.status(), 2);
    }

    #[tokio::test]
    async fn the_app_of_the_last_sign_in_is_found_again() {
        let secrets = MemorySecrets::default();
        for (text, found) in [
            (r#"{"client_id":"1","client_secret":"hush","refresh_token":"r"}"#, true),
            (r#"{"api_key":"hush-us1"}"#, false),
            ("hush", false),
        ] {
            secrets.store("s", &text.into()).await.unwrap();
            let app = stored_app(&secrets, "s", Destination::Mailchimp).await.unwrap();
            assert_eq!(app.is_some(), found, "{text}");
        }
        assert!(stored_app(&secrets, "none", Destination::Snapchat).await.unwrap().is_none());
    }
}
