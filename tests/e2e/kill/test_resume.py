"""fan-out is killed and nobody invokes it again: the resumer sees to it that no run stays stuck.

The resumer runs every 15 minutes and looks at what nothing has happened to for an hour; here it is told to look at
once. Until the run is recorded in its `run.json` there is nothing to resume: then nothing is left behind, and nothing
was sent; the event itself is in the on-failure queue.
"""

import pytest

from .checks import reference, sweep
from .drops import drop
from .gate import Kill
from .outcome import documents
from .scenario import Scenario
from .world import World

PEOPLE = drop(5)
RESUME = {"request": "resume", "stuck_after_seconds": 0}


def resume(scenario: Scenario) -> None:
    """The resumer, and what it has Lambda invoke, each once."""
    done = scenario.invoke("fan-out", RESUME)
    assert done.outcome == "response", str(done)
    for payload in done.invocations:
        assert payload["request"] == "restage"
        scenario.fan_out(payload)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_for_good(world: World, after: bool) -> None:
    undisturbed = Scenario(world, PEOPLE, ("snapchat",))
    expected = reference(undisturbed)
    requests = undisturbed.invocations[0].requests
    recorded = next(at for at, request in enumerate(requests, 1) if "/run.json" in request)
    sealed = next(at for at, request in enumerate(requests, 1) if request.startswith("PUT") and "/sealed.json" in request)

    def trial(kill: Kill) -> Scenario:
        scenario = Scenario(world, PEOPLE, ("snapchat",))
        assert scenario.invoke("fan-out", scenario.upload, kill=kill).outcome == "killed"
        resume(scenario)
        restaged = any(done.invocations for done in scenario.invocations)
        assert restaged == (kill.at < sealed + (not after)), "what is sealed is queued, what is not is staged again"
        scenario.deliver()
        return scenario

    first = recorded if after else recorded + 1
    kills = [(Kill(at, after), requests[at - 1]) for at in range(first, len(requests) + 1)]
    sweep(world, expected, [(f"{kill}, {request}", lambda kill=kill: trial(kill)) for kill, request in kills])


def test_killed_before_there_is_a_run(world: World) -> None:
    undisturbed = Scenario(world, PEOPLE, ("snapchat",))
    reference(undisturbed)
    requests = undisturbed.invocations[0].requests
    recorded = next(at for at, request in enumerate(requests, 1) if "/run.json" in request)
    for kill in (Kill(recorded - 1, after=True), Kill(recorded, after=False)):
        scenario = Scenario(world, PEOPLE, ("snapchat",))
        assert scenario.invoke("fan-out", scenario.upload, kill=kill).outcome == "killed"
        resume(scenario)
        assert not documents(scenario), "the marker of a run that never was stays"
        assert not scenario.deliver()


def test_the_resumer_is_killed_too(world: World) -> None:
    undisturbed = Scenario(world, PEOPLE, ("snapchat",))
    expected = reference(undisturbed)
    queued = len(undisturbed.invocations[0].requests)

    def stuck() -> Scenario:
        """Sealed, and nothing queued."""
        scenario = Scenario(world, PEOPLE, ("snapchat",))
        assert scenario.invoke("fan-out", scenario.upload, kill=Kill(queued, after=False)).outcome == "killed"
        return scenario

    requests = stuck().invoke("fan-out", RESUME).requests

    def trial(kill: Kill) -> Scenario:
        scenario = stuck()
        assert scenario.invoke("fan-out", RESUME, kill=kill).outcome == "killed"
        resume(scenario)
        scenario.deliver()
        return scenario

    kills = [(Kill(at, after), request) for at, request in enumerate(requests, 1) for after in (False, True)]
    sweep(world, expected, [(f"{kill}, {request}", lambda kill=kill: trial(kill)) for kill, request in kills])
