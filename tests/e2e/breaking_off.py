"""A program that is killed in the middle of its work: at a request to AWS, before or after AWS has done it."""

import http.client
import subprocess
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Headers of one connection, which the next one has of its own.
_OWN = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass(frozen=True)
class Request:
    """What was asked of AWS."""

    method: str
    path: str
    target: str
    body: bytes


@dataclass(frozen=True)
class Point:
    """Where a program is killed: at the request of this number, counted from 1, that `is_it`."""

    name: str
    is_it: Callable[[Request], bool]
    number: int = 1
    #: Whether AWS does it all the same: the program only does not learn of it.
    done: bool = True


class _Quiet(ThreadingHTTPServer):
    """Who is killed leaves connections behind, which is no news."""

    def handle_error(self, *_: object) -> None:
        pass


class Guillotine:
    """Stands between a program and AWS at `endpoint`, and kills the program at a point."""

    def __init__(self, endpoint: str, point: Point) -> None:
        self._endpoint = urllib.parse.urlsplit(endpoint)
        self._point = point
        self._lock = threading.Lock()
        self._seen = 0
        self._process: subprocess.Popen | None = None

    def run(self, command: list[str], environment: Mapping[str, str], within: float = 120) -> int:
        """Runs a program; gives its exit status: -9 if it was killed."""
        guillotine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                guillotine._pass_on(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

            def log_message(self, *_: object) -> None:
                pass

        server = _Quiet(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        try:
            self._process = subprocess.Popen(
                command, env={**environment, "AWS_ENDPOINT_URL": here}, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            return self._process.wait(within)
        finally:
            if self._process:
                self._process.kill()
            server.shutdown()
            server.server_close()

    def _is_the_point(self, request: Request) -> bool:
        if not self._point.is_it(request):
            return False
        with self._lock:
            self._seen += 1
            return self._seen == self._point.number

    def _pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        target = handler.headers.get("x-amz-target") or ""
        now = self._is_the_point(Request(handler.command, handler.path, target, body))
        if now and not self._point.done:
            self._process.kill()
            handler.close_connection = True
            return
        upstream = http.client.HTTPConnection(self._endpoint.hostname, self._endpoint.port, timeout=60)
        upstream.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
        for name, value in handler.headers.items():
            if name.lower() not in _OWN:
                upstream.putheader(name, value)
        upstream.putheader("content-length", str(len(body)))
        upstream.endheaders(body)
        answer = upstream.getresponse()
        told = answer.read()
        if now:
            self._process.kill()
        try:
            handler.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OWN:
                    handler.send_header(name, value)
            # To HEAD nothing follows, whatever the length says.
            length = answer.getheader("content-length", "0") if handler.command == "HEAD" else str(len(told))
            handler.send_header("content-length", length)
            handler.end_headers()
            handler.wfile.write(told)
        except OSError:
            # Nobody listens any more.
            handler.close_connection = True
        finally:
            upstream.close()
