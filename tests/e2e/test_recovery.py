"""Runs that nobody goes on with but the resumer: not sealed, sealed and never queued, or a job nobody follows."""

import truth
from accounting import assert_audience, assert_completed, assert_rejected
from make_segment import Recipe, make
from system import DESTINATIONS, Export, System

_SMALL = {"rows": 1_500, "invalid": 70, "duplicate": 150}


def _renamed(system: System, export: Export, old: str, new: str) -> None:
    """Makes run `old` run `new`, everything of it. Its messages' deduplication ids are new by that: the queue would
    drop the old ones for five minutes, which the resumer's hour is longer than."""
    prefixes = (f"runs/{export.id}/{old}/", f"chunks/{export.id}/{old}/", f"open/{export.id}/{old}")
    for key in (key for prefix in prefixes for key in system.keys(prefix)):
        body = system.s3.get_object(Bucket=system.state_bucket, Key=key)["Body"].read()
        if not key.startswith("chunks/"):
            body = body.replace(old.encode(), new.encode())
        system.s3.put_object(Bucket=system.state_bucket, Key=key.replace(old, new), Body=body)
        system.s3.delete_object(Bucket=system.state_bucket, Key=key)


def test_a_sealed_run_whose_messages_are_lost_is_queued_by_the_resumer(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=21, tag=f"{canary}g"))
    right = truth.of(file)
    segment = system.segment("sealed")
    exports = system.exports(segment)
    lost = "20261101T000000Z-lost0messages"
    with system.deaf():
        system.drop(segment, file)
        for destination, export in exports.items():
            run = system.sealed(export)
            url = system.queue(destination)
            system.wait_for("its message", lambda url=url: system.waiting([url]) == 1)
            messages = system.peek(url)
            assert [export.id in message for message in messages] == [True]
            system.kept_messages += messages
            system.sqs.purge_queue(QueueUrl=url)
            _renamed(system, export, run, lost)
            assert not system.sandbox.asked(export.audience)
    system.quiet(*DESTINATIONS)
    system.resume()
    for export in exports.values():
        summary = system.one(export)
        assert summary["run"] == lost
        assert_completed(summary, right)
        assert_rejected(system, export, summary, right)
        assert_audience(system, export, right)


def test_a_job_whose_follow_up_is_lost_is_followed_again_and_not_started_again(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=23, tag=f"{canary}r"))
    right = truth.of(file)
    segment = system.segment("timer")
    export = system.export("klaviyo", segment)
    timer = system.stack.outputs["KlaviyoTimerQueueUrl"]
    lost = "20261101T000000Z-lost0follow0up"
    with system.deaf("KlaviyoTimerQueue"):
        system.drop(segment, file)
        run = system.sealed(export)
        system.wait_for("its follow-up", lambda: system.waiting([timer]) == 1)
        # It is delayed at first.
        messages = system.wait_for("its message", lambda: system.peek(timer))
        system.kept_messages += messages
        assert f'"{run}"' in messages[0]
        system.sqs.purge_queue(QueueUrl=timer)
        _renamed(system, export, run, lost)
    system.quiet("klaviyo")
    system.resume()
    summary = system.until(export, lost, "completed")
    assert_completed(summary, right)
    assert_rejected(system, export, summary, right)
    assert_audience(system, export, right)
    assert len(system.sandbox.asked(export.audience)) == 1


def test_a_run_that_was_never_sealed_is_staged_again_by_the_resumer(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=22, tag=f"{canary}h"))
    right = truth.of(file)
    segment = system.segment("unsealed")
    exports = system.exports(segment, connection={"enabled": False})
    system.drop(segment, file)
    left = "20261101T000000Z-left0unsealed"
    for export in exports.values():
        # A run that was refused leaves what a run that broke off early leaves: its run.json.
        refused = system.one(export)
        assert refused["status"] == "refused"
        run = system.read(f"runs/{export.id}/{refused['run']}/run.json")
        system.change(f"config/connections/{export.connection}.json", enabled=True)
        # The marker comes first, so that there is never a run without.
        system.put(
            f"open/{export.id}/{left}", {"version": 1, "writer": "w", "since": "2026-11-01T00:00:00Z", "stagings": 0}
        )
        system.put(f"runs/{export.id}/{left}/run.json", {**run, "run": left})
    system.resume()
    for export in exports.values():
        summary = system.until(export, left, "completed")
        assert_completed(summary, right)
        assert_rejected(system, export, summary, right)
        assert_audience(system, export, right)
        assert not system.keys(f"open/{export.id}/") and not system.keys(f"chunks/{export.id}/")


def test_a_marker_without_a_run_is_taken_away(system: System) -> None:
    export = system.export("snapchat", system.segment("marker"))
    key = f"open/{export.id}/20261101T000000Z-only0a0marker"
    system.put(key, {"version": 1, "writer": "w", "since": "2026-11-01T00:00:00Z", "stagings": 0})
    system.resume()
    assert not system.keys(key)
