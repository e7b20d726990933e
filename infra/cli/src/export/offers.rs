//! What an export names, against what there is: the audience in the account, segments and columns in the bucket. What
//! nobody named is offered.

use segue_segment::Destination;
use segue_segment::destination::Form;
use segue_state::{Connection, Source};

use super::desk::{Desk, quoted};
use super::settings::Settings;
use super::surroundings::Columns;
use crate::audience::{Audience, Audiences};
use crate::{Failure, nearest};

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
        desk.prompt.say(&format!("note: {note}"));
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
pub(super) async fn segments(desk: &mut Desk<'_>) -> Result<Vec<String>, Failure> {
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
pub(super) async fn columns(
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
        desk.prompt.say(&format!("note: {note}"));
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
