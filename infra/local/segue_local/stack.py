"""`LocalStack`: everything up, everything down again."""

import contextlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from segue_local import build, deployment, environment, ministack, processes, record, sandbox
from segue_local.failure import LocalStackError
from segue_local.places import LOCAL

#: The name of the stack, hence the first part of its secrets' names.
STACK = "segue-local"
#: Where there is only one local stack, it is this one.
DEFAULT_LABEL = "stack"


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the program as Ctrl-C does, so that everything is taken down."""

    def unwind(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored (SIGHUP below nohup) stays ignored.
    wanted = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, unwind) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Taking down is not cut short by an impatient second Ctrl-C; it takes a few seconds at most."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LocalStack:
    """The real template on MiniStack, with the sandbox in place of the destinations.

    Args:
        label: names the stack's folder and record below `.local`, so that two can run side by side.
        parameters: of the template, over the local defaults.
        requests: folder in which the sandbox records requests; without it `SANDBOX_RECORD` decides.
        sandbox_options: more `SANDBOX_…` variables.
        auth: whether MiniStack enforces the functions' IAM policies.
        compile: whether to build first; programs must be there otherwise.
        binaries: programs to use instead, by function name or "sandbox".
    """

    def __init__(
        self,
        label: str = DEFAULT_LABEL,
        *,
        parameters: Mapping[str, str] | None = None,
        requests: Path | None = None,
        sandbox_options: Mapping[str, str] | None = None,
        auth: bool = True,
        compile: bool = True,
        binaries: Mapping[str, Path] | None = None,
    ) -> None:
        self.record_path = LOCAL / f"{label}.json"
        self.folder = LOCAL / label
        self.keep = False
        self._parameters = dict(parameters or {})
        recorded = requests or os.environ.get("SANDBOX_RECORD")
        self._requests = Path(recorded).absolute() if recorded else None
        self._sandbox_options = dict(sandbox_options or {})
        self._auth = auth
        self._compile = compile
        self._binaries = dict(binaries or {})
        self._record = record.Record(stack_name=STACK, folder=str(self.folder))
        self._children: list = []
        self._unwinding = contextlib.ExitStack()

    @classmethod
    def running(cls, label: str = DEFAULT_LABEL, **options) -> "LocalStack":
        """The stack that somebody else brought up and left up; its `down` ends nothing.

        Raises:
            LocalStackError: there is none.
        """
        stack = cls(label, **options)
        found = record.read(stack.record_path)
        if not found or not found.lives():
            raise LocalStackError(f"there is no stack up that {stack.record_path} tells of")
        stack._record = found
        stack.keep = True
        return stack

    # ------------------------------------------------------------------ up and down

    def __enter__(self) -> "LocalStack":
        self._unwinding.enter_context(_signals_as_exceptions())
        try:
            self.up()
        except BaseException:
            self.keep = False
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            # With `keep` it stays, also when something went wrong: that is when one wants to look.
            if not self.keep:
                self.down()
        finally:
            self._unwinding.close()

    def up(self) -> None:
        """Builds, starts both servers and deploys. What was started is ended by `down` only."""
        earlier = record.read(self.record_path)
        if earlier and earlier.lives():
            raise LocalStackError(f"it is up already, at {earlier.endpoint} (see {self.record_path})")
        # A program that was killed may have left something.
        record.end(self.record_path)
        if self._compile:
            build.cargo()
        template = build.lay_out(self.folder / "build", self._binaries)
        for name in ("ministack.log", "sandbox.log"):
            (self.folder / name).unlink(missing_ok=True)
        # Code that an earlier MiniStack unpacked.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        program = self._binaries.get("sandbox", build.program("sandbox"))
        if not program.is_file():
            raise LocalStackError(f"{program} is not built")
        child, self._record.sandbox_url = sandbox.start(
            program, self.folder, record=self._requests, options=self._sandbox_options
        )
        self._started("sandbox", child)
        child, self._record.endpoint = ministack.start(self.folder, auth=self._auth)
        self._started("ministack", child)
        self.deploy(template=template)

    def _started(self, name: str, child) -> None:
        self._children.append(child)
        self._record.servers[name] = record.Server(child.pid, processes.birth(child.pid))
        self._record.write(self.record_path)

    def deploy(self, parameters: Mapping[str, str] | None = None, *, template: Path | None = None) -> None:
        """Deploys (again), with `parameters` over those that were given before."""
        self._parameters.update(parameters or {})
        chosen = {
            "Architecture": build.architecture(),
            # The refresh is asked for, not waited for.
            "RefreshEnabled": "false",
            "LogLevel": os.environ.get("SEGUE_LOG", "info"),
            **sandbox.parameters(self.sandbox_url),
            **self._parameters,
        }
        template = template or build.lay_out(self.folder / "build", self._binaries)
        deployment.deploy(template, STACK, chosen, endpoint=self.endpoint, folder=self.folder)
        self._record.outputs = deployment.outputs(STACK, self.endpoint)
        self._record.write(self.record_path)

    def down(self) -> None:
        """Ends the servers that this object started, and every function that runs."""
        if not self._children:
            return
        with _undisturbed():
            for child in reversed(self._children):
                processes.end_group(child.pid, child)
            self._children.clear()
            self._record.servers.clear()
            self.record_path.unlink(missing_ok=True)

    # ------------------------------------------------------------------ reaching it

    @property
    def endpoint(self) -> str:
        """MiniStack's URL, for `AWS_ENDPOINT_URL`."""
        return self._record.endpoint

    @property
    def sandbox_url(self) -> str:
        """The sandbox's URL."""
        return self._record.sandbox_url

    @property
    def name(self) -> str:
        """The stack's name."""
        return self._record.stack_name

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return dict(self._record.outputs)

    @property
    def environment(self) -> dict[str, str]:
        """This program's environment with what makes `segue` and any AWS SDK use the local stack."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**plain, **environment.aws(self.endpoint)}

    def client(self, service: str):
        """A boto3 client, as the account's root."""
        return deployment.client(service, self.endpoint)

    def invoke(self, output: str, payload: object, *, wait: bool = False) -> object:
        """Invokes the function that output `output` names, such as `FanOutFunction`; with `wait` gives its answer."""
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs[output],
            InvocationType="RequestResponse" if wait else "Event",
            Payload=json.dumps(payload).encode(),
        )
        if answer.get("FunctionError"):
            raise LocalStackError(f"{output} failed: {answer['Payload'].read().decode(errors='replace')}")
        return json.loads(answer["Payload"].read() or b"null") if wait else None

    def log_lines(self, output: str) -> list[str]:
        """Everything that the function of log group `output`, such as `FanOutLogGroup`, has logged, oldest first."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.outputs[output])
        events = [event for page in pages for event in page["events"]]
        return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]

    def wait_for(self, what: str, look, *, within: float = 60.0, every: float = 0.2):
        """Calls `look` until it gives something true, and gives that; `what` is named when it takes too long."""
        deadline = time.monotonic() + within
        while True:
            if found := look():
                return found
            if time.monotonic() > deadline:
                raise LocalStackError(f"waited {within:.0f} s for {what}; logs are in {self.folder}")
            time.sleep(every)
