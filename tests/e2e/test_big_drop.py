"""100,000 rows to all three destinations: every row is accounted for, and the audiences are exactly right."""

import truth
from accounting import assert_audience, assert_completed, assert_rejected
from make_segment import Recipe, make
from system import System

RECIPE = Recipe(rows=100_000, invalid=4_500, duplicate=8_200, refused=23, failing=31, seed=5, crlf=True, bom=True)


def test_a_hundred_thousand_rows_reach_all_three_destinations_and_each_is_accounted_for(
    system: System, canary: str
) -> None:
    file = make(Recipe(**{**vars(RECIPE), "tag": canary}))
    right = truth.of(file)
    assert (right.read, len(right.invalid), right.duplicate, right.unique) == (100_000, 4_500, 8_200, 87_300)
    segment = system.segment("big")
    exports = system.exports(segment)
    system.drop(segment, file)
    for destination, export in exports.items():
        summary = system.one(export, within=120)
        assert_completed(summary, right)
        assert_rejected(system, export, summary, right)
        assert_audience(system, export, right)
        assert summary["chunks"] == {"snapchat": 1, "mailchimp": 2, "klaviyo": 1}[destination]
        assert summary["retries"] == 0
        asked = system.sandbox.asked(export.audience)
        # As few calls as the destination allows, and each row once.
        assert len(asked) == {"snapchat": 1, "mailchimp": 175, "klaviyo": 9}[destination]
        assert sum(request.rows for request in asked) == right.unique
        assert summary["trigger"] == "upload" and summary["segments"] == [segment]
        assert summary["connection"] == export.connection and summary["finished_at"] > summary["started_at"]
