//! A run in one line of a terminal, as wide as there is room.

use console::{measure_text_width as width, truncate_str};
use segue_platform::Env;
use segue_state::{Status, Summary};

use crate::output::plain;

/// Columns of a bar.
const BAR: usize = 12;
/// The least columns for words beside a bar: without them the bar goes.
const WORDS: usize = 10;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// More than ASCII.
    pub(super) unicode: bool,
    /// Colours are wanted.
    pub(super) colours: bool,
}

/// How all lines of a screen look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// What the terminal can show.
    pub(super) look: Look,
    /// Room for the longest name, so that bars stand below one another.
    pub(super) name: usize,
}

impl Look {
    /// By the environment: a locale that says UTF-8 shows it.
    pub(super) fn of(env: &Env<'_>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env.optional(name));
        let locale = locale.unwrap_or_default().to_lowercase();
        Self { unicode: locale.contains("utf-8") || locale.contains("utf8"), colours: false }
    }

    /// `done` of `all` as a bar.
    fn bar(self, done: u32, all: u32) -> String {
        let (full, head, empty) = if self.unicode { ("━", "╸", "─") } else { ("=", ">", "-") };
        let halves = 2 * BAR * done as usize / all.max(1) as usize;
        let part = if halves % 2 == 1 { head } else { "" };
        let rest = BAR.saturating_sub(halves.div_ceil(2));
        format!("{}{part}{}", full.repeat(halves / 2), empty.repeat(rest))
    }

    /// As much of a text as there is room for.
    pub(super) fn cut(self, text: &str, columns: usize) -> String {
        let mark = match (self.unicode, columns) {
            (true, 1..) => "…",
            (false, 3..) => "...",
            _ => "",
        };
        truncate_str(text, columns, mark).into_owned()
    }

    fn coloured(self, bar: &str, status: Status) -> String {
        let style = match status {
            Status::Staging | Status::Delivering => console::Style::new().cyan(),
            Status::Completed => console::Style::new().green(),
            Status::Partial | Status::Cancelled | Status::Superseded => console::Style::new().yellow(),
            Status::Failed | Status::Refused => console::Style::new().red(),
        };
        style.force_styling(self.colours).apply_to(bar).to_string()
    }
}

/// The run, in at most so many columns: what matters least is left out first.
pub(super) fn line(run: &Summary, columns: usize, Style { look, name }: Style) -> String {
    let name = name.min(columns / 2);
    let mut said = look.cut(&on_one_line(&run.export), name);
    said += &" ".repeat(name.saturating_sub(width(&said)));
    let mut left = columns.saturating_sub(name);
    if run.status != Status::Staging && left >= 2 + BAR + 2 + WORDS {
        said = format!("{said}  {}", look.coloured(&look.bar(run.chunks_done, run.chunks), run.status));
        left -= 2 + BAR;
    }
    if left <= 2 {
        return said;
    }
    format!("{said}  {}", look.cut(&on_one_line(&fitting(&words(run), left - 2)), left - 2))
}

/// A text that neither commands the terminal nor breaks the line: others wrote it.
fn on_one_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}

/// As many of the words as there is room for, but the first whatever the room.
fn fitting(words: &[String], columns: usize) -> String {
    let most = (1..=words.len()).rev().map(|most| words[..most].join(", "));
    most.into_iter().find(|text| width(text) <= columns).unwrap_or_else(|| words[0].clone())
}

/// How far it is, what matters most first.
fn words(run: &Summary) -> Vec<String> {
    let counts = &run.counts;
    let to_send = counts.read.saturating_sub(counts.invalid + counts.duplicate + counts.unchanged);
    match run.status {
        Status::Staging => vec![run.message.clone()],
        Status::Delivering => vec![
            format!("{}/{} chunks", run.chunks_done, run.chunks),
            format!("{}/{to_send} profiles", to_send.saturating_sub(counts.pending)),
            format!("{} rows", counts.read),
        ],
        Status::Completed => {
            vec!["completed".to_owned(), format!("{}/{to_send} profiles taken", counts.accepted)]
        }
        status => vec![format!("{}: {}", status.name(), run.message)],
    }
}

#[cfg(test)]
mod tests {
    use segue_state::summary;

    use super::super::tests::a_run;
    use super::*;

    fn runs() -> Vec<Summary> {
        let staging = summary::staging(&a_run("20261122T163512Z-a"));
        let mut delivering =
            Summary { status: Status::Delivering, chunks: 4, chunks_done: 1, ..staging.clone() };
        delivering.counts.read = 1_000_000;
        delivering.counts.duplicate = 200_000;
        delivering.counts.pending = 600_000;
        let mut ended = Summary { status: Status::Completed, chunks_done: 4, ..delivering.clone() };
        (ended.counts.pending, ended.counts.accepted) = (0, 800_000);
        let message = "Klaviyo does not answer; it was tried for an hour, over and over, in vain".to_owned();
        let failed = Summary { status: Status::Failed, chunks_done: 4, message, ..ended.clone() };
        vec![staging, delivering, ended, failed]
    }

    fn lines(columns: usize, look: Look) -> String {
        let style = Style { look, name: 4 };
        runs().iter().map(|run| line(run, columns, style) + "|\n").collect()
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        let (ascii, unicode) = (Look::default(), Look { unicode: true, colours: false });
        insta::assert_snapshot!(lines(80, ascii), @r"
        e     the drop is being read|
        e     ===---------  1/4 chunks, 200000/800000 profiles, 1000000 rows|
        e     ============  completed, 800000/800000 profiles taken|
        e     ============  failed: Klaviyo does not answer; it was tried for an hour...|
        ");
        insta::assert_snapshot!(lines(50, unicode), @r"
        e     the drop is being read|
        e     ━━━─────────  1/4 chunks|
        e     ━━━━━━━━━━━━  completed|
        e     ━━━━━━━━━━━━  failed: Klaviyo does not answ…|
        ");
        insta::assert_snapshot!(lines(30, ascii), @r"
        e     the drop is being read|
        e     ===---------  1/4 chunks|
        e     ============  completed|
        e     ============  failed:...|
        ");
        for columns in 0..130 {
            for text in [lines(columns, ascii), lines(columns, unicode)] {
                assert!(text.lines().all(|line| width(line) <= columns + 1), "{columns}: {text}");
            }
        }
        assert!(lines(80, ascii).is_ascii());
    }

    #[test]
    fn colours_take_no_room() {
        let coloured = Look { unicode: true, colours: true };
        for (columns, run) in [(80, &runs()[1]), (50, &runs()[2]), (30, &runs()[3])] {
            let style = |look| Style { look, name: 4 };
            let plain = line(run, columns, style(Look { colours: false, ..coloured }));
            let bright = line(run, columns, style(coloured));
            assert_eq!(width(&bright), width(&plain), "{bright:?}");
        }
        assert!(line(&runs()[1], 80, Style { look: coloured, name: 4 }).contains("\x1b[36m━━━─"));
    }

    #[test]
    fn a_locale_that_says_utf_8_shows_it() {
        let of = |name: &str, value: &str| Look::of(&Env::of(&[(name, value)])).unicode;
        assert!(of("LANG", "de_DE.UTF-8") && of("LC_ALL", "C.utf8") && !of("LANG", "C"));
    }

    #[test]
    fn what_others_wrote_commands_no_terminal_and_breaks_no_line() {
        let mut run = summary::staging(&a_run("20261122T163512Z-a"));
        run.status = Status::Failed;
        run.message = "a\u{1b}]52;c;eA==\u{7}b\nc".to_owned();
        let said = line(&run, 80, Style { look: Look::default(), name: 1 });
        assert!(!said.contains(char::is_control) && said.contains("b c"), "{said:?}");
    }
}
