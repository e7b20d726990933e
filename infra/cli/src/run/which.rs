//! Which run is meant: by its export and itself, by its id alone, or as the one that a drop starts.

use futures::{StreamExt, stream};
use jiff::Timestamp;
use segue_state::config::is_id;
use segue_state::{RunId, State, StateError};

use super::when::prefix;
use crate::{Failure, nearest};

/// Exports whose runs are looked at, at once.
const AT_ONCE: usize = 32;
/// How a run's id begins: with its time.
const TIME: usize = "20261122T163512Z-".len();

/// An export's id out of a command line: nothing that reaches another key.
pub(crate) fn export_id(text: &str) -> Result<String, String> {
    let says =
        "an export's id has 1 to 63 lower-case letters, digits and hyphens, and no hyphen at either end";
    if is_id(text) { Ok(text.to_owned()) } else { Err(says.to_owned()) }
}

/// What stands first in a command about one run. No export's id is a run's: those have upper-case letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// An export, whose run is said next or is the latest one.
    Export(String),
    /// The run itself.
    Run(RunId),
}

impl First {
    /// Out of a command line.
    ///
    /// # Errors
    /// A text that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time = text.get(..TIME).unwrap_or_default();
        let is_time = time.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            16 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        match RunId::parse(text) {
            Ok(run) if is_time && time.len() == TIME => Ok(Self::Run(run)),
            _ => export_id(text).map(Self::Export),
        }
    }
}

/// The run that a command is about.
#[derive(Debug, Clone, clap::Args)]
pub struct Meant {
    /// The export; or the id of one of its runs, alone.
    #[arg(value_name = "EXPORT|RUN", value_parser = First::parse)]
    pub first: First,
    /// The run's id, or `latest`, which it is if none is given.
    #[arg(value_name = "RUN", value_parser = Which::parse)]
    pub run: Option<Which>,
}

/// The run that a command is about, where the latest one has to be asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct MeantExpressly {
    /// The export; or the id of one of its runs, alone.
    #[arg(value_name = "EXPORT|RUN", value_parser = First::parse)]
    pub first: First,
    /// The run's id, or `latest`.
    #[arg(value_name = "RUN", value_parser = Which::parse)]
    pub run: Option<Which>,
}

impl Meant {
    /// The export, and which of its runs.
    ///
    /// # Errors
    /// [`Failure`] if a run stands alone that there is not.
    pub async fn find(&self, state: &State) -> Result<(String, Which), Failure> {
        match (&self.first, &self.run) {
            (First::Export(export), which) => Ok((export.clone(), which.clone().unwrap_or(Which::Latest))),
            (First::Run(run), None) => {
                let export = export_of(state, run).await?.ok_or_else(|| {
                    Failure::new(format!("no export has a run `{run}`"))
                        .hint("`segue run list` shows runs; one that is about to begin is found with its export only")
                })?;
                Ok((export, Which::This(run.clone())))
            }
            (First::Run(run), Some(_)) => {
                Err(Failure::usage(format!("`{run}` is a run, and another one is named after it"))
                    .hint("the export comes first, then its run; a run may also stand alone"))
            }
        }
    }
}

impl MeantExpressly {
    /// The export, and which of its runs.
    ///
    /// # Errors
    /// [`Failure`] if no run is named, or one stands alone that there is not.
    pub async fn find(&self, state: &State) -> Result<(String, Which), Failure> {
        if let (First::Export(export), None) = (&self.first, &self.run) {
            return Err(Failure::usage(format!("which run of `{export}` is meant is not said"))
                .hint("give its id after the export, or `latest`; a run's id may also stand alone"));
        }
        Meant { first: self.first.clone(), run: self.run.clone() }.find(state).await
    }
}

/// The export whose run this is: ids are unique across exports.
async fn export_of(state: &State, run: &RunId) -> Result<Option<String>, Failure> {
    let open = state.open_runs().await?;
    if let Some((export, _)) = open.into_iter().find(|(_, open)| open == run) {
        return Ok(Some(export));
    }
    let mut looked = stream::iter(state.exports_run().await?)
        .map(async |export| state.run(&export, run).await.map(|found| found.map(|_| export)))
        .buffer_unordered(AT_ONCE);
    while let Some(found) = looked.next().await {
        if let Some(export) = found? {
            return Ok(Some(export));
        }
    }
    Ok(None)
}

/// A drop, whose run is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// When it was there, as the bucket has it.
    pub at: Timestamp,
    /// Its key.
    pub key: String,
    /// Its entity tag.
    pub etag: Option<String>,
}

/// Which run of an export is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest one.
    Latest,
    /// This one.
    This(RunId),
    /// The first one whose event came then or later.
    After(Timestamp),
    /// The one that this drop starts.
    Of(Dropped),
}

impl Which {
    /// Out of a command line.
    ///
    /// # Errors
    /// A text that is no run's id.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            _ => RunId::parse(text).map(Self::This).map_err(|error| error.to_string()),
        }
    }

    /// The run's id; `None` if there is none like that yet.
    ///
    /// # Errors
    /// [`StateError`] if the runs can't be listed.
    pub async fn find(&self, state: &State, export: &str) -> Result<Option<RunId>, StateError> {
        match self {
            Self::This(run) => Ok(Some(run.clone())),
            Self::Latest => Ok(state.runs(export).await?.pop()),
            Self::After(at) => Ok(since(state, export, *at).await?.into_iter().next()),
            Self::Of(dropped) => {
                for run in since(state, export, dropped.at).await? {
                    let found = state.run(export, &run).await?;
                    if found.is_some_and(|found| found.parts().any(|part| dropped.is(part))) {
                        return Ok(Some(run));
                    }
                }
                Ok(None)
            }
        }
    }
}

impl Dropped {
    fn is(&self, part: &segue_state::Part) -> bool {
        let plain = |etag: &String| etag.trim_matches('"').to_owned();
        let (ours, theirs) = (self.etag.as_ref().map(plain), part.etag.as_ref().map(plain));
        // An event need not tell it.
        part.key == self.key && (ours.is_none() || theirs.is_none() || ours == theirs)
    }
}

/// The runs whose event came at this time or later, oldest first. Ids begin with the second.
async fn since(state: &State, export: &str, at: Timestamp) -> Result<Vec<RunId>, StateError> {
    let first = prefix(at);
    let runs = state.runs(export).await?.into_iter();
    Ok(runs.filter(|run| run.as_str() >= first.as_str()).collect())
}

/// There is no such run: why, as far as that can be told.
pub(super) async fn no_run(state: &State, export: &str, which: &Which) -> Result<Failure, Failure> {
    if state.export(export).await?.is_none() && state.runs(export).await?.is_empty() {
        let known: Vec<String> = state.exports().await?.0.into_iter().map(|(_, export)| export.id).collect();
        let hint = if known.is_empty() {
            "there are no exports yet: save some with `segue apply`".to_owned()
        } else {
            nearest::hint(export, &known, "exports")
        };
        return Ok(Failure::new(format!("there is no export `{export}`")).hint(hint));
    }
    let look = "look at the export with `segue export show`, and at the stack with `segue doctor`";
    Ok(match which {
        Which::Latest => Failure::new(format!("the export `{export}` has not run yet"))
            .hint(format!("drop a segment, or start it with `segue run start {export}`")),
        Which::This(run) => Failure::new(format!("the export `{export}` has no run `{run}`"))
            .hint(format!("`segue run list {export}` shows its runs; `latest` is the newest")),
        Which::After(at) => {
            Failure::new(format!("the export `{export}` has had no run since {}", at.strftime("%FT%TZ")))
                .hint(look)
        }
        Which::Of(Dropped { key, .. }) => {
            Failure::new(format!("the drop {key} has started no run of the export `{export}`")).hint(look)
        }
    })
}

#[cfg(test)]
impl Meant {
    pub(super) fn of(export: &str, run: &str) -> Self {
        Self { first: First::Export(export.to_owned()), run: Which::parse(run).ok() }
    }

    pub(super) fn latest(export: &str) -> Self {
        Self::of(export, "latest")
    }
}

#[cfg(test)]
impl MeantExpressly {
    pub(super) fn of(export: &str, run: &str) -> Self {
        Self { first: First::Export(export.to_owned()), run: Which::parse(run).ok() }
    }

    pub(super) fn latest(export: &str) -> Self {
        Self::of(export, "latest")
    }
}

#[cfg(test)]
#[path = "which_tests.rs"]
mod tests;
