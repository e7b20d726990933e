"""A message is delivered twice, as SQS may: one after the other, and to two invocations side by side.

After the second delivery nothing is doubled: not the counts, not the people in the audience, not the run.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .checks import reference, sweep
from .drops import drop
from .runtime import Invocation
from .scenario import DESTINATIONS, Scenario, Taken
from .world import World

PEOPLE = drop(5)
ROUNDS = 4


def twice(scenario: Scenario, taken: Taken, *, side_by_side: bool) -> list[Invocation]:
    """Hands one message to two invocations."""

    def once(_number: int) -> Invocation:
        return scenario.invoke(taken.destination, taken.event())

    if not side_by_side:
        return [once(1), once(2)]
    with ThreadPoolExecutor(2) as pair:
        return list(pair.map(once, range(2)))


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_every_message_twice(world: World, destination: str) -> None:
    expected = reference(Scenario(world, PEOPLE, (destination,)))

    def trial(side_by_side: bool) -> Scenario:
        scenario = Scenario(world, PEOPLE, (destination,))
        scenario.fan_out()
        for queue in [name for name in scenario.queues if not name.endswith("-dead")] * 2:
            for taken in scenario.wait_for_messages(queue):
                done = twice(scenario, taken, side_by_side=side_by_side)
                # Gone once both are through: a message that one of them handed back would come again.
                scenario.settle(taken, next((one for one in done if one.failures), done[0]))
        scenario.deliver()
        return scenario

    trials = [("one after the other", lambda: trial(False))]
    trials += [(f"side by side, round {number}", lambda: trial(True)) for number in range(1, ROUNDS + 1)]
    sweep(world, expected, trials)
