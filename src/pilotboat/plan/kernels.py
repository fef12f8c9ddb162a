"""Support vectors: sums of kernels, and the probabilities that libsvm makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pilotboat.plan.links import LEAST
from pilotboat.plan.step import Function, Numbers

CELLS = 2**20
"""So many differences at once, at most."""
FAR = 700.0
"""From here on exp(-x) is nothing."""
SURE = 1e-7
"""No pair of classes is surer than by so much less than 1."""


def dots(first: Numbers, second: Numbers) -> Numbers:
    """The dot products along the last axis, as BLAS adds them where NumPy asks it."""
    if hasattr(np, "vecdot"):
        return np.asarray(np.vecdot(first, second))
    return np.asarray(np.einsum("...i,...i->...", first, second))


def _each(function: Callable[[float], float], table: Numbers) -> Numbers:
    """A function of libm, which libsvm calls, of each; NumPy's own round otherwise."""
    made = np.fromiter(map(function, table.ravel().tolist()), np.float64, table.size)
    return made.reshape(table.shape)


@dataclass(frozen=True, slots=True)
class Kernel:
    """How alike a row and a vector are, as libsvm has it; a part of `Machines`, not a step."""

    name: Literal["linear", "poly", "rbf", "sigmoid"]
    gamma: float
    coef0: float
    degree: int

    def between(self, table: Numbers, vectors: Numbers) -> Numbers:
        """Shape (rows, vectors)."""
        rows = table[:, np.newaxis, :]
        if self.name == "rbf":
            apart = rows - vectors
            return _each(math.exp, -self.gamma * dots(apart, apart))
        products = dots(rows, vectors)
        if self.name == "linear":
            return products
        made = self.gamma * products + self.coef0
        return _each(math.tanh, made) if self.name == "sigmoid" else _power(made, self.degree)

    def sizes(self, table: Numbers, vectors: Numbers, terms: Numbers | None) -> Numbers:
        """What the kernels may move, in the sizes by which differences are measured."""
        if self.name == "rbf":
            apart = table[:, np.newaxis, :] - vectors
            square = np.minimum(self.gamma * dots(apart, apart), FAR)
            made = np.exp(-square) * (1 + square)
            if terms is None:
                return np.asarray(made)
            return np.asarray(made + math.sqrt(self.gamma) * terms.sum(axis=1, keepdims=True))
        known = np.abs(table) if terms is None else terms
        products = known @ np.abs(vectors.T)
        if self.name == "linear":
            return np.asarray(products)
        made = abs(self.gamma) * products + abs(self.coef0)
        return _power(made, self.degree) if self.name == "poly" else 1 + made


def _power(base: Numbers, times: int) -> Numbers:
    """By repeated squaring, in libsvm's order."""
    made = np.ones_like(base)
    while times > 0:
        if times % 2:
            made = made * base
        base = base * base
        times //= 2
    return made


@dataclass(frozen=True, slots=True)
class Machines:
    """Of each machine the sum of coefficient times kernel over its vectors, plus its intercept.

    vectors: shape (vectors, inputs). spans: of each machine, runs of vectors with the row of `coef`
    that holds their coefficients, (row, first, after the last). intercept: shape (machines,).
    """

    kernel: Kernel
    vectors: Numbers
    coef: Numbers
    spans: tuple[tuple[tuple[int, int, int], ...], ...]
    intercept: Numbers

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        step = max(1, CELLS // max(1, self.vectors.size))

        def call(table: Numbers) -> Numbers:
            with np.errstate(all="ignore"):
                parts = [
                    self._sums(self.kernel.between(table[at : at + step], self.vectors))
                    for at in range(0, max(1, len(table)), step)
                ]
            return np.concatenate(parts) + self.intercept

        return call

    def _sums(self, kernels: Numbers) -> Numbers:
        made = np.zeros((len(kernels), len(self.spans)))
        for number, runs in enumerate(self.spans):
            products = [self.coef[row, at:end] * kernels[:, at:end] for row, at, end in runs]
            joined = np.hstack(products)
            if joined.shape[1]:
                # One after another: `sum` would add in pairs.
                made[:, number] = np.add.accumulate(joined, axis=1)[:, -1]
        return made

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        sizes = self.kernel.sizes(table, self.vectors, terms)
        made = np.zeros((len(table), len(self.spans)))
        for number, runs in enumerate(self.spans):
            for row, at, end in runs:
                made[:, number] += sizes[:, at:end] @ np.abs(self.coef[row, at:end])
        return np.where(np.isnan(made), np.inf, made) + np.abs(self.intercept)


@dataclass(frozen=True, slots=True)
class Turned:
    """The score of the first of two classes -> that of the second; 0 stands for the second."""

    def one(self) -> Function:
        return lambda row: [LEAST - row[0]]

    def many(self) -> Function:
        return lambda table: LEAST - table

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:  # noqa: ARG002
        """The same."""
        return terms


@dataclass(frozen=True, slots=True)
class Elected:
    """Of each pair of classes the score of the first -> marks of the winner, then Platt's shares.

    The winner is marked with infinity, the other classes with the negative of it. ties: equal votes
    are decided by how sure they are, and not by the order of the classes. Shapes: slopes and offsets
    (pairs,), from which the share of each pair's first class; without them there are no shares.
    """

    classes: int
    ties: bool = False
    slopes: Numbers | None = None
    offsets: Numbers | None = None

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            with np.errstate(invalid="ignore"):
                winner = self._votes(table).argmax(axis=1)
            marks = np.full((len(table), self.classes), -np.inf)
            marks[np.arange(len(table)), winner] = np.inf
            if self.slopes is None or self.offsets is None:
                return marks
            pairs = zip(table.T.tolist(), self.slopes.tolist(), self.offsets.tolist(), strict=True)
            shares = [[platt(x, slope, offset) for x in some] for some, slope, offset in pairs]
            return np.hstack([marks, np.array(shares).T])

        return call

    def _votes(self, table: Numbers) -> Numbers:
        count = self.classes
        pairs = [(first, second) for first in range(count) for second in range(first + 1, count)]
        votes, sure = np.zeros((len(table), count)), np.zeros((len(table), count))
        for (first, second), score in zip(pairs, table.T, strict=True):
            won = ~(score < 0) if self.ties else score > 0
            votes[:, first] += won
            votes[:, second] += ~won
            sure[:, first] += score
            sure[:, second] -= score
        return votes + sure / (3 * (np.abs(sure) + 1)) if self.ties else votes

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """A share moves by no more than a quarter of what its power does."""
        if terms is None:
            return None
        marks = np.zeros((len(table), self.classes))
        if self.slopes is None or self.offsets is None:
            return np.asarray(marks + terms.max(axis=1, keepdims=True))
        moved = terms * np.abs(self.slopes) + np.abs(self.offsets)
        return np.hstack([marks, moved + 1e-3])


@dataclass(frozen=True, slots=True)
class Coupled:
    """Platt's shares of pairs of classes -> probabilities, by Wu, Lin and Weng's method.

    The shares stand at the end of a row, after the marks. Of two classes there is only the score of
    the second; its slope and offset, shape (1,), make it a share.
    """

    classes: int
    slopes: Numbers | None = None
    offsets: Numbers | None = None

    def one(self) -> Function:
        count = self.classes
        if self.slopes is None or self.offsets is None:
            return lambda row: coupled(row[count:], count)
        slope, offset = float(self.slopes[0]), float(self.offsets[0])
        return lambda row: coupled([platt(-row[0], slope, offset)], count)

    def many(self) -> Function:
        one, count = self.one(), self.classes
        return lambda scores: np.array([one(row) for row in scores.tolist()]).reshape(-1, count)


def platt(score: float, slope: float, offset: float) -> float:
    """1 / (1 + exp(slope * score + offset)), never nearer to 0 or 1 than `SURE`."""
    power = score * slope + offset
    if power >= 0:
        share = math.exp(-power) / (1.0 + math.exp(-power))
    else:
        share = 1.0 / (1 + math.exp(power))
    share = share if share > SURE else SURE  # noqa: FURB136 - NaN becomes it, as in libsvm
    return share if share < 1 - SURE else 1 - SURE  # noqa: FURB136


def coupled(shares: list[float], count: int) -> list[float]:
    """The probabilities whose pairs agree best with `shares`, as far as libsvm looks for them."""
    pair = [[0.0] * count for _ in range(count)]
    given = iter(shares)
    for first in range(count):
        for second in range(first + 1, count):
            pair[first][second] = next(given)
            pair[second][first] = 1 - pair[first][second]
    matrix = [[-pair[j][i] * pair[i][j] for j in range(count)] for i in range(count)]
    for i in range(count):
        for j in range(i):
            matrix[i][j] = matrix[j][i]
        matrix[i][i] = 0.0
        for j in range(count):
            if j != i:
                matrix[i][i] += pair[j][i] * pair[j][i]
    return _settled(matrix, count)


def _settled(matrix: list[list[float]], count: int) -> list[float]:
    made = [1.0 / count] * count
    places = range(count)
    for _ in range(max(100, count)):
        forces = []
        total = 0.0
        for i in places:
            force = 0.0
            for j in places:
                force += matrix[i][j] * made[j]
            forces.append(force)
            total += made[i] * force
        if max(abs(force - total) for force in forces) < 0.005 / count:
            break
        for i in places:
            move = (-forces[i] + total) / matrix[i][i]
            made[i] += move
            pull = move * matrix[i][i] + 2 * forces[i]
            total = (total + move * pull) / (1 + move) / (1 + move)
            for j in places:
                forces[j] = (forces[j] + move * matrix[i][j]) / (1 + move)
                made[j] /= 1 + move
    return made
