"""The schemas can fail: each kind of request is taken as it should be, and refused in every variant that is wrong."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import recorded
from examples import BAD, GONE, GOOD

KINDS = sorted(GOOD)


def changed(record: dict, where: tuple, value: object) -> dict:
    """A record in which something else stands at a place, or nothing."""
    record = copy.deepcopy(record)
    *way, last = where
    place = record
    for step in way:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return record


def places(value: object, where: tuple) -> Iterator[tuple[tuple, object]]:
    """Every place in a record, and what is there."""
    yield where, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inner:
        yield from places(part, (*where, step))


def test_every_kind_has_an_example_and_several_wrong_variants() -> None:
    assert set(GOOD) == set(BAD) == recorded.kinds()
    assert all(len(variants) >= 4 for variants in BAD.values())


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_what_is_right_is_taken_whatever_was_answered(kind: tuple[str, str]) -> None:
    for status in (200, 400, 429, 500, None):
        found, wrong = recorded.check(1, {**GOOD[kind], "status": status})
        assert not wrong, [str(one) for one in wrong]
        assert (found.destination, found.name) == kind


VARIANTS = [(kind, number) for kind in KINDS for number in range(len(BAD[kind]))]


@pytest.mark.parametrize(("kind", "number"), VARIANTS, ids=[f"{' '.join(kind)} {number}" for kind, number in VARIANTS])
def test_what_is_wrong_is_refused(kind: tuple[str, str], number: int) -> None:
    where, value = BAD[kind][number]
    found, wrong = recorded.check(7, changed(GOOD[kind], where, value))
    assert wrong, f"{where} may be wrong, and nobody notices"
    # A wrong method or path makes it another request, or none at all.
    if where[0] not in ("method", "path"):
        assert (found.destination, found.name) == kind
        assert all(one.where.startswith(f"$.{where[0]}") for one in wrong), [str(one) for one in wrong]


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_nothing_may_be_added_and_nothing_be_null(kind: tuple[str, str]) -> None:
    good = GOOD[kind]
    for part in ("headers", "body"):
        for where, value in places(good[part], (part,)):
            if isinstance(value, dict):
                _, wrong = recorded.check(1, changed(good, (*where, "surprise"), "1"))
                assert wrong, f"something can be added to {where}"
            instead = None if value is not None else {}
            _, wrong = recorded.check(1, changed(good, where, instead))
            assert wrong, f"{where} can be {instead}"
    for query in ("surprise=1", "&&", "fields"):
        _, wrong = recorded.check(1, {**good, "query": "&".join(filter(None, [good["query"], query]))})
        assert wrong, f"the query can have {query}"


def test_a_mistake_is_told_by_its_place_and_never_by_its_value() -> None:
    secret = "JANE@EXAMPLE.COM"
    add, batch = GOOD["mailchimp", "add members"], GOOD["mailchimp", "start batch"]
    _, wrong = recorded.check(12, changed(add, ("body", "members", 1, "email_address"), secret))
    told = "line 12: mailchimp POST /mailchimp/3.0/lists/{audience}: $.body.members[1].email_address: pattern"
    assert [str(one) for one in wrong] == [told]
    operation = {**batch["body"]["operations"][0], "body": json.dumps({"email_address": secret})}
    _, wrong = recorded.check(3, changed(batch, ("body", "operations", 0), operation))
    assert {(one.where, one.rule) for one in wrong} >= {
        ("$.body.operations[0].body", "required status_if_new"),
        ("$.body.operations[0].body.email_address", "pattern"),
        ("$.body.operations[0].path", "subscriberHash"),
    }
    _, wrong = recorded.check(4, {**add, "path": f"/mailchimp/3.0/lists/{secret}/members/{secret}/notes"})
    assert [str(one) for one in wrong] == [
        "line 4: mailchimp POST /mailchimp/3.0/lists/{…}/members/{…}/{…}: $: no such request"
    ]
    _, wrong = recorded.check(5, {**add, secret: secret, "headers": {**add["headers"], secret: secret}})
    assert wrong and secret not in " ".join(map(str, wrong))


@pytest.mark.parametrize("record", [{}, {"destination": "tiktok", "method": "GET", "path": "/x"}, {"path": None}])
def test_what_is_no_request_at_all_is_refused(record: dict) -> None:
    assert recorded.check(1, record)[1]


def test_a_whole_record_is_checked_and_counted(tmp_path: Path) -> None:
    lines = [*GOOD.values(), changed(GOOD["klaviyo", "job"], ("authorization",), None), GOOD["klaviyo", "job"]]
    record = tmp_path / "requests.ndjson"
    record.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    checked = recorded.check_all(record)
    assert checked.lines == len(lines)
    assert [(one.line, one.where) for one in checked.wrong] == [(len(lines) - 1, "$.authorization")]
    assert checked.kinds["klaviyo", "job"] == 3 and set(checked.kinds) == recorded.kinds()
    assert recorded.told(checked.wrong).splitlines()[1].startswith("1 × klaviyo GET ")
