"""Records, columns, arrays and texts -> typed columns, checked once against a schema.

A checked cell is a plain value: a number is a float, an integer an int, a gap None. The engines
turn columns of them into whatever their library takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from pilotboat.errors import MAX_FAULTS, Fault, RowsError
from pilotboat.rows.cells import (
    MISS,
    BadCellError,
    Cell,
    Column,
    cell_of,
    describe,
    expected,
    parser_of,
)
from pilotboat.schema import Schema, Value

Place = Callable[[int, str], str]
"""(row, column name) -> where that is in the document, as a JSON pointer or in words."""

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Rows:
    """`count` checked rows: one column an input, in the schema's order."""

    schema: Schema
    columns: tuple[Column, ...]
    count: int

    def take(self, start: int, stop: int) -> Rows:
        """The rows from `start` to before `stop`."""
        columns = tuple(column[start:stop] for column in self.columns)
        return Rows(self.schema, columns, len(columns[0]))

    def pick(self, numbers: Sequence[int]) -> Rows:
        """The rows with these numbers."""
        columns = tuple([column[number] for number in numbers] for column in self.columns)
        return Rows(self.schema, columns, len(numbers))

    def records(self) -> list[dict[str, Value]]:
        """The rows as JSON objects."""
        names = self.schema.names
        return [dict(zip(names, row, strict=True)) for row in zip(*self.columns, strict=True)]


def joined(batch: Sequence[Rows]) -> Rows:
    """The rows of several, which have one schema, one after another."""
    columns = [
        list(chain.from_iterable(parts))
        for parts in zip(*(one.columns for one in batch), strict=True)
    ]
    return Rows(batch[0].schema, tuple(columns), sum(one.count for one in batch))


def pointer(*parts: str | int) -> str:
    """An RFC 6901 JSON pointer."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


class Faults:
    """Faults as they are found: the first ones are spelled out, the others only counted."""

    def __init__(self) -> None:
        self.listed: list[Fault] = []
        self.total = 0

    def add(self, make: Callable[[], Fault]) -> None:
        """Count a fault; `make` spells it out, if it is one of the first."""
        self.total += 1
        if len(self.listed) < MAX_FAULTS:
            self.listed.append(make())


def at_row(row: int, name: str) -> str:
    """The place of a cell in a list of rows."""
    return pointer(row, name) if name else pointer(row)


def nearest(name: str, names: Iterable[str]) -> str:
    """The one of `names` that `name` was probably meant to be, or ""."""
    folded = {known.casefold(): known for known in names}
    close = get_close_matches(name[:128].casefold(), folded, n=1)
    return folded[close[0]] if close else ""


class Reader:
    """Reads what callers send as rows of one schema.

    unknown: "refuse" or "ignore" names that the schema does not know.
    max_text: the longest text that a cell may hold, in characters.
    """

    def __init__(self, schema: Schema, unknown: str = "refuse", max_text: int = 1_000_000) -> None:
        self.schema = schema
        self.unknown = unknown
        self.cells = tuple(cell_of(field, max_text) for field in schema.inputs)
        self.parsers = tuple(parser_of(field) for field in schema.inputs)
        self._quicks = tuple(
            (field.name, cell.quick) for field, cell in zip(schema.inputs, self.cells, strict=True)
        )
        self.allowed = frozenset((*schema.names, *schema.ignored))

    def records(self, records: Sequence[Any], place: Place = at_row) -> Rows:
        """Rows from objects by name, lists in the schema's order or, for one input, bare values.

        Raises `RowsError` with every fault.
        """
        if len(records) == 1 and (cells := self.row(records[0])) is not None:
            return Rows(self.schema, tuple([cell] for cell in cells), 1)
        names = self.schema.names
        try:
            if set(map(len, records)) == {len(names)} and set(map(type, records)) == {dict}:
                return self._checked(
                    [[row[name] for row in records] for name in names], Faults(), place
                )
        except (KeyError, TypeError):
            pass
        return self._checked(*self._gathered(records, place), place)

    def row(self, record: Any) -> list[Value] | None:
        """The usual single record as checked cells; None where it needs a closer look."""
        if type(record) is not dict or len(record) != len(self._quicks):
            return None
        cells = []
        try:
            for name, quick in self._quicks:
                cell = quick(record[name])
                if cell is MISS:
                    return None
                cells.append(cell)
        except KeyError:
            return None
        return cells

    def columns(self, columns: Mapping[str, Sequence[Any]], place: Place = at_row) -> Rows:
        """Rows from columns by name; columns that the schema does not know are left out."""
        absent = [name for name in self.schema.names if name not in columns]
        if absent:
            raise RowsError([self._absent(name, name) for name in absent])
        if len({len(columns[name]) for name in self.schema.names}) > 1:
            raise RowsError([Fault("", "wrong-length", "expected columns of the same length")])
        return self._checked([list(columns[name]) for name in self.schema.names], Faults(), place)

    def texts(self, columns: Mapping[str, Sequence[str]], place: Place) -> Rows:
        """Rows from columns of text, as a CSV file holds them: numbers and gaps are parsed."""
        faults = Faults()
        parsed: list[Column] = []
        for name, parse in zip(self.schema.names, self.parsers, strict=True):
            column: Column = []
            for row, text in enumerate(columns[name]):
                try:
                    column.append(parse(text))
                except BadCellError as bad:
                    column.append(_MISSING)
                    faults.add(partial(_bad_cell, bad, place, row, name))
            parsed.append(column)
        return self._checked(parsed, faults, place)

    def array(self, array: np.ndarray[Any, Any]) -> Rows:
        """Rows from an array of shape (n, inputs), or (n,) for one input."""
        table = array.reshape(-1, 1) if array.ndim == 1 and len(self.schema.names) == 1 else array
        if table.ndim != 2 or table.shape[1] != len(self.schema.names):  # noqa: PLR2004
            raise RowsError(
                [
                    Fault(
                        "",
                        "wrong-length",
                        f"expected an array of shape (rows, {len(self.schema.names)}), its columns "
                        f"being {', '.join(self.schema.names)}; got shape {array.shape}",
                    )
                ]
            )
        return self._checked(
            [table[:, i].tolist() for i in range(table.shape[1])], Faults(), at_row
        )

    def any(self, rows: Any) -> Rows:
        """Rows from what Python code holds: records, a DataFrame, an array, a list of texts."""
        if isinstance(rows, Rows):
            return rows
        if isinstance(rows, np.ndarray):
            return self.array(rows)
        if hasattr(rows, "columns") and hasattr(rows, "isna"):
            return self._frame(rows)
        if hasattr(rows, "isna"):
            return self.records(plain_column(rows))
        if isinstance(rows, Mapping | str):
            return self.records([rows])
        if isinstance(rows, bytes) or not isinstance(rows, Iterable):
            says = f"expected rows: records, lists, a DataFrame or an array; got {describe(rows)}"
            raise RowsError([Fault("", "wrong-shape", says)])
        return self.records(list(rows))

    def _frame(self, frame: Any) -> Rows:
        names = list(map(str, frame.columns))
        twice = next((name for name in self.schema.names if names.count(name) > 1), None)
        if twice is not None:
            raise RowsError([Fault(twice, "wrong-shape", "expected one column of that name")])
        return self.columns(
            {
                name: plain_column(frame.iloc[:, number])
                for number, name in enumerate(names)
                if name in self.schema.names
            }
        )

    def _gathered(self, records: Sequence[Any], place: Place) -> tuple[list[Column], Faults]:
        """Columns cell by cell, with a hole where a row has no cell, and the faults of shape."""
        faults = Faults()
        rows = [self._row(row, number, place, faults) for number, row in enumerate(records)]
        return [list(column) for column in zip(*rows, strict=True)], faults

    def _row(self, row: Any, number: int, place: Place, faults: Faults) -> Sequence[Value]:
        names = self.schema.names
        if isinstance(row, Mapping):
            for name in names:
                if name not in row:
                    faults.add(partial(self._absent, place(number, name), name))
            if self.unknown == "refuse":
                for name in row:
                    if name not in self.allowed:
                        faults.add(partial(self._unknown, place, number, str(name)))
            return [row.get(name, _MISSING) for name in names]
        if isinstance(row, list | tuple | np.ndarray):
            if len(row) == len(names):
                return list(row)
            says = f"expected {len(names)} values in this order: {', '.join(names)}; got {len(row)}"
            faults.add(lambda: Fault(place(number, ""), "wrong-length", says))
        elif len(names) == 1:
            return [row]
        else:
            says = f"expected an object with the model's inputs, got {describe(row)}"
            faults.add(lambda: Fault(place(number, ""), "wrong-shape", says))
        return [_MISSING] * len(names)

    def _unknown(self, place: Place, number: int, name: str) -> Fault:
        known = self.schema.names
        near = nearest(name, known)
        hint = f"did you mean '{near}'?" if near else f"inputs are: {', '.join(known)}"
        says = f"this model has no input of that name; {hint}"
        return Fault(place(number, name[:64]), "unknown-field", says)

    def _absent(self, where: str, name: str) -> Fault:
        field = self.schema.inputs[self.schema.names.index(name)]
        hint = "; send null where it is not known" if field.nullable else ""
        says = f"'{name}' is missing: expected {expected(field)}{hint}"
        return Fault(where, "missing-field", says)

    def _checked(self, columns: list[Column], faults: Faults, place: Place) -> Rows:
        """The columns with every cell checked. `faults` are those of the rows' shape."""
        if not columns or not columns[0]:
            raise RowsError([Fault("", "empty-batch", "expected at least one row")], rows=0)
        clean: list[Column] = []
        for name, cell, column in zip(self.schema.names, self.cells, columns, strict=True):
            whole = cell.whole(column)
            clean.append(_each(column, cell, name, place, faults) if whole is None else whole)
        if faults.total:
            raise RowsError(faults.listed, faults.total, rows=len(columns[0]))
        return Rows(self.schema, tuple(clean), len(columns[0]))


def _each(column: Column, cell: Cell, name: str, place: Place, faults: Faults) -> Column:
    clean: Column = []
    for row, value in enumerate(column):
        if value is _MISSING:
            continue
        quick = cell.quick(value)
        try:
            clean.append(cell.one(value) if quick is MISS else quick)
        except BadCellError as bad:
            faults.add(partial(_bad_cell, bad, place, row, name))
    return clean


def _bad_cell(bad: BadCellError, place: Place, row: int, name: str) -> Fault:
    return Fault(place(row, name), bad.code, bad.detail)


def plain_column(series: Any) -> list[Any]:
    """A pandas Series as plain values, None for every gap."""
    gaps = series.isna()
    values = series.tolist()
    if not gaps.any():
        return list(values)
    return [None if gap else value for value, gap in zip(values, gaps.tolist(), strict=True)]
