"""Brings a stack up with programs that only wait, invokes one, says so, and holds it until it is ended."""

import sys
import time
from pathlib import Path

from segue_local import LocalStack


def waiting(folder: Path, name: str, first: str = "") -> Path:
    """A program that prints `first` and waits: to MiniStack, a function that never gets ready."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{first}\nexec sleep 600\n")
    program.chmod(0o755)
    return program


def main() -> None:
    """Usage: holds_a_stack.py FOLDER LABEL"""
    folder, label = Path(sys.argv[1]), sys.argv[2]
    function = waiting(folder, "function")
    binaries = dict.fromkeys(("fan-out", "snapchat", "mailchimp", "klaviyo"), function)
    binaries["sandbox"] = waiting(folder, "sandbox", "echo sandbox listening on http://127.0.0.1:9")
    with LocalStack(label, compile=False, binaries=binaries) as stack:
        stack.invoke("FanOutFunction", {})
        print("up", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    main()
