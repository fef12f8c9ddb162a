"""A compiled model: column steps, then a head, as data. NumPy is all that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pilotboat.plan.step import Function, Numbers, Step
from pilotboat.schema import Value

OneAnswer = tuple[Value | list[float], list[float] | None]
Answers = tuple[NDArray[Any], Numbers | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """A model's columns -> its answers.

    scores: cells to numbers: what `decision_function` gives, or what a regression answers.
    link: scores to one probability a class. classes: the labels, None for a regression.
    dtype: NumPy's name of the labels' type. label: what the largest is looked for in, where a single
    score stands for two classes and means the second above 0. decides: the scores are what
    `decision_function` gives.
    """

    scores: Step
    link: Step | None = None
    classes: tuple[Value, ...] | None = None
    dtype: str = "float64"
    label: Literal["scores", "probabilities"] = "scores"
    decides: bool = False

    def one(self) -> Function:
        """A function from the cells of one row to its label and its probabilities."""
        scores, link, classes = self.scores.one(), self._link_one(), self.classes
        if classes is None:
            return lambda cells: (_only(scores(cells)), None)
        by_share = self.label == "probabilities"

        def call(cells: Sequence[Value]) -> OneAnswer:
            given = scores(cells)
            shares = None if link is None else link(given)
            best = shares if by_share and shares is not None else given
            if len(best) == 1:
                return classes[best[0] > 0], shares
            return classes[best.index(max(best))], shares

        return call

    def many(self) -> Function:
        """A function from the columns of n rows to their labels and probabilities."""
        scores = self.scores.many()
        link = None if self.link is None else self.link.many()
        labels = None if self.classes is None else array(self.classes, self.dtype)

        def call(columns: Sequence[Sequence[Value]]) -> Answers:
            given = scores(columns)
            if labels is None:
                return (given[:, 0] if given.shape[1] == 1 else given), None
            shares = None if link is None else link(given)
            best = given if self.label == "scores" or shares is None else shares
            one = best.shape[1] == 1
            return labels[(best[:, 0] > 0).astype(np.intp) if one else best.argmax(axis=1)], shares

        return call

    def _link_one(self) -> Function | None:
        return None if self.link is None else self.link.one()


def _only(numbers: list[float]) -> float | list[float]:
    return numbers[0] if len(numbers) == 1 else numbers


def array(values: Sequence[Value], dtype: str) -> NDArray[Any]:
    """Labels as an array of shape (n,) in their type."""
    made = np.empty(len(values), dtype=dtype)
    made[:] = values
    return made
