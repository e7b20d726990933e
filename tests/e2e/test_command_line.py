"""`segue segment check` over the committed fixture: it finds what the truth says, and sends nothing."""

import json
from pathlib import Path

import pytest
import truth
from make_segment import Recipe, make
from system import DESTINATIONS, System

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "segment.csv"


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_a_check_counts_what_a_run_would(system: System, destination: str) -> None:
    right = truth.of(FIXTURE.read_bytes())
    names = () if destination == "snapchat" else ("--first-name", "first_name", "--last-name", "last_name")
    options = ("--destination", destination, "--email", "email", *names, "--output", "json")
    checked = system.cli("segment", "check", str(FIXTURE), *options)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = json.loads(checked.stdout)
    assert (found["read"], found["invalid"], found["duplicate"]) == (right.read, len(right.invalid), right.duplicate)
    counted: dict[str, int] = {}
    for reason in right.invalid.values():
        counted[reason] = counted.get(reason, 0) + 1
    assert found["invalid_by_reason"] == counted


def test_a_check_of_a_file_that_would_be_refused_fails(system: System, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(make(Recipe(rows=100, invalid=40, duplicate=5)))
    checked = system.cli("segment", "check", str(file), "--destination", "snapchat", "--email", "email")
    assert checked.returncode == 1, checked.stdout
    assert "40 of 100 rows" in checked.stdout + checked.stderr
