"""What the checks of the template share: the template, read once, as plain dictionaries."""

import copy
from pathlib import Path

import pytest
from samcli.yamlhelper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"


@pytest.fixture(scope="session")
def _read() -> dict:
    return yaml_parse(TEMPLATE.read_text())


@pytest.fixture
def template(_read: dict) -> dict:
    """A copy of the template for this test alone; intrinsics are in their long form (`{"Ref": …}`)."""
    return copy.deepcopy(_read)
