"""`segue run` and `segue doctor` against the deployed system: judged by what they change, not by what they say."""

import csv
import io
import json
import re

import truth
from make_segment import Recipe, make
from system import DESTINATIONS, Export, System


def _json(system: System, *arguments: str, status: int = 0) -> object:
    """What a command answers to a script."""
    done = system.cli(*arguments, "--output", "json")
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def _runs(system: System) -> list[str]:
    return [key for prefix in ("runs/", "open/", "chunks/", "exports/") for key in system.keys(prefix)]


def test_a_dry_run_counts_as_a_run_does_and_leaves_nothing(system: System, canary: str) -> None:
    file = make(Recipe(rows=400, invalid=20, duplicate=30, seed=81, tag=f"{canary}dry"))
    segment = system.segment("dry")
    exports = system.exports(segment, triggers={"upload": False, "schedule": False})
    system.drop(segment, file)
    before = _runs(system)
    names = [export.id for export in exports.values()]
    told = _json(system, "run", "start", *names, "--dry-run")
    right = truth.of(file)
    assert sorted(preview["export"] for preview in told) == sorted(names)
    for preview in told:
        assert (preview["read"], preview["invalid"], preview["duplicate"]) == (400, 20, 30)
        assert (preview["pending"], preview["would_run"], preview["chunks"]) == (right.unique, True, 1)
    assert _runs(system) == before
    assert canary not in json.dumps(told)
    for export in exports.values():
        assert not system.sandbox.asked(export.audience)


def test_a_dry_run_that_a_guard_stops_fails_and_says_why(system: System) -> None:
    segment = system.segment("dry")
    export = system.export("klaviyo", segment, triggers={"upload": False, "schedule": False})
    tried = system.cli("run", "start", export.id, "--dry-run")
    assert tried.returncode == 1 and "has no drop yet" in tried.stderr, tried.stdout + tried.stderr
    other = system.cli("run", "start", export.id, "--dry-run", "--segment", "another")
    assert other.returncode == 1 and f"it sends {segment}" in other.stderr, other.stderr


def test_one_drop_of_old_is_sent_by_its_key(system: System, canary: str) -> None:
    segment = system.segment("old")
    export = system.export("klaviyo", segment, triggers={"upload": False, "schedule": False})
    old = make(Recipe(rows=50, invalid=0, duplicate=0, seed=82, tag=f"{canary}old"))
    key = system.drop(segment, old, "old.csv")
    system.drop(segment, make(Recipe(rows=70, invalid=0, duplicate=0, seed=83, tag=f"{canary}new")), "new.csv")
    (summary,) = _json(system, "run", "start", export.id, "--drop", key, "--wait", "--timeout", "50")
    assert (summary["status"], summary["read"]) == ("completed", 50)
    assert summary["requested_by"].startswith("arn:")
    assert system.read(f"runs/{export.id}/{summary['run']}/run.json")["drops"][0]["parts"][0]["key"] == key


def _queued(system: System, segment: str, exports: dict[str, Export], file: bytes) -> dict[str, str]:
    """Runs whose chunks wait in their queues."""
    system.drop(segment, file)
    return {destination: system.sealed(export) for destination, export in exports.items()}


def test_a_cancelled_run_sends_nothing_and_its_columns_add_up(system: System, canary: str) -> None:
    file = make(Recipe(rows=300, invalid=10, duplicate=20, seed=84, tag=f"{canary}can"))
    right = truth.of(file)
    segment = system.segment("cancelled")
    exports = system.exports(segment)
    with system.deaf():
        for destination, run in _queued(system, segment, exports, file).items():
            told = _json(system, "run", "cancel", exports[destination].id, run, "--reason", "wrong file")
            noted = system.read(f"runs/{exports[destination].id}/{run}/cancel.json")
            assert (noted["by"], noted["reason"]) == (told["by"], "wrong file")
            retried = system.cli("run", "retry", exports[destination].id, run)
            assert retried.returncode == 1 and "was cancelled by" in retried.stderr
    for destination, export in exports.items():
        summary = system.one(export)
        assert (summary["status"], summary["cancelled"]) == ("cancelled", right.unique), destination
        assert not system.sandbox.asked(export.audience)
        shown = _json(system, "run", "show", export.id)
        assert "start a new run" in shown["next"]
        again = system.cli("run", "cancel", export.id, "latest")
        assert again.returncode == 0, "cancelling what is cancelled is no mistake"
        listed = _json(system, "run", "list", export.id, "--state", "cancelled", "--since", "1h")
        assert [one["run"] for one in listed] == [summary["run"]]
        assert _json(system, "run", "list", export.id, "--state", "completed") == []
        # People of a run that is never sent are kept by nobody.
        system.wait_for("its chunks to go", lambda export=export: not system.keys(f"chunks/{export.id}/"), within=10)


def test_refused_rows_are_listed_and_read_from_the_drop_only_when_asked(system: System, canary: str) -> None:
    file = make(Recipe(rows=200, invalid=15, duplicate=5, seed=85, tag=f"{canary}rej"))
    right = truth.of(file)
    segment = system.segment("rejected")
    export = system.export("klaviyo", segment)
    system.drop(segment, file)
    run = system.one(export)["run"]
    rows = _json(system, "run", "rejected", export.id, run)
    ours = [row for row in rows if row["refused_by"] == "segue"]
    assert {(row["part"], row["row"]): row["reason"] for row in ours} == right.invalid
    assert "source" not in rows[0] and canary not in json.dumps(rows)
    sourced = _json(system, "run", "rejected", export.id, run, "--with-source")
    records = list(csv.DictReader(io.StringIO(file.decode())))
    assert sourced
    for row in sourced:
        assert row["source"]["email"] == records[row["row"] - 1]["email"]


def test_logs_of_a_run_are_its_own(system: System, canary: str) -> None:
    segment = system.segment("logged")
    export = system.export("klaviyo", segment)
    system.drop(segment, make(Recipe(rows=20, invalid=0, duplicate=0, seed=86, tag=f"{canary}log")))
    run = system.one(export)["run"]
    lines = _json(system, "run", "logs", export.id, run)
    assert {"fan-out", "klaviyo"} <= {line["function"] for line in lines}
    assert any(line["message"] == "run sealed" for line in lines)
    assert all(run in json.dumps(line) for line in lines)
    assert _json(system, "run", "logs", export.id, run, "--level", "error") == []


def test_the_doctor_finds_what_has_to_be_done(system: System) -> None:
    export = system.export("klaviyo", system.segment("ill"))
    key = f"health/{export.connection}.json"
    system.put(key, {"version": 1, "writer": "w", "message": "reconnect it", "since": "2026-11-22T00:00:00Z"})
    done = system.cli("doctor", "--offline", "--output", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1, done.stdout + done.stderr
    levels = {(finding["about"], finding["level"]) for finding in found}
    assert {("stack", "ok"), ("version", "ok"), ("identity", "ok"), ("clock", "ok"), ("rights", "ok")} <= levels
    ill = [finding for finding in found if export.connection in finding["found"] and finding["level"] == "problem"]
    assert "reconnect it" in ill[0]["found"] and f"segue --stack {system.stack.name} connection connect" in ill[0]["to_do"]
    # It signs in where it may, and what is noted against an account that works is taken back by that.
    # There are as many accounts as there were tests before this one.
    assert system.cli("doctor", within=180.0).returncode in (0, 1)
    assert system.read(key) is None


def test_a_watch_that_is_piped_has_a_line_for_each_change(system: System, canary: str) -> None:
    segment = system.segment("watched")
    exports = system.exports(segment)
    system.drop(segment, make(Recipe(rows=60, invalid=0, duplicate=0, seed=87, tag=f"{canary}wat")))
    for destination in DESTINATIONS:
        export = exports[destination]
        watched = system.cli("run", "watch", export.id, "latest", "--timeout", "50")
        assert watched.returncode == 0, watched.stdout + watched.stderr
        last = [line for line in watched.stdout.splitlines() if line.startswith(export.id)][-1]
        assert re.search(r" completed: ", last), watched.stdout
        assert "\x1b" not in watched.stdout + watched.stderr and "\r" not in watched.stderr
    assert system.cli("run", "watch", "--all").returncode in (0, 1)


def test_the_version_names_the_stacks(system: System) -> None:
    told = system.cli("--version")
    assert told.returncode == 0
    assert re.fullmatch(rf"segue (\S+)\nstack {system.stack.name} \1\n", told.stdout), told.stdout
