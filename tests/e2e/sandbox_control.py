"""The sandbox from outside: seeding accounts and audiences, scripting faults, and what it was asked and holds."""

import dataclasses
import json
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl


@dataclasses.dataclass(frozen=True)
class Asked:
    """One request that the sandbox got about an audience."""

    #: When it was answered, or its connection closed.
    at: datetime
    status: int | None
    rows: int


class Sandbox:
    """The control API of the running sandbox, and its record of requests.

    Args:
        url: where it listens.
        record: the folder that it was told to record in.
    """

    def __init__(self, url: str, record: Path) -> None:
        self._url = url
        self.record = record / "requests.ndjson"
        self._offset = 0
        self._asked: dict[str, list[Asked]] = {}
        self._looked: dict[str, list[dict[str, str]]] = {}

    def _call(self, method: str, path: str, body: object = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/sandbox/{path}", data=data, method=method)
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"the sandbox refused /{path}: {error.read().decode()}") from error

    def reset(self) -> None:
        """Everything back to the start; the record stays."""
        self._call("POST", "reset", {})

    def seed(self, **parts: object) -> None:
        """Adds to its world."""
        self._call("POST", "seed", parts)

    def fault(
        self, destination: str, path: str, *, method: str = "POST", times: int | None = 1, after: int = 0, **effect
    ):
        """Scripts what happens to requests whose path has `path` in it: the next `times`, or all of them."""
        match = {"method": method, "path": path}
        fault = {"destination": destination, "match": match, "times": times, "after": after, "fault": effect}
        self._call("POST", "faults", fault)

    def chances(self, destination: str, share: float, seed: int, effects: list[dict]) -> None:
        """From now on `share` of all the destination's answers are faulty, each effect as often as the others."""
        each = share / len(effects)
        faults = [
            # The first that fits hits: the later ones only see what those before them let through.
            {"destination": destination, "probability": each / (1 - each * n), "seed": seed + n, "fault": effect}
            for n, effect in enumerate(effects)
        ]
        self._call("POST", "faults", faults)

    def hits(self, destination: str) -> list[int]:
        """How often each fault of a destination has hit."""
        return [fault["hits"] for fault in self._call("GET", "faults") if fault.get("destination") == destination]

    def clear_faults(self) -> None:
        """From now on nothing goes wrong any more."""
        self._call("DELETE", "faults")

    def unused_faults(self) -> list[dict]:
        """Faults that were to hit a number of requests and have not."""
        return [f for f in self._call("GET", "faults") if f["times"] is not None and f["hits"] < f["times"]]

    def stats(self) -> dict:
        """What went over the wire, counted."""
        return self._call("GET", "stats")

    def audiences(self) -> dict:
        """Who is in which audience now."""
        return self._call("GET", "audiences")

    def asked(self, audience: str) -> list[Asked]:
        """Every request to push people into this audience since the start, answered or not."""
        self._read()
        return self._asked.get(audience, [])

    def looked(self, path: str) -> list[dict[str, str]]:
        """The queries of all requests that read what is at this path, below the destination's version."""
        self._read()
        return self._looked.get(path, [])

    def _read(self) -> None:
        if self.record.exists():
            with self.record.open("rb") as lines:
                lines.seek(self._offset)
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    self._take(json.loads(line))

    def _take(self, record: dict) -> None:
        body, path = record["body"], record["path"]
        if record["method"] == "GET":
            below = path.removeprefix("/mailchimp/3.0").removeprefix("/snapchat/v1").removeprefix("/klaviyo/api")
            self._looked.setdefault(below, []).append(dict(parse_qsl(record["query"])))
            return
        if record["method"] != "POST" or not isinstance(body, dict):
            return
        if record["destination"] == "klaviyo" and "data" in body:
            audience = body["data"]["relationships"]["lists"]["data"][0]["id"]
            rows = len(body["data"]["attributes"]["profiles"]["data"])
        elif record["destination"] == "snapchat" and path.endswith("/users"):
            audience, rows = path.split("/")[-2], len(body["users"][0]["data"])
        elif record["destination"] == "mailchimp" and "operations" in body:
            people = [one["path"] for one in body["operations"] if one["method"] == "PUT"]
            audience, rows = people[0].split("/")[2], len(people)
        elif record["destination"] == "mailchimp":
            audience, rows = path.split("/")[-1], len(body["members"])
        else:
            return
        # Nanoseconds, which not every version of Python reads.
        at = datetime.strptime(record["at"][:19], "%Y-%m-%dT%H:%M:%S")
        fraction = record["at"][19:].strip(".Z")
        at += timedelta(seconds=float(f"0.{fraction or 0}"))
        self._asked.setdefault(audience, []).append(Asked(at, record["status"], rows))
