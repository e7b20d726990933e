"""Who links what: fan-out no client of destinations, the destinations no file formats, the sandbox nothing of ours."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FILE_FORMATS = {"segue-source", "csv", "csv-core", "parquet", "arrow", "async-compression", "flate2", "zstd", "fan-out"}
CLIENTS = {"reqwest", "ureq", "isahc", "segue-delivery", "snapchat", "mailchimp", "klaviyo"}


@cache
def _linked(package: str) -> frozenset[str]:
    """The packages that a package's program is built of, tests and build scripts apart."""
    command = ["cargo", "tree", "--locked", "--package", package, "--edges", "normal", "--prefix", "none"]
    tree = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert tree.returncode == 0, tree.stderr
    return frozenset(line.split()[0] for line in tree.stdout.splitlines() if line.strip())


def test_fan_out_links_no_client_of_destinations() -> None:
    linked = _linked("fan-out")
    assert "segue-source" in linked, "the check looks at nothing"
    assert not linked & CLIENTS


@pytest.mark.parametrize("function", ["snapchat", "mailchimp", "klaviyo"])
def test_destinations_link_no_file_formats(function: str) -> None:
    linked = _linked(function)
    assert "reqwest" in linked, "the check looks at nothing"
    # The results of Mailchimp's batches come as a gzipped archive.
    assert not linked & (FILE_FORMATS - ({"flate2"} if function == "mailchimp" else set()))


def test_the_sandbox_shares_nothing_with_the_product() -> None:
    product = {name for name in _linked("sandbox") if name.startswith("segue-")}
    assert not product | (_linked("sandbox") & {"fan-out", "snapchat", "mailchimp", "klaviyo"})
