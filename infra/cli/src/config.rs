//! `segue config`: the configuration of a stack as a file, and what such a file may say.

pub mod export;
pub mod schema;

use crate::output::Screen;
use crate::{App, Failure};

/// Write the configuration of a stack as a file, and what such a file may say.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the connections and exports that the stack has as a file for `segue apply`. Credentials are not in it.
    #[command(
        after_help = "Examples:\n  segue config export > segue.yaml\n  segue config export -f segue.yaml"
    )]
    Export(export::Args),
    /// Write the JSON Schema of such files, by which editors complete them.
    #[command(after_help = "Example:\n  segue config schema > segue.schema.json")]
    Schema,
}

/// Does what is asked.
///
/// # Errors
/// [`Failure`].
pub async fn run(stack: &str, command: Command, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Export(args) => {
            let app = App::open(stack).await?;
            let schedules = crate::export::schedules::EventBridge::new(&app);
            export::run(&app.stack, &app.state, &schedules, &args, screen).await
        }
        Command::Schema => schema::run(screen),
    }
}
