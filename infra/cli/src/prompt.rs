//! Asking the person at the terminal. What is asked goes to standard error, so that results alone are on standard output.

use std::io::{self, ErrorKind, IsTerminal, Read, Stdin, Write, stderr, stdin};

use dialoguer::{Confirm, Input, Password, Select};
use secrecy::SecretString;

use crate::Failure;
use crate::output::plain;
use crate::stack::for_stack;
use crate::terminal;

/// Somebody who can be asked, if there is anybody.
pub trait Prompt {
    /// Whether there is a person at a terminal. Nothing is asked otherwise.
    fn is_terminal(&self) -> bool;

    /// Tells something that is no result: an address to open, what happens next.
    fn say(&mut self, text: &str);

    /// Asks for a text; an empty answer is `default`.
    ///
    /// # Errors
    /// [`Failure`] if there is no answer.
    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String, Failure>;

    /// Asks for one of `options`; answers its place among them.
    ///
    /// # Errors
    /// [`Failure`] if there is no answer.
    fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize, Failure>;

    /// Asks for a yes; anything else is a no.
    ///
    /// # Errors
    /// [`Failure`] if there is no answer.
    fn confirm(&mut self, question: &str) -> Result<bool, Failure>;

    /// Asks for something secret, and shows nothing of it.
    ///
    /// # Errors
    /// [`Failure`] if there is no answer.
    fn secret(&mut self, question: &str) -> Result<SecretString, Failure>;
}

/// What an option says, or else the person at the terminal.
///
/// # Errors
/// [`Failure`] of wrong use, naming `option`, if there is nobody to ask.
pub fn given_or_asked(
    prompt: &mut dyn Prompt,
    given: Option<String>,
    option: &str,
    question: &str,
    default: Option<&str>,
) -> Result<String, Failure> {
    match given {
        Some(given) => Ok(given),
        None if prompt.is_terminal() => prompt.text(question, default),
        None => Err(needed(option)),
    }
}

/// An option is missing, and there is nobody to ask instead.
#[must_use]
pub fn needed(option: &str) -> Failure {
    Failure::usage(format!("{option} is needed: there is no terminal to ask on"))
        .hint("see --help of this command")
}

/// Standard input as something secret may be read from it: not from a terminal, which would show what is typed.
#[derive(Debug)]
pub struct Piped<T> {
    input: T,
    is_terminal: bool,
}

impl Piped<Stdin> {
    /// This process's.
    #[must_use]
    pub fn stdin() -> Self {
        let input = stdin();
        Self { is_terminal: input.is_terminal(), input }
    }
}

impl<T: Read> Read for Piped<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_terminal {
            return Err(io::Error::new(ErrorKind::Unsupported, "a terminal shows what is typed"));
        }
        self.input.read(buffer)
    }
}

/// Why standard input could not be read, in few words.
#[must_use]
pub fn unread(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::Unsupported => {
            "standard input is a terminal, which would show what is typed: pipe it in, or name an environment variable"
        }
        _ => "standard input could not be read as text",
    }
}

/// The person at this process's terminal. Nothing that others wrote commands it.
#[derive(Debug, Clone)]
pub struct Terminal {
    stack: String,
}

impl Terminal {
    /// Somebody who works with this stack: the commands in a text are for it.
    #[must_use]
    pub fn of_stack(stack: &str) -> Self {
        Self { stack: stack.to_owned() }
    }
}

impl Prompt for Terminal {
    fn is_terminal(&self) -> bool {
        Plain(Raw).is_terminal()
    }

    fn say(&mut self, text: &str) {
        Plain(Raw).say(&for_stack(text, &self.stack));
    }

    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String, Failure> {
        Plain(Raw).text(question, default)
    }

    fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize, Failure> {
        Plain(Raw).choose(question, options, default)
    }

    fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        Plain(Raw).confirm(question)
    }

    fn secret(&mut self, question: &str) -> Result<SecretString, Failure> {
        Plain(Raw).secret(question)
    }
}

/// Somebody who is shown nothing that would command a terminal: names of others are in questions and options.
struct Plain<P>(P);

impl<P: Prompt> Prompt for Plain<P> {
    fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }

    fn say(&mut self, text: &str) {
        self.0.say(&plain(text));
    }

    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String, Failure> {
        let shown = default.map(plain);
        let answer = self.0.text(&plain(question), shown.as_deref())?;
        // Who takes the default takes it as it is, not as it is shown.
        Ok(match (default, shown) {
            (Some(default), Some(shown)) if answer == shown => default.to_owned(),
            _ => answer,
        })
    }

    fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize, Failure> {
        let shown: Vec<_> = options.iter().map(|option| plain(option)).collect();
        let shown: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
        self.0.choose(&plain(question), &shown, default)
    }

    fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        self.0.confirm(&plain(question))
    }

    fn secret(&mut self, question: &str) -> Result<SecretString, Failure> {
        self.0.secret(&plain(question))
    }
}

/// The terminal, which shows what it is given.
struct Raw;

impl Prompt for Raw {
    fn is_terminal(&self) -> bool {
        stdin().is_terminal() && stderr().is_terminal()
    }

    fn say(&mut self, text: &str) {
        // Who closed standard error does not want to know.
        let _ = writeln!(stderr(), "{text}");
    }

    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String, Failure> {
        let input = Input::<String>::new().with_prompt(question);
        let input = match default {
            Some(default) => input.default(default.to_owned()),
            None => input,
        };
        asked(|| input.interact_text())
    }

    fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize, Failure> {
        asked(|| Select::new().with_prompt(question).items(options).default(default).interact())
    }

    fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        asked(|| Confirm::new().with_prompt(question).default(false).interact())
    }

    fn secret(&mut self, question: &str) -> Result<SecretString, Failure> {
        asked(|| Password::new().with_prompt(format!("{question} (not shown)")).interact())
            .map(SecretString::from)
    }
}

/// Asks, and leaves the terminal as it was, whatever becomes of it.
fn asked<T>(ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Failure> {
    terminal::guard();
    ask().map_err(|error| {
        let dialoguer::Error::IO(problem) = error;
        if problem.kind() == ErrorKind::Interrupted {
            terminal::interrupted();
        }
        terminal::show_cursor();
        Failure::new(format!("there was no answer: {problem}"))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Somebody whose answers are known beforehand; nobody if there are none.
    #[derive(Default)]
    pub(crate) struct Scripted {
        answers: Option<VecDeque<String>>,
        /// What was asked and told.
        pub(crate) heard: Vec<String>,
    }

    impl Scripted {
        pub(crate) fn answering(answers: &[&str]) -> Self {
            let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
            Self { answers: Some(answers), heard: Vec::new() }
        }

        /// All answers were asked for.
        pub(crate) fn is_done(&self) -> bool {
            self.answers.as_ref().is_none_or(VecDeque::is_empty)
        }

        fn answer(&mut self, question: &str) -> Result<String, Failure> {
            self.heard.push(question.to_owned());
            let next = self.answers.as_mut().and_then(VecDeque::pop_front);
            next.ok_or_else(|| Failure::new(format!("nobody answers: {question}")))
        }
    }

    impl Prompt for Scripted {
        fn is_terminal(&self) -> bool {
            self.answers.is_some()
        }

        fn say(&mut self, text: &str) {
            self.heard.push(text.to_owned());
        }

        fn text(&mut self, question: &str, default: Option<&str>) -> Result<String, Failure> {
            let answer = self.answer(question)?;
            Ok(if answer.is_empty() { default.unwrap_or_default().to_owned() } else { answer })
        }

        fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize, Failure> {
            let answer = self.answer(question)?;
            Ok(options.iter().position(|option| *option == answer).unwrap_or(default))
        }

        fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
            Ok(self.answer(question)? == "yes")
        }

        fn secret(&mut self, question: &str) -> Result<SecretString, Failure> {
            self.answer(question).map(SecretString::from)
        }
    }

    #[test]
    fn names_of_others_do_not_command_the_terminal() {
        const NAME: &str = "\u{1b}[2JShop\u{202e}";
        const SHOWN: &str = "\u{fffd}[2JShop\u{fffd}";
        let mut person = Plain(Scripted::answering(&["", "Mine", SHOWN, "yes", "hush"]));
        person.say(NAME);
        assert_eq!(person.text(NAME, Some(NAME)).unwrap(), NAME);
        assert_eq!(person.text(NAME, Some(NAME)).unwrap(), "Mine");
        assert_eq!(person.choose(NAME, &["other", NAME], 0).unwrap(), 1);
        assert!(person.confirm(NAME).unwrap());
        person.secret(NAME).unwrap();
        assert_eq!(person.0.heard, [SHOWN; 6]);
    }

    #[test]
    fn nothing_is_read_from_a_terminal_that_would_show_it() {
        let mut text = [0; 7];
        let mut read = |is_terminal| Piped { input: b"pk_hush".as_slice(), is_terminal }.read(&mut text);
        assert_eq!(read(false).unwrap(), 7);
        assert!(unread(&read(true).unwrap_err()).contains("which would show what is typed"));
        assert!(unread(&io::Error::other("x")).contains("could not be read"));
    }

    #[test]
    fn what_no_option_says_is_asked_for_and_named_where_nobody_can_be_asked() {
        let mut somebody = Scripted::answering(&["", "Main"]);
        let mut asked = |given: Option<&str>| {
            given_or_asked(
                &mut somebody,
                given.map(Into::into),
                "--display-name",
                "Display name",
                Some("main"),
            )
        };
        assert_eq!(asked(Some("Given")).unwrap(), "Given");
        assert_eq!(asked(None).unwrap(), "main");
        assert_eq!(asked(None).unwrap(), "Main");
        assert_eq!(somebody.heard, ["Display name", "Display name"]);
        let nobody = given_or_asked(&mut Scripted::default(), None, "--display-name", "Display name", None);
        insta::assert_snapshot!(nobody.unwrap_err().to_string(), @r"
        error: --display-name is needed: there is no terminal to ask on
        hint: see --help of this command
        ");
    }
}
