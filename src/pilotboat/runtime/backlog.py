"""How long a model's queue is, in seconds: more than can be answered in time is refused at once."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from pilotboat.errors import OverloadedError
from pilotboat.prediction import Call, Predict, Prediction
from pilotboat.runtime.pace import Pace

WEIGHT = 0.2
"""Of the last computation, in how much slower or quicker they are than was measured."""


class Backlog:
    """The rows that wait for a model, or are computed.

    most: rows of one batch. seconds: the longest that a call may have to wait. beside: the backlogs of
    every model that computes in the same place, this one too.
    """

    def __init__(self, pace: Pace, most: int, seconds: float, beside: list[Backlog]) -> None:
        self.pace, self.most, self.seconds, self.beside = pace, most, seconds, beside
        self.rows = 0
        self.slower = 1.0
        beside.append(self)

    def expected(self, rows: int) -> float:
        """Seconds that so many rows take, in batches as large as they may be."""
        if rows == 0:
            return 0.0
        batches = ceil(rows / self.most)
        apart = batches * max(self.pace.one - self.pace.more, 0.0)
        return self.slower * (apart + rows * self.pace.more)

    def learn(self, rows: int, seconds: float) -> None:
        """So long the last `rows` have taken together."""
        told = self.pace.one + (rows - 1) * self.pace.more
        if told > 0:
            self.slower += WEIGHT * (seconds / told - self.slower)

    @property
    def is_full(self) -> bool:
        """Whether what waits takes longer than a call may wait."""
        return sum(one.expected(one.rows) for one in self.beside) > self.seconds

    def guarded(self, predict: Predict) -> Predict:
        """`predict` for as many calls as can be answered in time.

        Raises `OverloadedError` for any other, before anything is computed.
        """

        async def guarded(call: Call) -> Prediction:
            if self.is_full:
                raise overloaded()
            self.rows += call.rows.count
            try:
                return await predict(call)
            finally:
                self.rows -= call.rows.count

        return guarded


Observe = Callable[[str, str, int, float], None]
"""Told of each computation: the model, its version, how many rows, and how many seconds it took."""


def overloaded() -> OverloadedError:
    """There is more to do than can be done in time."""
    return OverloadedError("There are more requests than can be answered in time.", retry_after=1)
