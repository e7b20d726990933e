//! The operator's command line: wiring only.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use segue::{Cli, run, version};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli).await,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => version::run(std::env::args_os()).await,
        Err(error) => error.exit(),
    }
}
