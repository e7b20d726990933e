"""Large drops: every row is accounted for, and the audiences are exactly right."""

import csv
import io

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


def test_a_drop_of_many_megabytes_is_read_by_several_requests(system: System, canary: str) -> None:
    rows = list(csv.DictReader(io.StringIO(make(Recipe(rows=5_000, seed=6, tag=f"{canary}l")).decode(), newline="")))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0], "history"])
    writer.writeheader()
    writer.writerows({**row, "history": "a, very, long, story " * 200} for row in rows)
    file = text.getvalue().encode()
    assert len(file) > 18 << 20, "it is above what is read by one request"
    right = truth.of(file)
    segment = system.segment("long")
    export = system.export("snapchat", segment)
    system.drop(segment, file)
    summary = system.one(export)
    assert_completed(summary, right)
    assert_rejected(system, export, summary, right)
    assert_audience(system, export, right)
