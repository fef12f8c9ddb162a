"""How often a key may ask: the generic cell rate algorithm, on memory that the workers share.

ITU-T I.371, annex A, in its form of virtual scheduling: of each key one number is kept, the moment at
which its next request would come if they came evenly. A request that comes earlier than the slack
allows is refused, and changes nothing.

The moment is that of the machine's monotonic clock, which is the same in every process. It is read
and written without a lock, which a worker that is killed would never give back: two workers that do so
in the same tenth of a microsecond count one request for two, far less than the limit may be off.
"""

from __future__ import annotations

from math import ceil
from time import monotonic

from pilotboat.operations.ring import Key

BURST = 1.0
"""Seconds' worth of requests that may come at once, after a rest."""


class Meter:
    """Counts the requests of keys. moments: one number for each, by its index."""

    def __init__(self, moments: memoryview[float]) -> None:
        self.moments = moments

    def take(self, key: Key) -> float:
        """Count a request. 0: it may be answered; else the seconds until the next may."""
        moments, index = self.moments, key.index
        now, interval = monotonic(), 1 / key.rate
        early = moments[index] - now - max(BURST - interval, 0.0)
        if early > 1e-9:  # noqa: PLR2004 - what adding up fractions leaves
            return early
        due = moments[index]  # read once more: between this and the next line others are not seen
        moments[index] = max(due, now) + interval
        return 0.0

    def count(self, key: Key) -> None:
        """Count a request that others have let through: the limit is theirs as long as they keep it."""
        now, interval = monotonic(), 1 / key.rate
        due = max(self.moments[key.index], now) + interval
        self.moments[key.index] = min(due, now + max(BURST, interval))

    def give_back(self, key: Key) -> None:
        """A request that was counted will be counted again."""
        self.moments[key.index] -= 1 / key.rate


def whole_seconds(wait: float) -> int:
    """What `Retry-After` says."""
    return max(1, ceil(wait))
