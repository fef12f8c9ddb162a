"""Naive Bayes: likelihoods, and the probabilities that they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotboat.plan.step import Function, Numbers

PAIRWISE = 8
"""NumPy adds so many numbers or more in another order than one after another."""


@dataclass(frozen=True, slots=True)
class Binarise:
    """1 for a number above `threshold`, else 0."""

    threshold: float

    def one(self) -> Function:
        threshold = self.threshold
        return lambda row: [1.0 if x > threshold else 0.0 for x in row]

    def many(self) -> Function:
        return lambda table: (table > self.threshold).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Gaussian:
    """prior + (factor - the sum of (x - mean)^2 / variance / 2): each class's log-likelihood.

    Shapes: mean and variance (classes, inputs), prior and factor (classes,).
    """

    mean: Numbers
    variance: Numbers
    prior: Numbers
    factor: Numbers

    def one(self) -> Function:
        mean, variance, prior, factor = self.mean, self.variance, self.prior, self.factor
        if mean.shape[1] >= PAIRWISE:
            return lambda row: (
                prior + (factor - 0.5 * ((row - mean) ** 2 / variance).sum(axis=1))
            ).tolist()
        classes = [
            (list(zip(means, variances, strict=True)), first, second)
            for means, variances, first, second in zip(
                mean.tolist(), variance.tolist(), prior.tolist(), factor.tolist(), strict=True
            )
        ]

        def call(row: list[float]) -> list[float]:
            made = []
            for pairs, first, second in classes:
                total = 0.0
                for x, (m, v) in zip(row, pairs, strict=True):
                    total += (x - m) * (x - m) / v
                made.append(first + (second - 0.5 * total))
            return made

        return call

    def many(self) -> Function:
        # In columns, as scikit-learn stacks them: it decides how sums over a row are added.
        return lambda table: np.stack(self._columns(table)).T

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added, and of what those of `table` move."""
        sizes = 0.0 if terms is None else terms
        away = [np.abs(table - mean) for mean in self.mean]
        both = zip(away, self.variance, strict=True)
        sums = [0.5 * (a * (a + 2 * sizes) / variance).sum(axis=1) for a, variance in both]
        made: Numbers = np.abs(self.prior) + np.abs(self.factor) + np.stack(sums, axis=1)
        return made

    def _columns(self, table: Numbers) -> list[Numbers]:
        classes = zip(self.mean, self.variance, self.prior, self.factor, strict=True)
        return [
            prior + (factor - 0.5 * np.sum((table - mean) ** 2 / variance, axis=1))
            for mean, variance, prior, factor in classes
        ]


@dataclass(frozen=True, slots=True)
class LogShares:
    """Joint log-likelihoods x -> exp(x - log of the sum of exp(x)).

    The largest are taken out of the sum first, as scipy's `logsumexp` does.
    """

    def one(self) -> Function:
        def call(row: list[float]) -> list[float]:
            largest = max(row)
            if not math.isfinite(largest):
                made: list[float] = many(np.array([row]))[0].tolist()
                return made
            values = np.array(row)
            rest = np.exp(values - largest)
            rest[values == largest] = 0.0
            among = row.count(largest)
            total = np.log1p(rest.sum() / among) + np.log(among) + largest
            shares: list[float] = np.exp(values - total).tolist()
            return shares

        many = self.many()
        return call

    def many(self) -> Function:
        def call(scores: Numbers) -> Numbers:
            largest = scores.max(axis=1, keepdims=True)
            is_largest = scores == largest
            rest = np.where(is_largest, -np.inf, scores)
            among = is_largest.sum(axis=1, keepdims=True, dtype=np.float64)
            rest = np.exp(rest - np.where(np.isfinite(largest), largest, 0))
            total = np.log1p(rest.sum(axis=1, keepdims=True) / among) + np.log(among) + largest
            return np.asarray(np.exp(scores - total))

        return call
