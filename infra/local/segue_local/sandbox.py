"""The sandbox, which fakes the destinations: starting it, and the template's parameters that point at it."""

import os
import re
import subprocess
import time
from pathlib import Path

from segue_local import environment, processes
from segue_local.failure import LocalStackError

_LISTENING = re.compile(r"^sandbox listening on (http://\S+)$", re.MULTILINE)
_READY_WITHIN = 20.0


def start(program: Path, folder: Path, *, record: Path | None, options: dict[str, str]) -> tuple[subprocess.Popen, str]:
    """Starts the sandbox on a port of its own choice; gives the process and the URL.

    What is set in `SANDBOX_…` counts, `options` counts more, and `record` is where requests are recorded.

    Raises:
        LocalStackError: it ended, or did not say where it listens.
    """
    chosen = {name: value for name, value in os.environ.items() if name.startswith("SANDBOX_")}
    variables = {**environment.bare(folder), **chosen, **options, "SANDBOX_PORT": "0"}
    if record is not None:
        record.mkdir(parents=True, exist_ok=True)
        variables["SANDBOX_RECORD"] = str(record)
    # A file, not a pipe: the stack may outlive this program.
    log = folder / "sandbox.log"
    log.unlink(missing_ok=True)
    child = processes.start([str(program)], env=variables, folder=folder, log=log)
    try:
        deadline = time.monotonic() + _READY_WITHIN
        while time.monotonic() < deadline:
            if found := _LISTENING.search(log.read_text(errors="replace")):
                return child, found[1]
            if child.poll() is not None:
                break
            time.sleep(0.02)
    except BaseException:
        processes.end_group(child.pid, child)
        raise
    processes.end_group(child.pid, child)
    raise LocalStackError(f"the sandbox does not start{processes.tail(log)}")


def parameters(url: str) -> dict[str, str]:
    """The template's parameters that make the functions call the sandbox at `url`."""
    return {
        "SnapchatBaseUrl": f"{url}/snapchat/v1",
        "SnapchatTokenUrl": f"{url}/snapchat/login/oauth2/access_token",
        "MailchimpBaseUrl": f"{url}/mailchimp/3.0",
        "MailchimpMetadataUrl": f"{url}/mailchimp/oauth2/metadata",
        "KlaviyoBaseUrl": f"{url}/klaviyo",
    }
