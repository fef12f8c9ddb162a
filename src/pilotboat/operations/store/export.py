"""Predictions as a file, the oldest first, in pieces: memory does not grow with the store."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import orjson
from sqlalchemy import Connection, func, select

from pilotboat.errors import DataError, UsageError
from pilotboat.imports import resolve
from pilotboat.operations.store.find import PLACE, Item, items, matching
from pilotboat.operations.store.query import Query
from pilotboat.operations.store.tables import layouts

PIECE = 1_000
"""Rows that are in memory at a time."""
FIXED = ("id", "row", "time", "model", "version", "prediction", "actual", "reference")
INPUTS = "inputs"
FORMS = {
    "csv": ("pilotboat.operations.store.export:write_csv", 1),
    "parquet": ("pilotboat.operations.store.parquet:write", 2),
}
"""form -> what writes it, and how often it reads everything."""
Pieces = Callable[[], Iterator[list[Item]]]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file. labels: of the classes; inputs: None for one column with all of them."""

    labels: tuple[str, ...]
    inputs: tuple[str, ...] | None

    @property
    def names(self) -> list[str]:
        """The header. An input whose name is taken has "input_" in front of it."""
        spread = [f"probability_{label}" for label in self.labels]
        if self.inputs is None:
            return [*FIXED, *spread, INPUTS]
        taken = {*FIXED, *spread}
        names = [f"input_{name}" if name in taken else name for name in self.inputs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UsageError(
                f"Two inputs would be called '{twice}'.", hint="Say --json-inputs for one column."
            )
        return [*FIXED, *spread, *names]

    def cells(self, item: Item) -> list[Any]:
        """The values of an item, in the order of the header."""
        shares, inputs = item["probabilities"] or {}, item["inputs"]
        cells = [item[name] for name in FIXED]
        cells += [shares.get(label) for label in self.labels]
        if self.inputs is None:
            return [*cells, orjson.dumps(inputs).decode()]
        return cells + [inputs.get(name) for name in self.inputs]


def export(
    connection: Connection,
    query: Query,
    form: str,
    sink: BinaryIO,
    *,
    json_inputs: bool,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write the predictions that fit; how many. See `Store.export`."""
    reference, times = FORMS[form]
    write = resolve(reference)
    columns = _columns(connection, query, json_inputs=json_inputs)
    _ = columns.names  # whether there is a header, before anything is read
    total = _count(connection, query) * times if progress else 0
    done = 0

    def pieces() -> Iterator[list[Item]]:
        nonlocal done
        for piece in _pieces(connection, query):
            yield piece
            done += len(piece)
            if progress:
                progress(done, total)

    write(columns, pieces, sink)
    return done // times


def _columns(connection: Connection, query: Query, *, json_inputs: bool) -> Columns:
    """What the predictions that fit have. Raises `DataError`, `UsageError`."""
    inputs: dict[str, None] = {}
    labels: dict[str, None] = {}
    models: dict[str, None] = {}
    there: dict[tuple[str, str], bool] = {}
    wanted = select(layouts).order_by(layouts.c.model, layouts.c.version)
    if query.model is not None:
        wanted = wanted.where(layouts.c.model == query.model)
    for row in connection.execute(wanted).all():
        one = (row.model, row.version)
        if one not in there:
            there[one] = _is_there(connection, query, *one)
        if there[one]:
            models[row.model] = None
            inputs |= dict.fromkeys(row.inputs)
            labels |= dict.fromkeys(row.classes or ())
    if not models:
        raise DataError("There is no such prediction in the store.", code="empty-batch")
    if len(models) > 1 and not json_inputs:
        raise UsageError(
            f"There are predictions of {', '.join(models)}, whose inputs are not the same.",
            hint="Say --model NAME, or --json-inputs for one column with the inputs.",
        )
    return Columns(tuple(labels), None if json_inputs else tuple(inputs))


def _is_there(connection: Connection, query: Query, model: str, version: str) -> bool:
    if query.version not in (None, version):
        return False
    one = matching(replace(query, model=model, version=version)).limit(1)
    return connection.execute(one).first() is not None


def _count(connection: Connection, query: Query) -> int:
    return connection.scalar(select(func.count()).select_from(matching(query).subquery())) or 0


def _pieces(connection: Connection, query: Query) -> Iterator[list[Item]]:
    found = connection.execute(
        matching(query).order_by(*PLACE),
        execution_options={"stream_results": True, "yield_per": PIECE},
    )
    with found:
        for rows in found.partitions(PIECE):
            yield items(connection, rows)


def write_csv(columns: Columns, pieces: Pieces, sink: BinaryIO) -> None:
    """CSV (RFC 4180, lines end in LF) in UTF-8. What is not text is as JSON has it; nothing is null."""
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns.names)
        for piece in pieces():
            writer.writerows(map(_shown, columns.cells(item)) for item in piece)
    finally:
        text.detach()


def _shown(value: Any) -> str:
    if type(value) is str:
        return value
    return "" if value is None else orjson.dumps(value).decode()
