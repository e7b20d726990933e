"""`python -m segue_local up|down|status`: the local stack, for people."""

import argparse
import sys

from segue_local import environment, record
from segue_local.failure import LocalStackError
from segue_local.places import LOCAL
from segue_local.stack import DEFAULT_LABEL, LocalStack


def _say(found: record.Record, label: str) -> None:
    print(f"MiniStack (AWS)  {found.endpoint}")
    print(f"sandbox          {found.sandbox_url}")
    print(f"stack            {found.stack_name}")
    print(f"logs             {found.folder}")
    for name, value in sorted(found.outputs.items()):
        print(f"  {name:32} {value}")
    print("\nto reach it from this shell:")
    for name, value in environment.aws(found.endpoint).items():
        print(f"  export {name}={value}")
    option = "" if label == DEFAULT_LABEL else f" --label {label}"
    print(f"\nto end it: .local/venv/bin/python -m segue_local{option} down")


def _up(label: str, arguments: argparse.Namespace) -> int:
    with LocalStack(label, auth=not arguments.no_auth, compile=not arguments.no_build) as stack:
        stack.keep = True
    return _status(label, arguments)


def _down(label: str, _arguments: argparse.Namespace) -> int:
    print("ended" if record.end(LOCAL / f"{label}.json") else "it was not up")
    return 0


def _status(label: str, arguments: argparse.Namespace) -> int:
    found = record.read(LOCAL / f"{label}.json")
    if not found or not found.lives():
        print("it is not up", file=sys.stderr)
        return 1
    if arguments.output == "json":
        print((LOCAL / f"{label}.json").read_text(), end="")
    else:
        _say(found, label)
    return 0


def main() -> int:
    """Exit status: 0 done (for `status`: it is up), 1 it failed (it is down), 2 used wrongly."""
    parser = argparse.ArgumentParser(prog="segue_local", description=__doc__)
    parser.add_argument("--label", default=DEFAULT_LABEL, help="which stack, where there are several")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="bring it up, and leave it up")
    up.add_argument("--no-build", action="store_true", help="use the programs that are there")
    up.add_argument("--no-auth", action="store_true", help="let the functions do what their policies don't allow")
    up.set_defaults(run=_up)
    commands.add_parser("down", help="end it, and only it").set_defaults(run=_down)
    commands.add_parser("status", help="say how to reach it").set_defaults(run=_status)
    arguments = parser.parse_args()
    try:
        return arguments.run(arguments.label, arguments)
    except LocalStackError as error:
        print(f"segue_local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
