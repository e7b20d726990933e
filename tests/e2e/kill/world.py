"""What all scenarios share: MiniStack without the template, the sandbox, and a Lambda that is not MiniStack's."""

import contextlib
import itertools
import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import botocore
from segue_local import build, deployment, ministack, processes, record, sandbox
from segue_local.places import LOCAL

from .runtime import Lambda

#: Where logs go, and the record of the servers, so that what a killed test run left behind is ended by the next.
LABEL = "kill"


class World:
    """Two servers, the clients to reach them, and names that nobody else has."""

    def __init__(self, aws: str, sandbox_url: str, folder: Path, requests: Path) -> None:
        self.aws = aws
        self.sandbox = sandbox_url
        #: Where the sandbox records what it is asked.
        self.requests = requests
        self.lambda_ = Lambda(aws, sandbox_url, folder, _one_certificate(folder))
        self._clients = {name: deployment.client(name, aws) for name in ("s3", "sqs", "secretsmanager", "cloudformation")}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.s3, self.sqs = self._clients["s3"], self._clients["sqs"]
        self.secrets, self.cloudformation = self._clients["secretsmanager"], self._clients["cloudformation"]

    def name(self, what: str) -> str:
        """A new name, for a bucket, a queue, an account."""
        with self._lock:
            number = next(self._numbers)
        return f"{re.sub('[^a-z0-9]+', '-', what.lower()).strip('-')[:40]}-{number}"

    def ask(self, method: str, path: str, body: object = None) -> object:
        """Asks the sandbox's control interface."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.sandbox}/sandbox/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def _one_certificate(folder: Path) -> Path:
    """A file with one certificate. Unoptimised programs take longer to read a system's hundred than for all else."""
    end = "-----END CERTIFICATE-----\n"
    bundle = Path(botocore.__file__).with_name("cacert.pem").read_text()
    one = folder / "one-certificate.pem"
    one.write_text(bundle[bundle.index("-----BEGIN") : bundle.index(end) + len(end)])
    return one


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Everything up; down again at the end, whatever happens."""
    build.cargo()
    folder, place = LOCAL / LABEL, LOCAL / f"{LABEL}.json"
    record.end(place)
    folder.mkdir(parents=True, exist_ok=True)
    # Programs of its own: a build in the middle of the tests must not change what they start.
    build.lay_out(folder / "build", {})
    for log in ("ministack.log", "sandbox.log"):
        (folder / log).unlink(missing_ok=True)
    kept = record.Record(folder=str(folder))
    with contextlib.ExitStack() as unwinding:
        unwinding.callback(place.unlink, missing_ok=True)

        def started(name: str, child) -> None:
            unwinding.callback(processes.end_group, child.pid, child)
            kept.servers[name] = record.Server(child.pid, processes.birth(child.pid))
            kept.write(place)

        requests = folder / "requests" / "requests.ndjson"
        requests.unlink(missing_ok=True)
        child, url = sandbox.start(build.program("sandbox"), folder, record=requests.parent, options={})
        started("sandbox", child)
        child, endpoint = ministack.start(folder, auth=False, level="WARNING")
        started("ministack", child)
        shared = World(endpoint, url, folder, requests)
        unwinding.callback(shared.lambda_.stop)
        shared.ask("POST", "seed", {"klaviyo": {"job_ms": 20}})
        yield shared
