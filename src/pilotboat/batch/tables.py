"""CSV and JSON Lines, read and written in pieces. Every fault names its line."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, Protocol

import orjson

from pilotboat.errors import DataError, Fault, RowsError
from pilotboat.prediction import Prediction
from pilotboat.rows import Reader, Rows, nearest
from pilotboat.schema import Schema, Value

MAX_FIELD = 2**20
MAX_LINE = 10 * 2**20
BOM = "\ufeff"


class Table(Protocol):
    """A file being read: pieces of it, and each piece again with its predictions."""

    def pieces(self, count: int) -> Iterator[tuple[Rows, Any]]:
        """Checked rows, `count` at a time, with what `written` needs of them."""

    def written(self, piece: Any, made: Prediction) -> str:
        """The text of a piece with its predictions."""

    def head(self) -> str:
        """The text that goes in front of the first piece."""


def open_table(file: BinaryIO, schema: Schema) -> CsvTable | JsonTable:
    """The table in `file`, told by its first character. Raises `DataError` for an empty file."""
    first, everything = begun(file)
    return JsonTable(everything, schema) if first in "{[" else CsvTable(everything, schema)


def begun(file: BinaryIO) -> tuple[str, Iterator[str]]:
    """The first character of a file, and all its lines. Raises `DataError`, the lines do too."""
    rest = _lines(io.TextIOWrapper(file, encoding="utf-8", errors="strict", newline=""))
    first = next(rest, None)
    if first is None:
        raise DataError("The input is empty.", code="empty-batch")
    first = first.removeprefix(BOM)
    return first[:1], _again(first, rest)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    try:
        while line := text.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise DataError(
                    f"line {number} is longer than {MAX_LINE:,} characters.", code="line-too-long"
                )
            if "\0" in line:
                raise DataError(f"line {number} holds the character U+0000.", code="invalid-csv")
            yield line
    except UnicodeDecodeError as error:
        raise DataError(
            f"The input is not UTF-8 (after line {number}).",
            code="invalid-encoding",
            hint="Save it as UTF-8.",
        ) from error
    finally:
        if not text.closed:
            text.detach()  # or it would close the file, which is the caller's


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


class CsvTable:
    """A CSV file with a header. Columns that the model does not know pass through."""

    def __init__(self, lines: Iterator[str], schema: Schema) -> None:
        self.schema = schema
        self.reader = Reader(schema, unknown="ignore")
        csv.field_size_limit(MAX_FIELD)
        self.csv = csv.reader(lines, strict=True)
        self.header = self._next() or []
        self.added = added_names(schema)
        _check_header(self.header, schema, self.added)
        self.positions = [self.header.index(name) for name in schema.names]

    def pieces(self, count: int) -> Iterator[tuple[Rows, Any]]:
        while True:
            numbers: list[int] = []
            rows: list[list[str]] = []
            while len(rows) < count and (row := self._next()) is not None:
                if not row:
                    continue
                if len(row) != len(self.header):
                    says = f"expected {len(self.header)} fields, got {len(row)}"
                    fault = Fault(f"line {self.csv.line_num}", "wrong-length", says)
                    raise RowsError([fault])
                numbers.append(self.csv.line_num)
                rows.append(row)
            if not rows:
                return
            columns = {
                name: [row[position] for row in rows]
                for name, position in zip(self.schema.names, self.positions, strict=True)
            }
            yield self.reader.texts(columns, _Lines(numbers)), (numbers, rows)

    def _next(self) -> list[str] | None:
        try:
            return next(self.csv, None)
        except csv.Error as error:
            code = "line-too-long" if "field larger" in str(error) else "invalid-csv"
            raise DataError(f"line {self.csv.line_num}: {error}.", code=code) from error

    def head(self) -> str:
        return _csv_text([[*self.header, *self.added]])

    def written(self, piece: Any, made: Prediction) -> str:
        values = zip(*added_columns(made), strict=True)
        return _csv_text(
            [*row, *map(_shown, more)] for row, more in zip(piece[1], values, strict=True)
        )


class JsonTable:
    """JSON Lines: an object a line. Fields that the model does not know pass through."""

    def __init__(self, lines: Iterator[str], schema: Schema) -> None:
        self.reader = Reader(schema, unknown="ignore")
        self.lines = enumerate(lines, 1)
        self.added = added_names(schema)

    def pieces(self, count: int) -> Iterator[tuple[Rows, Any]]:
        filled = ((number, line) for number, line in self.lines if line.strip())
        while some := list(islice(filled, count)):
            numbers = [number for number, _ in some]
            records = [self._parsed(number, line) for number, line in some]
            yield self.reader.records(records, _Lines(numbers)), (numbers, records)

    def _parsed(self, number: int, line: str) -> dict[str, Any]:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(
                f"line {number}, column {error.colno} is not JSON.", code="invalid-json"
            ) from error
        if not isinstance(value, dict):
            says = "expected an object with the model's inputs"
            raise RowsError([Fault(f"line {number}", "wrong-shape", says)])
        if taken := next((name for name in self.added if name in value), None):
            raise DataError(_taken(taken), code="bad-header")
        return value

    def head(self) -> str:
        return ""

    def written(self, piece: Any, made: Prediction) -> str:
        values = zip(*added_columns(made), strict=True)
        return "".join(
            orjson.dumps(record | dict(zip(self.added, more, strict=True))).decode() + "\n"
            for record, more in zip(piece[1], values, strict=True)
        )


class _Lines:
    """The place of a cell: its line in the file."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers

    def __call__(self, row: int, name: str) -> str:
        line = f"line {self.numbers[row]}"
        return f"{line}, column '{name}'" if name else line


def _check_header(header: Sequence[str], schema: Schema, added: Sequence[str]) -> None:
    twice = next((name for name, count in Counter(header).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"line 1: the column '{twice[:64]}' is there twice.", code="bad-header")
    if taken := next((name for name in added if name in header), None):
        raise DataError(f"line 1: {_taken(taken)}", code="bad-header")
    absent = [name for name in schema.names if name not in header]
    if absent:
        near = nearest(absent[0], [name for name in header[:1000] if name not in schema.names])
        meant = f" Is '{near[:64]}' meant to be '{absent[0]}'?" if near else ""
        raise DataError(
            f"line 1: the header lacks {', '.join(absent)}.{meant}",
            code="bad-header",
            hint=f"The model's inputs are: {', '.join(schema.names)}.",
        )


def _taken(name: str) -> str:
    return f"the input already has a column '{name[:64]}', which the output would add."


def added_names(schema: Schema) -> list[str]:
    """The columns that predictions add."""
    names = [field.name for field in schema.outputs]
    if schema.probabilities and schema.classes is not None:
        names += [f"probability_{_shown(label)}" for label in schema.classes]
    return names


def added_columns(made: Prediction) -> list[list[Value]]:
    """The cells of those columns."""
    labels = made.predictions
    columns = [labels.tolist()] if labels.ndim == 1 else labels.T.tolist()
    return columns if made.probabilities is None else columns + made.probabilities.T.tolist()


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _csv_text(rows: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
