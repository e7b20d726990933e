//! The operator's command line: configuring and testing connections, configuring exports, dropping segments, running
//! exports and watching them.
//!
//! It uses the libraries of the functions, so that what it says of a file or a run is what they do with it.

pub mod app;
pub mod apply;
pub mod ask;
mod at_once;
pub mod audience;
pub mod cli;
pub mod completions;
pub mod config;
pub mod connection;
pub mod doctor;
pub mod endpoint;
pub mod error;
pub mod export;
mod nearest;
pub mod output;
pub mod prompt;
pub mod run;
pub mod segment;
pub mod stack;
mod terminal;
pub mod uninstall;
pub mod version;

use std::io::{stderr, stdout};
use std::process::ExitCode;

use segue_platform::Env;

pub use app::App;
pub use cli::Cli;
use cli::Command;
pub use error::Failure;
use output::Screen;
use prompt::Terminal;
use stack::{DEFAULT_NAME, for_stack};

/// Does what the command line says. Exit status: 0 done, 1 it failed, 2 used wrongly, 130 interrupted.
pub async fn run(cli: Cli) -> ExitCode {
    let (out, read) = (&mut stdout(), &mut prompt::Piped::stdin());
    let columns = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    let stack = cli.global.stack.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let mut screen = Screen::new(cli.global.output, out).of_width(columns).of_stack(&stack);
    let inputs = apply::Inputs { env: Env::process(), stdin: read };
    match Box::pin(dispatch(cli, &stack, &mut screen, inputs)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // There is nowhere left to say that this can't be written.
            let text = failure.to_string();
            let text = output::plain(&for_stack(&text, &stack)).into_owned();
            let _ = std::io::Write::write_all(&mut stderr(), text.as_bytes());
            ExitCode::from(failure.status())
        }
    }
}

async fn dispatch(
    cli: Cli,
    stack: &str,
    screen: &mut Screen<'_>,
    inputs: apply::Inputs<'_>,
) -> Result<(), Failure> {
    match cli.command {
        Command::Plan(args) => apply::run_plan(stack, &args, inputs, screen).await,
        Command::Apply(args) => {
            apply::run(stack, &args, inputs, &mut Terminal::of_stack(stack), screen).await
        }
        Command::Config(command) => config::run(stack, command, screen).await,
        Command::Audience(command) => audience::run(&App::open(stack).await?, command, screen).await,
        Command::Connection(command) => {
            let app = App::open(stack).await?;
            connection::run(&app, command, inputs, &mut Terminal::of_stack(stack), screen).await
        }
        Command::Export(command) => {
            export::run(&App::open(stack).await?, command, &mut Terminal::of_stack(stack), screen).await
        }
        Command::Segment(segment::Command::List(_)) => {
            segment::list::run(&App::open(stack).await?, &mut Terminal::of_stack(stack), screen).await
        }
        Command::Segment(segment::Command::Put(args)) => segment::put::run(stack, &args, screen).await,
        Command::Segment(segment::Command::Check(args)) => segment::check::run(&args, screen),
        Command::Run(command) => run::run(&App::open(stack).await?, command, screen).await,
        Command::Doctor(args) => doctor::run(stack, &args, screen).await,
        Command::Uninstall(args) if args.force && cli.global.stack.is_none() => Err(uninstall::unnamed()),
        Command::Uninstall(args) => uninstall::run(stack, &args, screen).await,
        Command::Completions(args) => completions::run(&args, screen),
    }
}
