"""Destinations that fail for a while, and ones that fail for good: counts stay exact, and a retry completes the run.

Snapchat's and Mailchimp's faults are told apart by the audience in the path. Klaviyo's can't be, so what fails for
good there has Klaviyo to itself, and what fails for a while comes after it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import truth
from accounting import assert_audience, assert_completed, assert_rejected, columns
from make_segment import Recipe, make
from system import Export, System
from truth import Truth

#: What goes wrong once with a request that pushes people.
FAULTS: dict[str, dict] = {
    "429": {"status": 429, "retry_after": None},
    "429-with-retry-after": {"status": 429, "retry_after": 2},
    "500": {"status": 500},
    "503-with-retry-after": {"status": 503, "retry_after": 1},
    "dropped-before": {"drop": "before"},
    "dropped-after": {"drop": "after"},
    "garbage-after": {"garbage": "after"},
    "expired-token": {"expired_token": True},
    # The last one, since it is the one that costs no retry.
    "slow": {"delay_ms": 2_500},
}
_SMALL = {"rows": 420, "invalid": 25, "duplicate": 45, "refused": 4, "failing": 5}


class Endless(NamedTuple):
    """Runs whose destination fails for good."""

    right: Truth
    exports: dict[str, Export]
    #: How many of each were taken before it began to fail.
    taken: dict[str, int]


@pytest.fixture(scope="module")
def endless(system: System, canary: str) -> Iterator[Endless]:
    """Faults that last, with a minute's time to deliver: by then the runs are over. A `Retry-After` that does not fit
    into an invocation makes the message go back to the queue, so that others need not wait meanwhile."""
    # 2,000 people are four calls to Mailchimp, two of which get through.
    recipe = Recipe(rows=2_300, invalid=100, duplicate=200, refused=0, failing=0, seed=41, tag=f"{canary}k")
    file = make(recipe)
    segment = system.segment("endless")
    exports = system.exports(segment, limits={"deadline_minutes": 1})
    fault = system.sandbox.fault
    fault("snapchat", exports["snapchat"].path, times=None, status=429, retry_after=55)
    fault("mailchimp", exports["mailchimp"].path, times=None, after=2, status=503, retry_after=55)
    fault("klaviyo", exports["klaviyo"].path, times=None, status=429, retry_after=55)
    system.drop(segment, file)
    yield Endless(truth.of(file), exports, {"snapchat": 0, "mailchimp": 1_000, "klaviyo": 0})
    system.sandbox.clear_faults()


def _assert_all_right(system: System, export: Export, right: Truth) -> dict:
    summary = system.one(export)
    assert_completed(summary, right)
    assert_rejected(system, export, summary, right)
    assert_audience(system, export, right)
    return summary


@pytest.mark.usefixtures("endless")
def test_faults_of_snapchat_and_mailchimp_that_pass_cost_a_retry_and_nothing_else(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=42, tag=f"{canary}l"))
    right = truth.of(file)
    segment = system.segment("faulty")
    exports: list[tuple[str, Export]] = []
    for destination in ("snapchat", "mailchimp"):
        for fault, effect in FAULTS.items():
            export = system.export(destination, segment)
            system.sandbox.fault(destination, export.path, **effect)
            exports.append((fault, export))
    # And once the token can't be had at first.
    system.sandbox.fault("snapchat", "/login/oauth2/access_token", status=500)
    system.drop(segment, file)
    for fault, export in exports:
        summary = _assert_all_right(system, export, right)
        once_more = fault != "slow"
        assert summary["retries"] == once_more, f"{export.destination}, {fault}"
        asked = system.sandbox.asked(export.audience)
        assert len(asked) == 1 + once_more, f"{export.destination}, {fault}"
        if wait := FAULTS[fault].get("retry_after"):
            assert (asked[1].at - asked[0].at).total_seconds() >= wait, f"{export.destination} did not wait"
        if export.destination == "mailchimp":
            applied = fault in ("dropped-after", "garbage-after")
            assert summary["already_there"] == (summary["accepted"] if applied else 0)
    unused = [fault for fault in system.sandbox.unused_faults() if fault["destination"] != "klaviyo"]
    assert not unused


def test_a_fault_that_never_ends_fails_the_run_and_a_retry_after_it_completes_it(
    system: System, endless: Endless
) -> None:
    right, unique = endless.right, endless.right.unique
    assert unique == 2_000
    runs = {}
    for destination, export in endless.exports.items():
        summary = system.one(export, within=100)
        taken = endless.taken[destination]
        assert summary["status"] == ("partial" if taken else "failed"), summary["message"]
        assert "deadline" in summary["message"] and f"segue run retry {export.id}" in summary["message"]
        wanted = {"read": 2_300, "invalid": 100, "duplicate": 200, "accepted": taken, "failed": unique - taken}
        assert columns(summary) == {column: value for column, value in wanted.items() if value}
        runs[destination] = summary["run"]
    system.sandbox.clear_faults()
    before = {
        destination: len(system.sandbox.asked(export.audience)) for destination, export in endless.exports.items()
    }
    for destination, export in endless.exports.items():
        retried = system.cli("run", "retry", export.id, runs[destination])
        assert retried.returncode == 0, retried.stdout + retried.stderr
    for destination, export in endless.exports.items():
        summary = system.until(export, runs[destination], "completed")
        assert_completed(summary, right)
        assert_rejected(system, export, summary, right)
        assert_audience(system, export, right)
        # What was taken the first time is not sent again.
        again = system.sandbox.asked(export.audience)[before[destination] :]
        assert sum(request.rows for request in again) == unique - endless.taken[destination]
        assert not system.keys(f"open/{export.id}/")
    # There is nothing left to retry, and saying so is no failure.
    retried = system.cli("run", "retry", endless.exports["klaviyo"].id, "latest")
    assert retried.returncode == 0 and "nothing to retry" in retried.stdout


@pytest.mark.usefixtures("endless")
def test_faults_of_klaviyo_that_pass_lose_and_double_nothing(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=43, tag=f"{canary}m"))
    right = truth.of(file)
    segment = system.segment("faulty")
    exports = [system.export("klaviyo", segment) for _ in FAULTS]
    system.sandbox.clear_faults()
    jobs = exports[0].path
    for number, effect in enumerate(FAULTS.values()):
        # Each lets one more request through than the one before, so that no two hit the same export.
        system.sandbox.fault("klaviyo", jobs, after=number, **effect)
    # Looking at jobs fails too: at their state, and at the list of what failed in them.
    system.sandbox.fault("klaviyo", "/import-errors", method="GET", status=429)
    system.sandbox.fault("klaviyo", "/import-errors", method="GET", after=2, drop="before")
    system.sandbox.fault("klaviyo", jobs, method="GET", status=500)
    system.sandbox.fault("klaviyo", jobs, method="GET", after=1, status=503, retry_after=1)
    system.drop(segment, file)
    for export in exports:
        _assert_all_right(system, export, right)
    assert not system.sandbox.unused_faults()
    asked = sum(len(system.sandbox.asked(export.audience)) for export in exports)
    assert asked == 2 * len(FAULTS) - 1


@pytest.mark.parametrize("undercount", [3])
def test_what_snapchat_does_not_confirm_is_unknown(system: System, canary: str, undercount: int) -> None:
    file = make(Recipe(**_SMALL, seed=44, tag=f"{canary}n"))
    right = truth.of(file)
    segment = system.segment("undercount")
    export = system.export("snapchat", segment)
    system.sandbox.seed(snapchat={"undercount": undercount})
    system.drop(segment, file)
    summary = system.one(export)
    system.sandbox.seed(snapchat={"undercount": 0})
    assert summary["status"] == "completed"
    found = columns(summary)
    assert (found["accepted"], found["unknown"]) == (right.unique - undercount, undercount)
