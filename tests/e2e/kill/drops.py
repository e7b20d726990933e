"""Segment files, and what is known of them without reading the product's code."""

import hashlib
from dataclasses import dataclass

_NAMES = "email,first_name,last_name"
#: Whom one destination refuses, by rules of the sandbox.
_REFUSED = {"mailchimp": "fake.1@example.com", "klaviyo": "importfail.1@example.com"}


@dataclass(frozen=True)
class Drop:
    """A file and its truth."""

    text: str
    read: int
    invalid: int
    duplicate: int
    #: Whom every destination takes.
    people: tuple[str, ...]

    def bytes(self) -> bytes:
        """The file."""
        return self.text.encode()

    def counts(self, destination: str) -> dict[str, int]:
        """The columns of a summary that are not zero."""
        accepted = len(self.audience(destination))
        rejected = self.read - self.invalid - self.duplicate - accepted
        found = {"read": self.read, "invalid": self.invalid, "duplicate": self.duplicate, "accepted": accepted}
        return {**found, "rejected": rejected} if rejected else found

    def audience(self, destination: str) -> list[str]:
        """Who is in the audience then: the people, and whom only other destinations refuse."""
        everybody = {*self.people, *_REFUSED.values()} - {_REFUSED.get(destination)}
        if destination == "snapchat":
            return sorted(hashlib.sha256(email.encode()).hexdigest() for email in everybody)
        return sorted(everybody)


def drop(people: int) -> Drop:
    """So many people, one of them twice, one row without an address, and one that Mailchimp, one that Klaviyo refuses."""
    emails = [f"person.{number}@example.com" for number in range(people)]
    rows = [f"{email},First,Last" for email in emails]
    rows += [f"{email},Re,Fused" for email in _REFUSED.values()]
    rows += ["nobody,,", " PERSON.0@example.com ,Second,Time"]
    return Drop("\n".join([_NAMES, *rows]), len(rows), 1, 1, tuple(emails))
