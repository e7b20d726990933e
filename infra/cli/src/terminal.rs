//! The terminal that a command runs on: what happens to it, and putting it back as it was.

use std::io::{Write, stderr, stdin};
use std::process::exit;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;

use rustix::process::Signal;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::Failure;

/// What somebody did to the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// Ctrl-C.
    Interrupted,
    /// It has another size.
    Resized,
    /// This program was stopped, and goes on.
    Continued,
}

/// What happens to the terminal, as it happens.
pub(crate) struct Signals {
    interrupt: Stream,
    resize: Stream,
    continues: Stream,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// [`Failure`] if the system does not let us.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(|error| Failure::new(format!("no signals can be had: {error}")));
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            resize: of(SignalKind::window_change())?,
            continues: of(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// The next thing that happens.
    pub(crate) async fn next(&mut self) -> Happened {
        tokio::select! {
            _ = self.interrupt.recv() => Happened::Interrupted,
            _ = self.resize.recv() => Happened::Resized,
            _ = self.continues.recv() => Happened::Continued,
        }
    }
}

/// From now on whatever ends this program from outside leaves the terminal as it is now: it echoes what is typed, and
/// the cursor is seen. Somebody who asks a question changes both, and waits for the answer in ways that nothing
/// interrupts; so this is a thread.
pub(crate) fn guard() {
    static GUARD: OnceLock<()> = OnceLock::new();
    GUARD.get_or_init(|| {
        let Ok(modes) = tcgetattr(stdin()) else { return };
        let (ready, is_ready) = channel();
        thread::spawn(move || {
            // Without signals of its own the program ends as it always would.
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
                return;
            };
            runtime.block_on(async {
                let all =
                    [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
                let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = all else { return };
                let _ = ready.send(());
                // Interrupts come last: whatever disturbs it while it waits for a key, `console` raises one.
                let number = tokio::select! {
                    biased;
                    _ = hangup.recv() => Signal::HUP,
                    _ = terminate.recv() => Signal::TERM,
                    _ = interrupt.recv() => Signal::INT,
                };
                restore(&modes);
                exit(128 + number.as_raw());
            });
        });
        // Nothing is sent by a thread that could not listen; then this does not wait either.
        let _ = is_ready.recv();
    });
}

fn restore(modes: &Termios) {
    // A terminal that is gone needs nothing.
    let _ = tcsetattr(stdin(), OptionalActions::Now, modes);
    show_cursor();
    let _ = stderr().write_all(b"\r\n");
}

/// The cursor is seen again.
pub(crate) fn show_cursor() {
    let _ = stderr().write_all(b"\x1b[?25h");
}

/// An answer was interrupted: [`guard`] ends the program.
pub(crate) fn interrupted() -> ! {
    loop {
        thread::park();
    }
}
