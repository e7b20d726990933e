"""One local stack for all tests of this folder, as talkative as it gets, and the order of the tests.

    .local/venv/bin/python -m pytest tests/e2e

builds first; with `SEGUE_E2E_NO_BUILD=1` the programs are used that are there. The stack's logs are in `.local/e2e`.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_control import Sandbox
from segue_local import LocalStack
from system import System

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / "fixtures"))
sys.path.insert(0, str(_HERE.parent / "schemas"))

#: What goes into each address and last name of the tests' files: it must be seen nowhere but at the destinations.
CANARY = "qxcanaryzj"


def pytest_configure(config: pytest.Config) -> None:
    """The one mark of these tests."""
    config.addinivalue_line("markers", "last: runs after all the others, on what they left behind")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at what all the others left behind come last."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    record = tmp_path_factory.mktemp("requests")
    # 60 s, so that a faulty destination is handed back to the queue before long.
    parameters = {"LogLevel": "trace", "DestinationTimeout": "60"}
    compile_first = "SEGUE_E2E_NO_BUILD" not in os.environ
    # Two checkouts, or two people, may test at the same time under labels of their own.
    label = os.environ.get("SEGUE_E2E_LABEL", "e2e")
    with LocalStack(label, parameters=parameters, requests=record, compile=compile_first) as stack:
        yield System(stack, Sandbox(stack.sandbox_url, record))


@pytest.fixture(scope="session")
def system(_stack: System) -> System:
    """The running system. Accounts, audiences, segments and exports are each test's own."""
    return _stack


@pytest.fixture(scope="module", autouse=True)
def _fresh_sandbox(request: pytest.FixtureRequest) -> None:
    """Each file of tests starts with a sandbox as new; what it seeds and scripts lasts for its other tests."""
    if "system" in request.fixturenames:
        request.getfixturevalue("system").sandbox.reset()


@pytest.fixture(scope="session")
def canary() -> str:
    """The tag of all people in the tests' files."""
    return CANARY
