"""One local stack for all tests of this folder, as talkative as it gets, and the order of the tests.

    .local/venv/bin/python -m pytest tests/e2e

builds first; with `SEGUE_E2E_NO_BUILD=1` the programs are used that are there. The stack's logs are in `.local/e2e`.
With `-n 2` two processes share the tests, each with one stack: most of the time is waiting.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_control import Sandbox
from segue_local import LocalStack
from system import System
from xdist.scheduler import LoadScopeScheduling

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / "fixtures"))
sys.path.insert(0, str(_HERE.parent / "schemas"))

#: What goes into each address and last name of the tests' files: it must be seen nowhere but at the destinations.
CANARY = "qxcanaryzj"


#: The tests with one stack, and those with the other.
_HALVES = ("first", "second")
#: They take about as long as all the others. They change who may do what, which is nothing for neighbours.
_SECOND = {"test_policies", "test_roles"}
#: They have stacks of their own.
_OWN = {"test_first_export", "test_outputs", "test_uninstall", "test_upgrade"}


def pytest_configure(config: pytest.Config) -> None:
    """The one mark of these tests."""
    config.addinivalue_line("markers", "last: runs after all the others, on what they left behind")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What comes last is done on each stack, if there are two."""
    last = metafunc.definition.get_closest_marker("last") and "system" in metafunc.fixturenames
    if last and hasattr(metafunc.config, "workerinput"):
        metafunc.fixturenames.append("half")
        metafunc.parametrize("half", _HALVES, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at what all the others left behind come last."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


class _Groups(LoadScopeScheduling):
    """Tests of one stack, or of one set of servers, share a process. (xdist's own groups need an older pytest.)"""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.removeprefix("tests/e2e/").partition("::")
        folder, _, name = file.rpartition("/")
        if folder:
            return folder
        for half in _HALVES:
            if test.endswith((f"[{half}]", f"-{half}]")):
                return half
        stem = name.removesuffix(".py")
        return stem if stem in _OWN else _HALVES[stem in _SECOND]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Groups:
    """How tests are shared, if there are several processes."""
    return _Groups(config, log)


@pytest.fixture
def half(request: pytest.FixtureRequest) -> str:
    """The half of the tests that a last test belongs to."""
    return request.param


@pytest.fixture(scope="session")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    record = tmp_path_factory.mktemp("requests")
    # 60 s, so that a faulty destination is handed back to the queue before long.
    parameters = {"LogLevel": "trace", "DestinationTimeout": "60"}
    compile_first = "SEGUE_E2E_NO_BUILD" not in os.environ
    # Two checkouts, or two people, may test at the same time under labels of their own.
    label = os.environ.get("SEGUE_E2E_LABEL", "e2e")
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        label = f"{label}-{worker}"
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
