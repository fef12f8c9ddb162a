"""A file of what has become of predictions: CSV or JSON Lines -> checked outcomes, each with its line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO

import orjson

from pilotboat.batch.tables import MAX_FIELD, begun
from pilotboat.errors import DataError, Fault
from pilotboat.operations import outcomes
from pilotboat.operations.outcomes import FIELDS, Outcome, Target
from pilotboat.rows import Faults, nearest
from pilotboat.rows.cells import BadCellError, Cell, parser_of

Targets = Callable[[str | None], Target | None]
"""The name of a model -> what its predictions may turn out to be; None: it is not known.

Without a name: of the model that is meant where none is named. Raises `UsageError` where none is.
"""
NAMES = ("id", "reference")


def read(
    file: BinaryIO, targets: Targets, faults: Faults, model: str | None = None
) -> Iterator[tuple[int, Outcome]]:
    """The number of the line and the outcome, for each of a file.

    CSV has a header, JSON Lines an object a line; both in UTF-8. model: of those that name none. What
    is wrong with a line is added to `faults`, and it is left out. Raises `DataError` for a file that
    cannot be read as either, and what `targets` raises.
    """
    first, lines = begun(file)
    if first == "[":
        raise DataError(
            "The input is a list of JSON.",
            code="invalid-json",
            hint="Write an object a line, without a list around them and commas between them.",
        )
    found = _objects(lines, faults) if first == "{" else _records(lines, targets, faults, model)
    for number, document in found:
        place, before = partial(_place, number), faults.total
        if model is not None and isinstance(document, dict):
            document.setdefault("model", model)
        made = outcomes.check(document, place, faults)
        if faults.total == before and made["model"] is not None:
            _fit(made, targets, place, faults)
        if faults.total == before:
            yield number, made


def _place(number: int, name: str) -> str:
    return f"line {number}, {name}" if name else f"line {number}"


def _fit(made: Outcome, targets: Targets, place: outcomes.Place, faults: Faults) -> None:
    target = targets(made["model"])
    if target is None:
        says = "expected a model that the server has"
        faults.add(lambda: Fault(place("model"), "unknown-model", says))
    else:
        outcomes.fit(made, target, place, faults)


def _objects(lines: Iterator[str], faults: Faults) -> Iterator[tuple[int, Any]]:
    """The documents of JSON Lines."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, orjson.loads(line)
        except orjson.JSONDecodeError as error:
            says = f"column {error.colno} is not JSON"
            faults.add(partial(Fault, f"line {number}", "invalid-json", says))


def _records(
    lines: Iterator[str], targets: Targets, faults: Faults, model: str | None
) -> Iterator[tuple[int, Outcome]]:
    """The same documents from CSV: text gets the type that the model answers in."""
    csv.field_size_limit(MAX_FIELD)
    table = csv.reader(lines, strict=True)
    try:
        header = next(table, [])
        _check_header(header)
        for row in table:
            number = table.line_num
            if not row:
                continue
            if len(row) != len(header):
                says = f"expected {len(header)} fields, got {len(row)}"
                faults.add(partial(Fault, f"line {number}", "wrong-length", says))
                continue
            texts = dict(zip(header, row, strict=True))
            try:
                yield number, _document(texts, targets, model)
            except BadCellError as bad:
                faults.add(partial(Fault, _place(number, "actual"), bad.code, bad.detail))
    except csv.Error as error:
        raise DataError(f"line {table.line_num}: {error}.", code="invalid-csv") from error


def _document(texts: dict[str, str], targets: Targets, model: str | None) -> Outcome:
    """A row of CSV as JSON has it. An empty cell is an absent one."""
    made: Outcome = {name: text for name, text in texts.items() if text != ""}
    row = texts.get("row", "")
    if row.isdecimal() and row.isascii() and len(row) < 20:  # noqa: PLR2004 - what has 64 bits
        made["row"] = int(row)
    if "reference" in made and made.get("row") == 0:
        del made["row"]  # a column for others
    target = targets(made.get("model", model))
    if target is not None:
        actual = texts["actual"]
        made["actual"] = outcomes.first_fit(target, lambda cells: _typed(actual, cells))
    return made


def _typed(text: str, cells: Sequence[Cell]) -> Any:
    """Text in the type of a version's outputs; several of them stand in a list of JSON."""
    if len(cells) == 1:
        value = parser_of(cells[0].field)(text)
    else:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            says = f"expected a list of {len(cells)} values as JSON has it, such as [1, 2]"
            raise BadCellError("wrong-type", says) from None
    if value is None or (value == "" and not _is_class("", cells)):
        raise BadCellError("missing-field", "expected what turned out to be right, and it is empty")
    return outcomes.fitted(value, cells)


def _is_class(text: str, cells: Sequence[Cell]) -> bool:
    return text in (cells[0].field.categories or ())


def _check_header(header: Sequence[str]) -> None:
    twice = next((name for name, count in Counter(header).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"line 1: the column '{twice[:64]}' is there twice.", code="bad-header")
    unknown = next((name for name in header if name not in FIELDS), None)
    if unknown is not None:
        near = nearest(unknown, FIELDS)
        meant = f" Is it meant to be '{near}'?" if near else ""
        raise DataError(
            f"line 1: '{unknown[:64]}' is no column of outcomes.{meant}",
            code="bad-header",
            hint=f"They are: {', '.join(FIELDS)}.",
        )
    if "actual" not in header or not set(NAMES) & set(header):
        raise DataError(
            f"line 1: the header lacks {'actual' if 'actual' not in header else 'id or reference'}.",
            code="bad-header",
            hint=f"Columns are: {', '.join(FIELDS)}; id or reference, and actual, have to be there.",
        )
