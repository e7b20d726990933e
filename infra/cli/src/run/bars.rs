//! Progress on a terminal: one line a run, with a bar of its chunks. It is drawn on standard error.

use std::io::{IsTerminal, stderr};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use segue_platform::Env;
use segue_state::{Status, Summary};

use super::watch::Show;
use crate::Failure;
use crate::output::Screen;

/// Lines at the bottom of a terminal.
pub(super) struct Bars {
    all: MultiProgress,
    bar: Option<ProgressBar>,
    look: Look,
    /// Room for the longest name, so that bars stand below one another.
    name: usize,
}

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Unicode,
    Ascii,
}

impl Look {
    /// By the environment: a locale that says UTF-8 shows it.
    fn of(env: &Env<'_>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env.optional(name));
        let locale = locale.unwrap_or_default().to_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Unicode } else { Self::Ascii }
    }

    const fn bar(self) -> &'static str {
        match self {
            Self::Unicode => "━╸─",
            Self::Ascii => "=>-",
        }
    }
}

impl Bars {
    /// If people read on a terminal; lines are better elsewhere. `names` are the exports that are to be shown.
    pub(super) fn on_a_terminal<'a>(
        screen: &Screen<'_>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let dumb = Env::process().optional("TERM").is_none_or(|term| term == "dumb");
        let shown = !screen.is_json() && !dumb && stderr().is_terminal() && std::io::stdout().is_terminal();
        let name = names.into_iter().map(str::len).max().unwrap_or_default();
        shown.then(|| Self::drawn(ProgressDrawTarget::stderr(), Look::of(&Env::process()), name))
    }

    fn drawn(target: ProgressDrawTarget, look: Look, name: usize) -> Self {
        Self { all: MultiProgress::with_draw_target(target), bar: None, look, name }
    }

    /// Another run's line, below.
    pub(super) fn another(&self) -> Self {
        Self { all: self.all.clone(), bar: None, look: self.look, name: self.name }
    }
}

impl Show for Bars {
    fn show(&mut self, summary: &Summary) -> Result<(), Failure> {
        let bar = self.bar.get_or_insert_with(|| self.all.add(ProgressBar::no_length()));
        let template = if summary.status == Status::Staging {
            "{prefix}  {wide_msg}"
        } else {
            "{prefix}  {bar:12}  {wide_msg}"
        };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars(self.look.bar()));
        bar.set_prefix(format!("{:1$}", summary.export, self.name));
        bar.set_length(summary.chunks.max(1).into());
        bar.set_position(summary.chunks_done.into());
        let message = said(summary);
        if summary.status.is_end() {
            bar.abandon_with_message(message);
        } else {
            bar.set_message(message);
        }
        Ok(())
    }
}

/// How far it is, in few words: a line has eighty columns.
fn said(summary: &Summary) -> String {
    let counts = &summary.counts;
    let to_send = counts.read.saturating_sub(counts.invalid + counts.duplicate + counts.unchanged);
    match summary.status {
        Status::Staging => "reading the drop".to_owned(),
        Status::Delivering => format!(
            "{}/{} chunks, {}/{to_send} profiles, {} rows",
            summary.chunks_done,
            summary.chunks,
            to_send.saturating_sub(counts.pending),
            counts.read
        ),
        Status::Completed => format!("completed, {}/{to_send} profiles taken", counts.accepted),
        status => format!("{}: {}", status.name(), summary.message),
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;
    use segue_state::summary;

    use super::super::tests::a_run;
    use super::*;

    fn summaries() -> Vec<Summary> {
        let staging = summary::staging(&a_run("20261122T163512Z-a"));
        let mut delivering =
            Summary { status: Status::Delivering, chunks: 4, chunks_done: 1, ..staging.clone() };
        delivering.counts.read = 1_000_000;
        delivering.counts.duplicate = 200_000;
        delivering.counts.pending = 600_000;
        let mut ended = Summary { status: Status::Completed, chunks_done: 4, ..delivering.clone() };
        (ended.counts.pending, ended.counts.accepted) = (0, 800_000);
        vec![staging, delivering, ended]
    }

    fn drawn(columns: u16, look: Look) -> String {
        let mut drawn = String::new();
        for summary in summaries() {
            let terminal = InMemoryTerm::new(5, columns);
            let mut bars = Bars::drawn(ProgressDrawTarget::term_like(Box::new(terminal.clone())), look, 1);
            bars.show(&summary).unwrap();
            if let Some(bar) = &bars.bar {
                bar.tick();
            }
            drawn += &terminal.contents();
            drawn.push('\n');
        }
        drawn
    }

    #[test]
    fn a_run_fits_into_eighty_columns() {
        let lines = drawn(80, Look::Ascii);
        for line in lines.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(lines.starts_with("e  reading the drop\n"), "{lines}");
        assert!(lines.contains("1/4 chunks, 200000/800000 profiles, 1000000 rows"), "{lines}");
        assert!(lines.contains("completed, 800000/800000 profiles taken"), "{lines}");
        assert!(lines.is_ascii());
    }

    #[test]
    fn a_narrow_terminal_is_no_trouble_and_a_utf8_one_shows_blocks() {
        assert!(drawn(20, Look::Ascii).lines().all(|line| line.chars().count() <= 20));
        assert!(drawn(120, Look::Unicode).contains('━'));
        let of = |name: &str, value: &str| Look::of(&Env::of(&[(name, value)]));
        assert_eq!((of("LANG", "de_DE.UTF-8"), of("LANG", "C")), (Look::Unicode, Look::Ascii));
    }
}
