"""Where things are: the checkout, the folder for what is made locally, and cargo's target folder."""

import os
from pathlib import Path

#: The checkout that this package is part of.
CHECKOUT = Path(__file__).resolve().parents[3]
#: Everything that is made locally and never committed.
LOCAL = CHECKOUT / ".local"
#: Programs of the pinned tools.
TOOLS = LOCAL / "venv" / "bin"


def target_folder() -> Path:
    """Cargo's target folder: `CARGO_TARGET_DIR`, read as cargo reads it, or `target` in the checkout."""
    return CHECKOUT / os.environ.get("CARGO_TARGET_DIR", "target")


def tool(name: str) -> str:
    """Path of one of the pinned tools."""
    return str(TOOLS / name)
