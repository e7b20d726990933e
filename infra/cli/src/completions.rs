//! `segue completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::output::Screen;
use crate::{Cli, Failure};

/// Print what a shell needs to complete `segue`'s commands and options.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue completions bash > ~/.local/share/bash-completion/completions/segue
  segue completions zsh > ~/.zfunc/_segue
  segue completions fish > ~/.config/fish/completions/segue.fish")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Does it.
///
/// # Errors
/// [`Failure`] if the output can't be written.
pub fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "segue", &mut script);
    let script = String::from_utf8_lossy(&script);
    screen.json(&script)?;
    screen.line(script.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;

    #[test]
    fn every_shell_learns_the_commands() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let mut bytes = Vec::new();
            run(&Args { shell }, &mut Screen::new(Output::Text, &mut bytes)).unwrap();
            let script = String::from_utf8(bytes).unwrap();
            for word in ["run", "rejected", "doctor", "dry-run"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
