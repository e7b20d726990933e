"""Another release is deployed while runs are being delivered, and taken back before they have ended: nothing is lost and
nothing counted twice. What a document of a newer version does is in `shared/state`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import truth
from accounting import assert_audience, assert_completed, assert_rejected
from make_segment import Recipe, make
from sandbox_control import Sandbox
from segue_local import LocalStack
from segue_local.build import lay_out
from system import System

FUNCTIONS = ("fan-out", "snapchat", "mailchimp", "klaviyo")


@pytest.fixture
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A stack of its own, whose functions give a broken-off message back soon."""
    record = tmp_path_factory.mktemp("upgraded")
    label = f"{os.environ.get('SEGUE_E2E_LABEL', 'e2e')}-upgraded"
    parameters = {"DestinationTimeout": "30"}
    compile_first = "SEGUE_E2E_NO_BUILD" not in os.environ
    with LocalStack(label, parameters=parameters, requests=record, compile=compile_first) as stack:
        yield System(stack, Sandbox(stack.sandbox_url, record))


def _release(folder: Path) -> Path:
    """A template with other code: the same programs, of other bytes, so that every function is replaced."""
    template = lay_out(folder, {})
    for name in FUNCTIONS:
        with (folder / name / "bootstrap").open("ab") as bootstrap:
            bootstrap.write(b"another release")
    return template


def test_an_upgrade_and_a_rollback_in_mid_run_lose_nothing(upgraded: System, tmp_path: Path) -> None:
    release = _release(tmp_path)
    upgraded.sandbox.seed(latency_ms={"mailchimp": 2_500, "klaviyo": 1_500, "snapchat": 1_500})
    file = make(Recipe(rows=30_000, invalid=300, duplicate=700, seed=93))
    right = truth.of(file)
    segment = upgraded.segment("upgraded")
    exports = upgraded.exports(segment)
    code = upgraded.stack.client("lambda")

    def codes() -> list[str]:
        return sorted(found["CodeSha256"] for found in code.list_functions()["Functions"])

    before = codes()
    upgraded.drop(segment, file)
    calls = lambda: len(upgraded.sandbox.asked(exports["mailchimp"].audience))  # noqa: E731
    upgraded.wait_for("the first calls", lambda: calls() >= 9)
    upgraded.stack.deploy(template=release)
    assert all(old != new for old, new in zip(before, codes(), strict=True)), "every function is another one"
    assert upgraded.summary(exports["mailchimp"], upgraded.runs(exports["mailchimp"])[0]) is None, "it is in mid-run"
    reached = calls()
    upgraded.wait_for("calls of the other release", lambda: calls() > reached, within=150)
    upgraded.stack.deploy()
    for export in exports.values():
        summary = upgraded.one(export, within=240)
        assert_completed(summary, right)
        assert_rejected(upgraded, export, summary, right)
        assert_audience(upgraded, export, right)
