"""A classifier's scores made probabilities, each class by a curve of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotboat.plan.links import expits
from pilotboat.plan.step import REFUSED, Function, Numbers


@dataclass(frozen=True, slots=True)
class Sigmoids:
    """expit(-(slope * x + offset)) of each number. Shapes (k,)."""

    slopes: Numbers
    offsets: Numbers

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        return lambda table: expits(-(self.slopes * table + self.offsets))

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:  # noqa: ARG002
        """A share moves by less than its score does."""
        return None if terms is None else np.abs(self.slopes) * terms + np.abs(self.offsets) + 1e-3


@dataclass(frozen=True, slots=True)
class Ramps:
    """Straight lines between points: of each number's curve the points' xs and ys, rising."""

    xs: tuple[Numbers, ...]
    ys: tuple[Numbers, ...]

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            if not np.isfinite(table).all():
                raise ValueError(REFUSED)
            curves = zip(table.T, self.xs, self.ys, strict=True)
            return np.stack([np.interp(column, xs, ys) for column, xs, ys in curves], axis=1)

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """What its number may move, times the steepest line."""
        if terms is None:
            return None
        steep = [
            (np.diff(ys) / np.diff(xs)).max(initial=1.0)
            for xs, ys in zip(self.xs, self.ys, strict=True)
        ]
        return np.asarray(np.abs(self.many()(table)) + terms * np.array(steep))


@dataclass(frozen=True, slots=True)
class Distribution:
    """Shares -> a distribution over the classes.

    places: of each share its class. A single share is that of the second of two classes; several
    are divided by their sum, and all alike where that is 0.
    """

    places: tuple[int, ...]
    classes: int

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            made = np.zeros((len(table), self.classes))
            made[:, list(self.places)] = table
            if self.classes == 2:  # noqa: PLR2004
                made[:, 0] = 1.0 - made[:, 1]
            else:
                total = made.sum(axis=1)[:, np.newaxis]
                alike = np.full_like(made, 1 / self.classes)
                made = np.divide(made, total, out=alike, where=total != 0)
            made[(made > 1.0) & (made <= 1.0 + 1e-5)] = 1.0
            return made

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """What the shares and their sum may move."""
        if terms is None:
            return None
        made = np.repeat(terms.sum(axis=1, keepdims=True), self.classes, axis=1)
        if self.classes == 2:  # noqa: PLR2004
            return made
        total = table.sum(axis=1)[:, np.newaxis]
        return np.asarray(np.divide(made, total, out=np.ones_like(made), where=total != 0) + 1.0)
