"""How fast a model answers, measured when it is loaded: it decides how its requests are answered."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pilotboat.bundle import golden
from pilotboat.rows import Rows
from pilotboat.runtime.model import Model

MANY = 16
ENOUGH = 0.02
"""Seconds that measuring may take for each size."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. one: for a row alone. more: for each row of `MANY`."""

    one: float
    more: float


def measure(model: Model) -> Pace:
    """The pace of `model` on its golden rows."""
    rows, _, _ = golden.read(model.bundle.path, model.schema)
    many = rows.pick([number % rows.count for number in range(MANY)])
    return Pace(_seconds(model, rows.take(0, 1)), _seconds(model, many) / MANY)


def _seconds(model: Model, rows: Rows) -> float:
    """The shortest of a few times, by the clock: a model may wait, too, for what is not here."""
    best, spent = float("inf"), 0.0
    while spent < ENOUGH:
        begun = time.perf_counter()
        model.answer(rows)
        taken = time.perf_counter() - begun
        best, spent = min(best, taken), spent + max(taken, ENOUGH / 100)
    return best
