//! `segue export add`: an export out of options, and of answers where somebody can be asked.

use segue_segment::Destination;
use segue_segment::destination::Form;
use segue_state::{Connection, Export, Fields, Limits, Role, SharedWith, Source, Triggers};

use super::check::{Over, demand};
use super::desk::{Desk, quoted, saved};
use super::found::{connections, create};
use super::settings::Settings;
use super::surroundings::Columns;
use super::{export_id, role};
use crate::audience::{Audience, Audiences};
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
    let all = connections(desk.state).await?;
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

/// The audience that is named, as far as the account has it, or one of the account's.
pub(super) async fn audience(
    desk: &mut Desk<'_>,
    connection: &Connection,
    given: Option<String>,
    unchecked: bool,
) -> Result<String, Failure> {
    let name = connection.destination.shape().display_name;
    let offered = match (given, unchecked) {
        (Some(id), true) => return Ok(id),
        (None, true) => return desk.prompt.text("Audience id", None),
        (given, false) => (given, desk.around.audiences(connection).await),
    };
    let (given, offered) = match offered {
        (given, Ok(offered)) => (given, offered),
        (_, Err(failure)) => {
            return Err(failure.about("asking for the account's audiences").hint(format!(
                "see `{}`; --unchecked saves the export without asking",
                desk.stack.command(&format!("connection test {}", connection.id))
            )));
        }
    };
    let Audiences { audiences, complete, notes, .. } = offered;
    for note in notes {
        desk.prompt.say(&format!("Note: {note}"));
    }
    let (offered, others): (Vec<_>, Vec<_>) =
        audiences.into_iter().partition(|audience| audience.can_be_filled(connection.destination));
    let words: Vec<String> = offered.iter().map(words).collect();
    match given {
        Some(id) if offered.iter().any(|audience| audience.id == id) => Ok(id),
        Some(id) if others.iter().any(|audience| audience.id == id) => {
            Err(Failure::new(format!("the audience `{id}` can't be filled: only customer lists can"))
                .hint(format!("see `{}`", desk.stack.command(&format!("audience list {}", connection.id)))))
        }
        Some(id) if !complete => {
            desk.prompt.say(&format!(
                "The audience `{id}` is not among those that could be listed: it is not checked."
            ));
            Ok(id)
        }
        Some(id) => {
            let failure = Failure::new(format!("the account of `{}` has no audience `{id}`", connection.id));
            let has = match words.len() {
                0 => format!("it has none: make one at {name} first"),
                1..=10 => format!("it has {}", words.join("; ")),
                _ => format!("see `{}`", desk.stack.command(&format!("audience list {}", connection.id))),
            };
            // The function keeps its answer for so long.
            Err(failure.hint(format!("{has}; one that was made just now is listed within a minute")))
        }
        None if offered.is_empty() && !complete => desk.prompt.text("Audience id", None),
        None if offered.is_empty() => {
            Err(Failure::new(format!("the account of `{}` has no audience", connection.id))
                .hint(format!("make one at {name} first")))
        }
        None => {
            let options: Vec<&str> = words.iter().map(String::as_str).collect();
            let chosen = desk.prompt.choose("Audience", &options, 0)?;
            Ok(offered[chosen.min(offered.len() - 1)].id.clone())
        }
    }
}

fn words(audience: &Audience) -> String {
    let profiles = audience.profiles.map(|profiles| format!(", {profiles} people")).unwrap_or_default();
    format!("{} ({}{profiles})", audience.name, audience.id)
}

/// Those that there are drops of are told; one may be named whose first drop is to come.
async fn segments(desk: &mut Desk<'_>) -> Result<Vec<String>, Failure> {
    let seen = desk.around.segments().await?;
    if seen.is_empty() {
        desk.prompt.say("No segment has been dropped yet.");
    } else {
        desk.prompt.say(&format!("Segments that were dropped: {}", seen.join(", ")));
    }
    let answer = desk.prompt.text("Segments, with commas between them", seen.first().map(String::as_str))?;
    Ok(answer.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect())
}

/// The columns that are named, as far as the latest drop has them, or some of that.
async fn columns(
    desk: &mut Desk<'_>,
    destination: Destination,
    settings: &mut Settings,
    unchecked: bool,
) -> Result<(), Failure> {
    let found = if unchecked { None } else { latest(desk, &settings.segments, &settings.source()?).await? };
    if let Some((segment, columns)) = &found {
        has(desk, settings, segment, columns)?;
    }
    let offered = found.map(|(_, found)| found.columns).unwrap_or_default();
    if settings.email.is_none() {
        settings.email = Some(if offered.is_empty() {
            desk.prompt.text("Column with the e-mail address", Some("email"))?
        } else {
            let options: Vec<&str> = offered.iter().map(String::as_str).collect();
            let looks =
                offered.iter().position(|name| name.to_lowercase().replace('-', "").contains("email"));
            let chosen =
                desk.prompt.choose("Column with the e-mail address", &options, looks.unwrap_or(0))?;
            offered[chosen.min(offered.len() - 1)].clone()
        });
        if destination.shape().form == Form::Profiles && !offered.is_empty() {
            for (wanted, question) in
                [(&mut settings.first_name, "first name"), (&mut settings.last_name, "last name")]
            {
                if wanted.is_none() {
                    let mut options = vec!["none"];
                    options.extend(offered.iter().map(String::as_str));
                    let chosen = desk.prompt.choose(&format!("Column with the {question}"), &options, 0)?;
                    *wanted = chosen.checked_sub(1).and_then(|place| offered.get(place)).cloned();
                }
            }
        }
    }
    Ok(())
}

/// The columns of the latest drop of the first segment that has one.
async fn latest(
    desk: &mut Desk<'_>,
    segments: &[String],
    source: &Source,
) -> Result<Option<(String, Columns)>, Failure> {
    let seen = desk.around.segments().await?;
    let Some(segment) = segments.iter().find(|name| seen.contains(name)) else {
        let meant = segments.iter().find_map(|name| nearest::meant(name, &seen));
        let meant = meant.map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default();
        let none = format!("There is no drop of {} yet: columns are not checked.{meant}", quoted(segments));
        desk.prompt.say(&none);
        return Ok(None);
    };
    match desk.around.columns(segment, source).await {
        Ok(columns) => Ok(Some((segment.clone(), columns))),
        Err(failure) => Err(failure
            .about(&format!("looking at the latest drop of `{segment}`"))
            .hint("say what the files are (--format, --delimiter, --encoding, --header), or --unchecked")),
    }
}

/// Whether the latest drop, read as `source` says, has the columns that options name.
pub(super) async fn matched(
    desk: &mut Desk<'_>,
    settings: &Settings,
    source: &Source,
) -> Result<(), Failure> {
    match latest(desk, &settings.segments, source).await? {
        Some((segment, columns)) => has(desk, settings, &segment, &columns),
        None => Ok(()),
    }
}

/// Whether the columns that options name are there: by the exact name, or one that differs in case only.
fn has(desk: &mut Desk<'_>, settings: &Settings, segment: &str, found: &Columns) -> Result<(), Failure> {
    let Columns { columns, note } = found;
    if let Some(note) = note {
        desk.prompt.say(&format!("Note: {note}"));
    }
    let named = [&settings.email, &settings.first_name, &settings.last_name].into_iter().flatten();
    let named = named.chain(&settings.columns);
    let lacks = named.filter(|name| {
        let same = |column: &&String| column.to_lowercase() == name.trim().to_lowercase();
        columns.iter().find(same).is_none()
    });
    if note.is_some() {
        for name in lacks {
            desk.prompt
                .say(&format!("The column `{name}` is not among those that are shown: it is not checked."));
        }
        return Ok(());
    }
    let failures = lacks.map(|name| {
        let meant = nearest::meant(name, columns).map(|meant| format!("; did you mean `{meant}`?"));
        let meant = meant.unwrap_or_default();
        Failure::new(format!("the latest drop of `{segment}` has no column `{name}`{meant}"))
    });
    Failure::together(failures.collect()).map_err(|failure| {
        failure.hint(format!("it has {}; --unchecked saves the export all the same", columns.join(", ")))
    })
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
