"""Predictions as Apache Parquet, with a type for each column."""

from __future__ import annotations

from datetime import datetime
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
from pyarrow import parquet

from pilotboat.operations.store.export import INPUTS, Columns, Pieces

GROUP = 20_000
"""Rows of a row group: what is in memory at a time, as columns."""
TYPES = {
    "id": pa.string(),
    "row": pa.int32(),
    "time": pa.timestamp("ms", tz="UTC"),
    "model": pa.string(),
    "version": pa.string(),
    "reference": pa.string(),
}
"""The others are told by their values."""


def write(columns: Columns, pieces: Pieces, sink: BinaryIO) -> None:
    """Write every piece, after looking at all of them: a file has its types in front."""
    kinds = _kinds(columns, pieces)
    mixed = [name for name, kind in kinds.items() if kind is None]
    schema = pa.schema([(name, kind or pa.string()) for name, kind in kinds.items()])
    with parquet.ParquetWriter(sink, schema) as writer:
        waiting: list[Any] = []
        for piece in pieces():
            waiting.append(_batch(columns, piece, schema, mixed))
            if sum(batch.num_rows for batch in waiting) >= GROUP:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))


def _kinds(columns: Columns, pieces: Pieces) -> dict[str, Any]:
    """Name -> its type; None where its values have none in common, and are written as JSON."""
    names = columns.names
    kinds: dict[str, Any] = dict.fromkeys(names, pa.null()) | TYPES
    if columns.inputs is None:
        kinds[INPUTS] = pa.string()
    open_ = [(at, name) for at, name in enumerate(names) if kinds[name] == pa.null()]
    for piece in pieces():
        table = [columns.cells(item) for item in piece]
        for at, name in open_:
            if kinds[name] is not None:
                kinds[name] = _wider(kinds[name], [row[at] for row in table])
    return {name: pa.string() if kinds[name] == pa.null() else kinds[name] for name in names}


def _wider(kind: Any, values: list[Any]) -> Any:
    """The type that has room for `kind` and for the values; None: there is none."""
    try:
        found = pa.array(values).type
        pair = [pa.schema([("x", one)]) for one in (kind, found)]
        return pa.unify_schemas(pair, promote_options="permissive").field(0).type
    except (pa.ArrowException, OverflowError):
        return None


def _batch(columns: Columns, piece: list[Any], schema: Any, mixed: list[str]) -> Any:
    table = zip(*(columns.cells(item) for item in piece), strict=True)
    arrays = [
        _array(list(values), field.type, as_json=field.name in mixed)
        for field, values in zip(schema, table, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: Any, *, as_json: bool) -> Any:
    if as_json:
        values = [None if one is None else orjson.dumps(one).decode() for one in values]
    elif pa.types.is_timestamp(kind):
        values = [datetime.fromisoformat(one) for one in values]
    elif pa.types.is_floating(kind):
        values = [None if one is None else float(one) for one in values]
    return pa.array(values, type=kind)
