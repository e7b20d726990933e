"""The end state of a scenario, without what may differ from one time to another: moments, random names, calls made."""

import json
import re

from .scenario import Scenario

#: Whatever a repetition changes: when, by whom, and how many requests it took.
_VARIES = re.compile(r"^(writer|attempt|etag|at|since|deadline|.*_at|api_calls|retries|already_there)$")


def documents(scenario: Scenario) -> dict[str, bytes]:
    """Everything in the scenario's bucket but its configuration, its drop, and the pacing windows."""
    pages = scenario.world.s3.get_paginator("list_objects_v2").paginate(Bucket=scenario.name)
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    kept = [key for key in keys if not key.startswith(("config/", "segments/", "lanes/"))]
    read = scenario.world.s3.get_object
    return {key: read(Bucket=scenario.name, Key=key)["Body"].read() for key in kept}


def _constant(value: object) -> object:
    if isinstance(value, dict):
        return {name: _constant(inner) for name, inner in value.items() if not _VARIES.match(name)}
    return [_constant(inner) for inner in value] if isinstance(value, list) else value


def _lines(text: bytes) -> list[str]:
    return sorted(text.decode().splitlines())


def end_state(scenario: Scenario) -> dict[str, object]:
    """What is left: the bucket by key, with constant names, and what the queues still hold.

    A staging attempt that was killed leaves chunks behind. Whoever seals the run, or comes upon the seal, removes
    them; those that even then are left would be `dead chunks`. At no time has anybody read one.
    """
    found = documents(scenario)
    seals = {tuple(key.split("/")[1:3]): json.loads(text) for key, text in found.items() if key.endswith("/sealed.json")}
    runs = {key.split("/")[2] for key in found if key.startswith("runs/")}
    state: dict[str, object] = {}
    dead = []
    for key, text in found.items():
        parts = key.split("/")
        winner = seals.get(tuple(parts[1:3]), {}).get("attempt", "none")
        if parts[0] == "chunks" and parts[3] != winner:
            dead.append(key)
            continue
        name, body = key.replace(winner, "ATTEMPT"), text.decode(errors="replace")
        for run in runs:
            name, body = name.replace(run, "RUN"), body.replace(run, "RUN")
        for own in (scenario.name, *scenario.audiences.values()):
            body = body.replace(own, "OWN")
        if parts[0] == "chunks":
            state[name] = "people"
        else:
            state[name] = _lines(text) if key.endswith(".ndjson") else _constant(json.loads(body))
    return {
        "bucket": state,
        "queues": {name: scenario.waiting(name) for name in scenario.queues},
        "runs": sorted(export for export, _ in seals),
        "dead chunks": len(dead),
        "reads of dead chunks": _reads_of_others(scenario, seals),
    }


def _reads_of_others(scenario: Scenario, seals: dict[tuple[str, ...], dict]) -> list[str]:
    """Chunks that were asked for although the seal names another attempt."""
    asked = [request.split("?")[0] for done in scenario.invocations for request in done.requests]
    prefix = f"GET /{scenario.name}/chunks/"
    found = []
    for request in asked:
        export, run, attempt = (request.removeprefix(prefix).split("/") + ["", ""])[:3]
        if request.startswith(prefix) and seals.get((export, run), {}).get("attempt") != attempt:
            found.append(request)
    return found


def summaries(scenario: Scenario) -> dict[str, dict]:
    """The summaries by destination."""
    found = documents(scenario)
    texts = (json.loads(text) for key, text in found.items() if key.endswith("/summary.json"))
    return {summary["destination"]: summary for summary in texts}


def audience(audiences: dict, scenario: Scenario, destination: str) -> list[str]:
    """Who is in an export's audience, out of what the sandbox says of all."""
    members = audiences[destination].get(scenario.audiences[destination], [])
    if destination == "snapchat":
        return members
    return sorted(member["email_address" if destination == "mailchimp" else "email"] for member in members)


def differences(expected: dict[str, object], found: dict[str, object]) -> list[str]:
    """What differs between two end states, one line each."""
    lines = []
    for part in expected.keys() | found.keys():
        before, after = expected.get(part), found.get(part)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    lines.append(f"{part} {key}: {before.get(key, 'nothing')} became {after.get(key, 'nothing')}")
        else:
            lines.append(f"{part}: {before} became {after}")
    return lines
