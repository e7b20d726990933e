"""How long a function takes from the start of its process to its first poll, and how large its program is.

    python3 tests/bench/first_poll.py BOOTSTRAP… [--runs N]

Plays just enough of the Lambda runtime API to be polled: the process is started, the time of its first
`GET …/invocation/next` is taken, and it is ended. Prints a line a program: bytes, and minimum, median and maximum of
the times in milliseconds. Nothing is asserted: machines differ.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

#: What the functions read from their environment; nothing of it is called before an event arrives.
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_LOG_GROUP_NAME": "bench",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "test",
    "SEGUE_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/dead.fifo",
    "SEGUE_KLAVIYO_QUEUE_URL": "http://127.0.0.1:9/k.fifo",
    "SEGUE_MAILCHIMP_QUEUE_URL": "http://127.0.0.1:9/m.fifo",
    "SEGUE_QUEUE_URL": "http://127.0.0.1:9/q.fifo",
    "SEGUE_SEGMENT_BUCKET": "segments",
    "SEGUE_SNAPCHAT_QUEUE_URL": "http://127.0.0.1:9/s.fifo",
    "SEGUE_STACK": "bench",
    "SEGUE_STATE_BUCKET": "state",
    "SEGUE_TIMER_QUEUE_URL": "http://127.0.0.1:9/timer",
}
PATIENCE = 10


def first_poll(program: Path) -> float:
    """Milliseconds from starting `program` to its first poll."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        environment = {**SETTINGS, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.getsockname()[1]}"}
        started = time.perf_counter()
        process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
        try:
            connection, _ = server.accept()
            with connection:
                request = connection.recv(4096)
                took = (time.perf_counter() - started) * 1000
        finally:
            process.kill()
            process.wait()
    if b"/invocation/next" not in request:
        raise SystemExit(f"{program} did not poll: {request[:80]!r}")
    return took


def main() -> int:
    """Measures each program in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="+", type=Path, metavar="BOOTSTRAP")
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    for program in arguments.programs:
        times = [first_poll(program.resolve()) for _ in range(arguments.runs)]
        spread = f"{min(times):6.1f} {statistics.median(times):6.1f} {max(times):6.1f}"
        name = program.parent.name if program.name == "bootstrap" else program.name
        print(f"{name:20} {os.path.getsize(program):>10} bytes   ms min/median/max {spread}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
