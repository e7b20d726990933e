"""What ends a chunk and what does not: three crashes do, twenty pauses don't, and a retry starts over."""

import json
import subprocess

import pytest
from segue_local import build, environment

from .checks import reference, sweep
from .drops import drop
from .gate import Kill
from .outcome import audience, documents, summaries
from .scenario import DESTINATIONS, Scenario
from .world import World

PEOPLE = drop(5)
HAND_BACKS = 20


def stack_of(scenario: Scenario) -> None:
    """A stack of CloudFormation's whose outputs lead `segue` to the scenario's bucket and queues."""
    outputs = {"StateBucket": scenario.name, "SegmentBucket": scenario.name, "SegmentPrefix": "segments/"}
    outputs |= {f"{d.capitalize()}QueueUrl": scenario.queues[d] for d in scenario.destinations}
    template = {
        "Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    scenario.world.cloudformation.create_stack(StackName=scenario.name, TemplateBody=json.dumps(template))


def segue(scenario: Scenario, *arguments: str) -> str:
    """Runs the operator's command line against the scenario."""
    done = subprocess.run(
        [str(build.program("segue")), "--stack", scenario.name, *arguments],
        env=environment.aws(scenario.world.aws), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def request_number(scenario: Scenario, part: str) -> int:
    """The number of the request with `part` in it, in the invocation that was the last but for fan-out's."""
    requests = scenario.invocations[1].requests
    return next(number for number, request in enumerate(requests, 1) if part in request)


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_three_crashes_fail_a_chunk_and_a_retry_completes_it(world: World, destination: str) -> None:
    undisturbed = Scenario(world, PEOPLE, (destination,))
    expected = reference(undisturbed)
    # Right before the destination is asked: nobody is in the audience then.
    kill = Kill(request_number(undisturbed, "GetSecretValue"), after=True)

    scenario = Scenario(world, PEOPLE, (destination,))
    scenario.fan_out()
    done = scenario.deliver({0: kill, 1: kill, 2: kill})
    assert [one.outcome for one in done] == ["killed", "killed", "killed", "response"]
    failed = summaries(scenario)[destination]
    assert failed["status"] == "failed"
    assert "3 invocations crashed over this chunk" in failed["message"]
    assert (failed["failed"], failed["accepted"]) == (7, 0)
    assert not audience(world.ask("GET", "audiences"), scenario, destination)
    assert any(key.startswith("chunks/") for key in documents(scenario)), "a retry needs the chunk"

    stack_of(scenario)
    segue(scenario, "run", "retry", f"to-{destination}", failed["run"])
    retried = scenario.deliver()
    assert all(one.outcome == "response" for one in retried)

    def mended() -> Scenario:
        for document in expected["bucket"].values():
            if isinstance(document, dict) and "generation" in document:
                document["generation"] = 1
        return scenario

    sweep(world, expected, [("after the retry", mended)])


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_twenty_pauses_are_no_failures(world: World, destination: str) -> None:
    expected = reference(Scenario(world, PEOPLE, (destination,)))

    def trial() -> Scenario:
        scenario = Scenario(world, PEOPLE, (destination,))
        scenario.fan_out()
        # Longer than an invocation lives: the pause has to be handed to the queue.
        path = {"snapchat": "/users", "mailchimp": "/lists/", "klaviyo": "-import-jobs"}[destination]
        busy = {"status": 503, "retry_after": 3600}
        fault = {"destination": destination, "match": {"method": "POST", "path": path}, "times": HAND_BACKS, "fault": busy}
        world.ask("POST", "faults", fault)
        for number in range(HAND_BACKS):
            taken = scenario.take(destination)
            assert taken, f"the message is gone after {number} pauses"
            assert int(taken.message["Attributes"]["ApproximateReceiveCount"]) == number + 1
            done = scenario.invoke(destination, taken.event())
            assert done.failures == [taken.message["MessageId"]], str(done)
            assert not scenario.settle(taken, done)
        scenario.deliver()
        return scenario

    sweep(world, expected, [(f"{HAND_BACKS} pauses", trial)])
