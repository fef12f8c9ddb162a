"""A segment of the spool, as far as it has been stored, and batches of what has not."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from pilotboat.operations import segments
from pilotboat.operations.segments import ALIGNED, HEADER, OUTCOME, PREDICTION, REST, SUM, Record

logger = logging.getLogger(__name__)

RECORDS, BYTES, ROWS = 2000, 2**20, 5000
"""A batch is full when it has so many."""
PIECE, PIECES = 2**17, 500
"""Bytes and records that one segment gives at a time."""
RECENT = 8
"""Segments that are taken for those which are being written: the newest."""
WINDOW = 2**20
KINDS = frozenset(kind.to_bytes(2, "little") + bytes(2) for kind in (PREDICTION, OUTCOME))
"""The last bytes of a header. No JSON text holds them, so that no payload looks like a record."""
KIND = HEADER - 4


class End(Enum):
    """What the end of a segment is. OPEN: of one that is being written, or has more."""

    OPEN = "open"
    CLEAN = "clean"
    TORN = "torn"
    DAMAGED = "damaged"


class Tail:
    """A segment. offset: all before it is stored. rows: of the records from there to `seen`."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = self.seen = offset
        self.rows = 0
        self.is_dry = False
        """It had nothing more when it was last read."""
        self.fault = ""
        """Why it cannot be read."""
        self._first: tuple[int, int] | None = None

    @property
    def waiting(self) -> int:
        """Bytes that are not stored, as far as they have been seen."""
        return self.seen - self.offset

    def store(self, end: int, rows: int) -> None:
        """All up to `end`, with so many rows, is stored."""
        self.rows = max(self.rows - rows, 0) if self.seen > end else 0
        self.offset, self.seen = end, max(self.seen, end)

    def look(self, most: int) -> int:
        """See what has been written meanwhile, as far as `most` bytes reach; how many there were."""
        found, end, _ = segments.read(self.path, self.seen, most)
        self.rows += sum(one.rows for one in found)
        read, self.seen = end - self.seen, end
        return read

    def oldest(self) -> int | None:
        """The time of the first record that is not stored, in milliseconds; None where all is."""
        if not self.waiting:
            return None
        if self._first is None or self._first[0] != self.offset:
            found, _, _ = segments.read(self.path, self.offset, 1)
            if not found:
                return None
            self._first = self.offset, found[0].time
        return self._first[1]


@dataclass(slots=True)
class Batch:
    """Records of several segments. ends: how far they reach in each; counts: their rows there."""

    records: list[Record] = field(default_factory=list)
    ends: dict[Tail, int] = field(default_factory=dict)
    counts: dict[Tail, int] = field(default_factory=dict)
    bytes: int = 0
    rows: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.records) >= RECORDS or self.bytes >= BYTES or self.rows >= ROWS

    def take(self, tail: Tail) -> bool:
        """Take a piece of a segment; whether there was any. Raises `OSError`."""
        end = self.ends.get(tail, tail.offset)
        left = min(PIECES, RECORDS - len(self.records))
        found, _, _ = segments.read(tail.path, end, PIECE, left)
        tail.is_dry = not found
        rows = 0
        for record in found:
            if self.is_full:
                break
            taken = segments.size(len(record.payload))
            self.records.append(record)
            self.bytes += taken
            self.rows += record.rows
            rows += record.rows
            end += taken
        self.ends[tail] = end
        self.counts[tail] = self.counts.get(tail, 0) + rows
        return bool(found)

    def stored(self) -> None:
        """All of it is stored."""
        for tail, end in self.ends.items():
            tail.store(end, self.counts[tail])


def gather(tails: Sequence[Tail], turn: int) -> Batch:
    """A batch of what is not stored yet, of all segments alike.

    One half is for the oldest, so that the spool becomes smaller; the other for those that are being
    written, so that what was just answered need not wait until all the rest is stored. turn: counts the
    batches. A segment that cannot be read is left out, and its `fault` says why.
    """
    batch = Batch()
    order = list(_alternately(tails, turn))
    for tail in order:
        tail.is_dry, tail.fault = False, ""
    while order:
        left = []
        for tail in order:
            if batch.is_full:
                return batch
            try:
                if batch.take(tail):
                    left.append(tail)
            except FileNotFoundError:  # it had to make room
                continue
            except OSError as error:
                tail.fault = error.strerror or type(error).__name__
        order = left
    return batch


def _alternately(tails: Sequence[Tail], turn: int) -> Iterator[Tail]:
    """The oldest, one of the newest, the second oldest, and so on."""
    recent = list(tails[-RECENT:])
    start = turn % len(recent) if recent else 0
    recent = recent[start:] + recent[:start]
    given: set[Tail] = set()
    for number, tail in enumerate(tails):
        for one in (tail, *recent[number : number + 1]):
            if one not in given:
                given.add(one)
                yield one


def judge(tail: Tail) -> tuple[End, int]:
    """What stands behind the last record of a segment that nobody writes any more, and where it ends.

    TORN: bytes, and no record after them, that reach to the offset returned. DAMAGED: there is a record
    after them, at the offset returned. Raises `OSError`.
    """
    found, _, _ = segments.read(tail.path, tail.offset, 1)
    if found:
        return End.OPEN, tail.offset
    last = tail.offset
    with tail.path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for start in range(tail.offset, size, WINDOW):
            file.seek(start)
            window = file.read(WINDOW + HEADER)
            if not any(window):
                continue
            last = start + len(window.rstrip(b"\0")[:WINDOW])
            for at in _likely(window, start, size):
                if segments.read(tail.path, at, 1)[0]:
                    return End.DAMAGED, at
    return (End.TORN if last > tail.offset else End.CLEAN), last


def _likely(window: bytes, start: int, size: int) -> Iterator[int]:
    """Offsets at which a header may stand, of those in a window that begins at `start`."""
    for at in range(0, min(len(window) - HEADER + 1, WINDOW), ALIGNED):
        if window[at + KIND : at + HEADER] in KINDS:
            length: int = REST.unpack_from(window, at + SUM.size)[0]
            if length <= size - start - at - HEADER:
                yield start + at
