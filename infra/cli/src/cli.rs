//! The command line as clap reads it.

use clap::{Args, Parser, Subcommand};

use crate::output::Output;
use crate::{apply, audience, completions, config, connection, doctor, export, run, segment, uninstall};

/// Moves customer segments from a bucket to Snapchat, Mailchimp and Klaviyo.
///
/// Region and credentials are found as every AWS tool does it: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, and so
/// on.
/// Exit status: 0 done, 1 it failed, 2 used wrongly, 130 interrupted.
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
    /// The CloudFormation stack that Segue was deployed as: `segue` if not said.
    #[arg(long, global = true, env = "SEGUE_STACK", value_name = "STACK")]
    pub stack: Option<String>,
    /// How to print what was found: for people, or for scripts.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what applying a file would change. Nothing is saved.
    #[command(after_help = "Example:\n  segue plan -f segue.yaml --prune")]
    Plan(apply::Args),
    /// Save the connections and exports of a file. Nothing runs by that.
    #[command(
        after_help = "Examples:\n  segue apply -f segue.yaml --agree\n  segue apply -f segue.yaml --prune --refuse-drift"
    )]
    Apply(apply::ApplyArgs),
    /// Write the configuration of the stack as a file, and what such a file may say.
    #[command(subcommand)]
    Config(config::Command),
    /// Add connections, sign in to their accounts, change and remove them.
    #[command(subcommand)]
    Connection(connection::Command),
    /// See what an account has that exports can fill.
    #[command(subcommand)]
    Audience(audience::Command),
    /// Make, change and remove exports. Saving one runs nothing.
    #[command(subcommand)]
    Export(export::Command),
    /// Check segment files, drop them, and see which there are.
    #[command(subcommand)]
    Segment(segment::Command),
    /// Start runs, and see what became of them.
    #[command(subcommand)]
    Run(run::Command),
    /// Look at everything that the stack needs to work, and say what to do.
    ///
    /// It finds the stack and looks at your rights, the clock, versions, queues and dead letters, runs that are stuck,
    /// exports that can't run, and connections whose credentials are refused: it signs in with those that may be used.
    /// Nothing is changed, but for what an earlier run noted against an account that works again.
    /// Exit status: 0 nothing has to be done, 1 something has, 2 used wrongly.
    Doctor(doctor::Args),
    /// Stop everything, and take the stack away. What upstream delivered stays.
    ///
    /// Schedules of exports are stopped, runs cancelled, the state bucket is emptied (configuration, history, people that
    /// wait to be sent), then the stack is deleted, with `sam delete` where there is a `sam`. The segment bucket is kept,
    /// and so are people at the destinations. You need to be allowed to delete the stack.
    Uninstall(uninstall::Args),
    /// Print what a shell needs to complete commands and options.
    Completions(completions::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn help(path: &[String]) -> String {
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

    /// The names that lead to each command, below these.
    fn paths(command: &clap::Command, before: &[String]) -> Vec<Vec<String>> {
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        let below = below.flat_map(|below| paths(below, &[before, &[below.get_name().to_owned()]].concat()));
        [before.to_vec()].into_iter().chain(below).collect()
    }

    #[test]
    fn every_command_says_what_it_takes() {
        let command = Cli::command();
        for path in paths(&command, &[]) {
            let help = help(&path);
            let is_done = path.iter().fold(&command, |found, name| found.find_subcommand(name).unwrap());
            assert!(is_done.has_subcommands() || help.contains("Example"), "{path:?} has no example");
            insta::assert_snapshot!(format!("segue {}", path.join(" ")).trim().replace(' ', "_"), help);
        }
    }
}
