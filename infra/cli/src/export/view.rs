//! An export as lists and `show` have it: what it is, whether it may run, what starts it, how it ran last.

use segue_segment::Destination;
use segue_state::finish::look;
use segue_state::{Connection, Export, Halt, Role, RunId, State, Status, permit};
use serde::Serialize;

use super::standing::{Own, Standing};
use crate::Failure;
use crate::at_once::at_once;
use crate::stack::Stack;

/// An export, and what is to be known of it.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// It.
    #[serde(flatten)]
    pub export: Export,
    /// Who may change it.
    pub role: Role,
    /// Where it leads; unknown without a connection.
    pub destination: Option<Destination>,
    /// `active`, `paused`, `detached` or `blocked`.
    pub status: &'static str,
    /// Why it can't run, and what to do.
    pub blocked_by: Option<String>,
    /// Its own schedule.
    pub schedule: Option<Standing>,
    /// Why its newest run can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// Its newest run.
    pub last_run: Option<LastRun>,
}

/// An export's newest run.
#[derive(Debug, Clone, Serialize)]
pub struct LastRun {
    /// Its id.
    pub run: RunId,
    /// Where it stands.
    pub status: Status,
}

impl View {
    /// Looks at an export.
    ///
    /// # Errors
    /// [`Failure`] if its runs can't be read.
    pub async fn of(
        state: &State,
        role: Role,
        export: Export,
        connection: Option<&Connection>,
        schedule: Option<Standing>,
    ) -> Result<Self, Failure> {
        let halt = permit(role, &export, connection).err();
        let status = match &halt {
            None => "active",
            Some(Halt::Detached(_)) => "detached",
            Some(Halt::ExportDisabled(_)) => "paused",
            Some(_) => "blocked",
        };
        let (mut last_run, mut unread) = (None, None);
        if let Some(run) = state.runs(&export.id).await?.pop() {
            match look(state, &export.id, &run).await {
                Ok(summary) => last_run = summary.map(|summary| LastRun { run, status: summary.status }),
                Err(error) if error.is_of_document() => {
                    unread = Some(error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self {
            destination: connection.map(|connection| connection.destination),
            blocked_by: halt.map(|halt| halt.to_string()),
            export,
            role,
            status,
            schedule,
            last_run,
            unread,
        })
    }

    /// The destination's name for people.
    #[must_use]
    pub fn destination(&self) -> &'static str {
        self.destination.map_or("-", |destination| destination.shape().display_name)
    }

    /// What starts it, in few words.
    #[must_use]
    pub fn starts(&self, stack: &Stack) -> String {
        let mut said = Vec::new();
        if self.export.triggers.upload {
            said.push("upload".to_owned());
        }
        if self.export.triggers.schedule {
            said.push(if stack.refreshes() { "refresh" } else { "refresh (off)" }.to_owned());
        }
        said.extend(self.schedule.as_ref().map(Standing::words));
        if said.is_empty() { "on demand".to_owned() } else { said.join(", ") }
    }

    /// How it ran last, in few words.
    #[must_use]
    pub fn ran(&self) -> String {
        if self.unread.is_some() {
            return "can't be read".to_owned();
        }
        self.last_run
            .as_ref()
            .map_or_else(|| "never".to_owned(), |last| format!("{} {}", last.status.name(), last.run))
    }
}

/// Looks at many exports, some at once.
///
/// # Errors
/// [`Failure`] if the runs of one can't be read.
pub async fn views(
    state: &State,
    exports: Vec<(Role, Export)>,
    connections: &[Connection],
    schedules: &std::collections::BTreeMap<String, Own>,
) -> Result<Vec<View>, Failure> {
    let looked = exports.into_iter().map(|(role, export)| {
        let connection = connections.iter().find(|found| found.id == export.connection);
        let schedule = schedules.get(&export.id).and_then(|own| own.of_role(role)).cloned();
        View::of(state, role, export, connection, schedule)
    });
    at_once(looked).await.into_iter().collect()
}
