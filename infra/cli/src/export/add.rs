//! `segue export add`: an export out of options, and of answers where somebody can be asked.

use segue_segment::Destination;
use segue_state::{Connection, Export, Fields, Limits, Role, SharedWith, Source, Triggers};

use super::check::{Over, demand};
use super::desk::{Desk, saved};
use super::found::{connections, create};
use super::offers::{audience, columns, segments};
use super::settings::Settings;
use super::{export_id, role};
use crate::output::Screen;
use crate::prompt::needed;
use crate::{Failure, nearest};

/// The statuses of Mailchimp's new contacts, and what they mean.
const NEW_CONTACTS: [(&str, &str); 4] = [
    ("pending", "Mailchimp asks them first whether they want mail"),
    ("subscribed", "they get mail at once: you have their permission"),
    ("transactional", "they get no marketing mail"),
    ("unsubscribed", "they are kept as not subscribed"),
];

/// Make a new export.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Its id; made of segment and connection if not given.
    #[arg(value_name = "EXPORT", value_parser = export_id)]
    pub id: Option<String>,
    /// The connection.
    #[arg(long, value_name = "CONNECTION", value_parser = export_id)]
    pub connection: Option<String>,
    /// Offer connections to this destination only.
    #[arg(long, value_name = "DESTINATION", conflicts_with = "connection")]
    pub destination: Option<Destination>,
    /// Who may change it: `administrators`, or `contributors` too. As you are, if not given.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Option<Role>,
    /// Save it paused.
    #[arg(long)]
    pub paused: bool,
    /// Don't ask the destination for the audience, nor fan-out for the columns of the latest drop.
    #[arg(long)]
    pub unchecked: bool,
    /// What it is.
    #[command(flatten)]
    pub settings: Settings,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(desk: &mut Desk<'_>, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if !desk.prompt.is_terminal() {
        missing(args)?;
    }
    let role = match args.role {
        Some(role) => role,
        None => desk.around.role().await?,
    };
    let connection = connection(desk, role, args).await?;
    let mut settings = args.settings.clone();
    settings.audience =
        Some(audience(desk, &connection, args.settings.audience.clone(), args.unchecked).await?);
    if settings.segments.is_empty() {
        settings.segments = segments(desk).await?;
    }
    columns(desk, connection.destination, &mut settings, args.unchecked).await?;
    if connection.destination == Destination::Mailchimp && settings.new_contacts.is_none() {
        settings.new_contacts = Some(new_contacts(desk)?);
    }
    let (id, display_name) = names(desk, args, &settings, &connection)?;
    let blank = Export {
        id,
        display_name,
        connection: connection.id.clone(),
        audience_id: String::new(),
        segments: Vec::new(),
        fields: Fields::default(),
        source: Source::default(),
        new_contacts: None,
        existing_contacts: None,
        people_who_left: None,
        tags: Vec::new(),
        triggers: Triggers::default(),
        limits: Limits::default(),
        enabled: !args.paused,
    };
    let export = settings.put_on(&blank, &[])?;
    demand(&export, role, Some(Over::from(&connection)))?;
    create(desk.state, role, &export).await?;
    saved(desk.stack, "made", role, &export, Some(&connection), screen)
}

/// Everything that would have to be asked for, at once.
fn missing(args: &Args) -> Result<(), Failure> {
    let needs = [
        ("--connection", args.connection.is_none()),
        ("--audience", args.settings.audience.is_none()),
        ("--segment", args.settings.segments.is_empty()),
        ("--email", args.settings.email.is_none()),
    ];
    Failure::together(
        needs.iter().filter(|(_, missing)| *missing).map(|(option, _)| needed(option)).collect(),
    )
}

/// The connection that is named, or chosen among those that the caller may use.
async fn connection(desk: &mut Desk<'_>, role: Role, args: &Args) -> Result<Connection, Failure> {
    let (all, _) = connections(desk.state).await?;
    let usable = |found: &&Connection| {
        let shared = role == Role::Administrators || found.shared_with == SharedWith::Contributors;
        shared && args.destination.is_none_or(|destination| found.destination == destination)
    };
    let usable: Vec<&Connection> = all.iter().filter(usable).collect();
    if let Some(id) = &args.connection {
        let found = all.iter().find(|found| found.id == *id);
        if found.is_some_and(|found| !usable.iter().any(|usable| usable.id == found.id)) {
            let failure = Failure::new(format!("the connection `{id}` is not shared with contributors"));
            return Err(failure.hint(whom(desk, role, args, &all)));
        }
        return found.cloned().ok_or_else(|| {
            let failure = Failure::new(format!("there is no connection `{id}`"));
            let ids: Vec<&str> = usable.iter().map(|found| found.id.as_str()).collect();
            failure.hint(if ids.is_empty() {
                whom(desk, role, args, &all)
            } else {
                nearest::hint(id, &ids, "connections that you may use")
            })
        });
    }
    if usable.is_empty() {
        let to = args.destination.map(|d| format!(" to {}", d.shape().display_name)).unwrap_or_default();
        let failure = Failure::new(format!("there is no connection{to} that you may use"));
        return Err(failure.hint(whom(desk, role, args, &all)));
    }
    let options: Vec<String> = usable
        .iter()
        .map(|found| {
            format!("{} ({}, {})", found.display_name, found.id, found.destination.shape().display_name)
        })
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let chosen = desk.prompt.choose("Connection", &options, 0)?;
    Ok((*usable[chosen.min(usable.len() - 1)]).clone())
}

/// Who can help when there is no connection.
fn whom(desk: &Desk<'_>, role: Role, args: &Args, all: &[Connection]) -> String {
    if role == Role::Administrators {
        return format!("make one with: {}", desk.stack.command("connection add"));
    }
    let wanted =
        |found: &&Connection| args.destination.is_none_or(|destination| found.destination == destination);
    let others: Vec<String> = all
        .iter()
        .filter(wanted)
        .filter(|found| found.shared_with != SharedWith::Contributors)
        .map(|found| {
            let user = found
                .export_user
                .as_ref()
                .map(|user| format!(", for which {user} answers"))
                .unwrap_or_default();
            format!("`{}`{user}", found.id)
        })
        .collect();
    if others.is_empty() {
        "ask an administrator of this stack to make one and share it with contributors".to_owned()
    } else {
        format!("ask an administrator of this stack to share one with contributors: {}", others.join("; "))
    }
}

fn new_contacts(desk: &mut Desk<'_>) -> Result<String, Failure> {
    if !desk.prompt.is_terminal() {
        return Err(needed("--new-contacts"));
    }
    let options: Vec<String> = NEW_CONTACTS.iter().map(|(name, what)| format!("{name}: {what}")).collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let chosen = desk.prompt.choose("People who are new to the audience become", &options, 0)?;
    Ok(NEW_CONTACTS[chosen.min(NEW_CONTACTS.len() - 1)].0.to_owned())
}

/// Its id and its name for people.
fn names(
    desk: &mut Desk<'_>,
    args: &Args,
    settings: &Settings,
    connection: &Connection,
) -> Result<(String, String), Failure> {
    let default = slug(&format!("{}-to-{}", settings.segments.join("-"), connection.id));
    let id = match &args.id {
        Some(id) => id.clone(),
        None if desk.prompt.is_terminal() => desk.prompt.text("Id of the export", Some(&default))?,
        None => default,
    };
    let display_name = match &settings.display_name {
        Some(name) => name.clone(),
        None if desk.prompt.is_terminal() => desk.prompt.text("Its name for people", Some(&id))?,
        None => id.clone(),
    };
    Ok((id, display_name))
}

/// An id out of a text.
fn slug(text: &str) -> String {
    let plain = text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-").chars().take(63).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
#[path = "add_tests.rs"]
mod tests;
