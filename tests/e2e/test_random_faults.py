"""A fifth of all answers is faulty, at all three destinations at once: 100,000 people each arrive all the same."""

from collections.abc import Iterator

import pytest
import truth
from accounting import assert_audience, assert_completed, assert_rejected
from make_segment import Recipe, make
from system import DESTINATIONS, System

#: Each as likely as the others, whatever is asked for.
EFFECTS: list[dict] = [
    {"status": 429},
    {"status": 500},
    {"status": 503, "body": "<html>Request Blocked</html>"},
    {"drop": "before"},
    {"drop": "after"},
    {"garbage": "after"},
    {"delay_ms": 1_500},
]
SHARE = 0.2
#: Under this one Snapchat, which is asked a handful of things only, drops and garbles some of them.
SEED = 3855


@pytest.fixture
def unreliable(system: System) -> Iterator[None]:
    """Destinations that fail at random, repeatably."""
    system.sandbox.clear_faults()
    for number, destination in enumerate(DESTINATIONS):
        system.sandbox.chances(destination, SHARE, SEED + 100 * number, EFFECTS)
    yield
    system.sandbox.clear_faults()


@pytest.mark.usefixtures("unreliable")
def test_a_fifth_of_all_answers_is_faulty_and_every_row_is_accounted_for(system: System, canary: str) -> None:
    recipe = Recipe(
        rows=104_000, invalid=1_500, duplicate=2_500, refused=21, failing=17, seed=81, tag=f"{canary}u"
    )
    file = make(recipe)
    right = truth.of(file)
    assert right.unique == 100_000
    segment = system.segment("unreliable")
    exports = system.exports(segment)
    system.drop(segment, file)
    for destination, export in exports.items():
        summary = system.one(export, within=240)
        assert_completed(summary, right)
        assert_rejected(system, export, summary, right)
        assert_audience(system, export, right)
        hits = system.sandbox.hits(destination)
        print(f"{destination}: {summary['api_calls']} answers, {summary['retries']} retries, faults {hits}")
        assert sum(hits), f"{destination} was never faulty"
        assert summary["retries"] > 0
    # Where there are enough calls, each kind of fault had its turn.
    assert all(system.sandbox.hits("mailchimp"))
