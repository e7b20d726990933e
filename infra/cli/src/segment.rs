//! `segue segment`: checking segment files, dropping them, and seeing which there are.

pub mod check;
pub mod list;
pub mod put;

/// Check segment files, drop them, and see which there are.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the segments that have a drop, with the latest one of each.
    List(list::Args),
    /// Drop a file: upload it to the segment bucket, which starts the exports that want it.
    Put(put::Args),
    /// Read a local file as fan-out would, and tell what would come of it. Nothing is sent.
    Check(check::Args),
}
