"""How often a key may ask: the generic cell rate algorithm, on memory that the workers share.

ITU-T I.371, annex A, in its form of virtual scheduling: of each key one moment is kept, at which its
next request would come if they came evenly. A request that comes earlier than the slack allows is
refused, and changes nothing.

The moment is kept as a sum: when the key was last at rest, and the seconds' worth of requests that each
worker has let through since. Each adds to its own share alone, so that none undoes what another has
counted, however long it is held up between reading and writing; and there is no lock, which a worker
that is killed would never give back. Where there was room for one, two workers may each let one
through: both are counted, and the next waits longer. Moments are those of the machine's monotonic
clock, which is the same in every process.
"""

from __future__ import annotations

from math import ceil, inf
from time import monotonic

from pilotboat.operations.ring import Key
from pilotboat.operations.seat import SHARES, Seat

BURST = 1.0
"""Seconds' worth of requests that may come at once, after a rest."""


class Meter:
    """Counts the requests of keys, for the worker that sits there."""

    def __init__(self, seat: Seat) -> None:
        self.numbers = seat.meters
        self.share = 1 + seat.slot % SHARES

    def take(self, key: Key) -> float:
        """Count a request. 0: it may be answered; else the seconds until the next may."""
        now, interval = monotonic(), 1 / key.rate
        early = self._due(key, now) - now - max(BURST - interval, 0.0)
        if early > 1e-9:  # noqa: PLR2004 - what adding up fractions leaves
            return early
        self._add(key, interval)
        return 0.0

    def count(self, key: Key) -> None:
        """Count a request that others have let through: the limit is theirs as long as they keep it."""
        now, interval = monotonic(), 1 / key.rate
        self._due(key, now, now + max(BURST - interval, 0.0))
        self._add(key, interval)

    def give_back(self, key: Key) -> None:
        """A request that was counted will be counted again."""
        self._add(key, -1 / key.rate)

    def _due(self, key: Key, earliest: float, latest: float = inf) -> float:
        """When the key's next request would come, which is put between these two."""
        rest = key.index * (1 + SHARES)
        worth = sum(self.numbers[rest + 1 : rest + 1 + SHARES])
        due = self.numbers[rest] + worth
        between = min(max(due, earliest), latest)
        if between != due:
            self.numbers[rest] = between - worth
        return between

    def _add(self, key: Key, interval: float) -> None:
        self.numbers[key.index * (1 + SHARES) + self.share] += interval


def whole_seconds(wait: float) -> int:
    """What `Retry-After` says."""
    return max(1, ceil(wait))
