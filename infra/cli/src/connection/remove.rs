//! `segue connection remove`: stops data at once, and says what stays.

use segue_state::{Broken, Connection, Export, Lying, Role, RunId, State, StateError, Versioned, keys};
use serde::Serialize;

use super::remains::{Remains, Sent};
use super::{connection_id, saving};
use crate::Failure;
use crate::at_once::at_once;
use crate::output::Screen;
use crate::prompt::Prompt;
use crate::run::stop;
use crate::stack::Stack;

/// How often somebody may change an export while it is detached.
const TRIES: u32 = 5;

/// Which connection is removed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue connection remove klaviyo-old
  segue connection remove klaviyo-old --force --output json")]
pub struct Args {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_id)]
    pub connection: String,
    /// Do not ask.
    #[arg(long)]
    pub force: bool,
}

/// What was removed, and what stays.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Its id.
    pub id: String,
    /// The connection, as it was; `None` if its document could not be read.
    pub connection: Option<Connection>,
    /// Its exports, which keep their configuration.
    pub detached: Vec<Detached>,
    /// The runs that were cancelled.
    pub cancelled: Vec<Cancelled>,
    /// What could not be read, and may still name the connection.
    pub unread: Vec<String>,
    /// Exports that sent over it at any time, and where the people are whom they sent.
    pub sent: Vec<Sent>,
    /// Staged chunks that stay until they expire.
    pub chunks: u64,
    /// Where those are in the state bucket.
    pub chunk_folders: Vec<String>,
}

/// An export that has no connection any more.
#[derive(Debug, Serialize)]
pub struct Detached {
    /// Its id.
    pub export: String,
    /// Its audience, where the people stay.
    pub audience_id: String,
}

/// A run that was cancelled.
#[derive(Debug, Serialize)]
pub struct Cancelled {
    /// Its export.
    pub export: String,
    /// It.
    pub run: RunId,
}

/// The exports and runs over a connection, and what could not be read: that may use it too.
pub(crate) struct Users {
    pub(crate) exports: Vec<(Role, Export)>,
    pub(crate) runs: Vec<(String, RunId)>,
    pub(crate) unread: Vec<String>,
}

impl Users {
    pub(crate) async fn of(state: &State, id: &str) -> Result<Self, Failure> {
        let (exports, mut unread) = saving::exports_over(state, id).await?;
        let mut runs = Vec::new();
        // Whatever their exports are configured to by now.
        let open = state.open_runs().await?;
        let records = at_once(open.iter().map(|(export, run)| state.run(export, run))).await;
        for ((export, run), record) in open.into_iter().zip(records) {
            match record {
                Ok(Some(record)) if record.export.connection == id => runs.push((export, run)),
                Ok(_) => {}
                Err(error @ StateError::Malformed { .. }) => {
                    unread.push(format!("a run could not be read: {error}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { exports, runs, unread })
    }
}

/// Does it. Each step may be done twice, and the connection itself goes last: broken off, it is done again.
///
/// # Errors
/// [`Failure`], also if the person at the terminal says no.
pub async fn remove(
    state: &State,
    args: &Args,
    caller: &str,
    prompt: &mut dyn Prompt,
) -> Result<Removed, Failure> {
    let id = &args.connection;
    let thing = match state.lying_connection(id).await? {
        Lying::Usable(found) => Thing::Connection(Box::new(found)),
        Lying::Broken(broken) => Thing::Unreadable { id: id.clone(), broken },
        Lying::Nothing => return Err(saving::unknown(state, id).await?),
    };
    if !args.force {
        agreed(id, &Users::of(state, id).await?, prompt)?;
    }
    carry_out(state, thing, caller).await
}

/// What is there of a connection that is to go.
pub(crate) enum Thing {
    /// It.
    Connection(Box<Versioned<Connection>>),
    /// Something in its place that can't be read.
    Unreadable {
        /// The id of the connection whose place that is.
        id: String,
        /// That.
        broken: Broken,
    },
}

impl Thing {
    /// Stops what goes over it: that is read before every group of calls. Over what can't be read nothing goes.
    async fn disable(&self, state: &State) -> Result<(), Failure> {
        let Self::Connection(found) = self else { return Ok(()) };
        saving::put_in_place(state, &off(found), found).await.map(|_| ())
    }

    /// Deletes it as it was left, and not if somebody changed it meanwhile.
    async fn delete(&self, state: &State) -> Result<(), Failure> {
        match self {
            Self::Connection(found) => delete(state, &off(found)).await,
            Self::Unreadable { id, broken } => {
                let gone = state.objects().delete_as(&keys::connection(id), &broken.etag).await?;
                if gone { Ok(()) } else { Err(changed(id)) }
            }
        }
    }
}

fn off(found: &Versioned<Connection>) -> Connection {
    Connection { enabled: false, ..found.body.clone() }
}

/// Removes what was found of a connection, and what goes with it; `caller` is who wants it.
///
/// # Errors
/// [`Failure`], also if somebody else changed it meanwhile.
pub(crate) async fn carry_out(state: &State, thing: Thing, caller: &str) -> Result<Removed, Failure> {
    thing.disable(state).await?;
    let id = match &thing {
        Thing::Connection(found) => &found.body.id,
        Thing::Unreadable { id, .. } => id,
    };
    // What used it when it was asked may not be all by now.
    let mut detached = Vec::new();
    for _ in 0..TRIES {
        let (exports, _) = saving::exports_over(state, id).await?;
        if exports.is_empty() {
            break;
        }
        for (role, export) in exports {
            detach(state, role, &export.id, id).await?;
            detached.push(Detached { export: export.id, audience_id: export.audience_id });
        }
    }
    // Now that no export leads to it, no further run begins.
    let Users { exports, runs, mut unread } = Users::of(state, id).await?;
    if let Some((_, export)) = exports.first() {
        return Err(busy(&export.id));
    }
    let cancelled =
        stop::note_all(state, runs, caller, &format!("the connection `{id}` was removed")).await?;
    let cancelled = cancelled.into_iter().map(|(export, run)| Cancelled { export, run }).collect();
    let Remains { mut sent, chunks, folders, unread: unread_runs } = Remains::of(state, id).await?;
    sent.extend(detached.iter().map(|Detached { export, audience_id }| Sent {
        export: export.clone(),
        audience_id: audience_id.clone(),
    }));
    let new: Vec<_> = unread_runs.into_iter().filter(|run| !unread.contains(run)).collect();
    unread.extend(new);
    state.set_health(id, None).await?;
    thing.delete(state).await?;
    let (sent, id) = (sent.into_iter().collect(), id.clone());
    let connection = match thing {
        Thing::Connection(found) => Some(found.body),
        Thing::Unreadable { .. } => None,
    };
    Ok(Removed { id, connection, detached, cancelled, unread, sent, chunks, chunk_folders: folders })
}

/// Deletes it as it was left, and not if somebody changed it meanwhile.
async fn delete(state: &State, off: &Connection) -> Result<(), Failure> {
    let key = keys::connection(&off.id);
    let gone = match state.read::<Connection>(&key).await? {
        None => true,
        Some(now) => now.body == *off && state.objects().delete_as(&key, &now.etag).await?,
    };
    if gone {
        return Ok(());
    }
    Err(changed(&off.id))
}

fn changed(id: &str) -> Failure {
    Failure::new(format!("the connection `{id}` was changed by somebody else just now")).hint(format!(
        "its exports are detached and their runs cancelled; look with `segue connection show {id}`, and run this again"
    ))
}

fn agreed(id: &str, users: &Users, prompt: &mut dyn Prompt) -> Result<(), Failure> {
    let names: Vec<_> = users.exports.iter().map(|(_, export)| export.id.as_str()).collect();
    let exports = match names.len() {
        0 => "no export uses it".to_owned(),
        1 => format!("the export {} uses it and will be detached", names[0]),
        _ => format!("the exports {} use it and will be detached", names.join(", ")),
    };
    let runs = match users.runs.len() {
        0 => String::new(),
        1 => "; 1 run under way will be cancelled".to_owned(),
        runs => format!("; {runs} runs under way will be cancelled"),
    };
    let unread = users.unread.iter().fold(String::new(), |all, unread| all + "; " + unread);
    if !prompt.is_terminal() {
        return Err(Failure::usage(format!("removing `{id}` needs a yes: {exports}{runs}{unread}"))
            .hint("there is no terminal to ask on: say --force"));
    }
    prompt.say(&format!("Removing `{id}`: {exports}{runs}{unread}."));
    if prompt.confirm("Remove it?")? { Ok(()) } else { Err(Failure::new("nothing was removed")) }
}

/// Takes the connection out of an export, unless somebody gave it another one meanwhile.
async fn detach(state: &State, role: Role, export: &str, connection: &str) -> Result<(), Failure> {
    let key = keys::export(role, export);
    for _ in 0..TRIES {
        let Some(found) = state.read::<Export>(&key).await? else { return Ok(()) };
        if found.body.connection != connection {
            return Ok(());
        }
        let wanted = Export { connection: String::new(), ..found.body };
        if state.replace(&key, &wanted, &found.etag).await? {
            return Ok(());
        }
    }
    Err(busy(export))
}

fn busy(export: &str) -> Failure {
    Failure::new(format!("the export `{export}` is being changed by somebody else all the time"))
        .hint("the connection is disabled, so nothing is sent; run this again")
}

impl Removed {
    /// Prints what became of it, and what stays.
    ///
    /// # Errors
    /// [`Failure`] if the output can't be written.
    pub fn print(&self, stack: &Stack, screen: &mut Screen<'_>) -> Result<(), Failure> {
        screen.json(self)?;
        self.tell(stack, screen)
    }

    /// The same for people alone, beside other things.
    ///
    /// # Errors
    /// [`Failure`] if the output can't be written.
    pub fn tell(&self, stack: &Stack, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let id = &self.id;
        let name =
            self.connection.as_ref().map_or("its destination", |it| it.destination.shape().display_name);
        screen.line(&format!("removed the connection `{id}`: nothing is sent over it any more"))?;
        for Detached { export, .. } in &self.detached {
            let attach = stack.command(&format!("export attach {export} CONNECTION"));
            screen.line(&format!(
                "detached the export {export}, which keeps its configuration; attach it with: {attach}"
            ))?;
        }
        for Cancelled { export, run } in &self.cancelled {
            screen.line(&format!("cancelled the run {export} {run}"))?;
        }
        for unread in &self.unread {
            screen.line(&format!(
                "{unread}; if it used `{id}`, nothing more of it is sent: mend or delete that document"
            ))?;
        }
        screen.line("\nwhat stays, and how to be rid of it:")?;
        screen.line(&match &self.connection {
            Some(Connection { secret, .. }) => format!(
                "- the credentials, in the secret `{secret}`: aws secretsmanager delete-secret --secret-id {secret}; revoke \
                 them at {name} as well"
            ),
            None => format!(
                "- the credentials, if it had any: its document could not be read, and as a rule the secret's name is \
                 `{}/DESTINATION/{id}`",
                stack.name
            ),
        })?;
        if self.chunks > 0 {
            let bucket = stack.output("StateBucket").unwrap_or("STATE-BUCKET");
            let chunks = if self.chunks == 1 {
                "1 staged chunk".to_owned()
            } else {
                format!("{} staged chunks", self.chunks)
            };
            screen.line(&format!(
                "- {chunks} with profiles, encrypted, gone within 7 days by itself; at once:"
            ))?;
            for folder in &self.chunk_folders {
                screen.line(&format!("    aws s3 rm --recursive s3://{bucket}/{folder}"))?;
            }
        }
        for Sent { export, audience_id } in &self.sent {
            screen.line(&format!(
                "- the people whom {export} sent to {name}, in its audience {audience_id}: remove them there"
            ))?;
        }
        screen.line("- the history of runs, which holds no personal data")
    }
}
