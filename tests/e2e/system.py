"""The deployed system from outside: putting drops, asking fan-out, reading what became of runs, looking into queues.

Everything goes through AWS's own APIs, as an operator's or upstream's program would do it.
"""

import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from configuration import DESTINATIONS, SECRET_MARK, Configuration, Export
from sandbox_control import Sandbox
from segue_local import LocalStack
from segue_local.build import program

__all__ = ["DESTINATIONS", "SECRET_MARK", "Export", "System"]

_ENDS = ("completed", "partial", "failed", "cancelled", "superseded", "refused")


class System(Configuration):
    """The stack `stack` and the sandbox `sandbox`, with what tests do to them."""

    def __init__(self, stack: LocalStack, sandbox: Sandbox) -> None:
        super().__init__(stack, sandbox)
        self.sqs = stack.client("sqs")
        self.segment_bucket = stack.outputs["SegmentBucket"]
        #: In which second each segment was dropped last.
        self._dropped: dict[str, int] = {}
        #: Messages that a test took out of a queue: they are evidence too.
        self.kept_messages: list[str] = []

    # ------------------------------------------------------------------ what starts runs

    def drop(self, segment: str, body: bytes, file: str = "drop.csv") -> str:
        """Puts a file into the segment bucket, as upstream does, at most once a second. Gives the key.

        A run's id has the second of its event: of one second, which run came first would be chance.
        """
        while self._dropped.get(segment) == int(time.time()):
            time.sleep(0.01)
        key = f"{self.stack.outputs['SegmentPrefix']}{segment}/{file}"
        self.s3.put_object(Bucket=self.segment_bucket, Key=key, Body=body)
        self._dropped[segment] = int(time.time())
        return key

    def ask(self, request: dict) -> None:
        """Invokes fan-out with a request or an event, and waits for its end."""
        self.stack.invoke("FanOutFunction", request, wait=True)

    def resume(self) -> None:
        """Has the resumer look after all runs that are not finished, however young."""
        self.ask({"request": "resume", "stuck_after_seconds": 0})

    def cli(self, *arguments: str, within: float = 60.0) -> subprocess.CompletedProcess:
        """Runs `segue`, for at most so many seconds."""
        command = [str(program("segue")), "--stack", self.stack.name, *arguments]
        return subprocess.run(
            command, env=self.stack.environment, capture_output=True, text=True, timeout=within, check=False
        )

    # ------------------------------------------------------------------ what became of runs

    def runs(self, export: Export) -> list[str]:
        """The ids of an export's runs, oldest first."""
        return sorted({key.split("/")[2] for key in self.keys(f"runs/{export.id}/")})

    def summary(self, export: Export, run: str) -> dict | None:
        """A run's summary, once there is one."""
        return self.read(f"runs/{export.id}/{run}/summary.json")

    def ended(self, export: Export, count: int = 1, within: float = 60.0) -> list[dict]:
        """Waits until the export has `count` runs, all ended; gives their summaries, oldest first."""
        found: list[dict] = []

        def look() -> bool:
            found[:] = filter(None, (self.summary(export, run) for run in self.runs(export)))
            return len(found) >= count and all(summary["status"] in _ENDS for summary in found)

        self.wait_for(f"{count} runs of {export.id}", look, within)
        assert len(found) == count, f"{export.id} has {len(found)} runs"
        return found

    def one(self, export: Export, within: float = 60.0) -> dict:
        """Waits until the export's only run has ended; gives its summary, which must sum up."""
        (summary,) = self.ended(export, within=within)
        return summary

    def until(self, export: Export, run: str, status: str, within: float = 60.0) -> dict:
        """Waits until a run has this status; gives its summary."""
        found: dict = {}

        def look() -> bool:
            found.update(self.summary(export, run) or {})
            return found.get("status") == status

        self.wait_for(f"{export.id} {run} to be {status}", look, within)
        return found

    def wait_for(self, what: str, look: Callable[[], object], within: float = 60.0) -> object:
        """Waits until `look` gives something true."""
        return self.stack.wait_for(what, look, within=within, every=0.15)

    def logged(self, function: str, *words: str) -> bool:
        """Whether a function has logged a line with all these words in it."""
        lines = self.stack.log_lines(f"{function}LogGroup")
        return any(all(word in line for word in words) for line in lines)

    def rejected(self, export: Export, run: str) -> dict[tuple[int, int], str]:
        """The rejected list: reasons by part and row. No row may stand in it twice, and no value in any."""
        rows: dict[tuple[int, int], str] = {}
        for line in self.lines(f"runs/{export.id}/{run}/rejected/"):
            assert set(line) == {"part", "row", "reason"}, line
            place = (line["part"], line["row"])
            assert place not in rows, f"row {place} is listed twice"
            rows[place] = line["reason"]
        return rows

    # ------------------------------------------------------------------ queues

    def queue(self, destination: str, kind: str = "Queue") -> str:
        """URL of a destination's queue, or of its `DeadLetterQueue`."""
        return self.stack.outputs[f"{destination.capitalize()}{kind}Url"]

    def send(self, destination: str, body: str, group: str) -> None:
        """Puts a message into a destination's queue."""
        self.sqs.send_message(
            QueueUrl=self.queue(destination), MessageBody=body, MessageGroupId=group,
            MessageDeduplicationId=str(uuid.uuid4()),
        )  # fmt: skip

    def waiting(self, urls: Iterable[str]) -> int:
        """Messages in these queues, handled or hidden ones included."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        answers = (self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in urls)
        return sum(int(answer.get(name, 0)) for answer in answers for name in names)

    def peek(self, url: str, hidden_for: int = 1) -> list[str]:
        """The bodies of a queue's messages; they are visible again after `hidden_for` seconds."""
        bodies: list[str] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=hidden_for)
            if not answer.get("Messages"):
                return bodies
            bodies += [message["Body"] for message in answer["Messages"]]

    @contextmanager
    def deaf(self, part: str = "Queue") -> Iterator[None]:
        """Meanwhile no function gets a message of the queues that have `part` in their name."""
        functions = self.stack.client("lambda")
        found = functions.list_event_source_mappings()["EventSourceMappings"]
        mappings = [mapping["UUID"] for mapping in found if part in mapping["EventSourceArn"]]
        assert mappings, f"no queue is called {part}"
        for mapping in mappings:
            functions.update_event_source_mapping(UUID=mapping, Enabled=False)
        try:
            # A poll that has begun is over by then.
            time.sleep(1.5)
            yield
        finally:
            for mapping in mappings:
                functions.update_event_source_mapping(UUID=mapping, Enabled=True)

    def sealed(self, export: Export) -> str:
        """Waits until the export's only run is sealed; gives its id."""

        def look() -> list[str]:
            return [key for key in self.keys(f"runs/{export.id}/") if key.endswith("/sealed.json")]

        (seal,) = self.wait_for(f"the seal of {export.id}", look)
        return seal.split("/")[2]

    def quiet(self, *destinations: str, within: float = 60.0) -> None:
        """Waits until the queues of these destinations are empty."""
        urls = [self.queue(destination) for destination in destinations]
        self.wait_for("empty queues", lambda: self.waiting(urls) == 0, within)
