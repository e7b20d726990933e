"""A stand-in for the Lambda service: starts a function's binary, hands it one event, and gets what it says.

Each invocation is a process of its own, as after a crash: nothing is remembered from the one before.
"""

import asyncio
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segue_local import environment

from .gate import Gate, Kill

#: What an invocation gets, unless a test says otherwise; what it holds back for its last steps is within it.
SECONDS = 60.0


@dataclass(frozen=True)
class Invocation:
    """How an invocation ended."""

    #: `response`, `error`, `killed`, or `exit` for a program that ended by itself.
    outcome: str
    payload: object
    #: What it asked of AWS and of the destination, in order.
    requests: list[str]
    #: Functions that it invoked asynchronously: their payloads.
    invocations: list[object]
    log: str

    @property
    def failures(self) -> list[str]:
        """The messages that it handed back."""
        failed = self.payload.get("batchItemFailures", []) if isinstance(self.payload, dict) else []
        return [item["itemIdentifier"] for item in failed]

    def __str__(self) -> str:
        numbered = "\n".join(f"  {number:3} {request}" for number, request in enumerate(self.requests, 1))
        return f"outcome {self.outcome}, {self.payload}\n{numbered}\n{self.log}"


class Lambda:
    """Runs invocations, also side by side from several threads."""

    def __init__(self, aws: str, sandbox: str, folder: Path, certificate: Path) -> None:
        self._aws, self._sandbox, self._folder = aws, sandbox, folder
        # Whom to trust over TLS: nobody is asked over TLS here.
        self._trust = {"SSL_CERT_FILE": str(certificate), "SSL_CERT_DIR": str(folder / "tmp")}
        self._running: set[subprocess.Popen] = set()
        self._stopped = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gates", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends every process, also when somebody who was interrupted still waits for one, and then the event loop."""
        self._stopped = True
        give_up = time.monotonic() + 10
        while self._running and time.monotonic() < give_up:
            for child in list(self._running):
                child.kill()
            time.sleep(0.05)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def invoke(
        self,
        function: str,
        variables: Mapping[str, str],
        event: object,
        *,
        kill: Kill | None = None,
        seconds: float = SECONDS,
    ) -> Invocation:
        """One invocation, from the start of the process to its answer or its end."""
        if self._stopped:
            raise RuntimeError("the tests were interrupted")
        gate = self._do(self._gate(event, seconds, kill))
        port = self._do(gate.open())
        url = f"http://127.0.0.1:{port}"
        surroundings = {
            **environment.bare(self._folder),
            **environment.aws(url),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "SEGUE_LOG": "info",
            **self._trust,
            **{name: value.replace("{gate}", url) for name, value in variables.items()},
        }
        with tempfile.TemporaryFile() as log:
            child = subprocess.Popen(
                [str(self._folder / "build" / function / "bootstrap")],
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            self._running.add(child)
            try:
                self._loop.call_soon_threadsafe(gate.process, child.pid)
                self._do(self._end(gate, child, time.monotonic() + seconds))
            finally:
                child.kill()
                child.wait()
                self._do(gate.close())
                self._running.discard(child)
            log.seek(0)
            text = log.read().decode(errors="replace")
        return Invocation(gate.outcome or "exit", gate.payload, list(gate.requests), list(gate.invocations), text)

    async def _gate(self, event: object, seconds: float, kill: Kill | None) -> Gate:
        return Gate(self._aws, self._sandbox, event, seconds, kill)

    @staticmethod
    async def _end(gate: Gate, child: subprocess.Popen, deadline: float) -> None:
        """Until it has answered, was killed, ended by itself, or its time is up."""
        while child.poll() is None and time.monotonic() < deadline:
            try:
                await asyncio.wait_for(gate.done.wait(), 0.2)
            except asyncio.TimeoutError:
                continue
            if gate.outcome != "killed":
                return
            # It is dead once it can be waited for; what it had sent before that has arrived.
            await asyncio.sleep(0.002)
