"""The record of a running stack, `.local/<name>.json`: what to end, and how to reach it.

It is there for every stack that runs, so that what a killed program left behind can still be ended.
"""

import dataclasses
import json
import os
from pathlib import Path

from segue_local import processes


@dataclasses.dataclass(frozen=True)
class Server:
    """A program that was started as the leader of its process group."""

    pid: int
    birth: str | None

    def lives(self) -> bool:
        """Whether this very process still runs."""
        return self.birth is not None and processes.birth(self.pid) == self.birth


@dataclasses.dataclass
class Record:
    """What is known about a running stack."""

    servers: dict[str, Server] = dataclasses.field(default_factory=dict)
    endpoint: str = ""
    sandbox_url: str = ""
    stack_name: str = ""
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    folder: str = ""

    def lives(self) -> bool:
        """Whether anything of it still runs."""
        return any(server.lives() for server in self.servers.values())

    def write(self, path: Path) -> None:
        """Writes it in one step, so that nobody ever reads a half."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")
        os.replace(new, path)


def read(path: Path) -> Record | None:
    """The record at `path`, if there is one that can be read."""
    try:
        fields = json.loads(path.read_text())
        servers = {name: Server(**server) for name, server in fields.pop("servers").items()}
        return Record(servers=servers, **fields)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def end(path: Path) -> bool:
    """Ends exactly what the record at `path` names; says whether anything was still running.

    A server that is gone is left alone with its whole group: the number may be somebody else's by now.
    """
    found = read(path)
    ended = False
    for server in found.servers.values() if found else ():
        if server.lives():
            processes.end_group(server.pid)
            ended = True
    path.unlink(missing_ok=True)
    return ended
