//! `segue connection`: what becomes of connections beside being saved.

pub mod report;
pub mod test;
pub mod words;

/// Test connections.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Sign in, ask whose account it is, and say what is wrong. Nobody's data is sent.
    ///
    /// A connection works if its credentials are good and belong to the account that it was made for, and if the
    /// audiences of its enabled exports can be filled, as far as their runs look before they send anything. What an
    /// earlier run noted against the account is cleared then. Whether the connection may be used (enabled, consent,
    /// who shares it) is told, and does not count.
    /// Exit status: 0 it works, 1 it does not, 2 used wrongly.
    Test(test::Args),
}

/// A connection's id out of a command line: nothing that reaches another key.
fn connection_id(text: &str) -> Result<String, String> {
    crate::run::export_id(text).map_err(|_| "not a connection's id".to_owned())
}

#[cfg(test)]
mod failure_tests;
#[cfg(test)]
mod tests;
