"""What every command shows in its normal use and in the wrong uses that people make: `outputs/COMMAND.txt`, typed again
on a stack of its own, line by line.

    SEGUE_WRITE_OUTPUTS=1 .local/venv/bin/python -m pytest tests/e2e/test_outputs.py

writes what is shown today into the files; what changed is read in their difference.
"""

import difflib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_control import Sandbox
from segue_local import LocalStack
from segue_local.build import program
from shop import Shop
from system import SECRET_MARK
from transcripts import read, to_write, type_again, written

OUTPUTS = Path(__file__).resolve().parent / "outputs"
#: The one that takes the shop away comes last.
FILES = sorted(OUTPUTS.glob("*.txt"), key=lambda file: (file.stem == "uninstall", file.stem))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop, for all files."""
    record = tmp_path_factory.mktemp("outputs")
    label = f"{os.environ.get('SEGUE_E2E_LABEL', 'e2e')}-outputs"
    # Nobody waits here for an account that was asked too often.
    options = {"sandbox_options": {"SANDBOX_LIMITS": "off"}, "compile": "SEGUE_E2E_NO_BUILD" not in os.environ}
    with LocalStack(label, requests=record, **options) as stack:
        yield Shop(stack, Sandbox(stack.sandbox_url, record), record / "desk")


def _commands(*path: str) -> list[str]:
    """All commands below `path` that have none below them, as their own help has them."""
    told = subprocess.run([program("segue"), *path, "-h"], capture_output=True, text=True, check=True).stdout
    below = re.search(r"^Commands:\n((?:  .*\n)+)", told, re.MULTILINE)
    if not below:
        return [" ".join(path)]
    names = [line.split()[0] for line in below[1].splitlines() if not line.startswith("   ")]
    return [found for name in names if name != "help" for found in _commands(*path, name)]


def test_each_command_has_its_transcript_with_two_wrong_uses() -> None:
    commands = {command.replace(" ", "-"): command for command in _commands()}
    assert len(commands) > 40, "the help was read"
    assert sorted(commands) == sorted(file.stem for file in FILES)
    for file in FILES:
        steps = [step for step in read(file.read_text()) if f"segue {commands[file.stem]}" in step.typed]
        assert any(not step.failed for step in steps), f"{file.name} has no normal use"
        assert sum(step.failed for step in steps) >= 2, f"{file.name} has fewer than two wrong uses"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_command_shows_what_its_transcript_says(shop: Shop, file: Path) -> None:
    before = file.read_text()
    places = {str(shop.desk): "/home/ann/shop"}
    steps = [type_again(step, shop.desk, shop.environment, places) for step in read(before)]
    if file.stem != "uninstall":
        shop.restore()
    today = written(steps)
    assert SECRET_MARK not in today
    if to_write():
        file.write_text(today)
        return
    difference = difflib.unified_diff(
        before.splitlines(), today.splitlines(), file.name, "today", lineterm="", n=2
    )
    told = "\n".join(difference)
    assert today == before, f"{told}\nwhere that is meant: SEGUE_WRITE_OUTPUTS=1 writes the file"
