"""Mailchimp's contacts of every status, under each choice an export has: whoever left stays gone, unless the export
says otherwise, and nobody's own decision is ever overridden."""

import dataclasses

import pytest
from accounting import columns
from system import Export, System

#: Who is in the audience before: the status, and who decided it.
BEFORE = {
    "subscribed": ("subscribed", "admin"),
    "left": ("unsubscribed", "self"),
    "removed": ("unsubscribed", "admin"),
    "bounced": ("cleaned", "admin"),
    "pending": ("pending", "admin"),
    "transactional": ("transactional", "admin"),
    "archived": ("archived", "admin"),
    "archived-left": ("archived", "self"),
    "erased": ("deleted", "admin"),
}
NEW = ("new-one", "new-two", "new-three")
#: In the file, in this order; the last one is refused as no real address, wherever it is sent.
EVERYBODY = (*BEFORE, *NEW, "fake-one")
#: Who is held back, and the reason that is recorded.
LEFT = {
    "left": "unsubscribed",
    "removed": "unsubscribed",
    "bounced": "cleaned",
    "archived": "archived",
    "archived-left": "archived",
}
#: Whom Mailchimp itself refuses.
REFUSED = {"erased": "permanently_deleted", "fake-one": "address_refused"}
TAG = "from segue"


@dataclasses.dataclass(frozen=True)
class Audience:
    """An export's audience, with somebody of every status in it."""

    system: System
    export: Export
    domain: str

    def address(self, name: str) -> str:
        return f"{name}@{self.domain}"

    def fill(self) -> None:
        """Puts everybody in who was there before."""
        contacts = [
            {
                "list": self.export.audience,
                "email_address": self.address(name),
                "status": status,
                "by": by,
                "merge_fields": {"FNAME": "Old", "LNAME": "Name"},
                "tags": ["theirs"],
            }
            for name, (status, by) in BEFORE.items()
        ]
        self.system.sandbox.seed(mailchimp={"contacts": contacts})

    def members(self) -> dict[str, dict]:
        """Who is in it now."""
        found = self.system.sandbox.audiences()["mailchimp"][self.export.audience]
        return {member["email_address"].partition("@")[0]: member for member in found}


def file(domain: str) -> bytes:
    """Everybody, with a new first name."""
    rows = [f"{name}@{domain},New,Person" for name in EVERYBODY]
    return "\n".join(["email,first_name,last_name", *rows, ""]).encode()


CHOICES = [(existing, left) for existing in ("keep", "update") for left in ("hold_back", "may_come_back")]


@pytest.fixture(scope="module")
def audiences(system: System, canary: str) -> dict[tuple[str, str], Audience]:
    """An export for each pair of choices, its audience filled, all delivered out of one drop."""
    domain = f"{canary}v.example.com"
    segment = system.segment("contacts")
    found = {}
    for existing, left in CHOICES:
        # The defaults are left out in one of them, so that they are the defaults.
        chosen = {} if (existing, left) == CHOICES[0] else {"existing_contacts": existing, "people_who_left": left}
        export = system.export("mailchimp", segment, tags=[TAG], limits={"invalid_share": 1}, **chosen)
        found[existing, left] = Audience(system, export, domain)
        found[existing, left].fill()
    system.drop(segment, file(domain))
    return found


@pytest.mark.parametrize("choice", CHOICES, ids="-".join)
def test_nobody_s_status_changes_and_every_row_is_accounted_for(
    audiences: dict[tuple[str, str], Audience], choice: tuple[str, str]
) -> None:
    existing, left = choice
    audience = audiences[choice]
    system, export = audience.system, audience.export
    summary = system.one(export)
    assert summary["status"] == "completed", summary["message"]

    # Sent with a status, the archived come back to life; but whoever left by themselves only by themselves.
    revives = choice == ("keep", "may_come_back")
    came_back = {"archived"} if revives else set()
    held = LEFT if left == "hold_back" else {"archived-left": "compliance_state"} if revives else {}
    rejected = {**held, **REFUSED}
    assert columns(summary) == {
        "read": len(EVERYBODY),
        "accepted": len(EVERYBODY) - len(rejected),
        "rejected": len(rejected),
    }
    reasons: dict[str, int] = {}
    for reason in rejected.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    assert summary["rejected_by_reason"] == reasons
    rows = {(0, EVERYBODY.index(name) + 1): reason for name, reason in rejected.items()}
    assert system.rejected(export, summary["run"]) == rows

    members = audience.members()
    statuses = {name: status for name, (status, _) in BEFORE.items() if name != "erased"}
    statuses |= {name: "subscribed" for name in (*NEW, *came_back)}
    assert {name: member["status"] for name, member in members.items()} == statuses

    sent = set(statuses) - set(held)
    touched = sent if existing == "update" else {*NEW, *came_back}
    names = {name: member["merge_fields"]["FNAME"] for name, member in members.items()}
    assert names == {name: "New" if name in touched else "Old" for name in statuses}
    tags = {name: member["tags"] for name, member in members.items()}
    theirs = {name: [] if name in NEW else ["theirs"] for name in statuses}
    assert tags == {name: sorted([*theirs[name], *([TAG] if name in touched else [])]) for name in statuses}
    if existing == "keep":
        assert summary["already_there"] == len(sent - set(NEW) - came_back)


def test_a_second_drop_changes_nobody(audiences: dict[tuple[str, str], Audience]) -> None:
    first = audiences[CHOICES[0]]
    system = first.system
    before = {}
    for choice, audience in audiences.items():
        system.ended(audience.export)
        before[choice] = audience.members()
    system.drop(first.export.segments[0], file(first.domain))
    for choice, audience in audiences.items():
        _, again = system.ended(audience.export, count=2)
        assert again["status"] == "completed", again["message"]
        columns(again)
        assert audience.members() == before[choice], choice


def test_a_required_field_that_is_not_sent_fails_the_run_and_is_named(system: System, canary: str) -> None:
    segment = system.segment("required")
    missing = system.export("mailchimp", segment)
    updating = system.export("mailchimp", segment, existing_contacts="update", people_who_left="may_come_back")
    mapped = system.export("mailchimp", segment)
    unmapped = system.export("mailchimp", segment, fields={"first_name": "first_name", "last_name": None})
    names = [{"tag": "FNAME"}, {"tag": "LNAME", "required": True}]
    for export in (missing, updating):
        fields = [*names, {"tag": "CITY", "required": True}]
        system.sandbox.seed(mailchimp={"lists": [{"id": export.audience, "merge_fields": fields}]})
    for export in (mapped, unmapped):
        system.sandbox.seed(mailchimp={"lists": [{"id": export.audience, "merge_fields": names}]})
    people = [f"ada.{canary}w@example.com,Ada,Lovelace", f"bela.{canary}w@example.com,Bela,"]
    system.drop(segment, "\n".join(["email,first_name,last_name", *people, ""]).encode())
    for export, tag in ((missing, "CITY"), (updating, "CITY"), (unmapped, "LNAME")):
        summary = system.one(export)
        assert summary["status"] == "failed" and tag in summary["message"], summary["message"]
        assert columns(summary) == {"read": 2, "failed": 2}
        assert not system.sandbox.asked(export.audience), "people were sent all the same"
        system.expire(export)
    # A field that is sent may be empty in a row, which is that row's own trouble.
    summary = system.one(mapped)
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == {"read": 2, "accepted": 1, "rejected": 1}
    assert system.rejected(mapped, summary["run"]) == {(0, 2): "attribute_refused"}


@pytest.mark.parametrize("policy", ["hold_back", "may_come_back"])
def test_looking_up_who_left_takes_pages_and_happens_once_a_run(system: System, canary: str, policy: str) -> None:
    segment = system.segment("pages")
    export = system.export("mailchimp", segment, people_who_left=policy)
    # More than two pages of a thousand; half of them are in the file, with as many others.
    people = [f"p{number}.{canary}x@example.com" for number in range(2_500)]
    contacts = [{"list": export.audience, "email_address": one, "status": "archived"} for one in people]
    system.sandbox.seed(mailchimp={"contacts": contacts})
    sent = people[::2] + [f"q{number}.{canary}x@example.com" for number in range(1_250)]
    rows = [f"{one},Ada,Lovelace" for one in sent]
    system.drop(segment, "\n".join(["email,first_name,last_name", *rows, ""]).encode())
    summary = system.one(export)
    assert summary["status"] == "completed", summary["message"]
    held = 1_250 if policy == "hold_back" else 0
    assert summary["rejected"] == held and summary["accepted"] == 2_500 - held
    assert summary["rejected_by_reason"] == ({"archived": held} if held else {})
    statuses = [query["status"] for query in system.sandbox.looked(f"/lists/{export.audience}/members")]
    expected = {"archived": 3, "unsubscribed": 1, "cleaned": 1} if held else {}
    assert {status: statuses.count(status) for status in set(statuses)} == expected
    members = system.sandbox.audiences()["mailchimp"][export.audience]
    revived = {one["email_address"] for one in members if one["status"] == "subscribed"} & set(people)
    assert len(revived) == (0 if held else 1_250)


def test_faults_of_batches_that_pass_lose_nobody(system: System, canary: str) -> None:
    segment = system.segment("batches")
    export = system.export(
        "mailchimp", segment, existing_contacts="update", people_who_left="may_come_back", tags=[TAG]
    )
    people = [f"p{number}.{canary}y@example.com" for number in range(1_100)]
    batches = "/3.0/batches"
    # Each hits the first request that those before it leave alone.
    for effect in ({"status": 429}, {"drop": "after"}):
        system.sandbox.fault("mailchimp", batches, **effect)
    for effect in ({"status": 503}, {"garbage": "before"}):
        system.sandbox.fault("mailchimp", f"{batches}/", method="GET", **effect)
    for effect in ({"drop": "before"}, {"status": 500}):
        system.sandbox.fault("mailchimp", "/archive/", method="GET", **effect)
    rows = [f"{one},Ada,Lovelace" for one in people]
    system.drop(segment, "\n".join(["email,first_name,last_name", *rows, ""]).encode())
    summary = system.one(export, within=120)
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == {"read": 1_100, "accepted": 1_100}
    assert not system.sandbox.unused_faults()
    members = system.sandbox.audiences()["mailchimp"][export.audience]
    assert {(one["email_address"], one["status"], *one["tags"]) for one in members} == {
        (one, "subscribed", TAG) for one in people
    }


def test_what_fails_on_mailchimp_s_side_within_a_batch_is_sent_again(system: System, canary: str) -> None:
    segment = system.segment("operations")
    export = system.export("mailchimp", segment, existing_contacts="update", people_who_left="may_come_back")
    people = [f"p{number}.{canary}f@example.com" for number in range(40)]
    rows = [f"{one},Ada,Lovelace" for one in people]
    file = "\n".join(["email,first_name,last_name", *rows, ""]).encode()
    system.sandbox.seed(mailchimp={"fail_operations": 3})
    system.drop(segment, file)
    summary = system.one(export)
    assert summary["status"] == "completed", summary["message"]
    assert columns(summary) == {"read": 40, "accepted": 40}
    assert [asked.rows for asked in system.sandbox.asked(export.audience)][0] == 40
    assert len(system.sandbox.asked(export.audience)) == 2

    # Again and again, it is not `accepted` because a batch was finished; and a retry finds it.
    system.sandbox.seed(mailchimp={"fail_operations": 1_000_000})
    system.drop(segment, file)
    _, summary = system.ended(export, count=2)
    assert summary["status"] == "failed", summary["message"]
    assert columns(summary) == {"read": 40, "failed": 40}
    system.sandbox.seed(mailchimp={"fail_operations": 0})
    retried = system.cli("run", "retry", export.id, summary["run"])
    assert retried.returncode == 0, retried.stdout + retried.stderr
    summary = system.until(export, summary["run"], "completed")
    assert columns(summary) == {"read": 40, "accepted": 40}
    members = system.sandbox.audiences()["mailchimp"][export.audience]
    assert {one["email_address"] for one in members} == set(people)
