"""The files of the spool: records one after another, that survive whoever wrote them.

A segment is preallocated and filled with zeros. A record is its header, its payload, and zeros up to the
next multiple of 8; where length and checksum are zero nothing more has been written. The checksum is
CRC-32 (ISO 3309, as zlib has it) over everything after it, so that a record that was torn in the middle
is told from one that is whole.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

if sys.platform != "win32":
    import fcntl

PREDICTION, OUTCOME = 1, 2
"""Kinds of records."""
SUFFIX = ".seg"
SUM, REST = Struct("<I"), Struct("<IQ16sIHH")
"""The header: the checksum; length of the payload, milliseconds of Unix time, event, rows, kind, zero."""
HEADER = SUM.size + REST.size
ALIGNED = 8
CHUNK = 2**18
"""Bytes that are read at a time."""


class Record(NamedTuple):
    """What was kept of one request.

    time: milliseconds of Unix time. event: the 16 bytes of a UUID: its own, and that of any other
    record of the same event.
    """

    kind: int
    time: int
    event: bytes
    rows: int
    payload: bytes

    @property
    def uuid(self) -> UUID:
        """The event."""
        return UUID(bytes=self.event)


def size(payload: int) -> int:
    """Bytes that a record takes whose payload has so many."""
    return (HEADER + payload + ALIGNED - 1) // ALIGNED * ALIGNED


def names(directory: Path) -> list[Path]:
    """The segments in a directory, the oldest first."""
    try:
        found = [entry for entry in os.scandir(directory) if entry.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    return [directory / name for name in sorted(entry.name for entry in found)]


def read(
    path: Path, offset: int = 0, most: int = 2**20, count: int = sys.maxsize
) -> tuple[list[Record], int, bool]:
    """The records from `offset` on, until they have `most` bytes, are `count`, or there are no more.

    Returns them, the offset after the last, and whether all is well there: False where what follows is
    no whole record, because it is damaged, or because it is being written.
    """
    found: list[Record] = []
    with path.open("rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size
        data, base, at = b"", offset, offset  # `data` is what stands from `base` on

        def whole(length: int) -> bool:
            """Have so many bytes from `at` on at hand; False where the file has fewer."""
            nonlocal data, base
            if at + length > end:
                return False
            if at + length > base + len(data):
                file.seek(at)
                data, base = file.read(max(length, min(most, CHUNK))), at
            return at + length <= base + len(data)

        while at - offset < most and len(found) < count:
            if not whole(HEADER):
                file.seek(at)
                return found, at, not any(file.read(HEADER))
            here = at - base
            length, time, event, rows, kind, _ = REST.unpack_from(data, here + SUM.size)
            [checksum] = SUM.unpack_from(data, here)
            if not length and not checksum and not any(data[here : here + HEADER]):
                break
            if not whole(HEADER + length):
                return found, at, False
            here = at - base
            body, stop = here + HEADER, here + HEADER + length
            if checksum != crc32(memoryview(data)[here + SUM.size : stop]):
                return found, at, False
            found.append(Record(kind, time, event, rows, data[body:stop]))
            at += size(length)
    return found, at, True


def rows(path: Path, offset: int = 0) -> int:
    """How many rows a segment holds from `offset` on, as far as it can be read."""
    count, at = 0, offset
    while True:
        found, at, whole = read(path, at)
        count += sum(one.rows for one in found)
        if not found or not whole:
            return count


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a segment for the block, if nobody does: whoever writes it lives no more, or is done."""
    with path.open("r+b") as file:
        yield hold(file.fileno())


def hold(descriptor: int) -> bool:
    """Whether the file is ours from now on, until it is closed."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
