"""What one would write instead of fan-out's reading: a segment file to the bodies of a destination's calls, in Python.

    python3 tests/bench/read.py FILE DESTINATION FOLDER

Straightforward on purpose: the standard library as its documentation shows it, and pyarrow for Parquet. `make bench`
runs it beside `segue segment check`, which does the same and more (rejected rows, encodings, limits, …). It prints a
line of JSON: rows read, invalid and repeated ones, profiles, calls, seconds of processor time, peak memory.
"""

import csv
import gzip
import hashlib
import json
import re
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

ADDRESS = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
Row = dict[str, str]


def rows(path: Path, columns: list[str]) -> Iterator[Row]:
    """The rows of a CSV, NDJSON or Parquet file, by its name; of Parquet only these columns."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(columns=columns):
            yield from batch.to_pylist()
        return
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        if ".ndjson" in path.suffixes:
            yield from map(json.loads, file)
        else:
            yield from csv.DictReader(file)


class Tally:
    """What became of the rows."""

    read = invalid = duplicate = 0

    def profiles(self, found: Iterable[Row]) -> Iterator[Row]:
        """The valid rows, each address once."""
        seen = set()
        for row in found:
            self.read += 1
            email = (row["email"] or "").strip().lower()
            if len(email) > 254 or not ADDRESS.fullmatch(email):
                self.invalid += 1
            elif email in seen:
                self.duplicate += 1
            else:
                seen.add(email)
                row["email"] = email
                yield row


def snapchat(profiles: Iterable[Row]) -> dict:
    """One body of hashes."""
    hashes = [[hashlib.sha256(row["email"].encode()).hexdigest()] for row in profiles]
    return {"users": [{"schema": ["EMAIL_SHA256"], "data": hashes}]}


def mailchimp(profiles: Iterable[Row]) -> dict:
    """One body of members."""
    members = []
    for row in profiles:
        names = {"FNAME": (row["first_name"] or "").strip(), "LNAME": (row["last_name"] or "").strip()}
        fields = {field: name for field, name in names.items() if name}
        members.append({"email_address": row["email"], "status": "pending", "merge_fields": fields})
    return {"members": members, "update_existing": False}


def klaviyo(profiles: Iterable[Row]) -> dict:
    """One body of profiles."""
    data = []
    for row in profiles:
        names = {field: (row[field] or "").strip() for field in NAMES}
        attributes = {"email": row["email"]} | {field: name for field, name in names.items() if name}
        data.append({"type": "profile", "attributes": attributes})
    return {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": data}}}}


NAMES = ["first_name", "last_name"]
#: Profiles in one call, how its body is made, and the columns in it beside the address.
DESTINATIONS = {
    "snapchat": (100_000, snapchat, []),
    "mailchimp": (500, mailchimp, NAMES),
    "klaviyo": (10_000, klaviyo, NAMES),
}


def main() -> None:
    """Reads one file for one destination."""
    path, destination, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    size, body, names = DESTINATIONS[destination]
    tally, calls = Tally(), 0
    found = tally.profiles(rows(path, ["email", *names]))
    while profiles := list(islice(found, size)):
        calls += 1
        (folder / f"{calls:05}.json").write_text(json.dumps(body(profiles)), encoding="utf-8")
    counts = {"read": tally.read, "invalid": tally.invalid, "duplicate": tally.duplicate, "calls": calls}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(counts | {"cpu_seconds": round(time.process_time(), 2), "peak_mib": peak // 1024}))


if __name__ == "__main__":
    main()
