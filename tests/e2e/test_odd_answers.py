"""Audiences that can't be filled, and answers that leave rows open: each row ends in the column that is its own."""

from collections.abc import Iterator

import pytest
from accounting import columns
from system import Export, System

_JOBS = "/api/profile-bulk-import-jobs"


def file(*names: str, domain: str) -> bytes:
    """A file with these people."""
    rows = [f"{name}@{domain},Ada,Lovelace" for name in names]
    return "\n".join(["email,first_name,last_name", *rows, ""]).encode()


@pytest.fixture
def domain(canary: str) -> str:
    return f"{canary}z.example.com"


@pytest.fixture(scope="module", autouse=True)
def endless(system: System, canary: str) -> Iterator[Export]:
    """A run whose job never ends: it is waited for while the other tests run."""
    segment = system.segment("endless-job")
    export = system.export("klaviyo", segment, limits={"deadline_minutes": 1})
    system.sandbox.seed(klaviyo={"stall_jobs": 1, "job_ms": 300})
    system.drop(segment, file("a", "b", domain=f"{canary}z.example.com"))
    system.wait_for("the job", lambda: system.sandbox.asked(export.audience))
    yield export
    system.sandbox.seed(klaviyo={"stall_jobs": 0, "cancel_jobs": 0, "refuse_silently": []})


@pytest.mark.parametrize("kind", ["ENGAGEMENT", "PIXEL", "LOOKALIKE"])
def test_an_audience_of_snapchat_s_that_is_no_customer_list_is_not_filled(
    system: System, domain: str, kind: str
) -> None:
    segment = system.segment("kind")
    export = system.export("snapchat", segment)
    audience = {"id": export.audience, "ad_account_id": export.lane, "source_type": kind}
    system.sandbox.seed(snapchat={"segments": [audience]})
    system.drop(segment, file("a", "b", domain=domain))
    summary = system.one(export)
    assert summary["status"] == "failed" and kind in summary["message"], summary["message"]
    assert columns(summary) == {"read": 2, "failed": 2}
    assert not system.sandbox.asked(export.audience)
    assert len(system.sandbox.looked(f"/segments/{export.audience}")) == 1
    system.expire(export)


@pytest.mark.parametrize("destination", ["snapchat", "mailchimp", "klaviyo"])
def test_an_audience_that_is_not_there_fails_the_run(system: System, domain: str, destination: str) -> None:
    segment = system.segment("nowhere")
    export = system.export(destination, segment, known=False)
    system.drop(segment, file("a", "b", domain=domain))
    summary = system.one(export)
    assert summary["status"] == "failed" and "audience" in summary["message"], summary["message"]
    assert columns(summary) == {"read": 2, "failed": 2}
    # Klaviyo says so in its answer to the people; the other two are asked before.
    assert len(system.sandbox.asked(export.audience)) == (destination == "klaviyo")
    system.expire(export)


def test_snapchat_can_not_use_an_audience_of_a_few_and_the_summary_says_so(system: System, domain: str) -> None:
    segment = system.segment("few")
    few = system.export("snapchat", segment)
    system.drop(segment, file("a", "b", domain=domain))
    summary = system.one(few)
    assert summary["status"] == "completed" and "1000" in summary["warnings"][0].replace(",", "")
    system.drop(segment, file(*(f"p{number}" for number in range(1_000)), domain=domain))
    enough = system.ended(few, count=2)[-1]
    assert enough["status"] == "completed"
    assert all("more than the 2" in warning for warning in enough["warnings"]), "only the leap is warned of"


def test_a_cancelled_job_s_rows_are_unknown(system: System, domain: str) -> None:
    segment = system.segment("cancelled")
    export = system.export("klaviyo", segment)
    system.sandbox.seed(klaviyo={"cancel_jobs": 1})
    system.drop(segment, file("a", "b", "c", domain=domain))
    summary = system.one(export)
    assert summary["status"] == "completed" and "cancelled" in summary["message"], summary["message"]
    assert columns(summary) == {"read": 3, "unknown": 3}
    assert len(system.sandbox.asked(export.audience)) == 1, "a chunk's job is started once"


def test_a_job_whose_record_is_gone_leaves_its_rows_unknown(system: System, domain: str) -> None:
    segment = system.segment("gone")
    export = system.export("klaviyo", segment)
    # The other run's job is looked at as well: both get it, and only this one has to live with it.
    system.sandbox.seed(klaviyo={"job_ms": 5_000})
    system.drop(segment, file("a", "b", "c", domain=domain))
    system.wait_for("the job", lambda: system.sandbox.asked(export.audience))
    system.sandbox.seed(klaviyo={"forget_jobs": True, "job_ms": 300})
    summary = system.one(export)
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == {"read": 3, "unknown": 3}
    assert summary["message"], "the run says why"


def test_rows_that_klaviyo_refuses_without_saying_which_are_found_by_halving(system: System, domain: str) -> None:
    segment = system.segment("silent")
    export = system.export("klaviyo", segment)
    system.sandbox.seed(klaviyo={"refuse_silently": [{"local_prefix": "odd"}]})
    names = [f"p{number}" for number in range(1_000)]
    odd = (0, 333, 999)
    for place in odd:
        names[place] = f"odd{place}"
    system.drop(segment, file(*names, domain=domain))
    summary = system.one(export)
    system.sandbox.seed(klaviyo={"refuse_silently": []})
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == {"read": 1_000, "accepted": 997, "rejected": 3}
    assert summary["rejected_by_reason"] == {"refused": 3}
    assert system.rejected(export, summary["run"]) == {(0, place + 1): "refused" for place in odd}
    members = {member["email"] for member in system.sandbox.audiences()["klaviyo"][export.audience]}
    assert members == {f"{name}@{domain}" for name in names if not name.startswith("odd")}
    # Each of the three costs two calls a halving at the most, and a thousand is ten halvings deep.
    assert len(system.sandbox.asked(export.audience)) <= 1 + 3 * 2 * 10


@pytest.mark.parametrize("destination", ["snapchat", "klaviyo"])
def test_a_call_that_is_too_large_is_halved(system: System, domain: str, destination: str) -> None:
    segment = system.segment("large")
    export = system.export(destination, segment)
    system.sandbox.fault(destination, export.path, status=413)
    system.drop(segment, file(*(f"p{number}" for number in range(101)), domain=domain))
    summary = system.one(export)
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == {"read": 101, "accepted": 101}
    rows = [asked.rows for asked in system.sandbox.asked(export.audience)]
    assert rows[0] == 101 and sorted(rows[1:]) == [50, 51]


def test_a_job_that_never_ends_leaves_its_rows_unknown_at_the_deadline(system: System, endless: Export) -> None:
    summary = system.one(endless, within=150)
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == {"read": 2, "unknown": 2}
    assert summary["message"], "the run says why"
    assert len(system.sandbox.asked(endless.audience)) == 1, "a chunk's job is started once"
    system.wait_for("its end", lambda: not system.keys(f"open/{endless.id}/"))
