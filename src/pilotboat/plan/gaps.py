"""Gaps told and filled: by nearest neighbours, or by rounds of regressions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pilotboat.plan.step import REFUSED, Function, Numbers, Step, magnitude

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gaps:
    """1 for a gap, else 0, of the columns at `places`.

    missing: what is a gap. closed: the columns in which a gap is refused.
    """

    missing: float
    places: tuple[int, ...]
    closed: tuple[int, ...] = ()

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        places, closed = list(self.places), list(self.closed)

        def call(table: Numbers) -> Numbers:
            gaps = np.isnan(table) if math.isnan(self.missing) else table == self.missing
            if closed and gaps[:, closed].any():
                raise ValueError("The input has a gap where training had none.")
            return gaps[:, places].astype(np.float64)

        return call


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Fills each NaN with the mean of its column in the nearest rows of training that have it.

    Shapes: known (rows, inputs), with NaN; means (inputs,), for rows that are near to none.
    indicators: places of the columns whose gaps are told at the row's end.
    """

    known: Numbers
    means: Numbers
    count: int
    weights: Literal["uniform", "distance"] = "uniform"
    indicators: tuple[int, ...] = ()

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        there = ~np.isnan(self.known)
        indicators = list(self.indicators)

        def call(table: Numbers) -> Numbers:
            gaps = np.isnan(table)
            made = table.copy()
            rows = np.flatnonzero(gaps.any(axis=1))
            if len(rows):
                with np.errstate(all="ignore"):
                    distances = self._distances(table[rows], there)
                    for place in np.flatnonzero(gaps.any(axis=0)).tolist():
                        some = gaps[rows, place]
                        made[rows[some], place] = self._column(distances[some], there, place)
            return np.hstack([made, gaps[:, indicators]]) if indicators else made

        return call

    def _distances(self, table: Numbers, there: Flags) -> Numbers:
        """Euclid's, of the columns that both rows have, as scikit-learn expands the square."""
        gaps = np.isnan(table)
        x, y = np.where(gaps, 0.0, table), np.where(there, self.known, 0.0)
        made: Numbers = -2 * (x @ y.T)
        made += np.einsum("ij,ij->i", x, x)[:, np.newaxis]
        made += np.einsum("ij,ij->i", y, y)[np.newaxis, :]
        np.maximum(made, 0, out=made)
        made -= np.dot(x * x, ~there.T)
        made -= np.dot(gaps, (y * y).T)
        np.clip(made, 0, None, out=made)
        both = np.dot(1 - gaps, there.T)
        made[both == 0] = np.nan
        made /= np.maximum(1, both)
        made *= table.shape[1]
        return np.sqrt(made)

    def _column(self, distances: Numbers, there: Flags, place: int) -> Numbers:
        donors = np.flatnonzero(there[:, place])
        near = distances[:, donors]
        values = np.full(len(near), self.means[place])
        some = ~np.isnan(near).all(axis=1)
        if not some.any():
            return values
        near = near[some]
        count = min(self.count, len(donors))
        chosen = np.argpartition(near, count - 1, axis=1)[:, :count]
        shares = self._shares(near[np.arange(len(near))[:, np.newaxis], chosen])
        total = shares.sum(axis=1)
        added = (self.known[donors, place][chosen] * shares).sum(axis=1)
        tiny = np.abs(added) * np.finfo(np.float64).tiny >= np.abs(total)
        values[some] = np.where(tiny, added, added / np.where(tiny, 1.0, total))
        return values

    def _shares(self, distances: Numbers) -> Numbers:
        """What each donor counts for: alike, or by how near it is; with one at 0, those alone."""
        if self.weights == "uniform":
            return np.where(np.isnan(distances), 0.0, 1.0)
        made = 1.0 / distances
        same = np.isinf(made)
        made = np.where(same.any(axis=1, keepdims=True), same, made)
        return np.where(np.isnan(made), 0.0, made)

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """Of what is filled, the largest number that it may come from; of the rest the number."""
        gaps = np.isnan(table)
        sizes = np.abs(table) if terms is None else terms
        largest = np.nanmax(np.abs(self.known), axis=0)
        made = np.where(gaps, largest, sizes)
        indicators = list(self.indicators)
        return np.hstack([made, gaps[:, indicators]]) if indicators else made


@dataclass(frozen=True, slots=True)
class Rounds:
    """Fills gaps, then each column's gaps again and again from the other columns.

    missing: what is a gap. first: the first filling, shape (inputs,). places, others, regressions:
    of each turn the column, the columns that it is found from, and how. low, high: the limits of
    each column, shape (inputs,). indicators: places of the columns whose gaps are told at the end.
    Where every number of every row is missing scikit-learn leaves the first filling.
    """

    missing: float
    first: Numbers
    places: tuple[int, ...]
    others: tuple[tuple[int, ...], ...]
    regressions: tuple[Step, ...]
    low: Numbers
    high: Numbers
    indicators: tuple[int, ...] = ()

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        functions = [step.many() for step in self.regressions]
        return lambda table: self._filled(table, [lambda x, f=f: (f(x), None) for f in functions])[
            0
        ]

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """Of what is filled the last turn's terms; of the rest the number."""
        sized = [lambda x, step=step: magnitude(step, x, None) for step in self.regressions]
        filled, sizes, gaps = self._filled(table, sized)
        if terms is not None:
            width = table.shape[1]
            sizes[:, :width] = np.where(gaps, sizes[:, :width], terms)
        return np.maximum(sizes, np.abs(filled))

    def _filled(self, table: Numbers, turns: list[Any]) -> tuple[Numbers, Numbers, Flags]:
        gaps = np.isnan(table) if math.isnan(self.missing) else table == self.missing
        filled = np.asfortranarray(np.where(gaps, self.first, table))
        sizes = np.abs(filled)
        if not gaps.all():
            for place, others, turn in zip(self.places, self.others, turns, strict=True):
                rows = gaps[:, place]
                if not rows.any():
                    continue
                given = filled[:, list(others)][rows]
                if not np.isfinite(given).all():
                    raise ValueError(REFUSED)
                made, size = turn(given)
                filled[rows, place] = np.clip(made[:, 0], self.low[place], self.high[place])
                sizes[rows, place] = 0.0 if size is None else size[:, 0]
        if not self.indicators:
            return filled, sizes, gaps
        told = gaps[:, list(self.indicators)].astype(np.float64)
        return np.hstack([filled, told]), np.hstack([sizes, told]), gaps
