//! What an account at a destination must have before an export can fill anything there, and what of it is missing.

use segue_segment::Destination;
use segue_state::Connection;
use segue_state::config::Account;
use serde::Serialize;

use super::report::Report;
use crate::Failure;
use crate::audience::{Audience, Audiences};
use crate::output::Screen;
use crate::stack::Stack;

/// Something that an account must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prerequisite {
    /// What.
    pub needed: &'static str,
    /// Whether it is there; `None` if nobody can tell.
    pub met: Option<bool>,
    /// What to do if it is not.
    pub remedy: &'static str,
}

/// What is needed, and whether it is there: told by the answer to the question for audiences.
#[must_use]
pub fn of(destination: Destination, found: Option<&Result<Audiences, Failure>>) -> Vec<Prerequisite> {
    let found = found.and_then(|found| found.as_ref().ok());
    let fillable = |audience: &Audience| audience.can_be_filled(destination);
    // What a part of the list does not show may be in the rest of it.
    let told = |shown: bool, found: &Audiences| (shown || found.complete).then_some(shown);
    let audience = found.and_then(|found| told(found.audiences.iter().any(fillable), found));
    // Who is in no organisation is answered with a refusal. What role somebody has there, no answer tells.
    let member = found.map(|_| true);
    let one = |needed, met, remedy| Prerequisite { needed, met, remedy };
    match destination {
        Destination::Snapchat => vec![
            one(
                "you are a member of the organisation",
                member,
                "in Snapchat's business manager, under Members: add yourself",
            ),
            one(
                "you are a data manager of its ad account",
                None,
                "Snapchat does not tell: see your role in its business manager, under Members; Data Manager is needed",
            ),
            one(
                "the ad account has an audience of the customer-list type",
                audience,
                "in Snapchat's Ads Manager, under Audiences: make a customer list; Segue makes none",
            ),
        ],
        Destination::Mailchimp => vec![one(
            "the account has an audience",
            audience,
            "at Mailchimp, under Audience: make one; Segue makes none",
        )],
        Destination::Klaviyo => vec![one(
            "the account has a list",
            audience,
            "at Klaviyo, under Audience, Lists & segments: make a list; Segue makes none",
        )],
    }
}

/// The outcome for scripts.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    connection: &'a Connection,
    prerequisites: &'a [Prerequisite],
    audiences: Option<&'a [Audience]>,
}

/// Prints a connection that was added or connected, what its account lacks, and what to do next.
///
/// # Errors
/// [`Failure`] if the output can't be written.
pub fn print(
    stack: &Stack,
    what: &str,
    connection: &Connection,
    found: Option<&Result<Audiences, Failure>>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let Connection { id, destination, account, .. } = connection;
    let prerequisites = of(*destination, found);
    let audiences = found.and_then(|found| found.as_ref().ok()).map(|found| found.audiences.as_slice());
    screen.json(&Document { connection, prerequisites: &prerequisites, audiences })?;
    let whose = account.as_ref().map_or_else(
        || "it leads to no account yet".to_owned(),
        |account: &Account| format!("it leads to {}", Report::named(account)),
    );
    screen.line(&format!("{what} the connection `{id}`: {whose}"))?;
    screen.line(&format!("\nwhat {} needs besides:", destination.shape().display_name))?;
    for Prerequisite { needed, met, remedy } in &prerequisites {
        let (met, remedy) = match met {
            Some(true) => ("yes", None),
            Some(false) => ("no", Some(remedy)),
            None => ("not known", Some(remedy)),
        };
        screen.line(&format!("  {met:<9}  {needed}"))?;
        remedy.map_or(Ok(()), |remedy| screen.line(&format!("  {:<9}  {remedy}", "")))?;
    }
    if let Some(Ok(found)) = found {
        for note in &found.notes {
            screen.line(&format!("note: {note}"))?;
        }
    }
    if let Some(Err(failure)) = found {
        for line in failure.to_string().lines() {
            screen.line(&format!("note: {}", line.trim_start_matches("error: ")))?;
        }
    }
    next(stack, connection, screen)
}

/// What to do next.
fn next(stack: &Stack, connection: &Connection, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let id = &connection.id;
    if !connection.has_consent() {
        let agree = stack.command(&format!("connection edit {id} --agree"));
        screen
            .line(&format!("\nnobody has agreed to its terms, so nothing can use it; agree with: {agree}"))?;
    }
    if connection.account.is_some() && !connection.has_consent() {
        return Ok(());
    }
    if connection.account.is_none() {
        let connect = stack.command(&format!("connection connect {id}"));
        screen.line(&format!("\nsign in with: {connect}"))
    } else {
        let audiences = stack.command(&format!("audience list {id}"));
        let export = stack.command(&format!("export add NAME --connection {id}"));
        screen.line(&format!("\nsee what it can fill with: {audiences}\nadd an export with: {export}"))
    }
}
