"""Messages that come twice, and messages that are none: nothing is counted or sent twice, and no lane is blocked."""

import json

import truth
from accounting import assert_audience, assert_completed
from make_segment import Recipe, make
from system import DESTINATIONS, Export, System

_SMALL = {"rows": 900, "invalid": 40, "duplicate": 90}


def _message(export: Export, run: str, op: str = "add") -> str:
    """The message of a run's first chunk."""
    return json.dumps({"version": 1, "export": export.id, "run": run, "chunk": 0, "generation": 0, "op": op})


def test_a_chunk_message_that_comes_again_does_no_calls_and_counts_nothing(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=31, tag=f"{canary}i"))
    right = truth.of(file)
    segment = system.segment("twice")
    exports = system.exports(segment)
    for export in exports.values():
        # So slow that the repetitions arrive while the first is being worked on.
        system.sandbox.fault(export.destination, export.path, delay_ms=1_500, times=1)
    system.drop(segment, file)
    messages = {}
    for destination, export in exports.items():
        messages[destination] = _message(export, system.sealed(export))
        for _ in range(2):
            system.send(destination, messages[destination], export.lane)
    before = {destination: system.one(export) for destination, export in exports.items()}
    for destination, export in exports.items():
        system.send(destination, messages[destination], export.lane)
    system.quiet(*DESTINATIONS)
    for destination, export in exports.items():
        assert system.one(export) == before[destination]
        assert_completed(before[destination], right)
        assert_audience(system, export, right)
        asked = system.sandbox.asked(export.audience)
        assert sum(request.rows for request in asked) == right.unique
        assert len(asked) == (2 if destination == "mailchimp" else 1)
    stats = system.sandbox.stats()
    assert [stats[destination]["repeats"] for destination in DESTINATIONS] == [0, 0, 0]


def test_messages_that_are_none_are_put_aside_at_once_and_the_lane_goes_on(system: System, canary: str) -> None:
    file = make(Recipe(**_SMALL, seed=32, tag=f"{canary}j"))
    right = truth.of(file)
    segment = system.segment("letters")
    exports = system.exports(segment)
    letters = {}
    for destination, export in exports.items():
        stranger = "20260101T000000Z-nobody"
        half = _message(export, stranger)[:40]
        letters[destination] = [half, _message(export, stranger), _message(export, stranger, "dance")]
        for letter in letters[destination]:
            system.send(destination, letter, export.lane)
    # The timer's messages that are none go the same way.
    system.sqs.send_message(QueueUrl=system.stack.outputs["KlaviyoTimerQueueUrl"], MessageBody="no timer of ours")
    letters["klaviyo"].append("no timer of ours")
    system.drop(segment, file)
    for export in exports.values():
        assert_completed(system.one(export, within=30), right)
        assert_audience(system, export, right)
    for destination, sent in letters.items():
        url = system.queue(destination, "DeadLetterQueue")
        system.wait_for("the dead letters", lambda url=url, sent=sent: system.waiting([url]) == len(sent), within=10)
        found = system.peek(url)
        assert sorted(found) == sorted(sent)
    # A message of a newer release is not one of them: it waits for the release that understands it.
    later = json.dumps({"version": 2, "chunks": [1]})
    system.send("snapchat", later, "some-lane")
    system.wait_for("a log line", lambda: system.logged("Snapchat", "newer release"))
    assert system.waiting([system.queue("snapchat", "DeadLetterQueue")]) == len(letters["snapchat"])
    system.sqs.purge_queue(QueueUrl=system.queue("snapchat"))
