"""What ends a chunk and what does not: three crashes do, twenty pauses don't, and a retry starts over."""

import copy
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


def failed(world: World, destination: str, crash: Kill) -> tuple[Scenario, str]:
    """A run whose one chunk failed, since three invocations crashed over it; gives its id too."""
    scenario = Scenario(world, PEOPLE, (destination,))
    stack_of(scenario)
    scenario.fan_out()
    done = scenario.deliver({0: crash, 1: crash, 2: crash})
    assert [one.outcome for one in done] == ["killed", "killed", "killed", "response"]
    summary = summaries(scenario)[destination]
    assert summary["status"] == "failed"
    assert "3 invocations crashed over this chunk" in summary["message"]
    assert (summary["failed"], summary["accepted"]) == (7, 0)
    return scenario, summary["run"]


def once_retried(expected: dict) -> dict:
    """The end state after a retry: the receipt says that it is of the second try."""
    changed = copy.deepcopy(expected)
    for document in changed["bucket"].values():
        if isinstance(document, dict) and "generation" in document:
            document["generation"] = 1
    return changed


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_three_crashes_fail_a_chunk_and_a_retry_completes_it(world: World, destination: str) -> None:
    undisturbed = Scenario(world, PEOPLE, (destination,))
    expected = reference(undisturbed)
    # Right before the destination is asked: nobody is in the audience then.
    kill = Kill(request_number(undisturbed, "GetSecretValue"), after=True)

    scenario, run = failed(world, destination, kill)
    assert not audience(world.ask("GET", "audiences"), scenario, destination)
    assert any(key.startswith("chunks/") for key in documents(scenario)), "a retry needs the chunk"
    segue(scenario, "run", "retry", f"to-{destination}", run)
    retried = scenario.deliver()
    assert all(one.outcome == "response" for one in retried)
    sweep(world, once_retried(expected), [("after the retry", lambda: scenario)])


def test_a_retry_is_killed_at_each_request(world: World) -> None:
    undisturbed = Scenario(world, PEOPLE, ("snapchat",))
    expected = reference(undisturbed)
    crash = Kill(request_number(undisturbed, "GetSecretValue"), after=True)

    def trial(kill: Kill | None) -> Scenario:
        scenario, run = failed(world, "snapchat", crash)
        segue(scenario, "run", "retry", "to-snapchat", run)
        done = scenario.deliver({0: kill} if kill else None)
        assert done[0].outcome == ("killed" if kill else "response"), str(done[0])
        return scenario

    requests = trial(None).invocations[-1].requests
    kills = [(Kill(at, after=True), request) for at, request in enumerate(requests, 1)]
    trials = [(f"the retry {kill}, {request}", lambda kill=kill: trial(kill)) for kill, request in kills]
    sweep(world, once_retried(expected), trials)


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
            scenario.wait_out_the_pause()
        scenario.deliver()
        return scenario

    sweep(world, expected, [(f"{HAND_BACKS} pauses", trial)])
