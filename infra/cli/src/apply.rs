//! `segue plan` and `segue apply`: the connections and exports of a file.

pub mod account;
pub mod changes;
pub mod command;
pub mod credentials;
pub mod drift;
pub mod file;
mod mistakes;
mod node;
pub mod plan;
pub mod positions;
mod present;
pub mod save;
pub mod specs;
mod surplus;
pub mod terms;
mod typed;
mod whose;

pub use command::{ApplyArgs, Args, run, run_plan};
pub use credentials::Inputs;

#[cfg(test)]
mod mending_tests;
#[cfg(test)]
mod prune_tests;
#[cfg(test)]
mod schedule_tests;
#[cfg(test)]
mod signing_tests;
#[cfg(test)]
mod tests;
