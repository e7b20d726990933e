//! Progress on a terminal: one line a run, with a bar of its chunks. It is drawn on standard error.
//!
//! A terminal may get wider or narrower at any time, and terminals differ in what they do then to the lines that are
//! there: many wrap those that are too long now, others cut them. So lines end where their text ends, and where it can't
//! be known how many rows they have become, the screen is begun anew.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{IsTerminal, stderr, stdout};
use std::rc::Rc;

use console::{Term, measure_text_width};
use segue_platform::Env;
use segue_state::Summary;

use super::line::{Look, Style, line};
use super::watch::Show;
use crate::Failure;
use crate::output::Screen;

/// What is drawn on.
trait Paper {
    /// Its rows and columns now.
    fn size(&self) -> (usize, usize);

    /// Writes, all at once.
    fn write(&self, text: &str);
}

impl Paper for Term {
    fn size(&self) -> (usize, usize) {
        let (rows, columns) = Self::size(self);
        (rows.into(), columns.into())
    }

    fn write(&self, text: &str) {
        // Who closed standard error does not want to know.
        let _ = self.write_str(text);
    }
}

/// Lines at the bottom of a terminal.
#[derive(Clone)]
pub(super) struct Bars(Rc<RefCell<Board>>);

/// What stands there.
struct Board {
    paper: Box<dyn Paper>,
    style: Style,
    /// The runs, in the order in which they are to stand.
    runs: Vec<Option<Summary>>,
    /// The columns that each line takes that is on the screen.
    drawn: Vec<usize>,
    /// What was written last, and how wide the terminal was.
    last: (String, usize),
}

/// One run's line.
pub(super) struct Bar {
    board: Rc<RefCell<Board>>,
    place: usize,
}

impl Bars {
    /// If people read on a terminal; lines are better elsewhere. `names` are the exports that are to be shown.
    pub(super) fn on_a_terminal<'a>(
        screen: &Screen<'_>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let env = Env::process();
        let dumb = env.optional("TERM").is_none_or(|term| term == "dumb");
        let people = !screen.is_json() && !dumb && stderr().is_terminal() && stdout().is_terminal();
        let look = Look { colours: console::colors_enabled_stderr(), ..Look::of(&env) };
        people.then(|| Self::drawn_on(Box::new(Term::stderr()), look, names))
    }

    fn drawn_on<'a>(paper: Box<dyn Paper>, look: Look, names: impl IntoIterator<Item = &'a str>) -> Self {
        let name = names.into_iter().map(measure_text_width).max().unwrap_or_default();
        let style = Style { look, name };
        let last = (String::new(), paper.size().1);
        Self(Rc::new(RefCell::new(Board { paper, style, runs: Vec::new(), drawn: Vec::new(), last })))
    }

    /// Another run's line, below those that there are.
    pub(super) fn another(&self) -> Bar {
        let mut board = self.0.borrow_mut();
        board.runs.push(None);
        Bar { board: Rc::clone(&self.0), place: board.runs.len() - 1 }
    }

    /// The terminal has another size now.
    pub(super) fn redraw(&self) {
        self.0.borrow_mut().draw(false);
    }

    /// Others wrote on the terminal, as a shell does while this program is stopped: what stands there stays.
    pub(super) fn begin_below(&self) {
        let mut board = self.0.borrow_mut();
        board.drawn.clear();
        board.last.0.clear();
        board.draw(false);
    }

    /// Nothing is drawn any more: every run is shown, however many there are.
    pub(super) fn end(&self) {
        self.0.borrow_mut().draw(true);
    }

    /// Takes away what the terminal itself showed of a Ctrl-C.
    pub(super) fn wipe(&self) {
        self.0.borrow().paper.write("\r\x1b[J");
    }
}

impl Board {
    fn draw(&mut self, whole: bool) {
        let (rows, columns) = self.paper.size();
        // The cursor stands below the last line.
        let room = if whole { usize::MAX } else { rows.saturating_sub(1) };
        let lines = self.lines(room, columns);
        let text = lines.iter().fold(String::new(), |mut text, line| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}\x1b[K");
            text
        });
        if (&text, columns) == (&self.last.0, self.last.1) {
            return;
        }
        let back = if self.drawn.iter().any(|&line| line > columns) {
            // Wrapped or cut: nobody knows.
            "\x1b[H\x1b[2J".to_owned()
        } else if self.drawn.is_empty() {
            String::new()
        } else {
            format!("\r\x1b[{}A", self.drawn.len())
        };
        self.paper.write(&format!("{back}{text}\x1b[J"));
        self.drawn = lines.iter().map(|line| measure_text_width(line)).collect();
        self.last = (text, columns);
    }

    /// The lines that there is room for: what has ended makes room first.
    fn lines(&self, room: usize, columns: usize) -> Vec<String> {
        let mut runs: Vec<&Summary> = self.runs.iter().flatten().collect();
        let all = runs.len();
        if all > room {
            // Stable: those that go on stay in their order.
            runs.sort_by_key(|run| run.status.is_end());
            runs.truncate(room.saturating_sub(1));
        }
        let mut lines: Vec<String> = runs.iter().map(|run| line(run, columns, self.style)).collect();
        if all > lines.len() && lines.len() < room {
            lines.push(self.style.look.cut(&format!("and {} more", all - lines.len()), columns));
        }
        lines
    }
}

impl Show for Bar {
    fn show(&mut self, summary: &Summary) -> Result<(), Failure> {
        let mut board = self.board.borrow_mut();
        board.runs[self.place] = Some(summary.clone());
        board.draw(false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use segue_state::{Status, summary};

    use super::super::tests::a_run;
    use super::*;

    /// Paper whose size can change, and what was written on it.
    #[derive(Clone, Default)]
    struct Sheet {
        size: Rc<Cell<(usize, usize)>>,
        written: Rc<RefCell<Vec<String>>>,
    }

    impl Paper for Sheet {
        fn size(&self) -> (usize, usize) {
            self.size.get()
        }

        fn write(&self, text: &str) {
            self.written.borrow_mut().push(text.to_owned());
        }
    }

    fn sheet(rows: usize, columns: usize, runs: usize) -> (Sheet, Bars, Vec<Bar>) {
        let sheet = Sheet::default();
        sheet.size.set((rows, columns));
        let bars = Bars::drawn_on(Box::new(sheet.clone()), Look::default(), ["e"]);
        let lines = (0..runs).map(|_| bars.another()).collect();
        (sheet, bars, lines)
    }

    fn delivering(number: usize) -> Summary {
        let staging = summary::staging(&a_run(&format!("20261122T163512Z-{number}")));
        Summary { status: Status::Delivering, chunks: 4, chunks_done: 1, ..staging }
    }

    #[test]
    fn a_line_is_written_over_and_what_has_not_changed_is_not() {
        let (sheet, _bars, mut lines) = sheet(24, 80, 2);
        for (number, line) in lines.iter_mut().enumerate() {
            line.show(&delivering(number)).unwrap();
            line.show(&delivering(number)).unwrap();
        }
        let written = sheet.written.borrow();
        assert_eq!(written.len(), 2);
        assert!(written[0].starts_with("e  ") && written[0].ends_with("\x1b[K\n\x1b[J"), "{written:?}");
        assert!(written[1].starts_with("\r\x1b[1Ae  ") && written[1].matches('\n').count() == 2);
    }

    #[test]
    fn where_lines_may_have_wrapped_the_screen_is_begun_anew() {
        let (sheet, bars, mut lines) = sheet(24, 80, 1);
        lines[0].show(&delivering(0)).unwrap();
        sheet.size.set((24, 120));
        bars.redraw();
        sheet.size.set((24, 30));
        bars.redraw();
        bars.begin_below();
        let written = sheet.written.borrow();
        assert!(written[1].starts_with("\r\x1b[1A"), "{written:?}");
        assert!(written[2].starts_with("\x1b[H\x1b[2J"), "{written:?}");
        assert!(written[3].starts_with("e  "), "{written:?}");
    }

    #[test]
    fn what_has_ended_makes_room_and_is_shown_in_the_end() {
        let (sheet, bars, mut lines) = sheet(4, 80, 5);
        for (number, line) in lines.iter_mut().enumerate() {
            let status = if number == 0 { Status::Completed } else { Status::Delivering };
            line.show(&Summary { status, ..delivering(number) }).unwrap();
        }
        let last = sheet.written.borrow().last().unwrap().clone();
        assert_eq!(last.matches('\n').count(), 3, "{last}");
        assert!(last.contains("and 3 more") && !last.contains("completed"), "{last}");
        bars.end();
        let last = sheet.written.borrow().last().unwrap().clone();
        assert!(last.matches('\n').count() == 5 && last.contains("completed"), "{last}");
    }
}
