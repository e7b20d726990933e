//! What of a deployment is not in its state bucket: the stack itself, secrets, and the bucket.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use segue_segment::Destination;

use super::Deployed;
use super::holders::{self, Holder};
use crate::{App, Failure};

/// How long deleting the stack may take: functions in a VPC are slow to go.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);
/// What `sam` needs of this process's environment. Whatever else stands there may be somebody's secret.
const NEEDED: [&str; 10] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
];

/// A deployment in AWS.
pub(super) struct Cloud<'a> {
    app: &'a App,
    region: String,
    bucket: &'a str,
    prefix: String,
}

impl<'a> Cloud<'a> {
    pub(super) fn new(app: &'a App) -> Result<Self, Failure> {
        let region = app.aws.config().region().map(ToString::to_string).unwrap_or_default();
        let bucket = app.stack.output("StateBucket")?;
        Ok(Self { app, region, bucket, prefix: format!("{}/", app.stack.name) })
    }

    /// Whether a secret is a connection's: `<stack>/<destination>/<connection>`.
    fn is_ours(&self, name: &str) -> bool {
        let below = name.strip_prefix(&self.prefix).and_then(|below| below.split_once('/'));
        below.is_some_and(|(destination, _)| destination.parse::<Destination>().is_ok())
    }

    fn client(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(self.app.aws.config())
    }

    /// `sam delete`, which also removes what `sam deploy` uploaded. `false` if there is no `sam` here.
    async fn with_sam(&self) -> Result<bool, Failure> {
        let mut command = tokio::process::Command::new("sam");
        command
            .args(["delete", "--no-prompts", "--stack-name", &self.app.stack.name, "--region", &self.region])
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| is_needed(name)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        match command.output().await {
            Ok(output) if output.status.success() => Ok(true),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
                Err(stays(&format!("`sam delete` failed: {last}")))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::new(format!("`sam` could not be started: {error}"))),
        }
    }

    /// Where the stack stands: its status and why, `None` once it is gone.
    async fn status(&self) -> Result<Option<(String, String)>, Failure> {
        let name = &self.app.stack.name;
        match self.client().describe_stacks().stack_name(name).send().await {
            Ok(found) => Ok(found.stacks().first().map(|stack| {
                let status = stack.stack_status().map(|status| status.as_str().to_owned());
                let why = stack.stack_status_reason().unwrap_or_default();
                (status.unwrap_or_default(), why.to_owned())
            })),
            Err(error) if error.code() == Some("ValidationError") => Ok(None),
            Err(error) => Err(Failure::aws(&format!("looking at the stack `{name}`"), error.code(), &error)),
        }
    }
}

/// Whether a variable is handed on to `sam`.
fn is_needed(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    NEEDED.contains(&name.to_uppercase().as_str()) || name.starts_with("AWS_") || name.starts_with("SAM_")
}

fn stays(problem: &str) -> Failure {
    Failure::new(problem).hint(
        "exports are paused and their schedules gone; once what keeps the stack is away, such as policies of its that users \
         and roles have, run this again: it goes on where it stopped",
    )
}

#[async_trait]
impl Deployed for Cloud<'_> {
    async fn holders(&self) -> Result<Vec<Holder>, Failure> {
        holders::of(self.app).await
    }

    async fn secrets(&self) -> Result<Vec<String>, Failure> {
        let client = self.app.aws.secrets();
        let mut names = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = client.list_secrets().set_next_token(next.take()).send().await;
            let page = page.map_err(|error| Failure::aws("listing the secrets", error.code(), &error))?;
            let found = page.secret_list().iter().filter_map(|secret| secret.name());
            names.extend(found.filter(|name| self.is_ours(name)).map(str::to_owned));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    fn bucket(&self) -> &str {
        self.bucket
    }

    async fn delete_secret(&self, name: &str) -> Result<(), Failure> {
        let request = self.app.aws.secrets().delete_secret().secret_id(name);
        let answer = request.force_delete_without_recovery(true).send().await;
        let deleted = answer.map(|_| ());
        deleted.map_err(|error| Failure::aws(&format!("deleting the secret {name}"), error.code(), &error))
    }

    async fn delete_stack(&self) -> Result<(), Failure> {
        let name = &self.app.stack.name;
        if self.status().await?.is_none() {
            return Ok(());
        }
        if !self.with_sam().await? {
            let answer = self.client().delete_stack().stack_name(name).send().await;
            answer.map_err(|error| {
                Failure::aws(&format!("deleting the stack `{name}`"), error.code(), &error)
            })?;
        }
        let since = Instant::now();
        while let Some((status, why)) = self.status().await? {
            if status == "DELETE_COMPLETE" {
                break;
            }
            if status == "DELETE_FAILED" {
                return Err(stays(&format!("the stack `{name}` could not be deleted: {why}")));
            }
            if since.elapsed() > PATIENCE {
                return Err(stays(&format!("the stack `{name}` is still {status} after an hour")));
            }
            tokio::time::sleep(EVERY).await;
        }
        Ok(())
    }

    async fn delete_bucket(&self) -> Result<(), Failure> {
        match self.app.aws.s3().delete_bucket().bucket(self.bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchBucket") => Ok(()),
            Err(error) => {
                Err(Failure::aws(&format!("deleting the bucket {}", self.bucket), error.code(), &error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_gets_what_it_needs_and_no_secret_of_ours() {
        for name in ["PATH", "HOME", "AWS_PROFILE", "AWS_ENDPOINT_URL", "SAM_CLI_TELEMETRY", "https_proxy"] {
            assert!(is_needed(&name.into()), "{name}");
        }
        for name in ["KLAVIYO_KEY", "SEGUE_SNAPCHAT", "MAILCHIMP", "SSH_AUTH_SOCK", "GITHUB_TOKEN"] {
            assert!(!is_needed(&name.into()), "{name}");
        }
    }
}
