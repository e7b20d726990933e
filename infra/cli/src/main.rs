//! The operator's command line: wiring only.

use std::process::ExitCode;

use clap::Parser;
use segue::{Cli, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
