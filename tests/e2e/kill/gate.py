"""One listener around one process: it is Lambda to it, it counts what it asks of others, and it kills it.

The process finds Lambda's runtime API here, AWS (`AWS_ENDPOINT_URL`) and the destinations. Requests to the last two
are numbered from 1 in the order of their arrival. At the number of a `Kill` the process gets SIGKILL: before the
request is forwarded, so that nobody ever sees it, or after it was answered, so that the process never learns of it.
What other requests it has under way at that moment go on, as they would on a network.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import http11

ARN = "arn:aws:lambda:us-east-1:000000000000:function:kill"
_DESTINATIONS = ("/snapchat/", "/mailchimp/", "/klaviyo/")


@dataclass(frozen=True)
class Kill:
    """Where a process ends: at its request `at`, before it is forwarded or after it was answered."""

    at: int
    after: bool

    def __str__(self) -> str:
        return f"killed {'after' if self.after else 'before'} request {self.at}"


class Gate:
    """The surroundings of one process, for one invocation. It belongs to the event loop that it was opened in."""

    def __init__(self, aws: str, sandbox: str, event: object, seconds: float, kill: Kill | None) -> None:
        self._upstreams = {"aws": aws, "sandbox": sandbox}
        self._event = json.dumps(event).encode()
        self._deadline_ms = int((time.time() + seconds) * 1000)
        self._kill = kill
        self._handed_out = False
        self._process: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task] = set()
        self.done = asyncio.Event()
        self.outcome = ""
        self.payload: object = None
        self.requests: list[str] = []
        self.invocations: list[object] = []

    async def open(self) -> int:
        """Listens; gives the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        return self._server.sockets[0].getsockname()[1]

    def process(self, pid: int) -> None:
        """Tells which process it is."""
        self._process.set_result(pid)

    async def close(self) -> None:
        """Ends everything that is still open."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while request := await http11.read(reader, writer):
                method, target, _ = request.first.split(" ", 2)
                if target.startswith("/2018-06-01/runtime/"):
                    reply = await self._runtime(method, target, request)
                elif target.startswith("/2015-03-31/functions/"):
                    reply = await self._counted(request, method, target, self._invoke)
                else:
                    reply = await self._counted(request, method, target, self._forward)
                if reply is None:
                    break
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _runtime(self, method: str, target: str, request: http11.Message) -> bytes | None:
        if method == "GET":
            if self._handed_out:
                await asyncio.Event().wait()  # until the process is ended: one event is all there is
            self._handed_out = True
            headers = {
                "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                "Lambda-Runtime-Deadline-Ms": str(self._deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": ARN,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
                "Content-Type": "application/json",
            }
            return http11.answer(200, self._event, headers)
        self.outcome = "response" if target.endswith("/response") else "error"
        self.payload = json.loads(http11.unchunked(request) or b"null")
        self.done.set()
        return http11.answer(202, b"{}")

    async def _counted(self, request: http11.Message, method: str, target: str, act) -> bytes | None:
        what = request.headers.get("x-amz-target", "").rpartition(".")[2]
        self.requests.append(f"{method} {what or target}")
        mine = self._kill is not None and self._kill.at == len(self.requests)
        if mine and not self._kill.after:
            return await self._end()
        reply = await act(request, method, target)
        return await self._end() if mine else reply

    async def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(await self._process, signal.SIGKILL)
        self.outcome = "killed"
        self.done.set()

    async def _invoke(self, request: http11.Message, _method: str, _target: str) -> bytes:
        """Lambda itself: an asynchronous invocation is taken, and kept for the test to carry out."""
        self.invocations.append(json.loads(http11.unchunked(request)))
        return http11.answer(202)

    async def _forward(self, request: http11.Message, method: str, target: str) -> bytes | None:
        upstream = urlsplit(self._upstreams["sandbox" if target.startswith(_DESTINATIONS) else "aws"])
        reader, writer = await asyncio.open_connection(upstream.hostname, upstream.port, limit=2**20)
        try:
            writer.write(request.raw)
            await writer.drain()
            reply = await http11.read(reader, answer_to=method)
            return reply.raw if reply else None
        finally:
            writer.close()
