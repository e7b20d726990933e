"""Bad input: a clear message that says what, where and what to do, a run that is refused or failed, nothing sent."""

import dataclasses
from collections.abc import Callable

import pytest
import truth
from accounting import assert_audience, assert_completed, columns
from make_segment import Recipe, make
from system import SECRET_MARK, Export, System

_HEADER = b"email,first_name,last_name,notes\n"
_ROW = b"one.%s@example.com,Ada,Berg,hello\n"


@dataclasses.dataclass(frozen=True)
class Bad:
    """Something that is wrong, and words that its message must have."""

    words: tuple[str, ...]
    #: The file, made out of the tag that all its addresses have; a good one if there is none.
    file: Callable[[bytes], bytes] | None = None
    destination: str = "klaviyo"
    #: How the export is configured (see `System.export`).
    options: dict = dataclasses.field(default_factory=dict)
    #: What else is done before the drop.
    then: Callable[[System, Export], None] | None = None


def _rows(tag: bytes, count: int, bad: int = 0) -> bytes:
    good = b"".join(b"p%d.%s@example.com,A,B,\n" % (number, tag) for number in range(count - bad))
    return _HEADER + good + b"nobody,A,B,\n" * bad


def _without_connection(system: System, export: Export) -> None:
    system.s3.delete_object(Bucket=system.state_bucket, Key=f"config/connections/{export.connection}.json")


REFUSED = {
    "a mapped column is missing": Bad(
        ("no column `E-mail address`", "email", "first_name", "last_name", "notes", "drop.csv"),
        options={"fields": {"email": "E-mail address"}},
        file=lambda tag: _HEADER + _ROW % tag,
    ),
    "a mapped name's column is missing": Bad(
        ("no column `first_name`", "email, surname"), lambda tag: b"email,surname\nx.%s@example.com,B\n" % tag
    ),
    "an empty file": Bad(("empty", "header", "drop.csv"), lambda tag: b""),
    "a header only": Bad(("no rows",), lambda tag: _HEADER),
    "bytes that are not UTF-8": Bad(
        ("row 3", "not valid UTF-8", "drop.csv"),
        lambda tag: _HEADER + (_ROW % tag) * 2 + b"x.%s@example.com,Zo\xeb,B,\n" % tag,
    ),
    "a ragged row": Bad(
        ("row 2", "3 fields", "header has 4"), lambda tag: _HEADER + _ROW % tag + b"x.%s@example.com,A,B\n" % tag
    ),
    "an unterminated quote": Bad(
        ("row 2", "never closed"),
        lambda tag: _HEADER + _ROW % tag + b'x.%s@example.com,A,B,"and so on\n' % tag + _ROW % tag,
    ),
    "another format": Bad(("gzip",), lambda tag: b"\x1f\x8b\x08\x00" + tag),
    "more profiles than the limit": Bad(
        ("101 profiles", "limit is 100", "limits.profiles"),
        lambda tag: _rows(tag, 101),
        "mailchimp",
        {"limits": {"profiles": 100}},
    ),
    "too many invalid rows": Bad(("21 of 100 rows", "21.0 %", "20.0 %"), lambda tag: _rows(tag, 100, 21), "snapchat"),
    "no valid row at all": Bad(("none of the 4 rows", "column `email`"), lambda tag: _rows(tag, 4, 4)),
    "the connection is missing": Bad(("connection `", "does not exist"), then=_without_connection),
    "the connection is disabled": Bad(("connection `", "is disabled"), options={"connection": {"enabled": False}}),
    "nobody has consented": Bad(("nobody has consented",), options={"connection": {"consent": None}}),
    "the connection is not the contributors'": Bad(("not shared with contributors",), options={"role": "contributors"}),
    "a required choice is missing": Bad(("`new_contacts`",), destination="mailchimp", options={"new_contacts": None}),
}

FAILED = {
    "the secret is missing": Bad(
        ("secret `", "does not exist", "segue connection connect"), destination="klaviyo", options={"secret": None}
    ),
    "the secret is no JSON": Bad(
        ("no JSON object",), destination="mailchimp", options={"secret": f"key{SECRET_MARK}0-us19"}
    ),
    "a field of the secret is missing": Bad(
        ("field `refresh_token`", "segue connection connect"),
        destination="snapchat",
        options={"secret": {"client_id": f"a{SECRET_MARK}", "client_secret": f"b{SECRET_MARK}"}},
    ),
    "a field of the secret is malformed": Bad(
        ("field `api_key`",), destination="mailchimp", options={"secret": {"api_key": f"key{SECRET_MARK}0/us19"}}
    ),
    "snapchat does not know the audience": Bad(
        ("does not know the audience", "audience_id"), destination="snapchat", options={"known": False}
    ),
    "mailchimp does not know the audience": Bad(
        ("does not know the audience", "audience_id"), destination="mailchimp", options={"known": False}
    ),
    "klaviyo does not know the audience": Bad(
        ("does not know the audience", "audience_id"), destination="klaviyo", options={"known": False}
    ),
    "snapchat refuses the credentials": Bad(
        ("refused the credentials", "reconnect"),
        destination="snapchat",
        options={
            "secret": {
                "client_id": f"a{SECRET_MARK}",
                "client_secret": f"b{SECRET_MARK}",
                "refresh_token": f"c{SECRET_MARK}",
            }
        },
    ),
    "mailchimp refuses the credentials": Bad(
        ("refused the credentials", "reconnect"),
        destination="mailchimp",
        options={"secret": {"api_key": f"other{SECRET_MARK}-us19"}},
    ),
    "klaviyo refuses the credentials": Bad(
        ("refused the credentials", "reconnect"),
        destination="klaviyo",
        options={"secret": {"private_key": f"pk_other{SECRET_MARK}"}},
    ),
}


def _good(canary: str) -> bytes:
    return make(Recipe(rows=300, invalid=20, duplicate=30, seed=51, tag=f"{canary}o"))


@pytest.fixture(scope="module")
def exports(system: System, canary: str) -> dict[str, Export]:
    """All that is wrong, dropped at once; each test then looks at its own."""
    made = {}
    for name, bad in (REFUSED | FAILED).items():
        made[name] = system.export(bad.destination, system.segment("bad"), **bad.options)
        if bad.then:
            bad.then(system, made[name])
    for name, bad in (REFUSED | FAILED).items():
        file = bad.file(f"{canary}p".encode()) if bad.file else _good(canary)
        system.drop(made[name].segments[0], file)
    return made


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_anything_is_sent(system: System, exports: dict[str, Export], name: str) -> None:
    export, bad = exports[name], REFUSED[name]
    summary = system.one(export)
    assert summary["status"] == "refused"
    assert [word for word in bad.words if word not in summary["message"]] == [], summary["message"]
    assert (summary["chunks"], summary["api_calls"]) == (0, 0)
    assert columns(summary)["read"] == sum(summary[column] for column in ("invalid", "duplicate", "failed"))
    assert not system.sandbox.asked(export.audience)
    # The marker goes after the summary is there.
    system.wait_for("the marker to go", lambda: not system.keys(f"open/{export.id}/"), within=10)
    assert not system.keys(f"chunks/{export.id}/")
    assert not system.keys(f"exports/{export.id}/"), "the head moved on"


@pytest.mark.parametrize("name", FAILED)
def test_it_fails_with_a_clear_message_and_a_retry_completes_it_once_it_is_mended(
    system: System, exports: dict[str, Export], canary: str, name: str
) -> None:
    export, bad = exports[name], FAILED[name]
    right = truth.of(_good(canary))
    summary = system.one(export)
    assert summary["status"] == "failed"
    assert [word for word in bad.words if word not in summary["message"]] == [], summary["message"]
    assert SECRET_MARK not in summary["message"]
    assert columns(summary) == {"read": 300, "invalid": 20, "duplicate": 30, "failed": 250}
    if "secret" in name:
        assert not system.sandbox.asked(export.audience)
    if "secret" in name or "credentials" in name:
        health = system.read(f"health/{export.connection}.json")
        assert health["message"] in summary["message"] and health["since"]
    assert not system.sandbox.audiences()[export.destination].get(export.audience)
    # What was wrong is mended as the message says.
    system.store_secret(export, export.credentials)
    system.seed_account(export.destination, export.lane, export.audience, export.credentials, known=True)
    # Somebody cancelled the run in the moment when it ended, which is too late, and keeps nobody from retrying it.
    cancel = {"version": 1, "writer": "w", "by": "arn:ann", "at": "2026-11-22T16:35:12Z"}
    system.put(f"runs/{export.id}/{summary['run']}/cancel.json", cancel)
    retried = system.cli("run", "retry", export.id, summary["run"])
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert_completed(system.until(export, summary["run"], "completed"), right)
    assert_audience(system, export, right)


def test_what_nobody_wants_is_logged_and_runs_nothing(system: System, canary: str) -> None:
    segment = system.segment("unwanted")
    disabled = system.export("klaviyo", segment, enabled=False)
    on_demand = system.export("klaviyo", segment, triggers={"upload": False, "schedule": False})
    system.drop(segment, _good(canary))
    system.wait_for("a log line", lambda: system.logged("FanOut", "no export wants", f'"{segment}"'))
    assert not system.runs(disabled) and not system.runs(on_demand)
