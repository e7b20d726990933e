"""Starting and ending programs: each in a process group of its own, and ended by exactly that group."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from segue_local.failure import LocalStackError


def birth(pid: int) -> str | None:
    """When process `pid` was started, in words of this machine; `None` if there is none (or only its remains).

    A number alone may have been given to somebody else's process in the meantime.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        if Path("/proc/self").exists():
            return None
    # Not a Linux: ask ps.
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def start(command: Sequence[str], *, env: Mapping[str, str], folder: Path, log: Path) -> subprocess.Popen:
    """Starts a server in the background as leader of a new group; what it prints goes to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command, env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS says so of a group that has only remains in it.
        return False
    return True


def end_group(group: int, child: subprocess.Popen | None = None, patience: float = 5.0) -> None:
    """Ends every process of `group`: asks first, and insists after `patience` seconds.

    The functions that MiniStack starts are in its group too, and are there still if it died without them.
    """
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, wanted)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if child is not None:
                child.poll()
            if not _group_lives(group):
                return
            time.sleep(0.02)


@contextlib.contextmanager
def _ended(child: subprocess.Popen) -> Iterator[None]:
    try:
        yield
    except BaseException:
        # Ctrl-C does not reach a group of its own, and SIGTERM only reached us.
        end_group(child.pid, child)
        raise


def run(command: Sequence[str], *, env: Mapping[str, str], folder: Path, log: Path | None = None) -> None:
    """Runs a program to its end; what it prints goes to `log`, or is seen.

    Raises:
        LocalStackError: it failed; the text has the end of the log.
    """
    with log.open("wb") if log else contextlib.nullcontext() as out:
        child = subprocess.Popen(
            command, env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
        with _ended(child):
            status = child.wait()
    if status:
        raise LocalStackError(f"`{' '.join(command[:3])}` ended with status {status}{tail(log)}")


def tail(log: Path | None, lines: int = 25) -> str:
    """The end of a log, to be put at the end of an error's text."""
    if log is None or not log.exists():
        return ""
    last = log.read_text(errors="replace").splitlines()[-lines:]
    return f"; the end of {log}:\n" + "\n".join(f"    {line}" for line in last)
