"""What waits for the database: records that are on their way before an answer leaves.

Each worker writes a segment of its own (see `segments`), which it has mapped: a record is there once its
bytes have been copied, without a system call, and the kernel keeps them however the process ends. The
shipper takes them from there. All segments of a directory have a bound together.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from mmap import mmap
from pathlib import Path
from struct import Struct
from typing import Literal
from zlib import crc32

from pilotboat.errors import SpoolFullError
from pilotboat.operations import progress, segments
from pilotboat.operations.segments import HEADER, OUTCOME, REST, SUFFIX, SUM

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

Full = Literal["drop_newest", "drop_oldest", "reject_503"]
LARGEST, PARTS = 8 * 2**20, 16
"""A segment has at most so many bytes, and at most such a part of what all may have."""
AGAIN = 1.0
"""Seconds until it is tried again to begin a segment."""
COMPLAINT = 60.0
"""Seconds between two complaints."""
LOCK, DRAFT = "lock", ".new"
EVENT = Struct(">QQ")
NUMBERS = count()


class Segment:
    """A segment that is being written. Raises `OSError` where it cannot be made.

    The room is taken from the disk at once: a disk that fills up later must end no worker.
    """

    def __init__(self, directory: Path, length: int) -> None:
        self.path = directory / f"{_name()}{SUFFIX}"
        self.length, self.end = length, 0
        self.is_named = False  # on the disk, in its directory
        # It gets its name when it is held: what nobody holds, the shipper takes and removes.
        draft = self.path.with_suffix(DRAFT)
        self.file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            segments.hold(self.file)
            _reserve(self.file, length)
            self.bytes = mmap(self.file, length)
            self.view = memoryview(self.bytes)
            draft.rename(self.path)
        except BaseException:
            os.close(self.file)
            with suppress(OSError):
                draft.unlink()
            raise

    def put(self, kind: int, time: int, event: bytes, rows: int, payload: bytes) -> None:
        """Write a record; its checksum last, so that one which is cut off in the middle is none."""
        start, length = self.end, len(payload)
        body = start + HEADER
        self.view[body : body + length] = payload
        REST.pack_into(self.view, start + SUM.size, length, time, event, rows, kind, 0)
        SUM.pack_into(self.view, start, crc32(self.view[start + SUM.size : body + length]))
        self.end = start + segments.size(length)

    def seal(self) -> None:
        """Write no more: what was not needed is given back. `close` has to follow."""
        self.view.release()
        self.bytes.close()
        with suppress(OSError):
            os.ftruncate(self.file, self.end)

    def close(self) -> None:
        """Let whoever reads have it; one without a record goes."""
        if not self.end:
            with suppress(OSError):
                self.path.unlink()
        with suppress(OSError):  # of a disk that is not local: what it has lost, `synced` told
            os.close(self.file)


def _name() -> str:
    """A name after all those before: milliseconds, a number within them, and chance."""
    return f"{time.time_ns() // 10**6:013d}-{next(NUMBERS) & 0xFFFF:04x}{os.urandom(4).hex()}"


def _reserve(file: int, length: int) -> None:
    """Take so many bytes of zeros from the disk."""
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is not None:
        allocate(file, 0, length)
        return
    piece = bytes(2**20)  # pragma: no cover - macOS
    for start in range(0, length, len(piece)):  # pragma: no cover - macOS
        os.write(file, piece[: length - start])


class Spool:
    """Takes records for the shipper.

    most: bytes of all segments in `directory`. full: what happens when they are used up, or the disk
    is: the new is dropped, the oldest is dropped, or `SpoolFullError` is raised; for outcomes it always
    is. syncs: `synced` will be
    called. rows: of predictions that were taken. dropped: of those that were not, or went later, by
    reason: "newest", "oldest", "disk".
    """

    def __init__(
        self, directory: Path, most: int, full: Full = "drop_newest", *, syncs: bool = False
    ) -> None:
        self.directory, self.most, self.full, self.syncs = directory, most, full, syncs
        self.length = max(min(LARGEST, most // PARTS), 2**16)
        self.rows = 0
        self.dropped: Counter[str] = Counter()
        # Events are UUIDs of version 7, RFC 9562 section 5.7: the time, and a number that only begins
        # at random.
        self._high = 0x7000 | secrets.randbits(12)
        self._low = 1 << 63 | secrets.randbits(61)
        self._segment: Segment | None = None
        self._sealed: list[Segment] = []  # not yet on the disk
        self._waiting: list[asyncio.Future[bool]] = []
        self._commit: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._fault = ""
        self._complained = -COMPLAINT

    def append(self, kind: int, rows: int, payload: bytes, event: bytes | None = None) -> None:
        """Take a record: when this returns it outlives this process. event: None for one of its own.

        Raises `SpoolFullError` where there is no room for it and that is to be refused.
        """
        segment = self._segment
        if segment is None or segment.end + HEADER + len(payload) > segment.length:
            segment = self._begun(segments.size(len(payload)))
        if segment is None:
            self._refuse(rows, must=kind == OUTCOME)
            return
        now = time.time_ns() // 1_000_000
        if event is None:
            event = EVENT.pack(now << 16 | self._high, self._low)
            self._low += 1
        segment.put(kind, now, event, rows, payload)
        self.rows += rows

    async def synced(self, *, must: bool = False) -> None:
        """Wait until what was taken is on the disk. Those who wait at the same time wait together.

        Raises `SpoolFullError` where the disk fails and that is to be refused; with `must` it is.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._commit is None:
            self._commit = asyncio.create_task(self._committed())
        if not await done:
            self._refuse(0, must=must)

    def close(self) -> None:
        """Write no more. What was taken stays for the shipper."""
        self._seal()
        for segment in self._sealed:
            segment.close()
        self._sealed.clear()

    def _begun(self, need: int) -> Segment | None:
        """A new segment with room for so many bytes; None where there is no room, or no disk."""
        if time.monotonic() < self._not_before:
            return None
        length = max(self.length, need)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self.directory / LOCK):
                made = Segment(self.directory, length) if self._has_room(length) else None
            self._fault = "" if made else "full"
        except OSError as error:
            made, self._fault = None, error.strerror or type(error).__name__
        if made is None:
            if length == self.length:  # a record that is larger than usual tells nothing of others
                self._not_before = time.monotonic() + AGAIN
            return None
        self._seal()
        self._segment = made
        return made

    def _has_room(self, length: int) -> bool:
        """Whether a segment more is within the bound; for that, the oldest may have to go."""
        for draft in self.directory.glob(f"*{DRAFT}"):  # of a worker that was killed making it
            draft.unlink()
        found = []
        for path in segments.names(self.directory):
            with suppress(FileNotFoundError):  # the shipper is done with it
                found.append((path, path.stat().st_size))
        room = self.most - sum(size for _, size in found)
        for path, size in found if self.full == "drop_oldest" else ():
            if room >= length:
                break
            with suppress(FileNotFoundError), segments.held(path) as ours:
                if ours:
                    stored = progress.resumed(self.directory).offsets.get(path.name, 0)
                    self.dropped["oldest"] += segments.rows(path, stored)
                    path.unlink()
                    room += size
        return room >= length

    def _seal(self) -> None:
        if self._segment is None:
            return
        self._segment.seal()
        if self.syncs:
            self._sealed.append(self._segment)
        else:
            self._segment.close()
        self._segment = None

    def _refuse(self, rows: int, *, must: bool) -> None:
        """Do with rows for which there is no room what is to be done. must: an answer is not all that
        their caller wants.
        """
        full, refuses = self._fault == "full", must or self.full == "reject_503"
        now = time.monotonic()
        if now - self._complained >= COMPLAINT:
            self._complained = now
            why = f"the {self.most:,} bytes that may wait are used up" if full else self._fault
            what = "refused, because it cannot be" if refuses else "answered and not"
            logger.error("what comes is %s kept: %s: %s", what, self.directory, why)
        if refuses:
            raise SpoolFullError(
                "This cannot be kept at present, and has to be.",
                hint="The server's log says why.",
                retry_after=5,
            )
        self.dropped["newest" if full else "disk"] += rows

    async def _committed(self) -> None:
        """Have the disk write what is waited for, until nothing is."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            sealed, self._sealed = self._sealed, []
            live = [] if self._segment is None else [self._segment]
            try:
                await loop.run_in_executor(None, _write, [*sealed, *live], self.directory)
                written = True
            except OSError as error:
                written, self._fault = False, error.strerror or type(error).__name__
            for segment in sealed:
                segment.close()
            for done in waiting:
                if not done.done():
                    done.set_result(written)
        self._commit = None


def _write(written: list[Segment], directory: Path) -> None:
    """Have the disk write segments, and the directory that names them."""
    for segment in written:
        os.fsync(segment.file)
        if not segment.is_named and os.name == "posix":
            entry = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(entry)
            finally:
                os.close(entry)
            segment.is_named = True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One at a time, of all workers."""
    with path.open("ab") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
