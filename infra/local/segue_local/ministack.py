"""MiniStack, which stands in for AWS: starting it on a free port and waiting until it answers."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from segue_local import environment, processes
from segue_local.failure import LocalStackError
from segue_local.places import TOOLS

_READY_WITHIN = 60.0
_ATTEMPTS = 3


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _variables(port: int, folder: Path, *, auth: bool, level: str) -> dict[str, str]:
    endpoint = f"http://127.0.0.1:{port}"
    return {
        **environment.bare(folder),
        # Functions get these too: this is how their SDKs find MiniStack instead of AWS.
        **environment.aws(endpoint),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        # Part of queue URLs; "localhost" may be ::1 first, where nobody listens.
        "MINISTACK_HOST": "127.0.0.1",
        "AUTH": "true" if auth else "false",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": level,
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        # It would tidy up among the developer's containers when it starts and ends.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
    }


def _ready(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2) as answer:
            return bool(json.load(answer))
    except (urllib.error.URLError, OSError, ValueError):
        return False


def start(folder: Path, *, auth: bool, level: str = "INFO") -> tuple[subprocess.Popen, str]:
    """Starts MiniStack; gives the process, which is the leader of its group, and the endpoint.

    Raises:
        LocalStackError: it ended, or did not answer in time.
    """
    log = folder / "ministack.log"
    for attempt in range(1, _ATTEMPTS + 1):
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        variables = _variables(port, folder, auth=auth, level=level)
        command = [str(TOOLS / "python"), "-m", "segue_local.ministack_as_aws"]
        child = processes.start(command, env=variables, folder=folder, log=log)
        try:
            deadline = time.monotonic() + _READY_WITHIN
            while time.monotonic() < deadline and child.poll() is None:
                if _ready(endpoint):
                    return child, endpoint
                time.sleep(0.1)
        except BaseException:
            processes.end_group(child.pid, child)
            raise
        processes.end_group(child.pid, child)
        # Somebody else may have taken the port in between: worth another try.
        if attempt == _ATTEMPTS:
            break
    raise LocalStackError(f"MiniStack does not answer{processes.tail(log)}")
