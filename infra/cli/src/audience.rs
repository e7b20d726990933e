//! `segue audience`: what an account has that an export can fill. The destination's function is asked, since whoever may
//! not read the credentials may ask too; it answers names, ids and how many people there are, and nobody of them.

use segue_segment::Destination;
use segue_state::Connection;
use segue_state::config::Account;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::connection::report::Report;
use crate::connection::{connection_id, saving};
use crate::output::{Screen, table};
use crate::stack::Stack;
use crate::{App, Failure, ask};

/// See what an account has that exports can fill.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the audiences of a connection's account with their ids: Snapchat's customer lists, Mailchimp's audiences,
    /// Klaviyo's lists.
    List(Args),
}

/// Which connection's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segue audience list klaviyo-main")]
pub struct Args {
    /// The connection.
    #[arg(value_name = "CONNECTION", value_parser = connection_id)]
    pub connection: String,
}

/// What a destination's function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audiences {
    /// Whose they are.
    pub account: Account,
    /// They.
    pub audiences: Vec<Audience>,
    /// Whether these are all. An older stack does not say.
    #[serde(default = "all")]
    pub complete: bool,
    /// What is missing, why, and what to do.
    #[serde(default)]
    pub notes: Vec<String>,
}

const fn all() -> bool {
    true
}

/// Something that exports can fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// Its id, as an export has it.
    pub id: String,
    /// Its name at the destination.
    #[serde(default)]
    pub name: String,
    /// What it is, in the destination's own word.
    #[serde(default)]
    pub kind: Option<String>,
    /// How many people it has, if the destination says.
    #[serde(default)]
    pub profiles: Option<u64>,
}

impl Audience {
    /// Whether an export can fill it: at Snapchat only customer lists.
    #[must_use]
    pub fn can_be_filled(&self, destination: Destination) -> bool {
        match (destination, self.kind.as_deref()) {
            (Destination::Snapchat, Some(kind)) => kind == "customer list",
            (Destination::Snapchat, None) | (Destination::Mailchimp | Destination::Klaviyo, _) => true,
        }
    }
}

/// Asks the function of the connection's destination.
///
/// # Errors
/// [`Failure`] if it can't be asked, or refuses.
pub async fn audiences(app: &App, connection: &Connection) -> Result<Audiences, Failure> {
    let request = json!({ "request": "audiences", "connection": connection.id });
    let answer = ask::destination(app, connection.destination, &request).await?;
    serde_json::from_value(answer).map_err(|error| {
        Failure::new(format!("the function's answer was not understood: {error}"))
            .hint("is this `segue` as new as the stack?")
    })
}

/// Does what is asked.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &App, command: Command, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let Command::List(args) = command;
    let connection = saving::found(&app.state, &args.connection).await?.body;
    let found = audiences(app, &connection).await?;
    print(&app.stack, &connection, &found, screen)
}

fn print(
    stack: &Stack,
    connection: &Connection,
    found: &Audiences,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    screen.json(found)?;
    let name = connection.destination.shape().display_name;
    for note in &found.notes {
        screen.line(&format!("note: {note}"))?;
    }
    if found.audiences.is_empty() {
        let account = Report::named(&found.account);
        return screen.line(&if found.complete {
            format!("{account} has no audience yet; make one at {name}: Segue makes none")
        } else {
            format!("of {account} no audience could be listed")
        });
    }
    let rows = found.audiences.iter().map(|audience| {
        let Audience { id, name, kind, profiles } = audience;
        let profiles = profiles.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let fillable = if audience.can_be_filled(connection.destination) { "" } else { "can't be filled" };
        vec![
            id.clone(),
            name.clone(),
            kind.clone().unwrap_or_else(|| "-".to_owned()),
            profiles,
            fillable.to_owned(),
        ]
    });
    screen.line(&table(&["id", "name", "kind", "people", ""], 3..4, rows.collect()))?;
    let add = stack.command(&format!("export add NAME --connection {}", connection.id));
    screen.line(&format!("\nfill one with: {add} --audience ID"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;

    fn printed(destination: &str, answer: serde_json::Value, output: Output) -> String {
        let connection =
            json!({"id": "main", "display_name": "M", "destination": destination, "secret": "s"});
        let connection = serde_json::from_value(connection).unwrap();
        let mut out = Vec::new();
        let found = serde_json::from_value(answer).unwrap();
        print(&Stack::of("segue", &[]), &connection, &found, &mut Screen::new(output, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ids_stand_first_so_that_nobody_copies_them_from_address_bars() {
        let answer = json!({"account": {"id": "a", "name": "Shop"}, "audiences": [
            {"id": "5677923948298240", "name": "VIP", "kind": "customer list", "profiles": 1200},
            {"id": "5677923948298241", "name": "Visitors", "kind": "engagement"},
        ]});
        insta::assert_snapshot!(printed("snapchat", answer.clone(), Output::Text), @r"
        id                name      kind           people
        5677923948298240  VIP       customer list    1200
        5677923948298241  Visitors  engagement          -  can't be filled

        fill one with: segue export add NAME --connection main --audience ID
        ");
        let json: serde_json::Value =
            serde_json::from_str(&printed("snapchat", answer, Output::Json)).unwrap();
        assert_eq!(json["audiences"][0]["id"], "5677923948298240");
        let none = json!({"account": {"id": "a", "name": "Shop"}, "audiences": []});
        insta::assert_snapshot!(
            printed("klaviyo", none, Output::Text),
            @"Shop (a) has no audience yet; make one at Klaviyo: Segue makes none"
        );
        let part = json!({"account": {"id": "a", "name": "Shop"}, "audiences": [], "complete": false,
            "notes": ["the ad account 7 is left out"]});
        insta::assert_snapshot!(printed("snapchat", part, Output::Text), @r"
        note: the ad account 7 is left out
        of Shop (a) no audience could be listed
        ");
    }
}
