"""Environments of the programs that are started: nothing of the developer's own AWS set-up gets in."""

import json
import os
import time
from pathlib import Path

from segue_local.places import TOOLS

REGION = "us-east-1"
#: MiniStack takes this key for the account's root.
KEY = "test"

#: What a program needs of the surroundings it was started in.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TERM")


def aws(endpoint: str) -> dict[str, str]:
    """The variables that point any AWS SDK at the local stack, and away from the developer's profiles."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def bare(folder: Path) -> dict[str, str]:
    """The least that a program can do with; temporary files go below `folder`.

    Functions inherit MiniStack's whole environment, so what isn't in here can't make a difference to them:
    no proxy, no credentials, no `SEGUE_` variable that the template didn't set.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "TMPDIR": str(temporary)}


def sam(endpoint: str, folder: Path) -> dict[str, str]:
    """For `sam`: no telemetry, and no look at PyPI for a newer version, which would fail or wait offline."""
    settings = folder / "sam"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    path = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"
    return {
        **bare(folder),
        **aws(endpoint),
        "PATH": path,
        "SAM_CLI_TELEMETRY": "0",
        # Seconds between two looks at a change set; there is nobody to be polite to.
        "SAM_CLI_POLL_DELAY": "0.2",
        "__SAM_CLI_APP_DIR": str(settings),
    }
