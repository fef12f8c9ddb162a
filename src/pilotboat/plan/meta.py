"""Many answers to one: means, votes, one class against the rest, pair by pair, chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pilotboat.plan.step import Check, Function, Numbers, Step, magnitude


@dataclass(frozen=True, slots=True)
class Average:
    """Of so many answers side by side the mean, with or without weights.

    order: how scikit-learn has them in memory, by which NumPy adds: "answers" as a table of each,
    "rows" as a row of all, "running" one after another from 0.
    """

    answers: int
    order: Literal["answers", "rows", "running"]
    weights: tuple[float, ...] | None = None

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            parts = np.split(table, self.answers, axis=1)
            if self.order == "running":
                made = np.zeros(parts[0].shape)
                for part in parts:
                    made += part
                return made / self.answers
            if self.order == "answers":
                return np.asarray(np.average(np.array(parts), axis=0, weights=self.weights))
            rows = np.array([part[:, 0] for part in parts]).T
            return np.asarray(np.average(rows, axis=1, weights=self.weights))[:, np.newaxis]

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:  # noqa: ARG002
        """The mean of the magnitudes; of weights, too, which may be below 0."""
        if terms is None:
            return None
        parts = np.array(np.split(terms, self.answers, axis=1))
        if self.weights is None:
            return np.asarray(parts.mean(axis=0))
        weights = np.array(self.weights)
        added = np.tensordot(np.abs(weights), parts, axes=1)
        return np.asarray(added / abs(weights.sum()))


@dataclass(frozen=True, slots=True)
class Votes:
    """Numbers of classes -> what the votes for each class weigh."""

    classes: int
    weights: tuple[float, ...] | None = None

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            made = np.zeros((len(table), self.classes))
            rows = np.arange(len(table))
            weights = self.weights or (1.0,) * table.shape[1]
            for votes, weight in zip(table.T.astype(np.intp), weights, strict=True):
                made[rows, votes] += weight
            return made

        return call


@dataclass(frozen=True, slots=True)
class Rest:
    """Scores of each class against the rest -> probabilities.

    links: of each score the link to the probabilities of the two sides; none where the scores are
    the probabilities of their classes already. A single score is that of the second of two classes.
    """

    links: tuple[Step, ...] = ()

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        links = [link.many() for link in self.links]

        def call(scores: Numbers) -> Numbers:
            shares = list(scores.T)
            if links:
                pairs = zip(links, scores.T, strict=True)
                shares = [link(column[:, np.newaxis])[:, 1] for link, column in pairs]
            made = np.array(shares).T
            if len(links) == 1:
                made = np.concatenate((1 - made, made), axis=1)
            total = made.sum(axis=1)[:, np.newaxis]
            return np.asarray(np.divide(made, total, out=made, where=total != 0))

        return call


@dataclass(frozen=True, slots=True)
class Complement:
    """The share y of the second of two classes -> the shares of both: 1 - y and y."""

    def one(self) -> Function:
        return lambda row: [1 - row[0], row[0]]

    def many(self) -> Function:
        return lambda table: np.hstack([1 - table, table])

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """What moves the one moves the other."""
        return None if terms is None else np.hstack([np.maximum(terms, np.abs(1 - table)), terms])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Of each pair of classes the vote, 0 or 1, and how sure it is -> a score of each class.

    Its votes, and less than a third for how sure they are. Of two classes the second's alone.
    """

    classes: int

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            votes, sure = self._votes(table), self._added(table[:, 1::2], sign=-1)
            made = votes + sure / (3 * (np.abs(sure) + 1))
            return np.asarray(made[:, 1:] if self.classes == 2 else made)  # noqa: PLR2004

        return call

    def _votes(self, table: Numbers) -> Numbers:
        made = np.zeros((len(table), self.classes))
        for number, (first, second) in enumerate(self._pairs()):
            made[:, first] += table[:, 2 * number] == 0
            made[:, second] += table[:, 2 * number] == 1
        return made

    def _added(self, sure: Numbers, sign: int) -> Numbers:
        made = np.zeros((len(sure), self.classes))
        for number, (first, second) in enumerate(self._pairs()):
            made[:, first] += sign * sure[:, number]
            made[:, second] += sure[:, number]
        return made

    def _pairs(self) -> list[tuple[int, int]]:
        count = self.classes
        return [(first, second) for first in range(count) for second in range(first + 1, count)]

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """The votes, and the sum of the magnitudes of how sure they are."""
        if terms is None:
            return None
        made = self._votes(table) + self._added(terms[:, 1::2], sign=1)
        return made[:, 1:] if self.classes == 2 else made  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Succession:
    """Regressions of which each is given what came in and all the answers before its own.

    places: of each answer that comes out, which regression gives it.
    """

    steps: tuple[Step, ...]
    places: tuple[int, ...]

    def one(self) -> Function:
        functions, places = [step.one() for step in self.steps], self.places

        def call(row: list[float]) -> list[float]:
            given = list(row)
            for function in functions:
                given += function(given)
            return [given[len(row) + place] for place in places]

        return call

    def many(self) -> Function:
        functions, places = [step.many() for step in self.steps], list(self.places)

        def call(table: Numbers) -> Numbers:
            given = table
            for function in functions:
                given = np.hstack([given, function(given)])
            return given[:, table.shape[1] :][:, places]

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """Of each answer the sum of the magnitudes that are added."""
        given, sizes = table, terms
        for step in self.steps:
            value, size = magnitude(step, given, sizes)
            if sizes is not None or size is not None:
                known = np.abs(given) if sizes is None else sizes
                sizes = np.hstack([known, np.abs(value) if size is None else size])
            given = np.hstack([given, value])
        return None if sizes is None else sizes[:, table.shape[1] :][:, list(self.places)]


@dataclass(frozen=True, slots=True)
class Unscale:
    """x * scale + offset, or (x - offset) / scale: the way back from a scaler. Shapes (k,)."""

    scale: Numbers
    offset: Numbers
    divide: bool = False

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        if self.divide:
            return lambda table: (table - self.offset) / self.scale
        return lambda table: table * self.scale + self.offset

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        sizes = np.abs(table) if terms is None else terms
        if self.divide:
            return np.asarray((sizes + np.abs(self.offset)) / np.abs(self.scale))
        return np.asarray(sizes * np.abs(self.scale) + np.abs(self.offset))


@dataclass(frozen=True, slots=True)
class Sound:
    """Refuses answers as `Check` does numbers that come in; sums keep the sizes of their terms."""

    allow: Literal["finite", "nan"]

    def one(self) -> Function:
        return Check(self.allow).one()

    def many(self) -> Function:
        return Check(self.allow).many()

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:  # noqa: ARG002
        """The same."""
        return terms


@dataclass(frozen=True, slots=True)
class Alike:
    """A step that takes one row as it takes many: where sums may overflow, their order decides.

    cells: it takes the columns of the input, and not numbers.
    """

    inner: Step
    cells: bool

    def one(self) -> Function:
        many = self.inner.many()
        if self.cells:
            return lambda cells: many([[cell] for cell in cells])[0].tolist()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        return self.inner.many()

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """Those of the step."""
        return magnitude(self.inner, table, terms)[1]
