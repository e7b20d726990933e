//! `segue segment`: checking segment files, and dropping them.

pub mod check;
pub mod put;

/// Check segment files, and drop them.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Drop a file: upload it to the segment bucket, which starts the exports that want it.
    Put(put::Args),
    /// Read a local file as fan-out would, and tell what would come of it. Nothing is sent.
    Check(check::Args),
}
