"""A destination function is killed before and after each of its requests to AWS and to the destination.

Its message then comes again. With Klaviyo that goes for all three invocations that a chunk takes: the one that starts
the job, the one that moves the due follow-up into the lane, and the one that looks at the job.
"""

import pytest

from .checks import reference, sweep
from .drops import drop
from .gate import Kill
from .scenario import DESTINATIONS, Scenario
from .world import World

#: More than one call for Mailchimp, which takes 500 a call.
PEOPLE = {"snapchat": 5, "mailchimp": 700, "klaviyo": 5}


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_killed_at_each_request_and_delivered_again(world: World, destination: str) -> None:
    people = drop(PEOPLE[destination])
    undisturbed = Scenario(world, people, (destination,))
    expected = reference(undisturbed)
    deliveries = undisturbed.invocations[1:]
    assert len(deliveries) == (3 if destination == "klaviyo" else 1)

    def trial(number: int, kill: Kill) -> Scenario:
        scenario = Scenario(world, people, (destination,))
        scenario.fan_out()
        done = scenario.deliver({number: kill})
        assert done[number].outcome == "killed", f"it made fewer requests\n{done[number]}"
        return scenario

    trials = []
    for number, delivery in enumerate(deliveries):
        for at, request in enumerate(delivery.requests, 1):
            for after in (False, True):
                kill = Kill(at, after)
                what = f"invocation {number + 1} {kill}, {request}"
                trials.append((what, lambda number=number, kill=kill: trial(number, kill)))
    sweep(world, expected, trials)
