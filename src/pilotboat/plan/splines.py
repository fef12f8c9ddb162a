"""B-splines: each number becomes the values of its column's basis functions at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pilotboat.plan.step import REFUSED, Function, Numbers


@dataclass(frozen=True, slots=True)
class Splines:
    """The basis functions of each column, side by side.

    Shapes: knots (inputs, knots); low and high (inputs,), the limits beyond which `outside` holds;
    below, below_slope, above and above_slope (inputs, functions), the straight lines there.
    outside: "line"; or the last polynomials go on, the row is refused, or the column is periodic.
    last: whether the last function of each column is kept.
    """

    knots: Numbers
    degree: int
    functions: int
    outside: Literal["line", "continue", "error", "periodic"]
    low: Numbers
    high: Numbers
    below: Numbers
    below_slope: Numbers
    above: Numbers
    above_slope: Numbers
    last: bool = True

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        kept = self.functions if self.last else self.functions - 1

        def call(table: Numbers) -> Numbers:
            with np.errstate(all="ignore"):
                parts = [self._column(x, place)[:, :kept] for place, x in enumerate(table.T)]
            return np.hstack(parts)

        return call

    def _column(self, x: Numbers, place: int) -> Numbers:
        knots, low, high = self.knots[place], self.low[place], self.high[place]
        if self.outside == "continue":
            return self._basis(x, knots)
        if self.outside == "periodic":
            inside = low + (x - low) % (high - low) if high > low else np.zeros_like(x)
            return self._basis(inside, knots)
        beneath, beyond = x < low, x > high
        if self.outside == "error" and (beneath | beyond).any():
            raise ValueError(REFUSED)
        made = self._basis(np.clip(x, low, high), knots)
        for where, edge, value, slope in (
            (beneath, low, self.below[place], self.below_slope[place]),
            (beyond, high, self.above[place], self.above_slope[place]),
        ):
            made[where] = value + (x[where] - edge)[:, np.newaxis] * slope
        return made

    def _basis(self, x: Numbers, knots: Numbers) -> Numbers:
        """De Boor's recursion, as SciPy has it: shape (numbers, functions)."""
        last = len(knots) - self.degree - 2
        span = np.clip(np.searchsorted(knots, x, side="right") - 1, self.degree, last)
        basis = np.zeros((self.degree + 1, len(x)))
        basis[0] = 1.0
        for level in range(1, self.degree + 1):
            before = basis[:level].copy()
            basis[0] = 0.0
            for number in range(1, level + 1):
                right, left = knots[span + number], knots[span + number - level]
                same = right == left
                weight = np.where(same, 0.0, before[number - 1] / np.where(same, 1, right - left))
                basis[number - 1] += weight * (right - x)
                basis[number] = weight * (x - left)
        return self._spread(basis, span)

    def _spread(self, basis: Numbers, span: Any) -> Numbers:
        """The functions that are not 0 at their places, which on a circle come round again."""
        made = np.zeros((len(span), self.functions))
        unit = np.eye(self.functions)
        for number, values in enumerate(basis):
            places = (span - self.degree + number) % self.functions
            made += unit[places] * values[:, np.newaxis]
        return made

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The numbers themselves; what they came from may move them by its own share."""
        made: Numbers = np.abs(self.many()(table))
        if terms is None:
            return made
        return made + np.repeat(terms, made.shape[1] // terms.shape[1], axis=1)
