"""`segue` in a real terminal: what people see while runs go on, and what is left of the terminal afterwards."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from make_segment import Recipe, make
from operators import Operator
from segue_local.build import program
from segue_local.terminal import Terminal
from system import SECRET_MARK, Export, System

FULL, EMPTY = "━", "─"


class Frozen:
    """Three runs that stand still: half of Mailchimp's chunks are delivered, and nothing of the others'."""

    def __init__(self, system: System, exports: dict[str, Export]) -> None:
        self.system = system
        self.mailchimp = exports["mailchimp"].id
        self.names = [export.id for export in exports.values()]
        self.run = system.sealed(exports["mailchimp"])

    def watch(self, *arguments: str, **options) -> Terminal:
        """`segue run watch` in a terminal."""
        return segue(self.system, "run", "watch", *(arguments or ("--all",)), **options)


def segue(system: System, *arguments: str, environment: dict[str, str] | None = None, **options) -> Terminal:
    """`segue` in a terminal that shows Unicode and colours."""
    plain = {name: value for name, value in system.stack.environment.items() if name not in ("LC_ALL", "NO_COLOR")}
    environment = {**plain, "TERM": "xterm-256color", "LANG": "C.UTF-8", **(environment or {})}
    return Terminal([str(program("segue")), "--stack", system.stack.name, *arguments], environment, **options)


@pytest.fixture(scope="module")
def frozen(system: System, canary: str) -> Iterator[Frozen]:
    segment = system.segment("frozen")
    exports = system.exports(segment)
    mailchimp = exports["mailchimp"]
    # Its first chunk takes ninety calls; the second one's last for a while.
    system.sandbox.fault("mailchimp", mailchimp.path, times=None, after=90, delay_ms=8_000)
    with ExitStack() as deaf:
        for destination in ("Snapchat", "Klaviyo"):
            deaf.enter_context(system.deaf(f"{destination}Queue"))
        system.drop(segment, make(Recipe(rows=60_000, invalid=500, duplicate=500, seed=95, tag=f"{canary}term")))
        for export in exports.values():
            system.sealed(export)
        found = Frozen(system, exports)
        receipts = f"runs/{found.mailchimp}/{found.run}/receipts/"
        system.wait_for("the first chunk", lambda: system.keys(receipts))
        yield found
        system.sandbox.clear_faults()
    for export in exports.values():
        assert system.one(export, within=120)["status"] == "completed"


def test_a_run_is_watched_to_its_end(system: System, canary: str) -> None:
    segment = system.segment("seen")
    export = system.export("snapchat", segment)
    with system.deaf("SnapchatQueue"):
        system.drop(segment, make(Recipe(rows=50, invalid=2, duplicate=3, seed=96, tag=f"{canary}seen")))
        system.sealed(export)
        terminal = segue(system, "run", "watch", export.id, columns=120, rows=60)
        terminal.sees("0/1 chunks")
    with terminal:
        assert terminal.end(60) == 0
        assert terminal.lines[0] == f"{export.id}  {FULL * 12}  completed, 45/45 profiles taken"
        assert terminal.colours == {"green"}
        assert terminal.modes == terminal.modes_before


def test_how_far_reading_is_is_told_to_those_who_may_know(system: System, canary: str) -> None:
    segment = system.segment("read")
    export = system.export("klaviyo", segment)
    system.drop(segment, make(Recipe(rows=20, invalid=0, duplicate=0, seed=97, tag=f"{canary}read")))
    done = system.one(export)["run"]
    # A run that is as far as that: nothing but its record, and what two attempts have staged.
    reading = done.split("-")[0] + "-zzzzzzzzzzzzzzzz"
    run = system.read(f"runs/{export.id}/{done}/run.json")
    staged = [f"chunks/{export.id}/{reading}/{chunk}" for chunk in ("broken/000000", "ahead/000000", "ahead/000001")]
    keys = [f"runs/{export.id}/{reading}/run.json", *staged]
    for key in keys:
        system.put(key, {**run, "run": reading})
    contributor = Operator(system.stack, "contributors", user="reader-of-runs")
    try:
        for cli, so_far in ((system.cli, ", 400000 profiles so far"), (contributor.cli, "")):
            told = cli("run", "watch", export.id, reading, "--timeout", "1")
            line = f"{export.id} {reading} staging: the drop is being read{so_far}"
            assert told.stdout.splitlines()[0] == line, told.stdout + told.stderr
    finally:
        for key in keys:
            system.s3.delete_object(Bucket=system.state_bucket, Key=key)


def _bars(terminal: Terminal, frozen: Frozen) -> list[str]:
    """The lines of the frozen runs, each exactly once and nothing else of them."""
    lines = [line for line in terminal.lines if any(line.startswith(name[:8]) for name in frozen.names)]
    assert len(lines) == 3, terminal.text
    return lines


def test_bars_stand_below_one_another_and_no_line_wraps(frozen: Frozen) -> None:
    with frozen.watch() as terminal:
        terminal.until("three bars", lambda: terminal.text.count("chunks") == 3)
        lines = _bars(terminal, frozen)
        (half,) = (line for line in lines if line.startswith(frozen.mailchimp))
        assert f"  {FULL * 6}{EMPTY * 6}  1/2 chunks, 45000/59000 profiles" in half
        assert len({line.index(EMPTY) - 6 * (line is half) for line in lines}) == 1, terminal.text
        assert all(len(line) <= 80 for line in lines) and not terminal.screen.wrapped
        assert terminal.colours == {"cyan"} and not terminal.screen.cursor.hidden


@pytest.mark.parametrize("wraps", [True, False], ids=["wraps", "cuts"])
def test_a_terminal_that_gets_narrower_or_wider_keeps_nothing_of_before(frozen: Frozen, wraps: bool) -> None:
    with frozen.watch(wraps=wraps) as terminal:
        terminal.until("three bars", lambda: terminal.text.count("chunks") == 3)
        # What there is room for in the last one depends on how long the names have become.
        ends = {50: f"{EMPTY * 6}  1/2 chunks", 120: ", 60000 rows", 30: "…  1/2 chunks", 80: (" profiles", " rows")}
        for columns, end in ends.items():
            terminal.resize(columns)
            right = lambda end=end: (  # noqa: E731
                len(terminal.lines) == 3 and any(line.endswith(end) for line in terminal.lines)
            )
            terminal.until(f"{columns} columns", right, within=5)
            assert terminal.lines == _bars(terminal, frozen), terminal.text
            assert all(len(line) <= columns for line in terminal.lines), terminal.text
        assert not terminal.screen.wrapped


def test_ctrl_c_leaves_the_terminal_as_it_was_and_the_run_alone(frozen: Frozen) -> None:
    with frozen.watch(frozen.mailchimp) as terminal:
        terminal.sees("1/2 chunks")
        terminal.interrupt()
        assert terminal.end() == 130
        assert terminal.lines[-2:] == [
            "error: interrupted: what is watched goes on",
            f"hint: cancel a run with `segue --stack {frozen.system.stack.name} run cancel`",
        ]
        assert frozen.mailchimp in terminal.lines[0], "where it stood can still be read"
        assert terminal.modes == terminal.modes_before and not terminal.screen.cursor.hidden
    system = frozen.system
    assert system.keys(f"open/{frozen.mailchimp}/{frozen.run}")
    assert not system.keys(f"runs/{frozen.mailchimp}/{frozen.run}/cancel.json")


def test_what_a_shell_says_while_it_is_stopped_stays(frozen: Frozen) -> None:
    with frozen.watch() as terminal:
        terminal.until("three bars", lambda: terminal.text.count("chunks") == 3)
        os.kill(terminal.process.pid, signal.SIGSTOP)
        terminal.says("[1]+  Stopped\r\n$ fg\r\n")
        os.kill(terminal.process.pid, signal.SIGCONT)
        terminal.until("three bars more", lambda: terminal.text.count("chunks") >= 6, within=5)
        assert terminal.lines[3:5] == ["[1]+  Stopped", "$ fg"], terminal.text
        assert len(terminal.lines) == 8


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("LANG", "C"), ("TERM", "dumb")])
def test_a_terminal_gets_what_it_can_show_and_people_want(frozen: Frozen, name: str, value: str) -> None:
    with frozen.watch(frozen.mailchimp, "latest", "--timeout", "2", environment={name: value}, columns=200) as terminal:
        assert terminal.end() == 1
        assert "has not ended in time" in terminal.text
        if name == "TERM":
            assert b"\x1b" not in terminal.written
            assert terminal.lines[0].startswith(f"{frozen.mailchimp} {frozen.run} delivering: ")
            return
        assert "1/2 chunks" in terminal.lines[0]
        if name == "NO_COLOR":
            assert FULL in terminal.text and not terminal.colours and b"\x1b[3" not in terminal.written
        else:
            assert "======------" in terminal.text and terminal.colours == {"cyan"} and terminal.text.isascii()


# ---------------------------------------------------------------------- questions


def _answers(terminal: Terminal, name: str, until: str) -> None:
    """Answers the questions about a new connection to Klaviyo, up to that which has `until` in it."""
    klaviyo = "\x1b[B\x1b[B\r"
    questions = [
        ("Destination", klaviyo), ("Display name", "\r"), ("Who may use it", "\r"), ("Who answers", "\r"),
        ("Do you agree", "y"), ("Connect the account now", "y"), ("Private API key", ""),
    ]  # fmt: skip
    for question, answer in questions:
        terminal.sees(question)
        if until in question:
            return
        terminal.type(answer)
    raise AssertionError(f"{name} is not asked for {until}")


def test_a_secret_is_not_shown_while_it_is_typed(system: System) -> None:
    key, name = f"pk_{SECRET_MARK}typed", "typed"
    system.sandbox.seed(klaviyo={"accounts": [{"private_key": key, "account_id": "Typed1"}]})
    with segue(system, "connection", "add", name) as terminal:
        _answers(terminal, name, "Private API key")
        terminal.until("no echo", lambda: not terminal.echoes)
        terminal.type(f"{key}\r")
        assert terminal.end() == 0
        assert SECRET_MARK.encode() not in terminal.written
        assert terminal.modes == terminal.modes_before and not terminal.screen.cursor.hidden
    secret = system.read(f"config/connections/{name}.json")["secret"]
    assert key in system.secrets.get_secret_value(SecretId=secret)["SecretString"]


@pytest.mark.parametrize("question", ["Destination", "Display name", "Do you agree", "Private API key"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_question_that_is_interrupted_leaves_the_terminal_as_it_was(
    system: System, question: str, number: int
) -> None:
    name = "never"
    with segue(system, "connection", "add", name) as terminal:
        _answers(terminal, name, question)
        terminal.until("it to wait", lambda: terminal.modes != terminal.modes_before)
        if question == "Private API key":
            terminal.type(f"pk_{SECRET_MARK}")
        if number == signal.SIGINT:
            terminal.interrupt()
        else:
            os.kill(terminal.process.pid, number)
        assert terminal.end() == 128 + number
        assert terminal.modes == terminal.modes_before and not terminal.screen.cursor.hidden
        # The shell's prompt begins a line of its own.
        assert terminal.screen.cursor.x == 0
        assert SECRET_MARK.encode() not in terminal.written
    assert system.read(f"config/connections/{name}.json") is None
