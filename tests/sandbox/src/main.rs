//! The `sandbox` program: starts the server, says where it listens, and stops on SIGTERM or SIGINT.
use std::io::Write as _;

use clap::Parser as _;
use sandbox::{Options, Sandbox};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = Sandbox::start_with(options).await?;
    // One line, so that whoever started this program can read the port from it.
    let mut out = std::io::stdout();
    writeln!(out, "sandbox listening on {}", sandbox.url())?;
    out.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
