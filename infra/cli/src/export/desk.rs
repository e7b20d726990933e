//! What commands about exports work with, and what several of them say.

use segue_state::{Connection, Export, Role, State, permit};

use super::schedules::Schedules;
use super::surroundings::Surroundings;
use crate::Failure;
use crate::output::Screen;
use crate::prompt::Prompt;
use crate::stack::Stack;

/// What a command about exports works with.
pub struct Desk<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Its state.
    pub state: &'a State,
    /// The schedules of exports' own.
    pub schedules: &'a dyn Schedules,
    /// Who else can be asked.
    pub around: &'a dyn Surroundings,
    /// The person at the terminal, if there is one.
    pub prompt: &'a mut dyn Prompt,
}

impl Desk<'_> {
    /// Goes on only if somebody says so, by `--force` or at the terminal.
    ///
    /// # Errors
    /// [`Failure`] if nobody does.
    pub fn confirm(&mut self, force: bool, question: &str) -> Result<(), Failure> {
        if force {
            return Ok(());
        }
        if !self.prompt.is_terminal() {
            return Err(Failure::usage(format!("there is no terminal to ask on: {question}"))
                .hint("say --force to do it; nothing was changed"));
        }
        if self.prompt.confirm(question)? { Ok(()) } else { Err(Failure::new("nothing was changed")) }
    }
}

/// That an export was saved, and what is to be known of it. `what` is what happened to it.
///
/// # Errors
/// [`Failure`] if the output can't be written.
pub fn saved(
    stack: &Stack,
    what: &str,
    role: Role,
    export: &Export,
    connection: Option<&Connection>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    screen.json(&serde_json::json!({"outcome": what, "role": role, "export": export}))?;
    let id = &export.id;
    screen.line(&format!("{what} the export `{id}`, which {} may change", role.name()))?;
    match permit(role, export, connection) {
        Ok(()) => {
            screen.line(&format!("it is started by {}", starters(stack, export)))?;
            let now = stack.command(&format!("run start {id}"));
            screen.line(&format!("saving an export doesn't run it; run it now with: {now}"))
        }
        Err(halt) => screen.line(&format!("it can't run: {halt}")),
    }
}

/// That an export was not saved, since there was nothing to change.
///
/// # Errors
/// [`Failure`] if the output can't be written.
pub fn unchanged(role: Role, export: &Export, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(&serde_json::json!({"outcome": "unchanged", "role": role, "export": export}))?;
    screen.line(&format!("the export `{}` was like that already", export.id))
}

/// What starts an export, besides a schedule of its own.
#[must_use]
pub fn starters(stack: &Stack, export: &Export) -> String {
    let mut said = Vec::new();
    if export.triggers.upload {
        said.push(format!("a drop of {}", export.segments.join(" or ")));
    }
    if export.triggers.schedule {
        let off = if stack.refreshes() { "" } else { " (off)" };
        said.push(format!("the stack's refresh{off}"));
    }
    said.push("`segue run start`".to_owned());
    let last = said.pop().unwrap_or_default();
    if said.is_empty() { format!("{last} only") } else { format!("{} and {last}", said.join(", ")) }
}

/// Several names as one text.
#[must_use]
pub fn quoted(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
