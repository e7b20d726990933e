"""The same people in eight files that have nothing in common: each audience comes out the same, byte for byte."""

import bz2
import csv
import dataclasses
import gzip
import io
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import truth
from accounting import assert_audience, assert_completed, assert_rejected
from make_segment import COLUMNS, Recipe, make
from system import DESTINATIONS, System

Rows = list[dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Form:
    """A way to write people down, and what an export has to be told to read it."""

    write: Callable[[Rows], bytes]
    #: What the record of the run has to say.
    found: dict
    source: dict | None = None
    #: How a column is called in the export's mapping.
    named: Callable[[str], str] = str


def _delimited(rows: Rows, delimiter: str, end: str = "\n", header: bool = True) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter, lineterminator=end)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _json(rows: Rows) -> bytes:
    return json.dumps(rows, ensure_ascii=True, indent=2).encode("utf-16-be").join((b"\xfe\xff", b""))


def _ndjson(rows: Rows) -> bytes:
    lines = [json.dumps({"type": "identify", "traits": row}, ensure_ascii=False).encode() + b"\n" for row in rows]
    half = len(lines) // 2
    return b"".join(gzip.compress(b"".join(part)) for part in (lines[:half], lines[half:]))


def _zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(data)
    return sink.getvalue().to_pybytes()


def _parquet(rows: list, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, **options)
    return sink.getvalue().to_pybytes()


_TEXT = {"format": "delimited", "compression": "none", "encoding": "UTF-8"}
FORMS = {
    "csv": Form(lambda rows: _delimited(rows, ",").encode(), {**_TEXT, "delimiter": ","}),
    "excel": Form(
        lambda rows: bz2.compress(_delimited(rows, ";", end="\r\n").encode("utf-8-sig")),
        {**_TEXT, "compression": "bzip2", "delimiter": ";"},
    ),
    "utf-16": Form(
        lambda rows: _delimited(rows, "\t").encode("utf-16"), {**_TEXT, "encoding": "UTF-16LE", "delimiter": "\t"}
    ),
    "declared": Form(
        lambda rows: _zstd(_delimited(rows, "|", header=False).encode("gb18030")),
        {**_TEXT, "compression": "zstd", "encoding": "gb18030", "delimiter": "|"},
        source={"encoding": "gb18030", "header": False, "delimiter": "|"},
        named=lambda column: str(COLUMNS.index(column) + 1),
    ),
    "ndjson": Form(
        _ndjson, {"format": "ndjson", "compression": "gzip", "encoding": "UTF-8"}, named=lambda column: f"traits.{column}"
    ),
    "json": Form(_json, {"format": "json", "compression": "none", "encoding": "UTF-16BE"}),
    "parquet": Form(_parquet, {"format": "parquet"}),
    "nested": Form(
        lambda rows: _parquet(
            [{"traits": row} for row in rows], compression="zstd", use_dictionary=False, data_page_version="2.0"
        ),
        {"format": "parquet"},
        named=lambda column: f"traits.{column}",
    ),
}  # fmt: skip


def test_eight_encodings_of_one_drop_give_the_same_audiences(system: System, canary: str) -> None:
    file = make(Recipe(rows=400, invalid=62, duplicate=40, seed=12, tag=f"{canary}f"))
    right = truth.of(file)
    rows: Rows = list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))
    exports = {}
    for name, form in FORMS.items():
        segment = system.segment(name)
        for destination in DESTINATIONS:
            columns = ["email"] if destination == "snapchat" else ["email", "first_name", "last_name"]
            exports[name, destination] = system.export(
                destination, segment, fields={column: form.named(column) for column in columns}, source=form.source
            )
        # The name says nothing of what is in it.
        system.drop(segment, form.write(rows), "people.dat")
    for (name, destination), export in exports.items():
        summary = system.one(export, within=120)
        assert_completed(summary, right)
        assert_rejected(system, export, summary, right)
        assert_audience(system, export, right)
        (found,) = system.read(f"runs/{export.id}/{summary['run']}/sealed.json")["sources"]
        assert {key: found.get(key) for key in FORMS[name].found} == FORMS[name].found, f"{name} to {destination}"
    audiences = system.sandbox.audiences()
    for destination in DESTINATIONS:
        written = {
            name: json.dumps(audiences[destination][exports[name, destination].audience]).encode() for name in FORMS
        }
        assert all(audience == written["csv"] for audience in written.values()), destination
