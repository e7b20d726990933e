//! `segue connection connect`: signs in, and notes whose account it is.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use segue_delivery::account::{NoAccount, question};
use segue_platform::memory::MemorySecrets;
use segue_platform::{Env, Secrets};
use segue_segment::Destination;
use segue_state::config::Account;
use segue_state::{Connection, State};
use url::Url;

use super::oauth::listener::Listener;
use super::oauth::{Code, Endpoints, NoAnswer, OauthApp, Question, REDIRECT, Redirect};
use super::report::Report;
use super::supply::{self, CredentialsFrom, Supplied};
use super::{browser, connection_id, keeping, saving};
use crate::Failure;
use crate::apply::Inputs;
use crate::apply::account::Accounts;
use crate::apply::credentials::marked;
use crate::output::counted;
use crate::prompt::{Prompt, unread};
use crate::stack::Stack;

/// How often an address that is no answer may be pasted.
const PASTES: u32 = 3;

/// Sign in to the account of a connection, and note whose it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue connection connect snapchat-main
  segue connection connect snapchat-main --paste --redirect-uri https://example.com/oauth
  segue connection connect klaviyo-main --credentials-env KLAVIYO_KEY
  pass klaviyo | segue connection connect klaviyo-main --credentials-stdin")]
pub struct Args {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_id)]
    pub connection: String,
    /// Where the credentials are.
    #[command(flatten)]
    pub from: CredentialsFrom,
    /// The connection may lead to another account than before. Runs under way are stopped then.
    #[arg(long)]
    pub other_account: bool,
    /// How to sign in.
    #[command(flatten)]
    pub sign_in: SignIn,
}

/// How to sign in where that needs a browser.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Signing in with a browser (Snapchat, Mailchimp)")]
pub struct SignIn {
    /// Where the browser comes back to: an address that is registered with the OAuth app. If it is not on this
    /// machine, the address that the browser ends at is to be pasted.
    #[arg(long, value_name = "URL", default_value = REDIRECT, value_parser = Redirect::parse)]
    pub redirect_uri: Redirect,
    /// Paste the address that the browser ends at, since it is on another machine. It may show an error there.
    #[arg(long)]
    pub paste: bool,
    /// Only print the address to open.
    #[arg(long)]
    pub no_browser: bool,
    /// Leave the PKCE challenge out, for a destination that refuses what it does not know.
    #[arg(long)]
    pub no_pkce: bool,
    /// How many seconds to wait for the browser.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            // The constant is an address on this machine, as a test shows.
            redirect_uri: Redirect::usual(),
            paste: false,
            no_browser: false,
            no_pkce: false,
            timeout: 300,
        }
    }
}

impl SignIn {
    /// Whether there is enough standard input for it: credentials, and then the address that the browser ended at.
    ///
    /// # Errors
    /// [`Failure`] of wrong use.
    pub fn with(&self, from: &CredentialsFrom) -> Result<(), Failure> {
        let pasted = self.paste || matches!(self.redirect_uri, Redirect::Elsewhere(_));
        if from.credentials_stdin && pasted {
            return Err(Failure::usage(
                "--credentials-stdin reads all of standard input, and the address that the browser ends at is to be \
                 pasted there",
            )
            .hint("hand the credentials in with --credentials-env"));
        }
        Ok(())
    }
}

/// What a sign-in works with.
pub struct Desk<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Its state.
    pub state: &'a State,
    /// Its secrets.
    pub secrets: &'a Arc<dyn Secrets>,
    /// Who can tell whose credentials are.
    pub accounts: &'a dyn Accounts,
}

/// Credentials that a destination took.
pub struct SignedIn {
    /// Whose they are.
    pub account: Option<Account>,
    /// As they are to be stored.
    pub credentials: SecretString,
}

/// Signs in, and saves what came of it: the secret, and whose account it is.
///
/// # Errors
/// [`Failure`]; then nothing was saved.
pub async fn connect(
    desk: &Desk<'_>,
    args: &Args,
    inputs: &mut Inputs<'_>,
    prompt: &mut dyn Prompt,
) -> Result<Connection, Failure> {
    args.sign_in.with(&args.from)?;
    let found = saving::found(desk.state, &args.connection).await?;
    let Connection { destination, secret, .. } = &found.body;
    let supplied = match args.from.read(*destination, inputs)? {
        Some(supplied) => supplied,
        None => match supply::stored_app(&**desk.secrets, secret, *destination).await? {
            Some(app) => {
                prompt.say("Using the OAuth app that the connection has; hand in another one to replace it.");
                Supplied::App(app)
            }
            None => supply::asked(*destination, prompt)?,
        },
    };
    let signed_in = sign_in(desk, &found.body, supplied, &args.sign_in, inputs, prompt).await?;
    same_account(&found.body, signed_in.account.as_ref(), args.other_account, prompt)?;
    keep(desk, &found.body, signed_in).await
}

/// Saves new credentials, and whose they are. Whatever was wrong with the old ones is over. `seen` is the connection as
/// it was when the sign-in began.
///
/// # Errors
/// [`Failure`], also if somebody else signed in meanwhile: theirs stays.
pub async fn keep(desk: &Desk<'_>, seen: &Connection, signed_in: SignedIn) -> Result<Connection, Failure> {
    let recorded = keeping::record(desk.state, seen, signed_in.account).await?;
    keeping::store(desk.state, &**desk.secrets, &recorded, &signed_in.credentials).await?;
    desk.state.set_health(&recorded.id, None).await?;
    Ok(recorded)
}

/// Makes credentials of what was supplied, and asks whose they are.
///
/// # Errors
/// [`Failure`] if the destination does not take them.
pub async fn sign_in(
    desk: &Desk<'_>,
    connection: &Connection,
    supplied: Supplied,
    how: &SignIn,
    inputs: &mut Inputs<'_>,
    prompt: &mut dyn Prompt,
) -> Result<SignedIn, Failure> {
    let credentials = match supplied {
        Supplied::Ready(credentials) => credentials,
        Supplied::App(app) => {
            authorized(desk.stack, connection.destination, app, how, inputs, prompt).await?
        }
    };
    account(desk, connection, &credentials).await
}

/// Asks whose credentials are. Signing in may change them.
///
/// # Errors
/// [`Failure`] if the destination does not take them.
pub async fn account(
    desk: &Desk<'_>,
    connection: &Connection,
    credentials: &SecretString,
) -> Result<SignedIn, Failure> {
    let draft = Arc::new(MemorySecrets::default());
    draft.store(&connection.secret, &marked(credentials)).await?;
    let account = desk.accounts.find(connection.destination, draft.clone(), &connection.secret).await?;
    let credentials = draft.get(&connection.secret).await?.text;
    Ok(SignedIn { account, credentials })
}

/// Another account needs a yes: the exports' audiences are in the old one.
fn same_account(
    connection: &Connection,
    found: Option<&Account>,
    agreed: bool,
    prompt: &mut dyn Prompt,
) -> Result<(), Failure> {
    let (Some(before), Some(found)) = (&connection.account, found) else { return Ok(()) };
    if before.id == found.id || agreed {
        return Ok(());
    }
    let wrong = format!(
        "these credentials belong to {}, and the connection was made for {}",
        Report::named(found),
        Report::named(before)
    );
    if prompt.is_terminal() {
        prompt.say(&format!("{wrong}. Runs under way are stopped, and its exports need other audience ids."));
        if prompt.confirm("Is it to lead to the other account from now on?")? {
            return Ok(());
        }
    }
    Err(Failure::new(wrong).hint("nothing was saved; if that is meant, say so with --other-account"))
}

/// Lets a person allow the OAuth app to use their account.
async fn authorized(
    stack: &Stack,
    destination: Destination,
    app: OauthApp,
    how: &SignIn,
    inputs: &mut Inputs<'_>,
    prompt: &mut dyn Prompt,
) -> Result<SecretString, Failure> {
    let name = destination.shape().display_name;
    let endpoints = Endpoints::of(stack, destination)?
        .ok_or_else(|| Failure::usage(format!("{name} has no OAuth apps here; hand in its key")))?;
    let listener = match &how.redirect_uri {
        Redirect::Loopback(url) if !how.paste => Some(Listener::bind(url).await?),
        Redirect::Loopback(_) | Redirect::Elsewhere(_) => None,
    };
    let redirect = listener.as_ref().map_or(how.redirect_uri.url(), Listener::redirect).clone();
    let asking = Question::new(destination, endpoints, app, redirect, !how.no_pkce)?;
    invite(&asking, name, listener.is_some(), how, &inputs.env, prompt);
    let code = match listener {
        Some(listener) => listener.wait(&asking, Duration::from_secs(how.timeout)).await?,
        None => pasted(&asking, inputs, prompt)?,
    };
    let answer = question(&asking.exchange(&code)).await.map_err(|error| unreachable(name, &error))?;
    asking.exchanged(&answer)
}

/// Tells what to do in the browser, and opens it where there is one.
fn invite(
    question: &Question,
    name: &str,
    listening: bool,
    how: &SignIn,
    env: &Env<'_>,
    prompt: &mut dyn Prompt,
) {
    let address = question.address();
    let opened = listening && prompt.is_terminal() && !how.no_browser && browser::open(address.as_str(), env);
    let what = if opened { "Your browser opens this address" } else { "Open this address in a browser" };
    prompt.say(&format!("{what}, sign in to {name} and allow the app:\n\n  {address}\n"));
    prompt.say(&format!(
        "It leads back to {}, which has to be registered with the OAuth app, letter by letter.",
        question.redirect()
    ));
    if listening {
        prompt.say(&format!("Waiting {} for the browser to come back", counted(how.timeout, "second")));
    } else {
        prompt.say("Copy the address that the browser ends at, whatever it shows there.");
    }
}

/// The code out of the address that a person pastes.
fn pasted(question: &Question, inputs: &mut Inputs<'_>, prompt: &mut dyn Prompt) -> Result<Code, Failure> {
    let mut tried = 1;
    loop {
        let text = if prompt.is_terminal() { prompt.secret("That address")? } else { line(inputs.stdin)? };
        let read = Url::parse(text.expose_secret().trim()).map_err(|_| NoAnswer("it is no address"));
        match read.and_then(|address| question.read(&address)) {
            Ok(answer) => return answer,
            Err(NoAnswer(why)) if prompt.is_terminal() && tried < PASTES => {
                prompt.say(&format!("No: {why}."));
            }
            Err(NoAnswer(why)) => {
                return Err(Failure::new(format!("this is not the address that was waited for: {why}"))
                    .hint("nothing was saved; run it again"));
            }
        }
        tried += 1;
    }
}

fn line(stdin: &mut dyn Read) -> Result<SecretString, Failure> {
    let mut text = String::new();
    let read = BufReader::new(stdin).read_line(&mut text);
    match read {
        Ok(0) => Err(Failure::usage("no address came on standard input")
            .hint("put the address that the browser ended at there, as one line")),
        Ok(_) => Ok(text.into()),
        Err(error) => Err(Failure::usage(unread(&error))),
    }
}

fn unreachable(name: &str, error: &NoAccount) -> Failure {
    Failure::new(format!("{name} does not exchange the code: {error}"))
        .hint("nothing was saved; check the network of this machine, and run it again")
}
