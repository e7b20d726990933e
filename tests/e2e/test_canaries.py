"""After everything else: no person and no secret is found anywhere but at the destinations."""

import disclosure
import pytest
import truth
from accounting import assert_completed
from make_segment import Recipe, make
from system import DESTINATIONS, SECRET_MARK, System

pytestmark = pytest.mark.last

#: How the access tokens begin that the sandbox's Snapchat issues.
ACCESS_TOKEN = "sandbox-access-"
#: The addresses that are searched for in every form.
SAMPLE = 240


def test_the_search_finds_what_is_there() -> None:
    needle = "ada.canary1@example.com"
    for form, written in disclosure.forms(needle).items():
        haystack = {"it": b"x" * 1_000 + written + b"y" * 1_000}
        assert disclosure.search([needle], haystack), form
    assert not disclosure.search([needle], {"it": b"ada.canary2@example.com, ADA.CANARY1@EXAMPLE.ORG"})


def test_no_person_and_no_secret_is_found_in_logs_queues_or_records(system: System, canary: str) -> None:
    # One more run of each kind, so that this test has its own to look for when it is run alone.
    file = make(Recipe(rows=600, invalid=60, duplicate=40, seed=61, tag=f"{canary}q"))
    right = truth.of(file)
    segment = system.segment("canaries")
    exports = system.exports(segment)
    system.drop(segment, file)
    for export in exports.values():
        assert_completed(system.one(export), right)
    system.quiet(*DESTINATIONS)
    everything = disclosure.haystacks(system)
    functions = system.stack.client("lambda")
    for name in ("FanOut", "Snapchat", "Mailchimp", "Klaviyo"):
        settings = functions.get_function_configuration(FunctionName=system.stack.outputs[f"{name}Function"])
        assert settings["Environment"]["Variables"]["SEGUE_LOG"] == "trace"
        assert (
            exports["snapchat"].segments[0].encode()
            in everything[f"log group {system.stack.outputs[f'{name}LogGroup']}"]
        )
    assert b"summary.json" in everything["the state bucket"]

    # All of every file's people have the tag: in clear, in upper case and encoded letter by letter it tells on all.
    assert not disclosure.search([canary, canary.capitalize(), SECRET_MARK, ACCESS_TOKEN], everything)
    # Digests and what is cut differently need the addresses themselves: rejected and failed people among them.
    people = sorted(right.people)
    chosen = [email for email in people if email.startswith(("fake", "importfail"))]
    chosen += people[:: len(people) // (SAMPLE - len(chosen)) or 1]
    assert len(set(chosen)) >= 200
    small = {name: haystack for name, haystack in everything.items() if haystack}
    assert not disclosure.search(sorted(set(chosen)), small)


def test_nothing_is_left_over(system: System) -> None:
    # The chunk and its progress go after the receipt and the summary.
    system.wait_for("chunks to go", lambda: not system.keys("chunks/"), within=10)
    assert not system.keys("open/")
    assert not [key for key in system.keys("runs/") if "/progress/" in key]
    on_failure = system.stack.outputs["OnFailureQueueUrl"]
    assert system.waiting([on_failure, *(system.queue(destination) for destination in DESTINATIONS)]) == 0
