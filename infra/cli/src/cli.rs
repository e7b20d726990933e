//! The command line as clap reads it.

use clap::{Args, Parser, Subcommand};

use crate::output::Output;
use crate::{apply, connection, run, segment};

/// Moves customer segments from a bucket to Snapchat, Mailchimp and Klaviyo.
///
/// Region and credentials are found as every AWS tool does it: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, and so
/// on.
/// Exit status: 0 done, 1 it failed, 2 used wrongly.
#[derive(Debug, Parser)]
#[command(name = "segue", version, propagate_version = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The CloudFormation stack that Segue was deployed as.
    #[arg(long, global = true, env = "SEGUE_STACK", default_value = "segue", value_name = "NAME")]
    pub stack: String,
    /// How to print what was found: for people, or for scripts.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Save the connections and exports of a file. Nothing runs by that.
    Apply(apply::Args),
    /// Test connections.
    #[command(subcommand)]
    Connection(connection::Command),
    /// Check segment files, and drop them.
    #[command(subcommand)]
    Segment(segment::Command),
    /// Start runs, and see what became of them.
    #[command(subcommand)]
    Run(run::Command),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn help(path: &[&str]) -> String {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut found = &mut command;
        for name in path {
            found = found.find_subcommand_mut(name).unwrap();
        }
        // The variable's value is this machine's.
        found.clone().mut_arg("stack", |arg| arg.hide_env_values(true)).render_long_help().to_string()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_takes() {
        for path in [
            &[][..],
            &["apply"],
            &["connection", "test"],
            &["segment", "put"],
            &["segment", "check"],
            &["run", "start"],
            &["run", "list"],
            &["run", "show"],
            &["run", "watch"],
            &["run", "retry"],
        ] {
            insta::assert_snapshot!(format!("segue {}", path.join(" ")).trim().replace(' ', "_"), help(path));
        }
    }
}
