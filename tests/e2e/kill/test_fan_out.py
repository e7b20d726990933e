"""fan-out is killed before and after each of its requests, and two of it work side by side on one event.

Lambda repeats a failed asynchronous invocation with the same event; so does the test. Afterwards everything that was
queued is delivered, and the end state is the one of an undisturbed run: one run an export, each row counted once, and
nobody in an audience twice. What the killed attempt had staged is removed by the next one, and was never delivered.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .checks import reference, sweep
from .drops import Drop, drop
from .gate import Kill
from .scenario import Scenario
from .world import World

ROUNDS = 6


@pytest.fixture(scope="module")
def people() -> Drop:
    return drop(5)


@pytest.fixture(scope="module")
def undisturbed(world: World, people: Drop) -> tuple[dict, list[str]]:
    """The end state without any kill, and what fan-out asked for on its way."""
    scenario = Scenario(world, people)
    state = reference(scenario)
    return state, scenario.invocations[0].requests


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_each_request_and_invoked_again(
    world: World, people: Drop, undisturbed: tuple[dict, list[str]], after: bool
) -> None:
    expected, requests = undisturbed

    def trial(kill: Kill) -> Scenario:
        scenario = Scenario(world, people)
        assert scenario.fan_out(kill=kill).outcome == "killed"
        scenario.deliver()
        return scenario

    kills = [(Kill(at, after), request) for at, request in enumerate(requests, 1)]
    sweep(world, expected, [(f"{kill}, {request}", lambda kill=kill: trial(kill)) for kill, request in kills])


def test_two_side_by_side_on_one_event(world: World, people: Drop, undisturbed: tuple[dict, list[str]]) -> None:
    expected, _ = undisturbed

    def trial() -> Scenario:
        scenario = Scenario(world, people)
        with ThreadPoolExecutor(2) as pair:
            list(pair.map(lambda _: scenario.fan_out(), range(2)))
        scenario.deliver()
        return scenario

    sweep(world, expected, [(f"round {number}", trial) for number in range(1, ROUNDS + 1)])


def test_the_event_comes_again_after_the_run_ended(
    world: World, people: Drop, undisturbed: tuple[dict, list[str]]
) -> None:
    expected, _ = undisturbed

    def trial() -> Scenario:
        scenario = Scenario(world, people)
        scenario.fan_out()
        assert scenario.deliver()
        scenario.fan_out()
        assert not scenario.deliver(), "something was queued for a run that had ended"
        return scenario

    sweep(world, expected, [("the event again", trial)])
