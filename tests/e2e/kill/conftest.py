"""What the kill tests share: the servers, started once, and ended also when pytest is told to stop."""

import signal
from collections.abc import Iterator

import pytest

from .world import World
from .world import world as everything


def _stop(_number: int, _frame: object) -> None:
    # pytest ends in order on this one, with all fixtures torn down.
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        with everything() as shared:
            yield shared
    finally:
        signal.signal(signal.SIGTERM, before)
