"""What a model inside a model answers, as numbers for the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pilotboat.plan.step import Function, Numbers, Step, magnitude

LAST_BITS = 1e-3
"""The last bits of a probability of 1, in the sizes by which differences are measured."""


@dataclass(frozen=True, slots=True)
class Probabilities:
    """A classifier's probabilities, of the classes at `places`; of all without."""

    scores: Step
    link: Step
    places: tuple[int, ...] = ()

    def one(self) -> Function:
        scores, link, places = self.scores.one(), self.link.one(), self.places
        if not places:
            return lambda value: list(link(scores(value)))

        def call(value: Any) -> list[float]:
            shares = link(scores(value))
            return [shares[place] for place in places]

        return call

    def many(self) -> Function:
        scores, link, places = self.scores.many(), self.link.many(), list(self.places)

        def call(value: Any) -> Numbers:
            shares: Numbers = link(scores(value))
            return shares[:, places] if places else shares

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """A link moves by no more than its scores do, and by its last bits."""
        value, sizes = magnitude(self.scores, table, terms)
        if sizes is None:
            return None
        count = len(self.places) or self.link.many()(value).shape[1]
        return np.repeat(sizes.max(axis=1, keepdims=True) + LAST_BITS, count, axis=1)


@dataclass(frozen=True, slots=True)
class Label:
    """A classifier's label, as the number in `values` that stands for it."""

    scores: Step
    link: Step | None
    label: Literal["scores", "probabilities"]
    values: tuple[float, ...]

    def one(self) -> Function:
        many = self._chosen()
        scores = self.scores.one()
        return lambda value: many(np.array([scores(value)]))[0].tolist()

    def many(self) -> Function:
        chosen, scores = self._chosen(), self.scores.many()
        return lambda value: chosen(scores(value))

    def _chosen(self) -> Function:
        by_share = self.label == "probabilities" and self.link is not None
        link = self.link.many() if self.link is not None and by_share else None
        values = np.array(self.values)

        def call(scores: Numbers) -> Numbers:
            best = scores if link is None else link(scores)
            one = best.shape[1] == 1
            found = (best[:, 0] > 0).astype(np.intp) if one else best.argmax(axis=1)
            return np.asarray(values[found][:, np.newaxis])

        return call
