//! What a test of a connection came to.

use jiff::Timestamp;
use segue_segment::Destination;
use segue_state::config::Account;
use segue_state::{Connection, Consent, Export, Halt, Role, SharedWith, permit};
use serde::Serialize;

use super::words::Words;
use crate::Failure;
use crate::output::{Screen, table};

/// What a test of a connection came to.
#[derive(Debug)]
pub struct Report {
    /// The connection.
    pub connection: Connection,
    /// Whose its credentials are, if that is known.
    pub account: Option<Account>,
    /// What an earlier run noted.
    pub health: Option<HealthNote>,
    /// The exports that use it.
    pub exports: Vec<ExportSeen>,
    /// What is no fault of the connection's, and good to know.
    pub notes: Vec<String>,
    problems: Vec<Words>,
}

/// What an earlier run noted against a connection's account.
#[derive(Debug, Serialize)]
pub struct HealthNote {
    /// What.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether it was cleared, because the account is all right again.
    pub cleared: bool,
}

/// An export that uses the connection.
#[derive(Debug, Serialize)]
pub struct ExportSeen {
    /// Its id.
    pub export: String,
    /// Who may change it.
    pub role: Role,
    /// Its audience.
    pub audience_id: String,
    /// Why it may not run, if it may not.
    pub halted: Option<String>,
    /// Whether its audience can be filled.
    pub audience: Fillable,
}

/// Whether an audience can be filled, as far as a run would look before its first push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fillable {
    /// It can.
    Yes,
    /// It can't, or the destination does not say; the problems tell why.
    No,
    /// This destination tells only when something is pushed.
    ToldByPush,
    /// It was not looked up: the export is disabled, or the account is not the right one.
    NotLookedUp,
}

impl Fillable {
    const fn words(self) -> &'static str {
        match self {
            Self::Yes => ": looked up, can be filled",
            Self::No => ": looked up, see the error",
            Self::ToldByPush | Self::NotLookedUp => "",
        }
    }
}

impl ExportSeen {
    /// A line about it.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { export, audience_id, halted, audience, .. } = self;
        let halted = halted.as_ref().map_or_else(String::new, |why| format!("; may not run: {why}"));
        format!("{export}, audience {audience_id}{}{halted}", audience.words())
    }

    /// As it is configured.
    #[must_use]
    pub fn new(role: Role, export: &Export, connection: &Connection) -> Self {
        let halted = permit(role, export, Some(connection)).err().map(|halt| match halt {
            Halt::ExportDisabled(_) => "it is paused".to_owned(),
            Halt::ConnectionDisabled(_) => "the connection is disabled".to_owned(),
            Halt::NoConsent(_) => "nobody has consented to the connection's terms".to_owned(),
            Halt::NotShared(_) => {
                "it is a contributor's, and the connection is the administrators'".to_owned()
            }
            Halt::NotConnected(_) => "nobody has signed in to the connection".to_owned(),
            Halt::ExportGone(_)
            | Halt::ExportBroken(_)
            | Halt::Detached(_)
            | Halt::ConnectionGone(_)
            | Halt::AccountChanged(_)
            | Halt::Cancelled(_) => halt.to_string(),
        });
        let (export, audience_id) = (export.id.clone(), export.audience_id.clone());
        Self { export, role, audience_id, halted, audience: Fillable::NotLookedUp }
    }
}

/// Something that is wrong, and what to do.
#[derive(Serialize)]
struct Problem<'a> {
    message: &'a str,
    hint: &'a str,
}

/// The report for scripts.
#[derive(Serialize)]
struct Document<'a> {
    connection: &'a str,
    display_name: &'a str,
    destination: Destination,
    secret: &'a str,
    works: bool,
    problems: Vec<Problem<'a>>,
    account: Option<&'a Account>,
    made_for: Option<&'a Account>,
    enabled: bool,
    consent: Option<&'a Consent>,
    shared_with: SharedWith,
    health: Option<&'a HealthNote>,
    exports: &'a [ExportSeen],
    notes: &'a [String],
}

impl Report {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new(connection: Connection) -> Self {
        Self {
            connection,
            account: None,
            health: None,
            exports: Vec::new(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Notes why it does not work, and what to do.
    pub fn problem(&mut self, words: Words) {
        self.problems.push(words);
    }

    /// Whether the account was reached, and is the one that the connection was made for.
    #[must_use]
    pub fn account_is_right(&self) -> bool {
        let made_for = self.connection.account.as_ref();
        self.account.as_ref().is_some_and(|found| made_for.is_none_or(|made_for| made_for.id == found.id))
    }

    /// An account for people.
    #[must_use]
    pub fn named(account: &Account) -> String {
        account.name.as_ref().map_or_else(|| account.id.clone(), |name| format!("{name} ({})", account.id))
    }

    /// The exit status, and what to do.
    ///
    /// # Errors
    /// [`Failure`] if the connection does not work.
    pub fn verdict(&self) -> Result<(), Failure> {
        let id = &self.connection.id;
        let failures = self.problems.iter().map(|(problem, fix)| Failure::new(problem.clone()).hint(fix));
        Failure::together(failures.collect()).map_err(|failure| failure.about(&format!("connection `{id}`")))
    }

    /// Prints it. What is wrong is printed with the verdict, for people.
    ///
    /// # Errors
    /// [`Failure`] if the output can't be written.
    pub fn print(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Connection { id, display_name, destination, secret, account, .. } = &self.connection;
        screen.json(&Document {
            connection: id,
            display_name,
            destination: *destination,
            secret,
            works: self.problems.is_empty(),
            problems: self.problems.iter().map(|(message, hint)| Problem { message, hint }).collect(),
            account: self.account.as_ref(),
            made_for: account.as_ref(),
            enabled: self.connection.enabled,
            consent: self.connection.consent.as_ref(),
            shared_with: self.connection.shared_with,
            health: self.health.as_ref(),
            exports: &self.exports,
            notes: &self.notes,
        })?;
        screen.line(&table(&[], 0..0, self.rows()))?;
        for note in &self.notes {
            screen.line(&format!("note: {note}"))?;
        }
        if self.problems.is_empty() {
            let but =
                if self.may_be_used() { "" } else { ", and nothing may use it: see `enabled` and `consent`" };
            screen.line(&format!("\nthe connection `{id}` works{but}"))?;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let Connection { id, display_name, destination, secret, account, .. } = &self.connection;
        let name = destination.shape().display_name;
        let mut rows = vec![
            row("connection", format!("{id}: {display_name}, {name}")),
            row("secret", secret.clone()),
            row("account", self.found()),
        ];
        if !self.account_is_right() {
            rows.extend(account.as_ref().map(|account| row("made for", Self::named(account))));
        }
        rows.extend(usable_rows(&self.connection));
        rows.extend(self.health.as_ref().map(|note| {
            let cleared = if note.cleared { "; cleared, since the account is all right again" } else { "" };
            row("health", format!("since {}: {}{cleared}", note.since, note.message))
        }));
        rows.extend(self.exports.iter().map(|seen| row("export", seen.words())));
        rows
    }

    fn may_be_used(&self) -> bool {
        self.connection.enabled && self.connection.has_consent()
    }

    fn found(&self) -> String {
        self.account.as_ref().map_or_else(|| "could not be looked up".to_owned(), Self::named)
    }
}

/// What is configured of a connection.
#[must_use]
pub fn connection_rows(connection: &Connection) -> Vec<Vec<String>> {
    let Connection { id, display_name, destination, secret, account, export_user, budget_share, .. } =
        connection;
    let mut rows = vec![
        row("connection", format!("{id}: {display_name}, {}", destination.shape().display_name)),
        row("secret", secret.clone()),
        row("account", account.as_ref().map_or_else(|| "not known yet".to_owned(), Report::named)),
        row("export user", export_user.clone().unwrap_or_else(|| "nobody is named".to_owned())),
        row("budget", format!("{budget_share} % of the account's rate limits")),
    ];
    rows.extend(usable_rows(connection));
    rows
}

/// Whether a connection may be used, and by whom.
fn usable_rows(connection: &Connection) -> [Vec<String>; 3] {
    let Connection { id, enabled, consent, shared_with, .. } = connection;
    let agree = format!("so nothing may use it; `segue connection edit {id} --agree`");
    let consent = match consent {
        Some(Consent { terms, agreed_by, agreed_at }) => {
            let old =
                if *terms < Connection::TERMS { format!(": older terms, {agree}") } else { String::new() };
            format!("terms {terms}, by {agreed_by}, {agreed_at:.0}{old}")
        }
        None => format!("none, {agree}"),
    };
    let enabled = if *enabled { "yes" } else { "no: nothing may use it until it is enabled" };
    let shared = match shared_with {
        SharedWith::Administrators => "administrators",
        SharedWith::Contributors => "administrators and contributors",
    };
    [row("enabled", enabled.to_owned()), row("consent", consent), row("shared with", shared.to_owned())]
}

fn row(name: &str, text: String) -> Vec<String> {
    vec![name.to_owned(), text]
}
