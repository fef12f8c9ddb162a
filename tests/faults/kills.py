"""Workers that die at a stroke, again and again."""

from __future__ import annotations

import time

from tests.faults.processes import kill, until
from tests.faults.stack import Load, Served

EVERY = 2.0
"""Seconds from one stroke to the next."""


class Killer:
    """Kills the oldest worker every two seconds.

    marks: when, in seconds since the load began. backs: seconds until another took its place.
    """

    def __init__(self, served: Served) -> None:
        self.served = served
        self.marks: list[float] = []
        self.backs: list[float] = []

    def strike(self, load: Load, times: int) -> None:
        for number in range(1, times + 1):
            time.sleep(max(0.0, load.began + number * EVERY - time.monotonic()))
            self._strike(time.monotonic() - load.began)
        time.sleep(1)

    def _strike(self, mark: float) -> None:
        before = self.served.serving()
        assert len(before) == self.served.workers
        self.marks.append(mark)
        kill(before[0])

        def replaced() -> bool:
            now = self.served.serving()
            return before[0] not in now and len(now) == self.served.workers

        self.backs.append(until(replaced, 20, "another worker in place of the one that died"))
