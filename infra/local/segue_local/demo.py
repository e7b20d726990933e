"""`python -m segue_local.demo [FILE]`: a segment file through the whole of Segue, on this machine.

Brings the local stack up, saves three connections and three exports with `segue`, drops the file, waits for the
three runs, prints what happened, writes `.local/summary.json`, and takes everything down. `KEEP=1` leaves it up.
Exit status 0 only if all three runs completed.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from segue_local import LocalStack, LocalStackError, build
from segue_local.places import CHECKOUT, LOCAL

CONFIGURATION = CHECKOUT / "infra" / "local" / "demo.yaml"
DEFAULT_SEGMENT = CHECKOUT / "tests" / "fixtures" / "segment.csv"
SUMMARY = LOCAL / "summary.json"
#: Longest wait for a run, in seconds: some hundred thousand rows to Mailchimp take minutes in the sandbox too.
PATIENCE = 1800

#: What the sandbox takes. They open nothing else.
CREDENTIALS = {
    "SNAPCHAT_CREDENTIALS": {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh",
    },
    "MAILCHIMP_CREDENTIALS": {"api_key": "sandboxkey-us19"},
    "KLAVIYO_CREDENTIALS": {"private_key": "pk_sandbox"},
}


def header(segment: Path) -> list[str]:
    """The columns of a file; none if it can't be told, which fan-out then says better."""
    try:
        with segment.open(encoding="utf-8-sig", newline="") as lines:
            return [name.strip() for name in next(csv.reader(lines), [])]
    except (UnicodeDecodeError, csv.Error):
        return []


def mapped(fields: dict, columns: list[str]) -> dict:
    """The fields of an export, less the names that the file does not have."""
    return {field: column for field, column in fields.items() if field == "email" or column in columns}


def configuration(segment: Path) -> Path:
    """The demo's configuration for this file, written where `segue apply` reads it."""
    found = yaml.safe_load(CONFIGURATION.read_text())
    columns = header(segment)
    for export in found["exports"]:
        export["fields"] = mapped(export["fields"], columns)
    written = LOCAL / "demo.yaml"
    written.write_text(yaml.safe_dump(found, sort_keys=False))
    return written


class Demo:
    """The steps, each a command that an operator would type too."""

    def __init__(self, stack: LocalStack, segment: Path) -> None:
        self.segment = segment
        self.environment = {**stack.environment, **{name: json.dumps(value) for name, value in CREDENTIALS.items()}}
        self.name = stack.name

    def segue(self, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess:
        """Runs the command line; with `quiet` its output is kept instead of shown."""
        command = [str(build.program("segue")), "--stack", self.name, *arguments]
        if not quiet:
            print(f"\n$ segue {' '.join(arguments)}", flush=True)
        pipe = subprocess.PIPE if quiet else None
        return subprocess.run(command, env=self.environment, stdout=pipe, text=True, check=False)

    def run(self) -> list[dict]:
        """Everything from saving to the last summary."""
        file = configuration(self.segment)
        exports = [export["id"] for export in yaml.safe_load(file.read_text())["exports"]]
        if self.segue("apply", "-f", str(file), "--agree").returncode != 0:
            raise LocalStackError("`segue apply` failed")
        drop = ["segment", "put", "demo", str(self.segment), "--wait", "--timeout", str(PATIENCE)]
        print(f"\n$ segue {' '.join(drop)}", flush=True)
        dropped = self.segue("--output", "json", *drop, quiet=True)
        summaries = json.loads(dropped.stdout)["runs"] if dropped.stdout.strip() else []
        missing = set(exports) - {summary["export"] for summary in summaries}
        if missing:
            raise LocalStackError(f"there is no summary of {', '.join(sorted(missing))}")
        self.segue("run", "list")
        return summaries


def say_how_to_reach(stack: LocalStack) -> None:
    """What somebody needs who goes on with a stack that was left up."""
    print("\nThe stack is left up. To reach it from this shell:")
    for name, value in sorted(stack.environment.items()):
        if name.startswith("AWS_"):
            print(f"  export {name}={value}")
    print(f"  export SEGUE_STACK={stack.name}")
    print(f"  {build.program('segue')} run list")
    print(f"The sandbox: {stack.sandbox_url}/sandbox/audiences")
    print("To end it: .local/venv/bin/python -m segue_local down")


def main() -> int:
    """Exit status 0 if all three runs completed, 1 otherwise."""
    segment = Path(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else DEFAULT_SEGMENT).resolve()
    if not segment.is_file():
        print(f"demo: {segment} is no file; name one with SEGMENT=FILE", file=sys.stderr)
        return 2
    try:
        with LocalStack() as stack:
            stack.keep = os.environ.get("KEEP", "") not in ("", "0")
            summaries = Demo(stack, segment).run()
            SUMMARY.write_text(json.dumps(summaries, indent=2) + "\n")
            print(f"\nwhat happened, for scripts: {SUMMARY.relative_to(CHECKOUT)}")
            if stack.keep:
                say_how_to_reach(stack)
    except LocalStackError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    unfinished = [summary for summary in summaries if summary["status"] != "completed"]
    for summary in unfinished:
        print(f"{summary['export']} is {summary['status']}: {summary['message']}", file=sys.stderr)
    return 1 if unfinished else 0


if __name__ == "__main__":
    sys.exit(main())
