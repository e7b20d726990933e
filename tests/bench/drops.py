"""Makes the files that are measured: the same people as CSV, CSV.gz, NDJSON and Parquet.

    python3 tests/bench/drops.py FOLDER [--rows N] [--only csv,csv.gz,ndjson,parquet]

A row of the CSV has 57 bytes: an id, an e-mail address, first and last name, country and a number; of a hundred rows
one is invalid and two repeat an address. The same rows always give the same bytes of CSV and NDJSON. Nobody in them exists.
Parquet is written by pyarrow with its defaults: snappy, dictionaries, pages of 1 MiB,
row groups of 1,048,576 rows. NDJSON has the address inside an object, as `traits.email`, if `--nested` is given.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

FIRST = ("Ada", "Bela", "Carla", "Dmitri", "Elif", "Finn", "Grace", "Hugo", "Zoë", "Łukasz", "")
LAST = ("Abara", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "O'Neill", "García", "Smith", "")
DOMAINS = ("example.com", "example.org", "mail.example.net", "shop.example.com")
COUNTRIES = ("DE", "FR", "GB", "JP", "NG", "PL", "US")
COLUMNS = ("id", "email", "first_name", "last_name", "country", "points")
FORMATS = ("csv", "csv.gz", "ndjson", "parquet")
BATCH = 100_000


def people(rows: int) -> Iterator[tuple[str, ...]]:
    """So many rows, as texts."""
    for number in range(rows):
        # A third of the way back, but for the first ones.
        who = number - number // 3 if number % 50 == 7 else number
        # Spread, so that neighbours don't look alike, and of one length.
        key = who * 7_368_787 % 100_000_007
        email = f"{FIRST[who % 8].lower()}.{key:09}@{DOMAINS[who % 4]}"
        if number % 100 == 3:
            email = email.replace("@", " ")
        points = str(number * 31 % 10_000)
        yield f"C{number:06}", email, FIRST[number % 11], LAST[number % 10], COUNTRIES[number % 7], points


def texts(rows: int, form: str, nested: bool) -> Iterator[str]:
    """The file of a textual format, in pieces."""
    found = people(rows)
    if form == "csv":
        yield ",".join(COLUMNS) + "\n"
        while lines := [",".join(row) + "\n" for row in islice(found, BATCH)]:
            yield "".join(lines)
    else:
        while batch := list(islice(found, BATCH)):
            objects = (dict(zip(COLUMNS, row, strict=True)) for row in batch)
            if nested:
                objects = ({"type": "identify", "traits": row} for row in objects)
            yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in objects)


def write(folder: Path, rows: int, form: str, nested: bool) -> Path:
    """Writes one file, which is there only once it is whole."""
    whole = folder / f"people-{rows}.{form}"
    path = whole.with_name(f"{whole.name}.part")
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        found = people(rows)
        with pq.ParquetWriter(path, pa.schema([(column, pa.string()) for column in COLUMNS])) as writer:
            while batch := list(islice(found, 1 << 20)):
                columns = [pa.array(column) for column in zip(*batch, strict=True)]
                writer.write_table(pa.Table.from_arrays(columns, schema=writer.schema))
        return path.rename(whole)
    with gzip.open(path, "wb", 6) if form.endswith(".gz") else path.open("wb") as file:
        for text in texts(rows, form.removesuffix(".gz"), nested):
            file.write(text.encode())
    return path.rename(whole)


def main() -> None:
    """Writes the files that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", default=",".join(FORMATS))
    parser.add_argument("--nested", action="store_true", help="NDJSON with the columns inside `traits`")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for form in arguments.only.split(","):
        if form not in FORMATS:
            parser.error(f"{form} is none of {', '.join(FORMATS)}")
        path = write(arguments.folder, arguments.rows, form, arguments.nested)
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
