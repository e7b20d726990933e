"""Holds requests that the sandbox recorded against the schemas beside this file; never tells what a request said.

A schema file has a table of the requests that there are, by name: method, path pattern, and a JSON Schema (2020-12)
each for what the pattern's braces stand for, the query, the headers, how it signs in, and the body. A request that is
not in the table is wrong. Beyond the standard, these keywords count:

    contentSchema   of a text that is JSON: what it holds must fit (the standard leaves that to the reader)
    uniqueBy        no two items have the same value at this dotted path
    subscriberHash  a batch operation's path ends with the MD5 of the lower-case address in its body
"""

import dataclasses
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator, ValidationError, validators

HERE = Path(__file__).resolve().parent
DESTINATIONS = ("snapchat", "mailchimp", "klaviyo")
#: Where people sign in: no request of Segue's.
BROWSED = {"/snapchat/login/oauth2/authorize", "/mailchimp/oauth2/authorize"}
#: Of one request, no more than so many mistakes are told: a hundred thousand rows are likely to share one.
TOLD = 5


@dataclasses.dataclass(frozen=True)
class Wrong:
    """One mistake: where it is, and which rule it breaks."""

    line: int
    destination: str
    method: str
    #: The path with `{…}` for whatever is no word of the API.
    path: str
    #: Leads to the mistake: `$.body.members[3].status`.
    where: str
    rule: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.destination} {self.method} {self.path}: {self.where}: {self.rule}"


@dataclasses.dataclass
class Checked:
    """What came of checking a record."""

    lines: int = 0
    #: How often each kind of request was seen, by destination and name.
    kinds: Counter = dataclasses.field(default_factory=Counter)
    wrong: list[Wrong] = dataclasses.field(default_factory=list)


# ---------------------------------------------------------------------- keywords


@cache
def _compiled(pattern: str) -> re.Pattern:
    # Python's `$` lets a line feed pass at the end; the standard's does not.
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))


def _pattern(_validator, pattern, text, _schema):
    if isinstance(text, str) and not _compiled(pattern).search(text):
        yield ValidationError("pattern")


def _content(validator, schema, text, _parent):
    if not isinstance(text, str):
        return
    try:
        content = json.loads(text)
    except ValueError:
        yield ValidationError("not JSON")
        return
    yield from validator.descend(content, schema)


def _at(item: object, path: str) -> object:
    for name in path.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _unique_by(_validator, path, items, _schema):
    if not isinstance(items, list):
        return
    seen = set()
    for index, item in enumerate(items):
        value = _at(item, path)
        if isinstance(value, str):
            if value in seen:
                yield ValidationError("there already", path=(index, *path.split(".")))
            seen.add(value)


def _subscriber_hash(_validator, _yes, operation, _schema):
    try:
        address = json.loads(operation["body"])["email_address"].lower()
        named = operation["path"].rsplit("/", 1)[1]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return  # other keywords say so
    if hashlib.md5(address.encode()).hexdigest() != named:
        yield ValidationError("another's hash", path=("path",))


_Validator = validators.extend(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "contentSchema": _content,
        "uniqueBy": _unique_by,
        "subscriberHash": _subscriber_hash,
    },
)


# ---------------------------------------------------------------------- tables


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row of a table."""

    destination: str
    name: str
    method: str
    path: str
    #: Whether the body is a form.
    form: bool
    match: re.Pattern
    validator: Draft202012Validator


def _inlined(schema: object, definitions: dict) -> object:
    """Without references: following one takes longer than everything else about a row."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
        return {name: _inlined(inner, definitions) for name, inner in schema.items()}
    return [_inlined(inner, definitions) for inner in schema] if isinstance(schema, list) else schema


def _object(properties: dict) -> dict:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@cache
def table(destination: str) -> tuple[Kind, ...]:
    """The requests that there are to a destination."""
    document = json.loads((HERE / f"{destination}.json").read_text())
    kinds = []
    for name, request in document["requests"].items():
        parts = {
            "parameters": _object(request.get("parameters", {})),
            "query": request["query"],
            "headers": request["headers"],
            "authorization": request["authorization"],
            "body": request.get("form", request.get("body", {"const": None})),
        }
        schema = _inlined(_object(parts), document["$defs"])
        _Validator.check_schema(schema)
        path = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(request["path"]))
        kinds.append(
            Kind(
                destination, name, request["method"], request["path"], "form" in request,
                re.compile(path + r"\Z"), _Validator(schema),
            )
        )  # fmt: skip
    return tuple(kinds)


def kinds() -> set[tuple[str, str]]:
    """All requests that there are, by destination and name."""
    return {(kind.destination, kind.name) for destination in DESTINATIONS for kind in table(destination)}


# ---------------------------------------------------------------------- checking


def _nameless(destination: str, path: str) -> str:
    """A path that no pattern fits, without whatever is no word of the API: it may be a person's hash."""
    words = {part for kind in table(destination) for part in kind.path.split("/")} if destination else set()
    return "/".join(part if part in words else "{…}" for part in path.split("/"))


def _pairs(text: str) -> dict | None:
    """A query or a form; `None` if it is not well-formed, or a name comes twice."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        return None
    return dict(pairs) if len(dict(pairs)) == len(pairs) else None


def _where(path: Iterable[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "$" + "".join(steps)


def _rule(error: ValidationError) -> str:
    """The keyword, and what is missing: that is the schema's word, everything else would be the request's."""
    if error.validator != "required":
        return str(error.validator)
    return f"required {', '.join(name for name in error.validator_value if name not in error.instance)}"


def check(number: int, record: dict) -> tuple[Kind | None, list[Wrong]]:
    """What kind of request a recorded line is, and what is wrong with it. The answer that it got does not matter."""
    destination, method = str(record.get("destination")), str(record.get("method"))
    known = table(destination) if destination in DESTINATIONS else ()
    path = str(record.get("path"))
    found = ((kind, kind.match.match(path)) for kind in known if kind.method == method)
    kind, match = next(((kind, match) for kind, match in found if match), (None, None))
    if kind is None:
        pattern = _nameless(destination if known else "", path)
        return None, [Wrong(number, destination if known else "?", method, pattern, "$", "no such request")]
    body = record.get("body")
    view = {
        "parameters": match.groupdict(),
        "query": _pairs(record.get("query") or ""),
        "headers": record.get("headers"),
        "authorization": record.get("authorization"),
        "body": _pairs(body) if kind.form and isinstance(body, str) else body,
    }
    errors = itertools.islice(kind.validator.iter_errors(view), TOLD)
    wrong = [
        Wrong(number, destination, method, kind.path, _where(error.absolute_path), _rule(error)) for error in errors
    ]
    return kind, wrong


def _lines(record: Path) -> Iterator[tuple[int, dict]]:
    with record.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            yield number, json.loads(line)


def check_all(record: Path) -> Checked:
    """Checks every request of a `requests.ndjson`, but for the pages that a person's browser asks for."""
    checked = Checked()
    for number, line in _lines(record):
        if line.get("path") in BROWSED:
            continue
        kind, wrong = check(number, line)
        checked.lines += 1
        checked.wrong += wrong
        if kind is not None:
            checked.kinds[kind.destination, kind.name] += 1
    return checked


def told(wrong: list[Wrong], most: int = 30) -> str:
    """Mistakes as an assertion tells them: the first ones, and how many there are of each sort."""
    anywhere = lambda where: re.sub(r"\[\d+\]", "[]", where)  # noqa: E731
    sorts = Counter((one.destination, one.method, one.path, anywhere(one.where), one.rule) for one in wrong)
    lines = [f"{count} × {' '.join(sort)}" for sort, count in sorts.most_common(most)]
    return "\n".join([f"{len(wrong)} mistakes", *lines, "the first of them:", *map(str, wrong[:most])])
