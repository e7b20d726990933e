"""Makes the Parquet files beside it, so that another implementation's files are read too and not only our writer's.

    python3 -m pip install pyarrow==26.0.1
    python3 shared/source/tests/files/parquet/make.py

Each file has the same 300 people, of whom nobody exists; `tests/parquet/pyarrow.rs` knows them by their number.
"""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
ROWS = 300
NAMES = ("Ada", "Zoë", "美咲", "")

emails = [None if n % 7 == 0 else f"person.{n % 90}@example.com" for n in range(1, ROWS + 1)]
names = [None if n % 3 == 0 else NAMES[n % 4] for n in range(1, ROWS + 1)]
numbers = [n * 10_000_000_019 for n in range(1, ROWS + 1)]

PEOPLE = pa.table({
    "id": pa.array(numbers, pa.int64()),
    "email": emails,
    "first name": pa.array(names, pa.large_string()),
    "active": [n % 2 == 0 for n in range(1, ROWS + 1)],
    "score": [n / 8 for n in range(1, ROWS + 1)],
    "small": pa.array([n % 200 for n in range(1, ROWS + 1)], pa.uint8()),
})
NESTED = pa.table({
    "id": pa.array(numbers),
    "traits": pa.array([
        None if n % 10 == 0 else {"email": emails[n - 1], "name": {"first": names[n - 1]}} for n in range(1, ROWS + 1)
    ]),
})
UNFIT = pa.table({
    "emails": pa.array([["a@example.com"], []], pa.list_(pa.string())),
    "since": pa.array([0, 1], pa.timestamp("us")),
    "born": pa.array([0, 1], pa.date32()),
    "owed": pa.array([Decimal("1.50"), None]),
    "bytes": pa.array([b"\xff\xfe", b"ok"]),
    "nothing": pa.nulls(2),
    "by": pa.array([{"email": "a@example.com"}, None]),
})

#: Small pages and row groups, so that there are several of each.
SMALL = {"row_group_size": 120, "data_page_size": 400, "write_batch_size": 16}
FILES = {
    "plain-defaults": (PEOPLE, {}),
    "snappy-dictionary": (PEOPLE, {"compression": "snappy", **SMALL}),
    "gzip-plain": (PEOPLE, {"compression": "gzip", "use_dictionary": False, **SMALL}),
    "zstd-v2": (PEOPLE, {"compression": "zstd", "data_page_version": "2.0", **SMALL}),
    "lz4-checksums": (PEOPLE, {"compression": "lz4", "write_page_checksum": True, **SMALL}),
    "none-v2-plain": (
        PEOPLE,
        {"compression": "none", "use_dictionary": False, "data_page_version": "2.0", **SMALL},
    ),
    "delta": (
        PEOPLE,
        {
            "use_dictionary": False,
            "column_encoding": {
                "id": "DELTA_BINARY_PACKED",
                "email": "DELTA_BYTE_ARRAY",
                "first name": "DELTA_LENGTH_BYTE_ARRAY",
                "active": "RLE",
            },
            **SMALL,
        },
    ),
    "nested": (NESTED, {"compression": "zstd", **SMALL}),
    "nested-v2": (NESTED, {"compression": "snappy", "data_page_version": "2.0", **SMALL}),
    "brotli": (PEOPLE.slice(0, 10), {"compression": "brotli"}),
    "split": (PEOPLE.slice(0, 10), {"use_dictionary": False, "column_encoding": {"score": "BYTE_STREAM_SPLIT"}}),
    "empty": (PEOPLE.slice(0, 0), {}),
    "unfit": (UNFIT, {}),
    # 34 MB in a page of a few thousand bytes.
    "huge-page": (
        pa.table({"email": ["x" * 1_000_000] * 34}),
        {"compression": "zstd", "use_dictionary": False, "data_page_size": 64 << 20, "write_statistics": False},
    ),
}

for name, (table, options) in FILES.items():
    pq.write_table(table, HERE / f"{name}.parquet", store_schema=False, **options)
