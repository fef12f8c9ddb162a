"""Quadratic discriminants, and the probabilities that they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotboat.plan.step import Function, Numbers


@dataclass(frozen=True, slots=True)
class Quadratic:
    """-(the sum of ((x - mean) @ axes)^2 + size) / 2 + prior: each class's log-likelihood.

    means: shape (classes, inputs). axes: of each class a matrix (inputs, rank). sizes, priors:
    shape (classes,), the logarithms of the determinant and of the share.
    """

    means: Numbers
    axes: tuple[Numbers, ...]
    sizes: Numbers
    priors: Numbers

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            norms = [
                (((table - mean) @ axes) ** 2).sum(axis=1)
                for mean, axes in zip(self.means, self.axes, strict=True)
            ]
            return np.asarray(-0.5 * (np.array(norms).T + self.sizes) + self.priors)

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        given = np.abs(table) if terms is None else terms
        norms = [
            (((given + np.abs(mean)) @ np.abs(axes)) ** 2).sum(axis=1)
            for mean, axes in zip(self.means, self.axes, strict=True)
        ]
        sizes = np.array(norms).T + np.abs(self.sizes)
        return np.asarray(0.5 * sizes + np.abs(self.priors))


@dataclass(frozen=True, slots=True)
class Posterior:
    """exp(x - log of the sum of exp(x)), the largest taken out first."""

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(scores: Numbers) -> Numbers:
            likely = scores - scores.max(axis=1)[:, np.newaxis]
            total = np.exp(likely).sum(axis=1)[:, np.newaxis]
            return np.asarray(np.exp(likely - np.log(total)))

        return call
