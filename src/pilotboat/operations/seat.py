"""Where a worker sits among those of one server, and the little that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path

COUNTERS, METERS, SHARES = 16, 4096, 32
"""SHARES: of each meter, one for each slot; more workers than that share some."""


def shared() -> memoryview[float]:
    """Numbers of 64 bits, shared by the processes that are forked from this one. Only what is used takes room."""
    return memoryview(mmap(-1, 8 * (COUNTERS + METERS * (1 + SHARES)))).cast("d")


@dataclass(frozen=True, slots=True)
class Seat:
    """A worker's place. A worker that takes over from another has its slot, not its process id.

    slot: from 0 upwards, the lowest that is free. directory: of files that all workers may read, gone
    with the server; None: this process is the only one.
    """

    slot: int = 0
    directory: Path | None = None
    numbers: memoryview[float] = field(default_factory=shared)

    @property
    def counters(self) -> memoryview[float]:
        """What the supervisor counts; see the names beside it."""
        return self.numbers[:COUNTERS]

    @property
    def meters(self) -> memoryview[float]:
        """`1 + SHARES` numbers for each API key: see `operations.meter`."""
        return self.numbers[COUNTERS:]


RESTARTS, WORKERS, READY = range(3)
"""In `Seat.counters`, written by the supervisor: workers that ended unasked and were replaced; workers
that take requests; 1 where the last of them found every model, else 0.
"""
