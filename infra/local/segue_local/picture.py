"""`python -m segue_local.picture`: the README's picture of `segue run watch --all`, of real runs on the local stack.

Brings the stack up, drops a segment that three exports want, films a shell in a terminal, writes
`infra/docs/pictures/run-watch.svg`, and takes everything down. With `--no-build` the programs are used that are there.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from segue_local import LocalStack, LocalStackError, build, demo, film
from segue_local.places import CHECKOUT
from segue_local.terminal import Terminal

PICTURE = CHECKOUT / "infra" / "docs" / "pictures" / "run-watch.svg"
COLUMNS, ROWS = 80, 13
PEOPLE = 170_000
#: The longest that a frame is shown, in seconds, but for the last one.
LONGEST, AT_LAST = 0.9, 5.0
_SHELL = ["bash", "--noprofile", "--norc", "--noediting"]


def segment() -> bytes:
    """A file of people who do not exist, some of whom are refused: an address is invalid, twice there, or one that the
    sandbox takes for a fake."""
    lines = ["email,first_name,last_name"]
    for number in range(PEOPLE):
        name = "fake" if number % 21_000 == 9 else "importfail" if number % 30_000 == 11 else "person"
        at = "" if number % 500 == 3 else "@"
        lines.append(f"{name}{number - number % 400 // 399}{at}example.com,Ada,Berg")
    return "\n".join(lines).encode()


def configured(folder: Path) -> Path:
    """The demo's configuration, with names as a shop would have them."""
    text = demo.CONFIGURATION.read_text().replace("demo-to-", "vip-to-").replace("[demo]", "[vip]")
    file = folder / "picture.yaml"
    found = yaml.safe_load(text)
    for export in found["exports"]:
        export["limits"]["profiles"] = PEOPLE
    file.write_text(yaml.safe_dump(found))
    return file


class Camera:
    """Films a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.frames: list[film.Frame] = []
        self._since = time.monotonic()
        self._rows: tuple = ()

    def until(self, what: str, look: Callable[[], object]) -> None:
        """Films until `look` gives something true."""

        def filmed() -> object:
            rows, now = film.seen(self._terminal.screen), time.monotonic()
            if rows != self._rows:
                self._cut(now - self._since)
                self._rows, self._since = rows, now
            return look()

        self._terminal.until(what, filmed, within=90)

    def type(self, text: str) -> None:
        """Types a command, and films that."""
        for letter in text:
            self._terminal.type(letter)
            self.until(letter, lambda letter=letter: self._terminal.lines[-1].endswith(letter.strip()))
        self._terminal.type("\n")

    def end(self) -> list[film.Frame]:
        """What was filmed."""
        self._cut(AT_LAST, AT_LAST)
        return self.frames

    def _cut(self, seconds: float, longest: float = LONGEST) -> None:
        # What was there for a blink only, between two writes of a program, is not worth a frame.
        if self._rows and seconds > 0.02:
            self.frames.append(film.Frame(self._rows, min(seconds, longest)))


def filmed(stack: LocalStack) -> list[film.Frame]:
    """Configures the stack, drops the segment, and films what `run watch` shows of it."""
    credentials = {name: json.dumps(value) for name, value in demo.CREDENTIALS.items()}
    path = f"{build.program('segue').parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **stack.environment, **credentials, "PATH": path, "SEGUE_STACK": stack.name, "PS1": "$ ",
        "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "", "HISTFILE": "",
    }  # fmt: skip
    with Terminal(_SHELL, environment, columns=COLUMNS, rows=ROWS) as terminal:
        terminal.sees("$")
        # What leads there is not filmed.
        terminal.type(f"segue apply --agree -f {configured(stack.folder)} && clear\n")
        terminal.until("an empty screen", lambda: terminal.lines == ["$"] and b"apply" in terminal.written)
        key = f"{stack.outputs['SegmentPrefix']}vip/vip.csv"
        stack.client("s3").put_object(Bucket=stack.outputs["SegmentBucket"], Key=key, Body=segment())
        stack.wait_for("the runs", lambda: _open(stack) == 3, within=30, every=0.05)
        camera = Camera(terminal)
        camera.type("segue run watch --all")
        camera.until("the end", lambda: terminal.text.count("completed") == 3 and terminal.lines[-1] == "$")
        camera.type("segue run list")
        camera.until("the list", lambda: "refused" in terminal.text and terminal.lines[-1] == "$")
        return camera.end()


def _open(stack: LocalStack) -> int:
    found = stack.client("s3").list_objects_v2(Bucket=stack.outputs["StateBucket"], Prefix="open/")
    return found["KeyCount"]


def main() -> int:
    """Exit status 0 if there is a new picture."""
    try:
        with LocalStack("picture", compile="--no-build" not in sys.argv) as stack:
            frames = filmed(stack)
    except LocalStackError as error:
        print(f"picture: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    PICTURE.parent.mkdir(exist_ok=True)
    title = "segue run watch --all: three runs, one to each destination, until all have completed; then segue run list"
    PICTURE.write_text(film.drawn(frames, COLUMNS, title))
    print(f"{PICTURE.relative_to(CHECKOUT)}: {len(frames)} frames, {PICTURE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
