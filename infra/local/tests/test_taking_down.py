"""However a program ends that has a local stack up, the stack ends with it, functions included; nothing else does."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from segue_local import processes, record
from segue_local.places import LOCAL

LABEL = "taking-down"
HOLDER = Path(__file__).with_name("holds_a_stack.py")


def _members(group: int) -> list[int]:
    answer = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in answer.stdout.splitlines())
    return [int(pid) for pid, owner, state in rows if int(owner) == group and not state.startswith("Z")]


def _eventually(look, within: float = 15.0) -> bool:
    deadline = time.monotonic() + within
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple[subprocess.Popen, dict[str, int]]]:
    """A program that has a stack up with a function running, and the servers' groups."""
    shutil.rmtree(LOCAL / LABEL, ignore_errors=True)
    child = subprocess.Popen([sys.executable, HOLDER, tmp_path, LABEL], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "up\n"
        servers = json.loads((LOCAL / f"{LABEL}.json").read_text())["servers"]
        groups = {name: server["pid"] for name, server in servers.items()}
        assert _eventually(lambda: len(_members(groups["ministack"])) > 1), "the function does not run"
        yield child, groups
    finally:
        child.kill()
        child.wait()
        record.end(LOCAL / f"{LABEL}.json")
        shutil.rmtree(LOCAL / LABEL, ignore_errors=True)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_takes_everything_down(how: signal.Signals, holder) -> None:
    child, groups = holder
    child.send_signal(how)
    assert child.wait(60) != 0
    assert {name: _members(group) for name, group in groups.items()} == {"sandbox": [], "ministack": []}
    assert not (LOCAL / f"{LABEL}.json").exists()


def test_what_a_killed_program_left_is_ended_by_down(holder) -> None:
    child, groups = holder
    child.kill()
    child.wait()
    assert _members(groups["ministack"])
    down = [sys.executable, "-m", "segue_local", "--label", LABEL, "down"]
    assert subprocess.run(down, capture_output=True, text=True, check=True).stdout == "ended\n"
    assert {name: _members(group) for name, group in groups.items()} == {"sandbox": [], "ministack": []}


def test_functions_end_even_if_ministack_died_without_them(holder) -> None:
    child, groups = holder
    os.kill(groups["ministack"], signal.SIGKILL)
    child.terminate()
    child.wait(60)
    assert _members(groups["ministack"]) == []


def test_a_process_that_was_given_the_same_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        path = tmp_path / "stack.json"
        record.Record(servers={"ministack": record.Server(stranger.pid, "another time")}).write(path)
        assert record.end(path) is False
        assert stranger.poll() is None
        assert not path.exists()
    finally:
        processes.end_group(stranger.pid, stranger)


def test_a_program_that_does_not_listen_is_ended_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    deaf = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]
    child = processes.start(deaf, env=os.environ, folder=tmp_path, log=log)
    assert _eventually(lambda: "ready" in log.read_text())
    processes.end_group(child.pid, child, patience=0.3)
    assert _members(child.pid) == []
