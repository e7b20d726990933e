"""Everything that must not hold a person or a secret, and the ways in which one could hide in it."""

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Iterable, Iterator

from system import System


def forms(text: str) -> dict[str, bytes]:
    """The ways in which a text may be written, each as it would be found in a longer text."""
    raw = text.encode()
    quoted = urllib.parse.quote(text, safe="")
    every = "".join(f"%{byte:02X}" for byte in raw)
    escaped = "".join(f"\\u{ord(c):04x}" if not c.isalnum() else c for c in text)
    found = {
        "in clear": raw,
        "upper case": text.upper().encode(),
        "percent-encoded": quoted.encode(),
        "percent-encoded throughout": every.encode(),
        "JSON-escaped": json.dumps(text)[1:-1].encode(),
        "JSON-escaped throughout": "".join(f"\\u{ord(c):04x}" for c in text).encode(),
        "JSON-escaped but for letters": escaped.encode(),
        "hexadecimal": raw.hex().encode(),
    }
    # In base64 a text looks different at each of three offsets; what depends on its neighbours is cut off.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        found[f"base64 at {offset}"] = encoded[first:last]
        found[f"base64url at {offset}"] = encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))
    for name, digest in (("MD5", hashlib.md5), ("SHA-256", hashlib.sha256), ("SHA-1", hashlib.sha1)):
        value = digest(raw)
        found[f"{name} in hexadecimal"] = value.hexdigest().encode()
        found[f"{name} in upper-case hexadecimal"] = value.hexdigest().upper().encode()
        found[f"{name} in base64"] = base64.b64encode(value.digest()).rstrip(b"=")
        found[f"{name} as bytes"] = value.digest()
    return found


def search(texts: Iterable[str], haystacks: dict[str, bytes]) -> list[str]:
    """Where any of these texts is found, in whatever form; the texts themselves are not told."""
    found = []
    for number, text in enumerate(texts):
        for form, needle in forms(text).items():
            found += [f"text {number}, {form}, in {name}" for name, haystack in haystacks.items() if needle in haystack]
    return found


def _log_groups(system: System) -> Iterator[tuple[str, bytes]]:
    logs = system.stack.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
            lines = (event["message"] for page in pages for event in page["events"])
            yield f"log group {name}", "\n".join(lines).encode()


def _queues(system: System) -> Iterator[tuple[str, bytes]]:
    for url in system.sqs.list_queues(MaxResults=1000)["QueueUrls"]:
        yield f"queue {url.rsplit('/', 1)[1]}", "\n".join(system.peek(url, hidden_for=5)).encode()
    yield "messages that tests took out", "\n".join(system.kept_messages).encode()


def _state(system: System) -> Iterator[tuple[str, bytes]]:
    keys = [key for key in system.keys("") if not key.startswith("chunks/")]
    bodies = (system.s3.get_object(Bucket=system.state_bucket, Key=key)["Body"].read() for key in keys)
    yield "the state bucket", b"\n".join(key.encode() + b"\n" + body for key, body in zip(keys, bodies, strict=True))


def haystacks(system: System) -> dict[str, bytes]:
    """Logs, queues and records, all there is of them; and what the functions print, as MiniStack kept it."""
    everything = {**dict(_log_groups(system)), **dict(_queues(system)), **dict(_state(system))}
    # MiniStack's own log has the functions' output too, and errors of theirs that reached no log group.
    everything["MiniStack's log"] = (system.stack.folder / "ministack.log").read_bytes()
    return everything
