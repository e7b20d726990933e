//! `segue uninstall`: stops everything, and takes the stack away. What upstream delivered stays.

mod cloud;
mod holders;
mod leftover;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use segue_state::document::StateError;
use segue_state::{Export, Role, State, keys};
use serde::Serialize;

use crate::export::schedules::{EventBridge, Schedules};
use crate::output::{Screen, counted};
use crate::prompt::{Prompt, Terminal};
use crate::run::stop;
use crate::{App, Failure};
use holders::Holder;

/// Objects that are removed at once.
const AT_ONCE: usize = 32;
/// How often unfinished runs are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Stop everything, and take the stack away. What upstream delivered stays.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  segue uninstall\n  segue uninstall --stack test --force --secrets delete"
)]
pub struct Args {
    /// Don't ask.
    #[arg(long, alias = "yes")]
    pub force: bool,
    /// What becomes of the connections' secrets: asked if not given, kept if there is nobody to ask.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub secrets: Option<Secrets>,
    /// Go on after so many seconds, even if calls of cancelled runs are still under way.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub timeout: u64,
}

/// What becomes of the connections' secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Secrets {
    /// They stay, and cost what Secrets Manager charges for them.
    Keep,
    /// They are deleted at once, and can't be had back.
    Delete,
}

/// The parts of a deployment that are not in its state bucket.
#[async_trait]
trait Deployed: Send + Sync {
    /// Who has the stack's policies: as long as somebody does, it can't be deleted.
    async fn holders(&self) -> Result<Vec<Holder>, Failure>;
    /// Names of the connections' secrets.
    async fn secrets(&self) -> Result<Vec<String>, Failure>;
    /// Deletes one of them.
    async fn delete_secret(&self, name: &str) -> Result<(), Failure>;
    /// Deletes the stack, and waits until it is gone.
    async fn delete_stack(&self) -> Result<(), Failure>;
    /// The state bucket's name.
    fn bucket(&self) -> &str;
    /// Deletes the state bucket, which is empty.
    async fn delete_bucket(&self) -> Result<(), Failure>;
}

/// What was there, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Uninstalled {
    stack: String,
    schedules_stopped: usize,
    runs_cancelled: usize,
    /// Cancelled runs of which calls may still have been under way.
    runs_cut_off: usize,
    objects_deleted: usize,
    secrets_deleted: Vec<String>,
    secrets_kept: Vec<String>,
    /// Unknown where the stack was gone before.
    segment_bucket_kept: Option<String>,
}

/// What is taken away, and how.
struct Work<'a> {
    name: &'a str,
    segment_bucket: Option<&'a str>,
    state: &'a State,
    /// Schedules of exports; `None` where deleting the stack has begun, or is done: they go with their groups.
    schedules: Option<&'a dyn Schedules>,
    deployed: &'a dyn Deployed,
    by: String,
}

/// What does nothing any more.
#[derive(Debug, Default)]
struct Stopped {
    schedules: usize,
    cancelled: usize,
    cut_off: usize,
}

/// Nobody is asked, and no stack is named: the one that is called as by default may be the one that matters most.
#[must_use]
pub fn unnamed() -> Failure {
    Failure::usage("--force asks nobody, so it has to be said which stack is to go")
        .hint("name it with --stack NAME, or in SEGUE_STACK; nothing was changed")
}

/// Does it.
///
/// # Errors
/// [`Failure`]; done again, it goes on where it stopped.
pub async fn run(stack: &str, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let app = match App::open(stack).await {
        Ok(app) => app,
        // Taking it away may have broken off when only the bucket was left.
        Err(failure) => leftover::of(stack).await.ok().flatten().ok_or(failure)?,
    };
    let schedules = EventBridge::new(&app);
    let work = Work {
        name: &app.stack.name,
        segment_bucket: app.stack.offered("SegmentBucket"),
        state: &app.state,
        schedules: if app.stack.is_going() { None } else { Some(&schedules) },
        deployed: &cloud::Cloud::new(&app)?,
        by: app.caller().await?,
    };
    let done = work.all(args, &mut Terminal::of_stack(stack), screen).await?;
    screen.json(&done)
}

impl Work<'_> {
    async fn all(
        &self,
        args: &Args,
        prompt: &mut dyn Prompt,
        screen: &mut Screen<'_>,
    ) -> Result<Uninstalled, Failure> {
        let secrets = self.deployed.secrets().await?;
        match self.deployed.holders().await {
            Ok(holders) => holders::none(&holders)?,
            // It may be denied to those who deploy.
            Err(failure) => prompt.say(&format!(
                "warning: {}; the stack can't be deleted while somebody has one of its policies",
                failure.told().0
            )),
        }
        let delete = self.agreed(args, &secrets, prompt)?;

        let stopped = self.stop(args, screen).await?;
        // First, since it may fail: nothing that can't be had back is lost then. The bucket is not the stack's to delete,
        // and comes last: by it what is left is found, should this break off.
        screen.line("deleting the stack, which takes a few minutes")?;
        self.deployed.delete_stack().await?;
        let (gone, kept) = if delete { (secrets, Vec::new()) } else { (Vec::new(), secrets) };
        let objects =
            self.take_rest(&gone, screen).await.map_err(|failure| failure.hint(self.rest_stays()))?;
        screen.line(&format!("deleted the stack `{}` and its state bucket", self.name))?;

        if !kept.is_empty() {
            screen.line(&format!("kept the secrets {}", kept.join(", ")))?;
        }
        if let Some(bucket) = self.segment_bucket {
            screen.line(&format!("kept the segment bucket {bucket}, with everything in it"))?;
        }
        Ok(Uninstalled {
            stack: self.name.to_owned(),
            schedules_stopped: stopped.schedules,
            runs_cancelled: stopped.cancelled,
            runs_cut_off: stopped.cut_off,
            objects_deleted: objects,
            secrets_deleted: gone,
            secrets_kept: kept,
            segment_bucket_kept: self.segment_bucket.map(str::to_owned),
        })
    }

    /// Has nothing begin any more, and what runs come to its end.
    async fn stop(&self, args: &Args, screen: &mut Screen<'_>) -> Result<Stopped, Failure> {
        let mut names = BTreeSet::new();
        if let Some(schedules) = self.schedules {
            names = schedules.every_name().await?;
            for export in &names {
                schedules.remove(export).await?;
            }
        }
        screen.line(&format!("stopped {} of exports", counted(names.len(), "schedule")))?;

        // Of paused exports nothing starts, and nothing that is queued is sent.
        let paused = self.pause_all().await?;
        screen.line(&format!("paused {}", counted(paused, "export")))?;
        let open = self.state.open_runs().await?;
        let cancelled = open.len();
        stop::note_all(self.state, open, &self.by, "the stack is uninstalled").await?;
        // Of a stack that is going, nobody is there any more to end them.
        let patience = if self.schedules.is_some() { args.timeout } else { 0 };
        let cut_off = self.wait(Duration::from_secs(patience)).await?;
        screen.line(&format!("cancelled {}", counted(cancelled, "run")))?;
        if cut_off > 0 {
            screen.line(&format!(
                "{cut_off} of them had not come to an end yet: calls may still have been under way"
            ))?;
        }
        Ok(Stopped { schedules: names.len(), cancelled, cut_off })
    }

    /// Deletes what the stack's end leaves: these secrets, and the state bucket with all that is in it, which it counts.
    async fn take_rest(&self, secrets: &[String], screen: &mut Screen<'_>) -> Result<usize, Failure> {
        for name in secrets {
            self.deployed.delete_secret(name).await?;
            screen.line(&format!("deleted the secret {name}"))?;
        }
        let objects = self.clear("").await?;
        screen.line(&format!("emptied the state bucket: {}", counted(objects, "object")))?;
        self.deployed.delete_bucket().await?;
        Ok(objects)
    }

    /// What to do where that fails.
    fn rest_stays(&self) -> String {
        let bucket = self.deployed.bucket();
        format!("the stack is gone, its state bucket {bucket} is not: run this again, it goes on with that")
    }

    /// What is agreed to.
    fn meant(&self) -> String {
        let (name, bucket) = (self.name, self.deployed.bucket());
        let Some(segments) = self.segment_bucket.filter(|_| self.schedules.is_some()) else {
            return format!(
                "The stack `{name}` is deleted, or being deleted. This deletes its state bucket {bucket}, which is left: \
                 connections, exports and the history of all runs."
            );
        };
        format!(
            "This deletes the stack `{name}`: connections, exports, the history of all runs, and what waits to be \
             sent.\nThe segment bucket {segments} and people at the destinations are left alone."
        )
    }

    /// Whether it is meant, and whether the secrets go too.
    fn agreed(&self, args: &Args, secrets: &[String], prompt: &mut dyn Prompt) -> Result<bool, Failure> {
        let name = self.name;
        if !args.force {
            if !prompt.is_terminal() {
                return Err(Failure::usage(format!("there is nobody to ask whether `{name}` is to go"))
                    .hint("if it is, say --force"));
            }
            prompt.say(&self.meant());
            if prompt.text("Type the stack's name to go on", None)? != name {
                return Err(Failure::new("that is not its name: nothing was changed"));
            }
        }
        Ok(match args.secrets {
            Some(what) => what == Secrets::Delete,
            None if secrets.is_empty() || args.force || !prompt.is_terminal() => false,
            None => prompt.confirm(&format!("Delete its secrets too ({})?", secrets.join(", ")))?,
        })
    }

    /// Pauses all exports, which can be undone, should the stack stay; answers how many are paused.
    async fn pause_all(&self) -> Result<usize, Failure> {
        let mut paused = 0;
        for role in Role::ALL {
            for stored in self.state.objects().list(&keys::exports(role)).await? {
                paused += usize::from(self.pause(&stored.key).await?);
            }
        }
        Ok(paused)
    }

    /// Whether there is such an export, which is paused now. What is no export runs nothing.
    async fn pause(&self, key: &str) -> Result<bool, Failure> {
        loop {
            let found = match self.state.read::<Export>(key).await {
                Ok(Some(found)) => found,
                Ok(None) | Err(StateError::Malformed { .. }) => return Ok(false),
                // Whatever lies there, it stops nobody from taking the stack away; and what can't be read runs nothing.
                Err(_) if key.starts_with(&keys::exports(Role::Contributors)) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let wanted = Export { enabled: false, ..found.body.clone() };
            if wanted == found.body || self.state.replace(key, &wanted, &found.etag).await? {
                return Ok(true);
            }
            // Somebody changed it meanwhile.
        }
    }

    /// Waits until calls that are under way have ended; answers the runs of which some have not.
    async fn wait(&self, patience: Duration) -> Result<usize, Failure> {
        let since = Instant::now();
        loop {
            let open = self.state.open_runs().await?.len();
            if open == 0 || since.elapsed() >= patience {
                return Ok(open);
            }
            tokio::time::sleep(EVERY.min(patience)).await;
        }
    }

    async fn clear(&self, prefix: &str) -> Result<usize, Failure> {
        let listed = self.state.objects().list(prefix).await?;
        let count = listed.len();
        let state = self.state;
        stream::iter(listed)
            .map(move |stored| async move { state.objects().delete(&stored.key).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(count)
    }
}

#[cfg(test)]
#[path = "uninstall/tests.rs"]
mod tests;
