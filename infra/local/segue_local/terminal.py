"""A program in a terminal: a pseudo-terminal of its own, and an emulator that holds what a person would see."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte


class Screen(pyte.Screen):
    """A screen that counts the lines that wrapped by themselves, and that may wrap what is there when it gets narrower.

    Terminals differ in that: xterm and the Linux console cut, nearly all others wrap. What was written beyond the last
    word of a line, blanks too, takes room as words do.
    """

    def __init__(self, columns: int, rows: int, wraps: bool) -> None:
        self.wraps = wraps
        #: Lines that were longer than the screen was wide when they were written.
        self.wrapped = 0
        super().__init__(columns, rows)

    def draw(self, data: str) -> None:
        """Puts text where the cursor is."""
        for character in data:
            self.wrapped += self.cursor.x == self.columns
            super().draw(character)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Another size, and what that does to what is there."""
        lines, columns = lines or self.lines, columns or self.columns
        if self.wraps and columns < self.columns:
            cells = [dict(self.buffer[y]) for y in range(self.lines)]
            rows: list[dict] = []
            for y, row in enumerate(cells):
                used = max(row, default=-1) + 1
                if y == self.cursor.y:
                    at = len(rows)
                for first in range(0, max(used, 1), columns):
                    rows.append({x - first: cell for x, cell in row.items() if first <= x < first + columns})
            gone = max(0, at - (lines - 1))
            super().resize(lines, columns)
            for y in range(lines):
                self.buffer[y].clear()
                self.buffer[y].update(rows[gone + y] if gone + y < len(rows) else {})
            self.cursor.y, self.cursor.x = at - gone, min(self.cursor.x, columns - 1)
        else:
            super().resize(lines, columns)


class Terminal:
    """A program that runs in a terminal.

    Args:
        command: the program and its arguments.
        environment: all of its environment.
        columns, rows: the terminal's size.
        wraps: whether the terminal wraps what is there when it gets narrower.
        folder: where it runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = 24,
        wraps: bool = True,
        folder: Path | None = None,
    ) -> None:
        self.screen = Screen(columns, rows, wraps)
        self._stream = pyte.ByteStream(self.screen)
        #: Everything that was written to the terminal, what it echoed included.
        self.written = b""
        self._ours, self._theirs = pty.openpty()
        self._size(columns, rows)
        #: How the terminal was set before the program began.
        self.modes_before = self.modes
        self.process = subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
            # The terminal is the session's own: that is what makes Ctrl-C and a new size reach it.
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    # ------------------------------------------------------------------ what a person does

    def type(self, text: str) -> None:
        """Types on the keyboard."""
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.type("\x03")

    def says(self, text: str) -> None:
        """Another program writes on the terminal too."""
        os.write(self._theirs, text.encode())
        self.sees(text.split("\r\n")[0])

    def resize(self, columns: int, rows: int = 24) -> None:
        """Another size, which the program is told."""
        self._read(0.05)
        self.screen.resize(rows, columns)
        self._size(columns, rows)

    # ------------------------------------------------------------------ what a person sees

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without what is empty below it."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        """What stands on the screen, in one piece."""
        return "\n".join(self.lines)

    @property
    def colours(self) -> set[str]:
        """The colours of what stands on the screen."""
        cells = [cell for row in self.screen.buffer.values() for cell in row.values() if cell.data.strip()]
        return {cell.fg for cell in cells} - {"default"}

    @property
    def modes(self) -> list:
        """How the terminal is set: echo, line editing, what Ctrl-C does."""
        return termios.tcgetattr(self._theirs)

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        return bool(self.modes[3] & termios.ECHO)

    # ------------------------------------------------------------------ waiting

    def until(self, what: str, look: Callable[[], object], within: float = 30.0) -> None:
        """Waits until `look` gives something true; `what` is named when it takes too long."""
        deadline = time.monotonic() + within
        while not look():
            assert time.monotonic() < deadline, f"waited for {what}; the screen:\n{self.text}"
            self._read(0.05)

    def sees(self, text: str, within: float = 30.0) -> None:
        """Waits until a text stands on the screen."""
        self.until(text, lambda: text in self.text, within)

    def end(self, within: float = 30.0) -> int:
        """Waits for the program's end; gives its exit status."""
        self.until("the program's end", lambda: self.process.poll() is not None, within)
        while self._read(0.05):
            pass
        return self.process.returncode

    def _read(self, patience: float) -> bool:
        if not select.select([self._ours], [], [], patience)[0]:
            return False
        read = os.read(self._ours, 65536)
        self.written += read
        self._stream.feed(read)
        return True

    def _size(self, columns: int, rows: int) -> None:
        # The system tells the program by SIGWINCH.
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
