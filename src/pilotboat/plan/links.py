"""Links: the functions that make probabilities, or answers, of scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pilotboat.plan.step import Function, Numbers


def expit(x: float) -> float:
    """1 / (1 + exp(-x)) with libm's exp, which scipy.special.expit uses, not NumPy's."""
    try:
        return 1.0 / (1.0 + math.exp(-x))
    except OverflowError:
        return 0.0


def expits(scores: Numbers) -> Numbers:
    """`expit` of each."""
    listed, exp = scores.ravel().tolist(), math.exp
    try:
        shares = [1.0 / (1.0 + exp(-x)) for x in listed]
    except OverflowError:
        shares = list(map(expit, listed))
    return np.array(shares, dtype=np.float64).reshape(scores.shape)


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """The score d of the second class -> the probabilities of both: expit(factor * d)."""

    factor: float = 1.0

    def one(self) -> Function:
        factor = self.factor

        def call(row: list[float]) -> list[float]:
            share = expit(factor * row[0])
            return [1 - share, share]

        return call

    def many(self) -> Function:
        def call(scores: Numbers) -> Numbers:
            share = expits(self.factor * scores[:, 0])
            return np.stack([1 - share, share], axis=1)

        return call


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(x) / sum of exp(x), the largest score taken out first.

    columns: the scores lie in memory column by column, in which order NumPy adds otherwise.
    divisor: of the scores, before.
    """

    columns: bool = False
    divisor: float = 1.0

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        columns, divisor = self.columns, self.divisor

        def call(scores: Numbers) -> Numbers:
            table = np.asfortranarray(scores) if columns else scores
            if divisor != 1.0:
                table = table / divisor
            made = np.exp(table - table.max(axis=1, keepdims=True))
            made /= made.sum(axis=1, keepdims=True)
            return np.asarray(made)

        return call


@dataclass(frozen=True, slots=True)
class Shares:
    """Scores of each class against the others -> probabilities that add to 1.

    A single score stands for the second of two classes. each: what makes a score a share; "huber" is
    SGDClassifier's rule for its modified Huber loss. A row whose shares are all 0 gets the same for
    each class.
    """

    each: Literal["expit", "huber", "none"] = "expit"

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(scores: Numbers) -> Numbers:
            made = scores.copy()
            if self.each == "expit":
                made = expits(scores)
            elif self.each == "huber":
                made = (np.clip(scores, -1, 1) + 1) / 2
            if made.shape[1] == 1:
                return np.hstack([1 - made, made])
            total = made.sum(axis=1)
            none = total == 0
            made[none], total[none] = 1, made.shape[1]
            return np.asarray(made / total[:, np.newaxis])

        return call


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The score d of the second of two classes -> one score a class: -d and d."""

    def one(self) -> Function:
        return lambda row: [-row[0], row[0]]

    def many(self) -> Function:
        return lambda scores: np.hstack([-scores, scores])


@dataclass(frozen=True, slots=True)
class Exponential:
    """exp(x), as NumPy has it: what a regression with a logarithmic link answers."""

    def one(self) -> Function:
        return lambda row: np.exp(row).tolist()

    def many(self) -> Function:
        return np.exp


@dataclass(frozen=True, slots=True)
class Inclusive:
    """x, where 0 stands for the second class: the least number above 0 in its place.

    To any other number it adds nothing, and what a link makes of it is the same.
    """

    def one(self) -> Function:
        return lambda row: [row[0] + LEAST]

    def many(self) -> Function:
        return lambda scores: scores + LEAST


LEAST = 5e-324
