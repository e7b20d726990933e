"""Assertions on what became of a run: the columns, the audience, the rejected list, each against the truth."""

from system import Export, System
from truth import Truth

#: The columns whose sum is `read`.
COLUMNS = (
    "invalid", "duplicate", "unchanged", "accepted", "rejected", "unknown", "failed", "cancelled", "pending",
)  # fmt: skip
#: Local parts that the sandbox refuses row by row, and the reason that is recorded.
REFUSED = {"mailchimp": "fake", "klaviyo": "importfail"}


def columns(summary: dict) -> dict[str, int]:
    """What was read, and the columns of a summary that are not zero. They must sum up."""
    assert summary["read"] == sum(summary[column] for column in COLUMNS), summary
    return {"read": summary["read"], **{column: summary[column] for column in COLUMNS if summary[column]}}


def refused(destination: str, truth: Truth) -> dict:
    """Whom the destination refuses."""
    return truth.rejected(REFUSED[destination]) if destination in REFUSED else {}


def expected(destination: str, truth: Truth) -> dict[str, int]:
    """The columns of a run that everything went well with."""
    count = len(refused(destination, truth))
    wanted = {
        "read": truth.read,
        "invalid": len(truth.invalid),
        "duplicate": truth.duplicate,
        "accepted": truth.unique - count,
        "rejected": count,
    }
    return {column: value for column, value in wanted.items() if value}


def assert_completed(summary: dict, truth: Truth) -> None:
    """The run completed, and every row is accounted for as it must be."""
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == expected(summary["destination"], truth)


def assert_audience(system: System, export: Export, *truths: Truth) -> None:
    """In the audience is exactly whom these runs sent: none is missing, none too many, names are as in the first."""
    people = {email: person for truth in reversed(truths) for email, person in truth.people.items()}
    bad = REFUSED.get(export.destination)
    wanted = [person for person in people.values() if not bad or not person.email.startswith(bad)]
    found = system.sandbox.audiences()[export.destination][export.audience]
    if export.destination == "snapchat":
        actual, right = set(found), {person.sha256 for person in wanted}
    elif export.destination == "mailchimp":
        assert {member["status"] for member in found} == ({"subscribed"} if found else set())
        names = lambda member: (member["merge_fields"].get("FNAME"), member["merge_fields"].get("LNAME"))  # noqa: E731
        actual = {(member["email_address"], *names(member)) for member in found}
        right = {(person.email, person.first_name, person.last_name) for person in wanted}
    else:
        actual = {(member["email"], member["first_name"], member["last_name"]) for member in found}
        right = {(person.email, person.first_name, person.last_name) for person in wanted}
    assert len(found) == len(actual), "somebody is in it twice"
    missing, extra = right - actual, actual - right
    assert not missing and not extra, (
        f"{len(missing)} missing, such as {list(missing)[:3]}; {len(extra)} too many, such as {list(extra)[:3]}"
    )


def assert_rejected(system: System, export: Export, summary: dict, truth: Truth) -> None:
    """The rejected list has exactly the invalid rows and those that the destination refused, each with its reason."""
    ours = dict(truth.invalid)
    theirs = dict.fromkeys(refused(export.destination, truth), "address_refused")
    assert system.rejected(export, summary["run"]) == {**ours, **theirs}
    counted: dict[str, int] = {}
    for reason in ours.values():
        counted[reason] = counted.get(reason, 0) + 1
    assert summary["invalid_by_reason"] == counted
    assert summary["rejected_by_reason"] == ({"address_refused": len(theirs)} if theirs else {})
