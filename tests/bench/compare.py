"""Measures `segue segment check` and `read.py` on the same files in the same sitting, as whole processes.

    python3 tests/bench/compare.py SEGUE FOLDER [--rows N] [--formats …] [--destinations …] [--runs N]

`SEGUE` is the program as released; the files are made in `FOLDER` by `drops.py` unless they are there. Of several runs
that with the least processor time counts. Both programs must agree on what they counted. Prints a table of rows and
megabytes a second by processor time, seconds of processor time, peak memory, and how many times faster segue is.
Nothing else is asserted: machines differ.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import drops
import read

HERE = Path(__file__).resolve().parent
COUNTS = ("read", "invalid", "duplicate")


@dataclasses.dataclass(frozen=True, order=True)
class Run:
    """One process: seconds of processor time and of the clock, peak memory in MiB, and what it printed."""

    cpu: float
    elapsed: float
    peak: float
    counts: tuple[int, ...]


def run(command: list[str]) -> Run:
    """Runs a program that prints its counts as one JSON document."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        elapsed = time.perf_counter() - started
        output.seek(0)
        printed = output.read().decode()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}: {printed[:2000]}")
    found = json.loads(printed)
    counts = tuple(found[count] for count in COUNTS)
    return Run(usage.ru_utime + usage.ru_stime, elapsed, usage.ru_maxrss / 1024, counts)


def segue(program: str, path: Path, destination: str, rows: int) -> list[str]:
    """The product's own reading of a file, to be run."""
    command = [program, "segment", "check", str(path), "--destination", destination, "--email", "email"]
    if destination != "snapchat":
        command += ["--first-name", "first_name", "--last-name", "last_name"]
    return [*command, "--max-profiles", str(rows), "--output", "json"]


def line(path: Path, rows: int, found: Run, name: str, times: str = "") -> str:
    """A line of the table."""
    megabytes = path.stat().st_size / 1e6
    return (
        f"| {path.suffix if path.suffix != '.gz' else '.csv.gz'} | {name} | {rows / found.cpu:,.0f} "
        f"| {megabytes / found.cpu:,.1f} | {found.cpu:.2f} | {found.elapsed:.2f} | {found.peak:.1f} | {times} |"
    )


def main() -> int:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("segue")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(drops.FORMATS))
    parser.add_argument("--destinations", default=",".join(read.DESTINATIONS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without-python", action="store_true", help="do not run read.py, which takes its time")
    arguments = parser.parse_args()
    rows, folder = arguments.rows, arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    print("| format | program, destination | rows/s | MB/s | CPU s | elapsed s | peak MiB | times |")
    print("|---|---|---|---|---|---|---|---|")
    for form in arguments.formats.split(","):
        path = folder / f"people-{rows}.{form}"
        if not path.exists():
            drops.write(folder, rows, form, nested=False)
        for destination in arguments.destinations.split(","):
            command = segue(arguments.segue, path, destination, rows)
            ours = min(run(command) for _ in range(arguments.runs))
            if arguments.without_python:
                print(line(path, rows, ours, f"segue, {destination}"), flush=True)
                continue
            with tempfile.TemporaryDirectory() as bodies:
                theirs = run([sys.executable, str(HERE / "read.py"), str(path), destination, bodies])
            if ours.counts != theirs.counts:
                raise SystemExit(f"{path} for {destination}: {COUNTS} are {ours.counts} and {theirs.counts}")
            times = f"{theirs.cpu / ours.cpu:.1f}"
            print(line(path, rows, ours, f"segue, {destination}", times), flush=True)
            print(line(path, rows, theirs, f"read.py, {destination}"), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
