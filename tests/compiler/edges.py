"""Rows made to break trees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pilotboat.compiler.suspects import edges_of, neighbours
from pilotboat.engines import sklearn as engine
from pilotboat.rows import Rows
from tests.compiler.proving import Pair

ODD = (0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-40, 1e30, -1e30, 3.4028235677973362e38, 16777217.0)


def rows(pair: Pair, table: NDArray[np.float64]) -> Rows:
    """Rows of numbers, also of those that no request may hold."""
    columns = np.where(np.isnan(table), None, table).T.tolist()  # type: ignore[call-overload]
    return Rows(pair.rows.schema, tuple(columns), len(table))


def around_thresholds(pair: Pair, estimator: Any, *, gaps: bool, count: int = 300) -> Rows:
    """Thresholds with the float64 and float32 next to them, odd numbers, and NaN if it may come."""
    random = np.random.default_rng(1)
    width = len(pair.rows.schema.inputs)
    table = random.choice(ODD, (count, width))
    for place, some in edges_of(estimator).items():
        near = np.concatenate([neighbours(some), ODD])
        table[:, place] = random.choice(near, count)
        table[: len(ODD), place] = ODD
    if gaps:
        table[::3, random.integers(0, width, len(table[::3]))] = np.nan
        table[1] = np.nan
        for place in range(width):
            table[place + 2, place] = np.nan
    return rows(pair, table)


def both_refuse(pair: Pair, number: float) -> None:
    """A single number that scikit-learn and both ways of the plan refuse."""
    table = np.zeros((3, len(pair.rows.schema.inputs)))
    table[1, 0] = number
    made = rows(pair, table)
    with pytest.raises(ValueError, match=r"infin|NaN"):
        engine.answer(pair.estimator, made.schema)(made)
    with pytest.raises(ValueError, match="NaN, infinity"):
        pair.plan.many()(made.columns)
    with pytest.raises(ValueError, match="NaN, infinity"):
        pair.plan.one()([column[1] for column in made.columns])
