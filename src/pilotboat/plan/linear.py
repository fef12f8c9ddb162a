"""Linear heads."""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul
from typing import Any

import numpy as np

from pilotboat.plan.step import Function, Numbers

SMALL = 128
"""Up to so many products, plain Python is faster for one row than NumPy."""


@dataclass(frozen=True, slots=True)
class Linear:
    """x @ coef.T + intercept.

    Shapes: coef (k, inputs), or (inputs,) for a single number; intercept (k,), or () for the same.
    Kept in the shape and memory order that scikit-learn multiplies, so that BLAS adds alike.
    """

    coef: Numbers
    intercept: Numbers

    def one(self) -> Function:
        coef, intercept = np.atleast_2d(self.coef), np.atleast_1d(self.intercept)
        if coef.size > SMALL:
            turned = coef.T
            return lambda row: (np.array(row) @ turned + intercept).tolist()
        pairs = list(
            zip(coef.tolist(), np.broadcast_to(intercept, len(coef)).tolist(), strict=True)
        )
        if len(pairs) == 1:
            weights, bias = pairs[0]
            return lambda row: [sum(map(mul, row, weights)) + bias]
        return lambda row: [sum(map(mul, row, weights)) + bias for weights, bias in pairs]

    def many(self) -> Function:
        turned, intercept = self.coef.T, self.intercept

        def call(table: Numbers) -> Numbers:
            scores: Numbers = table @ turned + intercept
            return scores[:, np.newaxis] if scores.ndim == 1 else scores

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        sizes = np.abs(table) if terms is None else terms
        made: Numbers = sizes @ np.abs(self.coef.T) + np.abs(self.intercept)
        return made[:, np.newaxis] if made.ndim == 1 else made
