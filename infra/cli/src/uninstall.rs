//! `segue uninstall`: stops everything, and takes the stack away. What upstream delivered stays.

mod cloud;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use segue_state::{Cancel, State, keys};
use serde::Serialize;

use crate::export::schedules::{EventBridge, Schedules};
use crate::output::Screen;
use crate::prompt::{Prompt, Terminal};
use crate::{App, Failure};

/// Objects that are removed at once.
const AT_ONCE: usize = 32;
/// How often unfinished runs are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Stop everything, and take the stack away. What upstream delivered stays.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  segue uninstall\n  segue uninstall --stack test --yes --secrets delete")]
pub struct Args {
    /// Don't ask.
    #[arg(long)]
    pub yes: bool,
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
    segment_bucket_kept: String,
}

/// What is taken away, and how.
struct Work<'a> {
    name: &'a str,
    segment_bucket: &'a str,
    state: &'a State,
    schedules: &'a dyn Schedules,
    deployed: &'a dyn Deployed,
    by: String,
}

/// Does it.
///
/// # Errors
/// [`Failure`]; done again, it goes on where it stopped.
pub async fn run(app: &App, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let work = Work {
        name: &app.stack.name,
        segment_bucket: app.stack.output("SegmentBucket")?,
        state: &app.state,
        schedules: &EventBridge::new(app),
        deployed: &cloud::Cloud::new(app)?,
        by: app.caller().await?,
    };
    let done = work.all(args, &mut Terminal, screen).await?;
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
        let delete = self.agreed(args, &secrets, prompt)?;

        let schedules = self.schedules.every_name().await?;
        for export in &schedules {
            self.schedules.remove(export).await?;
        }
        screen.line(&format!("stopped {} schedules of exports", schedules.len()))?;

        let cancelled = self.cancel_all().await?;
        // Without exports nothing starts, and nothing that is queued is sent.
        let mut objects = self.clear("config/exports/").await?;
        let cut_off = self.wait(Duration::from_secs(args.timeout)).await?;
        screen.line(&format!("cancelled {cancelled} runs"))?;

        if cut_off > 0 {
            screen.line(&format!(
                "{cut_off} of them had not come to an end yet: calls may still have been under way"
            ))?;
        }

        // While the stack is there, since a command that broke off finds nothing without it. Nothing uses them any more.
        let (gone, kept) = if delete { (secrets, Vec::new()) } else { (Vec::new(), secrets) };
        for name in &gone {
            self.deployed.delete_secret(name).await?;
            screen.line(&format!("deleted the secret {name}"))?;
        }
        objects += self.clear("").await?;
        screen.line(&format!("emptied the state bucket: {objects} objects"))?;
        screen.line("deleting the stack, which takes a few minutes")?;
        self.deployed.delete_stack().await?;
        // A function may have written a last time; now there is none.
        let emptied = self.clear("").await;
        objects += emptied.as_ref().copied().unwrap_or_default();
        let deleted = match emptied {
            Ok(_) => self.deployed.delete_bucket().await,
            Err(failure) => Err(failure),
        };
        deleted.map_err(|failure| failure.hint(self.bucket_stays()))?;
        screen.line(&format!("deleted the stack `{}` and its state bucket", self.name))?;

        if !kept.is_empty() {
            screen.line(&format!("kept the secrets {}", kept.join(", ")))?;
        }
        screen.line(&format!("kept the segment bucket {}, with everything in it", self.segment_bucket))?;
        Ok(Uninstalled {
            stack: self.name.to_owned(),
            schedules_stopped: schedules.len(),
            runs_cancelled: cancelled,
            runs_cut_off: cut_off,
            objects_deleted: objects,
            secrets_deleted: gone,
            secrets_kept: kept,
            segment_bucket_kept: self.segment_bucket.to_owned(),
        })
    }

    /// What to do where only the bucket is left.
    fn bucket_stays(&self) -> String {
        let bucket = self.deployed.bucket();
        format!("the stack is gone, its state bucket is not: `aws s3 rb --force s3://{bucket}`")
    }

    /// Whether it is meant, and whether the secrets go too.
    fn agreed(&self, args: &Args, secrets: &[String], prompt: &mut dyn Prompt) -> Result<bool, Failure> {
        let name = self.name;
        if !args.yes {
            if !prompt.is_terminal() {
                return Err(Failure::usage(format!("there is nobody to ask whether `{name}` is to go"))
                    .hint("if it is, say --yes"));
            }
            prompt.say(&format!(
                "This deletes the stack `{name}`: connections, exports, the history of all runs, and what waits to be \
                 sent.\nThe segment bucket {} and people at the destinations are left alone.",
                self.segment_bucket
            ));
            if prompt.text("Type the stack's name to go on", None)? != name {
                return Err(Failure::new("that is not its name: nothing was changed"));
            }
        }
        Ok(match args.secrets {
            Some(what) => what == Secrets::Delete,
            None if secrets.is_empty() || args.yes || !prompt.is_terminal() => false,
            None => prompt.confirm(&format!("Delete its secrets too ({})?", secrets.join(", ")))?,
        })
    }

    async fn cancel_all(&self) -> Result<usize, Failure> {
        let open = self.state.open_runs().await?;
        let reason = Some("the stack is uninstalled".to_owned());
        for (export, run) in &open {
            let cancel = Cancel { by: self.by.clone(), at: Timestamp::now(), reason: reason.clone() };
            self.state.create(&keys::cancel(export, run), &cancel).await?;
        }
        Ok(open.len())
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
