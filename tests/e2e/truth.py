"""What must happen to a segment file, worked out here and now from the documented rules: nothing of the product is
imported, so that a mistake there can't hide here.

The rules (`infra/docs`, and the design): a row is one record after the header, empty lines are none; an address is
trimmed and lower-cased; its local part is an ASCII dot-atom of at most 64 characters, its domain has at least two
labels of letters, digits and inner hyphens, at most 63 characters each, the last one of two or more letters or
punycode; 254 characters in all. A domain beyond ASCII becomes its ASCII form first, where that is sure. Of several rows with one address the first counts.
"""

import csv
import dataclasses
import hashlib
import io
import re
import unicodedata

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_TOP = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Person:
    """Who is to be sent: the normalised address, the names that go with it, and where the row stands."""

    email: str
    first_name: str | None
    last_name: str | None
    part: int
    row: int

    @property
    def sha256(self) -> str:
        """What Snapchat knows the person by."""
        return hashlib.sha256(self.email.encode()).hexdigest()


@dataclasses.dataclass
class Truth:
    """What must become of one or more files that one run reads."""

    read: int = 0
    duplicate: int = 0
    #: Reasons by part and row.
    invalid: dict[tuple[int, int], str] = dataclasses.field(default_factory=dict)
    people: dict[str, Person] = dataclasses.field(default_factory=dict)

    def rejected(self, prefix: str) -> dict[tuple[int, int], Person]:
        """The people whose local part starts with `prefix`, by part and row."""
        return {(p.part, p.row): p for p in self.people.values() if p.email.startswith(prefix)}

    @property
    def unique(self) -> int:
        """People that are to be sent."""
        return len(self.people)


def in_ascii(text: str) -> str:
    """A trimmed address with its domain in ASCII; as it is where that would be a guess."""
    local, _, domain = text.rpartition("@")
    written = domain.lower()
    if domain.isascii() or not local.isascii() or set(written) & set("ß\u1e9eς\u200c\u200d"):
        return text
    try:
        ascii_form = written.encode("idna")
        return f"{local}@{ascii_form.decode()}" if ascii_form.decode("idna") == written else text
    except UnicodeError:
        return text


def trouble(text: str) -> str | None:
    """Why a trimmed text is no address that may be sent; `None` if it is one."""
    if not text:
        return "empty"
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        return "control_characters"
    if not text.isascii():
        return "not_ascii"
    local, at, domain = text.partition("@")
    labels = domain.split(".")
    well_formed = (
        at
        and _LOCAL.fullmatch(local)
        and len(labels) >= 2
        and all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)
        and _TOP.fullmatch(labels[-1])
    )
    if not well_formed:
        return "not_an_address"
    return "too_long" if len(text) > 254 or len(local) > 64 else None


def name(text: str) -> str | None:
    """A name as it is sent: trimmed, without control characters, at most 255 characters; `None` for an empty one."""
    kept = "".join(c for c in text.strip() if unicodedata.category(c) != "Cc")[:255].rstrip()
    return kept or None


def of(*files: bytes, email: str = "email") -> Truth:
    """What must become of these files, in this order, in one run."""
    truth = Truth()
    for part, file in enumerate(files):
        text = file.decode("utf-8-sig")
        records = (record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record)
        header = next(records)
        places = {column: header.index(column) for column in (email, "first_name", "last_name") if column in header}
        for row, record in enumerate(records, start=1):
            truth.read += 1
            address = in_ascii(record[places[email]].strip())
            if reason := trouble(address):
                truth.invalid[part, row] = reason
                continue
            address = address.lower()
            if address in truth.people:
                truth.duplicate += 1
                continue
            first, last = (name(record[places[c]]) if c in places else None for c in ("first_name", "last_name"))
            truth.people[address] = Person(address, first, last, part, row)
    return truth
