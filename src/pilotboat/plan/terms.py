"""Terms: numbers of which nearly all are 0, as text makes them, and the steps that work on them.

One row is a pair of lists, places in ascending order and their values; many rows are `Terms`. All
sums run over the places in their order, one after another, as scipy's sparse products do:
`np.bincount` adds like that, `np.sum` does not, nor does Python's `sum` since 3.12.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pilotboat.plan.step import Chain, Function, Numbers, Step, magnitude

Places = NDArray[np.intp]
OneRow = tuple[list[int], list[float]]

LISTED = 2**18
"""Up to so many numbers are copied into lists, which are quicker; of more, processes share one copy."""
FEW = 4
"""Up to so many products with one row, plain Python is faster than NumPy."""
CELLS = 2**22
"""How many numbers `Dense` spreads out at a time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of many rows, ordered by row, then by place.

    Shapes: rows, places and values (m,). count: how many rows there are; width: how many places.
    """

    rows: Places
    places: Places
    values: Numbers
    count: int
    width: int

    def sums(self, values: Numbers) -> Numbers:
        """The sum of `values` in each row, added in order. Shape (count,)."""
        made: Numbers = np.bincount(self.rows, values, self.count).astype(np.float64, copy=False)
        return made

    def dense(self) -> Numbers:
        """As an array of shape (count, width)."""
        table = np.zeros((self.count, self.width))
        table[self.rows, self.places] = self.values
        return table

    def cut(self, size: int) -> Iterator[Terms]:
        """So many rows at a time; one empty piece if there are none."""
        for start in range(0, max(self.count, 1), size):
            stop = min(start + size, self.count)
            first, last = np.searchsorted(self.rows, [start, stop]).tolist()
            piece = slice(first, last)
            rows, places, values = self.rows[piece] - start, self.places[piece], self.values[piece]
            yield Terms(rows, places, values, stop - start, self.width)


def counted(rows: Places, places: Places, count: int, width: int, signs: Any = None) -> Terms:
    """Terms of (row, place) pairs in any order: how often there is each, or the sum of its signs."""
    keys = rows * width + places
    if signs is None:
        keys, found = np.unique(keys, return_counts=True)
    else:
        keys, groups = np.unique(keys, return_inverse=True)
        found = np.bincount(groups, weights=signs, minlength=len(keys))
    return Terms(keys // width, keys % width, found.astype(np.float64), count, width)


def indexable(numbers: Numbers) -> Any:
    """What gives plain floats by their place, soonest. Shape (k,)."""
    return numbers.tolist() if numbers.size <= LISTED else numbers.data


@lru_cache(maxsize=4096)
def _log(value: float) -> float:
    """NumPy's logarithm, which is not always libm's."""
    with np.errstate(all="ignore"):
        return float(np.log(value))


@dataclass(frozen=True, slots=True)
class Reweigh:
    """Values times the factor of their place, in rows of norm 1.

    factors: shape (width,), or None for 1. logarithm: of each value first log(value) + 1 is taken.
    norm: what each row is divided by where it is not 0. Inverse document frequency, scaling.
    """

    factors: Numbers | None
    logarithm: bool = False
    norm: Literal["l1", "l2"] | None = None

    def one(self) -> Function:
        factors = None if self.factors is None else indexable(self.factors)
        logarithm, norm = self.logarithm, self.norm

        def call(terms: OneRow) -> OneRow:
            places, values = terms
            if logarithm:
                values = [_log(value) + 1.0 for value in values]
            if factors is not None:
                values = [v * factors[place] for v, place in zip(values, places, strict=True)]
            total = 0.0
            if norm == "l2":
                for value in values:
                    total += value * value
                total = math.sqrt(total)
            elif norm == "l1":
                for value in values:
                    total += abs(value)
            return places, [value / total for value in values] if total else values

        return call

    def many(self) -> Function:
        def call(terms: Terms) -> Terms:
            values = terms.values
            if self.logarithm:
                with np.errstate(all="ignore"):
                    values = np.log(values) + 1.0
            if self.factors is not None:
                values = values * self.factors[terms.places]
            if self.norm is not None:
                totals = terms.sums(np.abs(values) if self.norm == "l1" else values * values)
                totals = totals if self.norm == "l1" else np.sqrt(totals)
                totals[totals == 0] = 1.0
                values = values / totals[terms.rows]
            return replace(terms, values=values)

        return call


@dataclass(frozen=True, slots=True)
class Values:
    """A step of numbers that leaves 0 as it is, on the values alone."""

    inner: Step

    def one(self) -> Function:
        function = self.inner.one()
        return lambda terms: (terms[0], function(terms[1]))

    def many(self) -> Function:
        function = self.inner.many()
        return lambda terms: replace(terms, values=function(terms.values))


@dataclass(frozen=True, slots=True)
class Keep:
    """Some of the places, in ascending order; the others are left out."""

    places: tuple[int, ...]

    def one(self) -> Function:
        moved = {place: number for number, place in enumerate(self.places)}

        def call(terms: OneRow) -> OneRow:
            kept = [(place, value) for place, value in zip(*terms, strict=True) if place in moved]
            return [moved[place] for place, _ in kept], [value for _, value in kept]

        return call

    def many(self) -> Function:
        kept, width = np.array(self.places, dtype=np.intp), len(self.places)

        def call(terms: Terms) -> Terms:
            moved = np.full(terms.width, -1)
            moved[kept] = np.arange(width)
            places = moved[terms.places]
            is_kept = places >= 0
            rows, values = terms.rows[is_kept], terms.values[is_kept]
            return Terms(rows, places[is_kept], values, terms.count, width)

        return call


@dataclass(frozen=True, slots=True)
class Sparse:
    """Numbers as terms."""

    width: int

    def one(self) -> Function:
        def call(row: list[float]) -> OneRow:
            places = [place for place, value in enumerate(row) if value]
            return places, [row[place] for place in places]

        return call

    def many(self) -> Function:
        def call(table: Numbers) -> Terms:
            rows, places = np.nonzero(table)
            return Terms(rows, places, table[rows, places], len(table), self.width)

        return call


@dataclass(frozen=True, slots=True)
class Dense:
    """Terms as numbers, and the steps that follow, with so many rows at a time as fit into memory."""

    width: int
    steps: tuple[Step, ...] = ()

    def one(self) -> Function:
        width, function = self.width, Chain(self.steps).one()

        def call(terms: OneRow) -> Any:
            row = [0.0] * width
            for place, value in zip(*terms, strict=True):
                row[place] = value
            return function(row)

        return call

    def many(self) -> Function:
        function, size = Chain(self.steps).many(), self._size()

        def call(terms: Terms) -> Numbers:
            parts = [function(part.dense()) for part in terms.cut(size)]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)

        return call

    def terms(self, table: Terms, _terms: Numbers | None) -> Numbers:
        """The magnitudes that the steps in it tell."""
        chain = Chain(self.steps)
        made = [magnitude(chain, part.dense(), None) for part in table.cut(self._size())]
        return np.concatenate([np.abs(value) if size is None else size for value, size in made])

    def _size(self) -> int:
        return max(1, CELLS // max(1, self.width))


@dataclass(frozen=True, slots=True)
class JoinTerms:
    """Steps beside each other: their terms in one row. widths: how many places each of them has."""

    steps: tuple[Step, ...]
    widths: tuple[int, ...]

    def one(self) -> Function:
        pairs = list(zip([step.one() for step in self.steps], self._offsets(), strict=True))

        def call(value: Any) -> OneRow:
            places: list[int] = []
            values: list[float] = []
            for function, offset in pairs:
                some, numbers = function(value)
                places += [place + offset for place in some]
                values += numbers
            return places, values

        return call

    def many(self) -> Function:
        functions, offsets = [step.many() for step in self.steps], self._offsets()

        def call(value: Any) -> Terms:
            parts: list[Terms] = [function(value) for function in functions]
            rows = np.concatenate([part.rows for part in parts])
            moved = [part.places + offset for part, offset in zip(parts, offsets, strict=True)]
            order = np.argsort(rows, kind="stable")
            places = np.concatenate(moved)[order]
            values = np.concatenate([part.values for part in parts])[order]
            return Terms(rows[order], places, values, parts[0].count, sum(self.widths))

        return call

    def _offsets(self) -> Sequence[int]:
        return [sum(self.widths[:number]) for number in range(len(self.widths))]


@dataclass(frozen=True, slots=True)
class Dot:
    """x @ coef.T + intercept, added as scipy adds. Shapes: coef (k, width), intercept (k,)."""

    coef: Numbers
    intercept: Numbers

    def one(self) -> Function:
        if len(self.coef) > FEW:
            return self._one_of_many_products()
        rows = [
            (weights.tolist() if self.coef.size <= LISTED else weights.data, bias)
            for weights, bias in zip(self.coef, self.intercept.tolist(), strict=True)
        ]

        def call(terms: OneRow) -> list[float]:
            scores = []
            for weights, bias in rows:
                total = 0.0
                for place, value in zip(*terms, strict=True):
                    total += value * weights[place]
                scores.append(total + bias)
            return scores

        return call

    def _one_of_many_products(self) -> Function:
        coef, intercept = self.coef, self.intercept

        def call(terms: OneRow) -> list[float]:
            places, values = terms
            sums: Any = 0.0
            if places:
                products = np.take(coef, places, axis=1) * values
                sums = np.add.accumulate(products, axis=1)[:, -1]
            made: list[float] = (sums + intercept).tolist()
            return made

        return call

    def many(self) -> Function:
        return lambda terms: self._product(terms, terms.values, self.coef) + self.intercept

    def terms(self, table: Terms, _terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        made: Numbers = self._product(table, np.abs(table.values), np.abs(self.coef))
        return made + np.abs(self.intercept)

    def _product(self, terms: Terms, values: Numbers, coef: Numbers) -> Numbers:
        scores = np.empty((terms.count, len(coef)))
        for number, weights in enumerate(coef):
            scores[:, number] = terms.sums(values * weights[terms.places])
        return scores
