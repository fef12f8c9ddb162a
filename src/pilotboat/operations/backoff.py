"""How long to wait before the next try, and how often to complain meanwhile."""

from __future__ import annotations

import random
import time

FIRST, LONGEST = 0.2, 10.0
"""Seconds before the second try, and most before any."""
EVERY = 60.0
"""Seconds between two complaints of the same."""
KINDS = 16


class Backoff:
    """Twice as long after each try that fails, and by chance up to half as short: of several who wait
    for the same, not all come at once.
    """

    def __init__(self) -> None:
        self._next = FIRST

    def failed(self) -> float:
        """Seconds until the next try."""
        wait, self._next = self._next, min(2 * self._next, LONGEST)
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def reset(self) -> None:
        """It has not failed."""
        self._next = FIRST


class Complaints:
    """Says what is worth a line of the log: the same once a minute, whatever is new at once."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def due(self, text: str) -> bool:
        """Whether to say it now."""
        now = time.monotonic()
        if now - self._said.get(text, -EVERY) < EVERY:
            return False
        if len(self._said) >= KINDS:  # texts with a number in them are all new: those wait too
            oldest = min(self._said, key=self._said.__getitem__)
            if now - self._said[oldest] < EVERY:
                return False
            del self._said[oldest]
        self._said[text] = now
        return True
