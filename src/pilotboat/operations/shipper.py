"""Brings what workers have put into the spool into the store, each record once.

A segment goes when everything in it is committed and nobody writes it any more. What was committed and
is sent once more, because this process was killed in between, the store knows by its event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from pilotboat.errors import DataRefusedError, StoreUnavailableError
from pilotboat.operations import parking, progress, segments
from pilotboat.operations.backoff import Backoff, Complaints
from pilotboat.operations.parking import DEAD, Parking
from pilotboat.operations.segments import Record
from pilotboat.operations.tail import End, Tail, gather, judge

logger = logging.getLogger(__name__)

TURN = 0.2
"""Seconds between two looks at the spool."""
TOLD = 1.0
"""Seconds between two writings of the status at least, while it changes; `QUIET` while it does not."""
QUIET = 10.0
LOOK = 4 * 2**20
"""Bytes of what waits that are counted at a time."""
LAST = 5.0
"""Seconds that the last drain may take."""
LOCK = "shipper.lock"


class Store(Protocol):
    """Where records go: see `pilotboat.operations.store`."""

    def write(self, records: Sequence[Record], /) -> int:
        """Store them, or none, and return how many rows are new.

        Raises `DataRefusedError` if at least one of them can never be stored, `StoreUnavailableError`
        if now is not the time.
        """

    def close(self) -> None: ...


class Shipper:
    """Ships the spool in `directory`. opened: opens the store; raises `StoreUnavailableError`."""

    def __init__(self, directory: Path, opened: Callable[[], Store]) -> None:
        self.directory, self.opened = directory, opened
        self.parking = Parking(directory / DEAD)
        self.progress = progress.resumed(directory)
        self.tails: dict[str, Tail] = {}
        self._store: Store | None = None
        self._turns = 0
        self._backoff, self._complaints = Backoff(), Complaints()
        self._failing: float | None = None
        self._told: dict[str, Any] = {}
        self._looked = self._written = -QUIET

    def run(self, wait: Callable[[float], bool]) -> None:
        """Ship until `wait`, which waits for so many seconds, says that it is time to stop."""
        due = 0.0
        while True:
            pause = TURN
            if time.monotonic() < due:
                self._list()
            elif self._try():
                pause = 0.0
            elif self._failing is not None:
                due = time.monotonic() + self._backoff.failed()
            self._tell()
            if wait(pause):
                break
        self.finish()

    def _try(self) -> bool:
        """One turn, whatever comes of it; whether there may be more at once."""
        try:
            return self.turn()
        except StoreUnavailableError as error:
            self._lost(error)
            return False

    def turn(self) -> bool:
        """Ship a batch, and remove the segments that are done; whether there may be more at once.

        Raises `StoreUnavailableError`.
        """
        self._list()
        if self._store is None:
            self._store = self.opened()
        tails = list(self.tails.values())
        batch = gather(tails, self._turns)
        self._turns += 1
        if batch.records:
            self._put(self._store, batch.records)
            batch.stored()
        self._found()
        more = batch.is_full
        for tail in tails:
            if tail.fault:
                self._complain("%s cannot be read: %s", tail.path, tail.fault)
            elif tail.is_dry:
                more |= self._end(tail)
        return more

    def finish(self, seconds: float = LAST) -> None:
        """Ship what there is, for so long at most, if the store is there."""
        end = time.monotonic() + seconds
        with suppress(StoreUnavailableError):
            while self._failing is None and time.monotonic() < end:
                if not self.turn():
                    break
        self._tell(at_once=True)
        self._close()

    def left(self) -> list[Tail]:
        """Segments with something that is not stored."""
        found = []
        for tail in self.tails.values():
            with suppress(OSError):
                tail.look(LOOK)
            if tail.waiting or tail.fault:
                found.append(tail)
        return found

    def _list(self) -> None:
        """See which segments there are."""
        known, self.tails = self.tails, {}
        for path in segments.names(self.directory):
            tail = known.get(path.name)
            self.tails[path.name] = tail or Tail(path, self._offset(path))

    def _offset(self, path: Path) -> int:
        """How far the shipper before this one has stored a segment."""
        offset = self.progress.offsets.get(path.name, 0)
        with suppress(OSError):
            if offset % segments.ALIGNED == 0 and offset <= path.stat().st_size:
                return offset
        return 0

    def _put(self, store: Store, records: list[Record]) -> None:
        """Store records; those that are refused are found, and parked."""
        parts = [records]
        while parts:
            part = parts.pop()
            try:
                self.progress.stored_rows += store.write(part)
            except DataRefusedError as error:
                if len(part) == 1 and (rows := parking.split(part[0])):
                    part = rows
                elif len(part) == 1:
                    self._park(part[0], str(error))
                    continue
                parts += _smaller(part, error.facts.get("event"))

    def _park(self, record: Record, reason: str) -> None:
        if self.parking.holds(record):
            return
        try:
            self.progress.lost_rows += self.parking.park(record, reason)
        except OSError as error:  # what can be stored must not wait for a disk with room
            self.progress.lost_rows += record.rows
            why = error.strerror or type(error).__name__
            self._complain(
                "rows that the store refuses are lost: %s: %s", self.parking.directory, why
            )
        else:
            where = self.parking.directory
            self._complain("rows that the store refuses are put into %s, with the reason", where)
        self.progress.parked_rows += record.rows

    def _end(self, tail: Tail) -> bool:
        """Remove a segment that is stored to its end and that nobody writes any more.

        Returns whether there is more in it instead.
        """
        try:
            with segments.held(tail.path) as ours:
                if not ours:
                    return False
                if not self._is_over(tail):
                    return True
                tail.path.unlink()
            del self.tails[tail.path.name]
        except FileNotFoundError:  # it had to make room
            self.tails.pop(tail.path.name, None)
        except OSError as error:
            why = error.strerror or type(error).__name__
            self._complain("%s cannot be removed: %s", tail.path, why)
        return False

    def _is_over(self, tail: Tail) -> bool:
        """Whether a segment that is ours holds nothing more; what is damaged in it is passed over.

        Raises `OSError`.
        """
        end, reached = judge(tail)
        name, length = tail.path.name, reached - tail.offset
        if end is End.TORN:
            self.progress.torn += 1
            logger.warning("%s ends with %d bytes of a record that is not whole", name, length)
        elif end is End.DAMAGED:
            self.progress.damaged += 1
            kept = self._kept(tail, length)
            logger.error(
                "%s: %d bytes are damaged, %s: nothing can be read there", name, length, kept
            )
            tail.store(reached, 0)
        return end in (End.CLEAN, End.TORN)

    def _kept(self, tail: Tail, length: int) -> str:
        """Keep a copy of a damaged part, and say where."""
        name = f"{tail.path.stem}-{tail.offset}.bin"
        try:
            with tail.path.open("rb") as file:
                file.seek(tail.offset)
                self.progress.lost_rows += self.parking.keep(name, file.read(length))
        except OSError as error:
            return f"of which no copy could be made ({error.strerror})"
        return f"with a copy in {DEAD}/{name}"

    def _lost(self, error: StoreUnavailableError) -> None:
        """The store cannot be used: begin anew with another connection."""
        self._close()
        first = self._failing is None
        if first:
            self._failing = time.monotonic()
        self.progress.error = str(error)
        if self._complaints.due(str(error)):
            logger.error("predictions wait in the spool, the store cannot be used: %s", error)
        self._tell(at_once=first)  # with the offsets: they stay so for a while

    def _found(self) -> None:
        """The store can be used."""
        self._backoff.reset()
        if self._failing is None:
            return
        self._count()
        told = self.progress
        logger.warning(
            "stored again after %.0f s, %d rows behind",
            time.monotonic() - self._failing,
            told.waiting_rows,
        )
        self._failing, told.error = None, ""

    def _close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            with suppress(StoreUnavailableError, OSError):
                store.close()

    def _complain(self, text: str, *values: object) -> None:
        if self._complaints.due(text % values):
            logger.error(text, *values)

    def _count(self) -> None:
        """Gather what waits, and since when."""
        told, room = self.progress, LOOK
        oldest: list[int] = []
        for tail in self.tails.values():
            with suppress(OSError):
                room -= tail.look(room) if room > 0 else 0
                oldest += [first for first in [tail.oldest()] if first is not None]
        tails = self.tails.values()
        told.waiting_rows = sum(tail.rows for tail in tails)
        told.waiting_bytes = sum(tail.waiting for tail in tails)
        told.lag_seconds = max(round(time.time() - min(oldest) / 1000, 3), 0.0) if oldest else 0.0
        told.offsets = {name: tail.offset for name, tail in self.tails.items() if tail.offset}

    def _tell(self, *, at_once: bool = False) -> None:
        """Write the status: when it changes, and now and then, so that one sees it is not too old."""
        now = time.monotonic()
        if not at_once and now - self._looked < TOLD:
            return
        self._looked = now
        self._count()
        told = asdict(self.progress) | {"time": 0}
        if told == self._told and now - self._written < QUIET:
            return
        self._told, self._written = told, now
        try:
            self.progress.write(self.directory)
        except OSError as error:
            self._complain("the shipper's status cannot be written: %s", error.strerror)


def _smaller(records: list[Record], guilty: str | None) -> list[list[Record]]:
    """Parts of what was refused; the last is to be tried first. guilty: the event at fault, if known."""
    for number, record in enumerate(records):
        if str(record.uuid) == guilty:
            parts = [records[number + 1 :], [record], records[:number]]
            return [part for part in parts if part]
    half = len(records) // 2
    return [records[half:], records[:half]]


@contextmanager
def alone(directory: Path, *, waits: Callable[[float], bool] | None = None) -> Iterator[bool]:
    """Be the one shipper of a spool, for the block. Yields False if there is another.

    waits: waits for so many seconds, and says when to give up; None: at once. Raises `OSError`.
    """
    with (directory / LOCK).open("ab") as file:
        while not (ours := segments.hold(file.fileno())):
            if waits is None or waits(TURN):
                break
        yield ours
