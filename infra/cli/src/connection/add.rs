//! `segue connection add`: a new connection, its terms, and its credentials if they are at hand.

use segue_segment::Destination;
use segue_state::document::Created;
use segue_state::{Connection, SharedWith, keys};

use super::connect::{Desk, SignIn, account, keep, sign_in};
use super::supply::{self, CredentialsFrom, Supplied};
use super::{connection_id, consent, keeping, percent, saving, shared_with};
use crate::Failure;
use crate::apply::Inputs;
use crate::apply::credentials::secret_name;
use crate::prompt::{Prompt, given_or_asked, needed};

/// Add a connection to an account at Snapchat, Mailchimp or Klaviyo.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue connection add snapchat-main
  segue connection add snapchat-main --paste --redirect-uri https://example.com/oauth
  segue connection add klaviyo-main --destination klaviyo --display-name Klaviyo --agree \\
    --credentials-env KLAVIYO_KEY")]
pub struct Args {
    /// Its name in configuration: lower-case letters, digits and hyphens.
    #[arg(value_name = "NAME", value_parser = connection_id)]
    pub connection: String,
    /// Where it leads: snapchat, mailchimp or klaviyo.
    #[arg(long, value_name = "DESTINATION")]
    pub destination: Option<Destination>,
    /// Its name for people.
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    /// Who may use it for exports: administrators, or contributors as well. Administrators if not said.
    #[arg(long, value_name = "WHO", value_parser = shared_with)]
    pub shared_with: Option<SharedWith>,
    /// Who answers for what is exported over it. Your AWS identity if not said.
    #[arg(long, value_name = "WHO")]
    pub export_user: Option<String>,
    /// The share of the account's rate limits that Segue may use.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = percent)]
    pub budget_share: u8,
    /// Agree, as the AWS identity that you are, to the destination's terms.
    #[arg(long)]
    pub agree: bool,
    /// Where the credentials are.
    #[command(flatten)]
    pub from: CredentialsFrom,
    /// How to sign in.
    #[command(flatten)]
    pub sign_in: SignIn,
}

/// What was added, and whether it leads to an account yet.
#[derive(Debug)]
pub struct Added {
    /// The connection.
    pub connection: Connection,
    /// An OAuth app was stored with which nobody has signed in.
    pub to_sign_in: bool,
}

/// Does it. Credentials that the destination refuses are a mistake: nothing is saved then. A sign-in in the browser may
/// fail for many reasons and be tried again, so the connection and its OAuth app are saved before it.
///
/// # Errors
/// [`Failure`].
pub async fn add(
    desk: &Desk<'_>,
    args: &Args,
    caller: &str,
    inputs: &mut Inputs<'_>,
    prompt: &mut dyn Prompt,
) -> Result<Added, Failure> {
    args.sign_in.with(&args.from)?;
    if desk.state.connection(&args.connection).await?.is_some() {
        return Err(taken(&args.connection));
    }
    let mut wanted = described(desk, args, caller, prompt)?;
    saving::checked(&wanted)?;
    let supplied = args.from.read(wanted.destination, inputs)?;
    wanted.consent = consent::asked(wanted.destination, args.agree, caller, prompt)?;
    let supplied = match supplied {
        None if prompt.is_terminal() && prompt.confirm("Connect the account now?")? => {
            Some(supply::asked(wanted.destination, prompt)?)
        }
        supplied => supplied,
    };
    let connection = match supplied {
        Some(Supplied::Ready(credentials)) => {
            let signed_in = account(desk, &wanted, &credentials).await?;
            create(desk, &wanted).await?;
            keep(desk, &wanted, signed_in).await?
        }
        Some(Supplied::App(app)) => {
            create(desk, &wanted).await?;
            keeping::store(desk.state, &**desk.secrets, &wanted, &app.stored()).await?;
            // Somebody has to go through a browser for it: where nobody is, it is done by another command.
            if !prompt.is_terminal() && !args.sign_in.paste {
                return Ok(Added { connection: wanted, to_sign_in: true });
            }
            let signed_in = sign_in(desk, &wanted, Supplied::App(app), &args.sign_in, inputs, prompt).await;
            keep(desk, &wanted, signed_in.map_err(|failure| half_way(desk, &wanted.id, failure))?).await?
        }
        None => {
            create(desk, &wanted).await?;
            wanted
        }
    };
    Ok(Added { to_sign_in: connection.account.is_none(), connection })
}

/// The connection is there, and nobody has signed in: how to go on, and what else was to be done.
fn half_way(desk: &Desk<'_>, id: &str, failure: Failure) -> Failure {
    let rest = failure.told().1.unwrap_or_default();
    // That would add it once more.
    let rest = ["nothing was saved; ", "run it again"]
        .into_iter()
        .fold(rest.as_str(), |rest, untrue| rest.strip_prefix(untrue).unwrap_or(rest))
        .trim_start_matches([';', ',', ' ']);
    let rest = match rest {
        "" => String::new(),
        rest if rest.starts_with("and ") => format!(", {rest}"),
        rest => format!("; {rest}"),
    };
    let connect = desk.stack.command(&format!("connection connect {id}"));
    failure.hint(format!("the connection and its OAuth app are saved, sign in with: {connect}{rest}"))
}

/// The connection as it is to be, without consent.
fn described(
    desk: &Desk<'_>,
    args: &Args,
    caller: &str,
    prompt: &mut dyn Prompt,
) -> Result<Connection, Failure> {
    let id = args.connection.clone();
    let destination = match args.destination {
        Some(destination) => destination,
        None if prompt.is_terminal() => {
            let names = Destination::ALL.map(|destination| destination.shape().display_name);
            Destination::ALL[prompt.choose("Destination", &names, 0)?]
        }
        None => return Err(needed("--destination")),
    };
    let display_name =
        given_or_asked(prompt, args.display_name.clone(), "--display-name", "Display name", Some(&id))?;
    let shared_with = match args.shared_with {
        Some(shared_with) => shared_with,
        None if prompt.is_terminal() => {
            let who = ["administrators", "administrators and contributors"];
            match prompt.choose("Who may use it", &who, 0)? {
                0 => SharedWith::Administrators,
                _ => SharedWith::Contributors,
            }
        }
        None => SharedWith::Administrators,
    };
    let export_user = match &args.export_user {
        Some(user) => user.clone(),
        None if prompt.is_terminal() => {
            prompt.text("Who answers for what is exported over it", Some(caller))?
        }
        None => caller.to_owned(),
    };
    Ok(Connection {
        secret: secret_name(&desk.stack.name, destination, &id),
        id,
        display_name,
        destination,
        shared_with,
        consent: None,
        export_user: Some(export_user),
        account: None,
        budget_share: args.budget_share,
        enabled: true,
    })
}

async fn create(desk: &Desk<'_>, wanted: &Connection) -> Result<(), Failure> {
    match desk.state.create(&keys::connection(&wanted.id), wanted).await? {
        Created::New(_) => Ok(()),
        Created::Existing(_) => Err(taken(&wanted.id)),
    }
}

fn taken(id: &str) -> Failure {
    Failure::new(format!("there is a connection `{id}` already")).hint(format!(
        "change it with `segue connection edit {id}`, sign in again with `segue connection connect {id}`"
    ))
}
