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
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
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


@dataclass(frozen=True, slots=True)
class Record:
    """What was kept of one request. event: its own, and that of any other record of the same event.

    time: milliseconds of Unix time.
    """

    kind: int
    time: int
    event: UUID
    rows: int
    payload: bytes


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


def read(path: Path, offset: int = 0, most: int = 2**20) -> tuple[list[Record], int, bool]:
    """The records from `offset` on, until they have `most` bytes or there are no more.

    Returns them, the offset after the last, and whether all is well there: False where what follows is
    no whole record, because it is damaged, or because it is being written.
    """
    found: list[Record] = []
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        start = at = offset
        while at - start < most:
            file.seek(at)
            head = file.read(HEADER)
            if not any(head):
                break
            if len(head) < HEADER:
                return found, at, False
            length, time, event, rows, kind, _ = REST.unpack_from(head, SUM.size)
            if length > end - at - HEADER:
                return found, at, False
            payload = file.read(length)
            if SUM.unpack_from(head)[0] != crc32(payload, crc32(head[SUM.size :])):
                return found, at, False
            found.append(Record(kind, time, UUID(bytes=event), rows, payload))
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
