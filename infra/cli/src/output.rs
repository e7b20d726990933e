//! What is printed: text for people, JSON for scripts.

use std::borrow::Cow;
use std::io::{ErrorKind, Result as IoResult, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::Failure;
use crate::stack::{DEFAULT_NAME, for_stack};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// Where results go. Errors go elsewhere.
pub struct Screen<'a> {
    output: Output,
    out: &'a mut dyn Write,
    width: Option<usize>,
    stack: String,
}

impl<'a> Screen<'a> {
    /// Prints to `out`.
    pub fn new(output: Output, out: &'a mut dyn Write) -> Self {
        Self { output, out, width: None, stack: DEFAULT_NAME.to_owned() }
    }

    /// Prints of this stack: the commands in a text are for it.
    #[must_use]
    pub fn of_stack(self, stack: &str) -> Self {
        Self { stack: stack.to_owned(), ..self }
    }

    /// Prints to a terminal of so many columns; `None` if it is none.
    #[must_use]
    pub fn of_width(self, width: Option<usize>) -> Self {
        Self { width, ..self }
    }

    /// The columns of the terminal, if it is one.
    #[must_use]
    pub const fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether scripts read this.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// One line, or several, for people; nothing for scripts.
    ///
    /// # Errors
    /// [`Failure`] if the output can't be written.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        if self.is_json() {
            return Ok(());
        }
        let text = self.for_stack(text).into_owned();
        self.document(&text)
    }

    /// A text whose commands are for the stack that this prints of.
    #[must_use]
    pub fn for_stack<'t>(&self, text: &'t str) -> Cow<'t, str> {
        for_stack(text, &self.stack)
    }

    /// A document for people to keep, letter by letter; nothing for scripts.
    ///
    /// # Errors
    /// [`Failure`] if the output can't be written.
    pub fn document(&mut self, text: &str) -> Result<(), Failure> {
        if self.is_json() {
            return Ok(());
        }
        written(writeln!(self.out, "{}", plain(text)).and_then(|()| self.out.flush()))
    }

    /// One document for scripts; nothing for people.
    ///
    /// # Errors
    /// [`Failure`] if the output can't be written.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        if !self.is_json() {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
        let text = escaped(&text);
        written(writeln!(self.out, "{text}").and_then(|()| self.out.flush()))
    }
}

/// Who reads us may have read enough.
fn written(result: IoResult<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("the output could not be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Whether a terminal would take it for a command, or for another order of the text.
fn commands(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON of the same meaning without what would command a terminal; serializing leaves it in.
fn escaped(json: &str) -> Cow<'_, str> {
    if !json.contains(commands) {
        return Cow::Borrowed(json);
    }
    let each =
        json.chars().map(|c| if commands(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() });
    Cow::Owned(each.collect())
}

/// A text without what would command a terminal: names are written by others, in configuration, drops and accounts.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if commands(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A count with the name of what is counted.
#[must_use]
pub fn counted(count: impl TryInto<u64>, one: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}

/// A table without lines, as wide as it needs to be; `numbers` are the columns that are set to the right.
#[must_use]
pub fn table(header: &[&str], numbers: std::ops::Range<usize>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_lines_and_numbers_on_the_right() {
        let row = |name: &str, count: u32| vec![name.to_owned(), count.to_string(), "said".to_owned()];
        let text = table(&["name", "count", "message"], 1..2, vec![row("a", 5), row("longer", 1000)]);
        insta::assert_snapshot!(text, @r"
        name    count  message
        a           5  said
        longer   1000  said
        ");
    }

    #[test]
    fn nor_does_it_in_json_which_means_the_same() {
        let name = "a\u{9b}2J\u{7f}\u{202e}b\u{1b}\n";
        let mut bytes = Vec::new();
        Screen::new(Output::Json, &mut bytes).json(&name).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_ascii() && text.ends_with("\"\n"), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
    }

    #[test]
    fn what_others_wrote_commands_no_terminal() {
        let mut bytes = Vec::new();
        let mut screen = Screen::new(Output::Text, &mut bytes);
        screen.line("a\u{1b}]52;c;eA==\u{7}\r\u{9b}2J\u{202e}b\tc\nd é").unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "a\u{fffd}]52;c;eA==\u{fffd}\u{fffd}\u{fffd}2J\u{fffd}b\tc\nd é\n"
        );
    }

    #[test]
    fn one_is_one() {
        assert_eq!([0_usize, 1, 2].map(|count| counted(count, "run")), ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn people_get_lines_and_scripts_one_document() {
        for (output, expected) in [(Output::Text, "hello\n"), (Output::Json, "5\n")] {
            let mut bytes = Vec::new();
            let mut screen = Screen::new(output, &mut bytes);
            screen.line("hello").unwrap();
            screen.json(&5).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }
}
