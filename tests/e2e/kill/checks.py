"""Many scenarios of one kind, a few at a time, each compared with the one in which nothing went wrong."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .outcome import audience, differences, end_state
from .scenario import Scenario
from .world import World

#: Two cores: more at once only pays where scenarios wait for a timer.
AT_ONCE = 6


@dataclass
class Trial:
    """What came of one scenario."""

    what: str
    scenario: Scenario | None = None
    state: dict[str, object] | None = None
    trouble: str = ""


def reference(scenario: Scenario) -> dict[str, object]:
    """The end state when nothing goes wrong; it is checked against what is known of the drop."""
    assert scenario.fan_out().outcome == "response"
    for done in scenario.deliver():
        assert done.outcome == "response" and not done.failures, str(done)
    state = end_state(scenario)
    told = scenario.world.ask("GET", "audiences")
    bucket = state["bucket"]
    for destination in scenario.destinations:
        summary = bucket[f"runs/to-{destination}/RUN/summary.json"]
        zero = ("unchanged", "unknown", "failed", "cancelled", "pending", "rejected")
        known = {**dict.fromkeys(zero, 0), **scenario.drop.counts(destination)}
        assert {name: summary[name] for name in known} == known
        assert summary["status"] == "completed"
        assert audience(told, scenario, destination) == scenario.drop.audience(destination)
    assert not [key for key in bucket if key.startswith(("chunks/", "open/")) or "/progress/" in key]
    assert not any(state["queues"].values())
    return state


def sweep(
    world: World, expected: dict[str, object], trials: Iterable[tuple[str, Callable[[], Scenario]]]
) -> None:
    """Carries out every trial; fails with all that ended otherwise than `expected`, or with another audience."""

    def one(trial: tuple[str, Callable[[], Scenario]]) -> Trial:
        what, act = trial
        try:
            scenario = act()
            return Trial(what, scenario, end_state(scenario))
        except Exception as error:  # noqa: BLE001 - the others go on, and this one is told
            return Trial(what, trouble=f"{type(error).__name__}: {error}")

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        done = list(pool.map(one, trials))
    finally:
        # After Ctrl-C those that have not begun never do.
        pool.shutdown(cancel_futures=True)
    told = world.ask("GET", "audiences")
    problems = []
    for trial in done:
        found = [trial.trouble] if trial.trouble else differences(expected, trial.state)
        for destination in trial.scenario.destinations if trial.scenario else ():
            members = audience(told, trial.scenario, destination)
            known = trial.scenario.drop.audience(destination)
            if members != known:
                missing, extra = set(known) - set(members), len(members) - len(known)
                found.append(f"{destination}: the audience misses {len(missing)} people, and has {extra:+} in number")
        if found:
            problems.append("\n    ".join([trial.what, *found]))
    text = "\n".join(problems)
    assert not problems, f"{len(problems)} of {len(done)} ended otherwise than without a kill:\n{text}"
