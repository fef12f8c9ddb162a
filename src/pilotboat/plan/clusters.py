"""Clusters around their centres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotboat.plan.step import Function, Numbers


@dataclass(frozen=True, slots=True)
class Centres:
    """How near each centre is: -(c.c - 2 x.c), what is left of the distance's square.

    Shape of `centres`: (clusters, inputs).
    """

    centres: Numbers

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        turned = self.centres.T
        sizes = (self.centres**2).sum(axis=1)
        return lambda table: -(-2.0 * (table @ turned) + sizes)

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        given = np.abs(table) if terms is None else terms
        made: Numbers = 2 * given @ np.abs(self.centres.T) + (self.centres**2).sum(axis=1)
        return made
