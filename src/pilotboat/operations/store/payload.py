"""Records of the spool -> rows of the store."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeVar

import orjson
from orjson import dumps

from pilotboat.errors import DataRefusedError
from pilotboat.operations.segments import OUTCOME, PREDICTION, Record
from pilotboat.operations.store.query import milliseconds

EVENTS = ("event", "time")
PREDICTIONS = (
    "event",
    "row",
    "time",
    "request",
    "key",
    "model",
    "version",
    "digest",
    "operation",
    "model_ms",
    "inputs",
    "prediction",
    "probabilities",
    "reference",
)
OUTCOMES = (
    "event",
    "item",
    "time",
    "request",
    "row",
    "reference",
    "model",
    "key",
    "actual",
    "actual_time",
)
LAYOUTS = ("layout", "model", "version", "digest", "inputs", "classes")
"""The columns of the tables, in the order of the rows of a batch."""
LARGEST = 2**31 - 1
"""The highest number of a row."""

EXPONENT = re.compile(rb"[\[,:] ?-?[0-9](?:[.][0-9]+)?e[+]?[0-9]")
"""Is in JSON that has a number with an exponent: 1e16, or 1e+16."""
SIGN = b"e+" if b"+" in dumps(1e16) else b"e"
"""Is in it, too, and found sooner. It depends on the release of `orjson`."""
LONG = 1e16
"""From here on `orjson` writes whole floats with one. jsonb would make integers of them."""
LAST = 253_402_300_799_999
"""The last millisecond of the year 9999."""

Row = tuple[Any, ...]
Some = TypeVar("Some")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows for the tables: events as their 16 bytes, times as milliseconds of Unix time, JSON as text.

    Of an event that is there twice it has the first.
    """

    events: dict[bytes, int] = field(default_factory=dict)
    layouts: dict[Row, None] = field(default_factory=dict)
    predictions: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)

    def without(self, known: Collection[bytes]) -> tuple[list[Row], list[Row], list[Row]]:
        """Its events, predictions and outcomes, but those of known events."""
        if not known:
            return list(self.events.items()), self.predictions, self.outcomes
        return (
            [row for row in self.events.items() if row[0] not in known],
            [row for row in self.predictions if row[0] not in known],
            [row for row in self.outcomes if row[0] not in known],
        )


def read(records: Iterable[Record]) -> Batch:
    """The rows of some records.

    Raises `DataRefusedError` if one of them is not what this release writes into a spool.
    """
    batch = Batch()
    for record in records:
        event = record.event
        if event in batch.events:
            continue
        try:
            if not 0 <= record.time <= LAST:
                raise ValueError("time")
            _READ[record.kind](record, event, batch)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise DataRefusedError(
                "The record is not of a form that this release of Pilotboat writes.",
                code="record-unreadable",
                event=str(record.uuid),
            ) from error
        batch.events[event] = record.time
    return batch


def _predictions(record: Record, event: bytes, batch: Batch) -> None:
    head, _, body = record.payload.partition(b"\n")
    words, names, classes, layout = _head(head)
    told = orjson.loads(body)[:8]
    request, key, first, ms, rows, labels, shares, references = _plain(told, body)
    count = len(labels)
    if type(request) is not str:
        raise ValueError("body")
    _check_text(key)
    _check_row(first + count)
    batch.layouts[layout] = None
    ms = None if ms is None else float(ms)
    nothing = [None] * count
    for row, (cells, label, each, reference) in enumerate(
        zip(rows, labels, shares or nothing, references or nothing, strict=True), first
    ):
        _check_text(reference)
        inputs = dumps(dict(zip(names, cells, strict=True))).decode()
        spread = None
        if each is not None:
            spread = dumps(dict(zip(classes or (), each, strict=True))).decode()
        answer = dumps(label).decode()
        made = (
            event,
            row,
            record.time,
            request,
            key,
            *words,
            ms,
            inputs,
            answer,
            spread,
            reference,
        )
        batch.predictions.append(made)


def _outcomes(record: Record, event: bytes, batch: Batch) -> None:
    told = _plain(orjson.loads(record.payload), record.payload)
    key = told["key"]
    for item, one in enumerate(told["outcomes"]):
        request, reference, model, row = one["id"], one["reference"], one["model"], one["row"]
        for text in (key, request, reference, model):
            _check_text(text)
        _check_row(row)
        if request is None and reference is None:
            raise ValueError("of nothing")
        actual = dumps(one["actual"]).decode()
        known = None if one["time"] is None else _time(one["time"])
        batch.outcomes.append(
            (event, item, record.time, request, row, reference, model, key, actual, known)
        )


_READ = {PREDICTION: _predictions, OUTCOME: _outcomes}


def _plain(value: Any, text: bytes) -> Any:
    """A value and the text that it was, so that its long floats are written out."""
    return _written_out(value) if SIGN in text and EXPONENT.search(text) else value


def _written_out(value: Any) -> Any:
    if isinstance(value, float) and abs(value) >= LONG:
        return orjson.Fragment(f"{value:.1f}")
    if isinstance(value, list):
        return [_written_out(one) for one in value]
    if isinstance(value, dict):
        return {name: _written_out(one) for name, one in value.items()}
    return value


# A database that is not strict would take anything, and find it never more.
def _check_text(value: Any) -> None:
    if value is not None and type(value) is not str:
        raise TypeError("text")


def _check_row(value: Any) -> None:
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise ValueError("row")


def _time(text: str) -> int:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("zone")
    return milliseconds(time)


@lru_cache(64)
def _head(head: bytes) -> tuple[Row, tuple[str, ...], tuple[str, ...] | None, Row]:
    """What the rows of a version share: its name, version, digest and operation, the names of their
    inputs and classes, and how such rows look: the row of `layouts`.
    """
    told = orjson.loads(head)
    names = tuple(told["inputs"])
    classes = None if told["classes"] is None else tuple(told["classes"])
    words = (told["model"], told["version"], told["digest"], told["operation"])
    if not all(type(one) is str for one in (*words, *names, *(classes or ()))):
        raise TypeError("head")
    shown = None if classes is None else dumps(classes).decode()
    layout = (*words[:3], dumps(names).decode(), shown)
    return words, names, classes, (blake2b(dumps(layout), digest_size=16).hexdigest(), *layout)


def pieces(values: Sequence[Some], size: int) -> Iterator[Sequence[Some]]:
    """`values`, so many at a time."""
    return (values[at : at + size] for at in range(0, len(values), size))
