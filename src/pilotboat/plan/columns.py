"""The first steps: from cells to numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np

from pilotboat.plan.step import NAN, Function, Numbers, fill
from pilotboat.schema import Value

Categories = tuple[tuple[Value, ...], ...]
"""Of each column, the values that it may have. NaN is `step.NAN`."""
REFUSED = -2
NONE = -1


@dataclass(frozen=True, slots=True)
class Read:
    """Columns of the input as numbers; a gap becomes NaN."""

    places: tuple[int, ...]

    def one(self) -> Function:
        places = self.places

        def call(cells: Any) -> list[float]:
            picked = [cells[place] for place in places]
            return [NAN if cell is None else float(cell) for cell in picked]

        return call

    def many(self) -> Function:
        return lambda columns: fill((columns[place] for place in self.places), len(columns[0]))


@dataclass(frozen=True, slots=True)
class Pick:
    """Columns of the input as cells.

    nan: of each column, whether its gap is NaN, as it was at training, and not None.
    """

    places: tuple[int, ...]
    nan: tuple[bool, ...]

    def one(self) -> Function:
        gaps = [NAN if nan else None for nan in self.nan]
        pairs = list(zip(self.places, gaps, strict=True))
        return lambda cells: [
            gap if (cell := cells[place]) is None else cell for place, gap in pairs
        ]

    def many(self) -> Function:
        pairs = list(zip(self.places, self.nan, strict=True))

        def call(columns: Any) -> list[list[Value]]:
            return [
                [NAN if cell is None else cell for cell in columns[place]]
                if nan
                else list(columns[place])
                for place, nan in pairs
            ]

        return call


@dataclass(frozen=True, slots=True)
class Cells:
    """Numbers as cells again, for an encoder after a numeric step."""

    def one(self) -> Function:
        return lambda row: [cell if cell == cell else NAN for cell in row]  # noqa: PLR0124

    def many(self) -> Function:
        def call(table: Numbers) -> list[list[float]]:
            columns: list[list[float]] = table.T.tolist()
            if np.isnan(table).any():
                columns = [[c if c == c else NAN for c in column] for column in columns]  # noqa: PLR0124
            return columns

        return call


@dataclass(frozen=True, slots=True)
class Replace:
    """Fills gaps of cells: `missing` of each column becomes its value in `values`."""

    missing: Value
    values: tuple[Value, ...]

    def one(self) -> Function:
        values, is_missing = self.values, _equals(self.missing)
        return lambda cells: [
            value if is_missing(cell) else cell for cell, value in zip(cells, values, strict=True)
        ]

    def many(self) -> Function:
        is_missing = _equals(self.missing)
        return lambda columns: [
            [value if is_missing(cell) else cell for cell in column]
            for column, value in zip(columns, self.values, strict=True)
        ]


def _equals(missing: Value) -> Function:
    if missing is NAN:
        return lambda cell: cell is NAN
    return lambda cell: cell == missing


@dataclass(frozen=True, slots=True)
class OneHot:
    """Each cell sets the number at its category's position to 1.

    positions: of each category the position, or `NONE`. unknown: of each column the position of any
    other value, `NONE`, or `REFUSED`. width: how many numbers come out.
    """

    categories: Categories
    positions: tuple[tuple[int, ...], ...]
    unknown: tuple[int, ...]
    width: int

    def one(self) -> Function:
        pairs = list(zip(self._tables(), self.unknown, strict=True))
        width = self.width

        def call(cells: Any) -> list[float]:
            row = [0.0] * width
            for cell, (table, unknown) in zip(cells, pairs, strict=True):
                position = table.get(cell, unknown)
                if position >= 0:
                    row[position] = 1.0
                elif position == REFUSED:
                    raise ValueError(UNKNOWN)
            return row

        return call

    def many(self) -> Function:
        pairs = list(zip(self._tables(), self.unknown, strict=True))

        def call(columns: Any) -> Numbers:
            count = len(columns[0])
            table = np.zeros((count, self.width))
            rows = np.arange(count)
            for column, (known, unknown) in zip(columns, pairs, strict=True):
                found = np.fromiter(map(known.get, column, repeat(unknown)), np.intp, count)
                if unknown == REFUSED and (found == REFUSED).any():
                    raise ValueError(UNKNOWN)
                set_ = found >= 0
                table[rows[set_], found[set_]] = 1.0
            return table

        return call

    def _tables(self) -> list[dict[Value, int]]:
        pairs = zip(self.categories, self.positions, strict=True)
        return [dict(zip(known, positions, strict=True)) for known, positions in pairs]


UNKNOWN = "The input holds a category that training did not."


@dataclass(frozen=True, slots=True)
class Codes:
    """Each cell becomes the numbers that its category stands for.

    codes: of each category its numbers. unknown: of each column the numbers of any other value, or
    None where such a value is refused.
    """

    categories: Categories
    codes: tuple[tuple[tuple[float, ...], ...], ...]
    unknown: tuple[tuple[float, ...] | None, ...] = field(default=())

    def one(self) -> Function:
        pairs = list(zip(self._tables(), self.unknown, strict=True))

        def call(cells: Any) -> list[float]:
            row: list[float] = []
            for cell, (table, unknown) in zip(cells, pairs, strict=True):
                numbers = table.get(cell, unknown)
                if numbers is None:
                    raise ValueError(UNKNOWN)
                row += numbers
            return row

        return call

    def many(self) -> Function:
        pairs = list(zip(self._tables(), self.unknown, strict=True))

        def call(columns: Any) -> Numbers:
            parts = []
            for column, (table, unknown) in zip(columns, pairs, strict=True):
                found = [table.get(cell, unknown) for cell in column]
                if unknown is None and None in found:
                    raise ValueError(UNKNOWN)
                parts.append(np.array(found, dtype=np.float64))
            return np.hstack(parts)

        return call

    def _tables(self) -> list[dict[Value, tuple[float, ...]]]:
        pairs = zip(self.categories, self.codes, strict=True)
        return [dict(zip(known, codes, strict=True)) for known, codes in pairs]
