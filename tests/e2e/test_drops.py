"""What starts a run and what doesn't: drops close together, the same drop again, the same event again, requests."""

import json
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
import truth
from accounting import assert_audience, assert_completed, assert_rejected, columns
from make_segment import Recipe, make
from system import DESTINATIONS, System

_SMALL = {"rows": 1_200, "invalid": 60, "duplicate": 130}


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_two_drops_in_quick_succession_are_two_runs_of_each_export(system: System, canary: str) -> None:
    files = [make(Recipe(**_SMALL, seed=seed, first=first, tag=f"{canary}a")) for seed, first in ((1, 1), (2, 600))]
    rights = [truth.of(file) for file in files]
    segment = system.segment("quick")
    exports = system.exports(segment)
    for number, file in enumerate(files):
        system.drop(segment, file, f"{number}.csv")
    for export in exports.values():
        summaries = system.ended(export, 2)
        keys = [system.read(f"runs/{export.id}/{s['run']}/run.json")["drops"][0]["parts"][0]["key"] for s in summaries]
        assert sorted(key[-5:] for key in keys) == ["0.csv", "1.csv"]
        for summary, key in zip(summaries, keys, strict=True):
            right = rights[int(key[-5])]
            assert_completed(summary, right)
            assert_rejected(system, export, summary, right)
    # Whose names count where both files have somebody depends on which run came first: see who is in, only.
    found = system.sandbox.audiences()
    for email, export in (("email_address", exports["mailchimp"]), ("email", exports["klaviyo"])):
        people = {member[email] for member in found[export.destination][export.audience]}
        bad = "fake" if email == "email_address" else "importfail"
        assert people == {e for right in rights for e in right.people if not e.startswith(bad)}
    assert_audience(system, exports["snapchat"], *rights)


def test_the_same_file_put_again_on_purpose_runs_again(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=3, tag=f"{canary}b"))
    right = truth.of(file)
    segment = system.segment("again")
    exports = system.exports(segment)
    for round_ in (1, 2):
        system.drop(segment, file, "same.csv")
        for export in exports.values():
            summary = system.ended(export, round_)[-1]
            assert_completed(summary, right)
            if export.destination == "mailchimp":
                assert summary["already_there"] == (summary["accepted"] if round_ == 2 else 0)
    for export in exports.values():
        assert_audience(system, export, right)


def test_the_very_same_event_again_or_side_by_side_does_not_run_twice(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=4, tag=f"{canary}c"))
    right = truth.of(file)
    segment = system.segment("event")
    # Nobody wants it yet, so that the only event that counts is the one below.
    key = system.drop(segment, file, "a drop + more.csv")
    system.wait_for("its log line", lambda: system.logged("FanOut", "no export wants", f'"{segment}"'))
    exports = system.exports(segment)
    object_ = {"key": key, "size": len(file), "sequencer": "0062E9A4F1B2C3D4E5"}
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": _now(),
        "detail": {"bucket": {"name": system.segment_bucket}, "object": object_},
    }
    with ThreadPoolExecutor(3) as side_by_side:
        list(side_by_side.map(system.ask, [event] * 3))
    for export in exports.values():
        system.one(export)
    system.ask(event)
    # The classic notification of the same upload is the same event, too; there keys are encoded.
    classic_object = {**object_, "key": urllib.parse.quote_plus(key, safe="/")}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": event["time"]}
    system.ask({"Records": [{**record, "s3": {"bucket": {"name": system.segment_bucket}, "object": classic_object}}]})
    system.quiet(*DESTINATIONS)
    for export in exports.values():
        assert_completed(system.one(export), right)
        assert_audience(system, export, right)
        assert sum(request.rows for request in system.sandbox.asked(export.audience)) == right.unique
    # A new sequencer means that somebody dropped it anew.
    object_["sequencer"] = "0062E9A4F1B2C3D4E6"
    system.ask(event)
    for export in exports.values():
        assert_completed(system.ended(export, 2)[-1], right)


@pytest.mark.parametrize("spare", [0, -1], ids=["at-the-limit", "one-above"])
def test_one_run_over_two_overlapping_segments_counts_and_sends_everybody_once(
    system: System, canary: str, spare: int
) -> None:
    files = [
        make(Recipe(**_SMALL, seed=seed, first=first, tag=f"{canary}d{-spare}")) for seed, first in ((5, 1), (6, 500))
    ]
    right = truth.of(*files)
    assert right.duplicate > 2 * _SMALL["duplicate"], "they do not overlap"
    segments = system.segment("left"), system.segment("right")
    for segment, file in zip(segments, files, strict=True):
        system.drop(segment, file)
    limits = {"profiles": right.unique + spare}
    exports = system.exports(*segments, limits=limits, triggers={"upload": False, "schedule": False})
    request = {
        "request": "run", "exports": [export.id for export in exports.values()], "id": f"limit{spare}",
        "requested_by": "arn:aws:iam::000000000000:user/ann", "requested_at": _now(), "trigger": "on_demand",
    }  # fmt: skip
    system.ask(request)
    # Asked twice with the same id, it is one request.
    system.ask(request)
    for export in exports.values():
        summary = system.one(export)
        assert (summary["trigger"], summary["requested_by"]) == ("on_demand", request["requested_by"])
        assert summary["segments"] == list(segments)
        if spare == 0:
            assert_completed(summary, right)
            assert_rejected(system, export, summary, right)
            assert_audience(system, export, right)
        else:
            assert summary["status"] == "refused"
            assert f"{right.unique} profiles" in summary["message"] and "limits.profiles" in summary["message"]
            assert columns(summary)["failed"] == right.unique
            assert not system.sandbox.asked(export.audience)


def test_the_schedule_runs_the_exports_that_have_its_trigger_over_their_latest_drops(
    system: System, canary: str
) -> None:
    old, new = (make(Recipe(**_SMALL, seed=seed, first=seed * 1_000, tag=f"{canary}e")) for seed in (7, 8))
    right = truth.of(new)
    segments = system.segment("daily"), system.segment("other")
    for segment in segments:
        system.drop(segment, old, "old.csv")
        system.drop(segment, new, "new.csv")
    by_schedule = {"upload": False, "schedule": True}
    exports = [
        *system.exports(segments[0], triggers=by_schedule).values(),
        system.export("snapchat", segments[1], triggers=by_schedule),
    ]
    disabled = system.export("snapchat", segments[1], triggers=by_schedule, enabled=False)
    upload_only = system.export("snapchat", segments[0])
    request = {"request": "refresh", "scheduled_time": "2026-11-22T06:00:00Z"}
    system.ask(request)
    for export in exports:
        summary = system.one(export)
        assert summary["trigger"] == "schedule"
        assert_completed(summary, right)
        assert_audience(system, export, right)
    # The same time again is the same refresh; the next day is another one.
    system.ask(request)
    system.ask({"request": "refresh", "scheduled_time": "2026-11-23T06:00:00Z"})
    for export in exports:
        assert_completed(system.ended(export, 2)[-1], right)
    assert not system.runs(disabled) and not system.runs(upload_only)
    for export in exports:
        export_key = f"config/exports/administrators/{export.id}.json"
        system.put(export_key, {**system.read(export_key), "enabled": False})


def test_an_operator_starts_a_run_from_the_command_line(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=9, tag=f"{canary}f"))
    segment = system.segment("cli")
    export = system.export("mailchimp", segment, triggers={"upload": False, "schedule": False})
    empty = system.export("mailchimp", system.segment("nothing"))
    system.drop(segment, file)
    started = system.cli("run", "start", export.id, "--wait", "--timeout", "50", "--output", "json")
    assert started.returncode == 0, started.stdout + started.stderr
    summary = system.one(export)
    assert summary["trigger"] == "on_demand" and summary["requested_by"].startswith("arn:aws:")
    assert_completed(summary, truth.of(file))
    started = system.cli("run", "start", empty.id, "--wait", "--timeout", "50")
    assert started.returncode == 1
    assert "has no drop yet" in system.one(empty)["message"]


@pytest.mark.parametrize("marker", ["_SUCCESS", "manifest.json"])
def test_a_drop_of_many_parts_is_one_run_once_it_is_closed(system: System, canary: str, marker: str) -> None:
    tag = f"{canary}{'g' if marker == '_SUCCESS' else 'h'}"
    files = [make(Recipe(**_SMALL, seed=seed, first=first, tag=tag)) for seed, first in ((10, 1), (11, 500), (12, 900))]
    right = truth.of(*files)
    segment = system.segment("parts")
    exports = system.exports(segment)
    names = ["country=de/part-0.csv", "part-0.csv", "part-1.csv"]
    keys = [
        # The last one first: it is the order of the keys that counts, or that of the manifest.
        system.drop(segment, file, f"2026-11-22/{name}")
        for name, file in reversed(list(zip(names, files, strict=True)))
    ][::-1]
    empty = system.drop(segment, b"", "2026-11-22/part-2.csv")
    system.drop(segment, b"no part", "2026-11-22/_temporary/part-3.csv")
    system.drop(segment, b"no part", "2026-11-22/.part-0.csv.crc")
    stray = None if marker == "_SUCCESS" else system.drop(segment, b"not named", "2026-11-22/part-4.csv")
    urls = [{"url": f"s3://{system.segment_bucket}/{key}"} for key in [*keys, empty]]
    manifest = b"" if marker == "_SUCCESS" else json.dumps({"entries": urls}).encode()
    assert not any(system.runs(export) for export in exports.values()), "a part started a run"
    system.drop(segment, manifest, f"2026-11-22/{marker}")
    for export in exports.values():
        summary = system.one(export)
        assert_completed(summary, right)
        assert_rejected(system, export, summary, right)
        assert_audience(system, export, right)
        parts = system.read(f"runs/{export.id}/{summary['run']}/run.json")["drops"][0]["parts"]
        assert [part["key"] for part in parts] == [*keys, empty] and stray not in parts
        assert all(part["etag"] for part in parts)
    # What comes late starts nothing; a manifest that names what is not there is refused, and says what.
    system.drop(segment, files[0], "2026-11-22/part-9.csv")
    system.drop(segment, b'{"parts": ["part-0.csv", "part-7.csv"]}', "2026-11-23/manifest.json")
    for export in exports.values():
        refused = system.ended(export, 2)[-1]
        assert refused["status"] == "refused"
        assert "2026-11-23/part-0.csv" in refused["message"] and "part-7.csv" in refused["message"]
        assert len(system.runs(export)) == 2
        assert_audience(system, export, right)
