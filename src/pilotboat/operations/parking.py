"""Where records go that the store refuses: a file each, with the reason, for whoever looks after it.

Bounded: what came first has to make room. Files of one user, since they hold what was predicted.
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pilotboat.operations.segments import OUTCOME, PREDICTION, Record

DEAD = "dead"
MOST = 64 * 2**20
BLOCK = 4096
"""Bytes of all files, each rounded up to what it takes of a disk."""
LEFT = 0.9
"""Share of that which is left when room is made: not for each file anew."""


class Parking:
    """The files in `directory`."""

    def __init__(self, directory: Path, most: int = MOST) -> None:
        self.directory, self.most = directory, most
        self._taken: int | None = None

    def park(self, record: Record, reason: str) -> int:
        """Keep a record that the store refuses. Returns how many files had to make room.

        Raises `OSError` where it cannot be kept.
        """
        told: dict[str, Any] = {
            "event": str(record.uuid),
            "kind": record.kind,
            "time": _iso(record.time / 1000),
            "rows": record.rows,
            "parked": _iso(datetime.now(UTC).timestamp()),
            "reason": reason,
        }
        try:
            told["payload"] = record.payload.decode()
        except UnicodeDecodeError:
            told["base64"] = base64.b64encode(record.payload).decode()
        return self.keep(f"{record.uuid}.json", json.dumps(told).encode())

    def holds(self, record: Record) -> bool:
        """Whether that record is parked."""
        return (self.directory / f"{record.uuid}.json").exists()

    def keep(self, name: str, content: bytes) -> int:
        """Write a file. Returns how many had to make room. Raises `OSError`."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        gone = self._make_room(_taken(len(content)))
        draft = self.directory / f".{name}"
        try:
            opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(opened, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.directory / name)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
        return gone

    def _make_room(self, need: int) -> int:
        """Remove what came first, if so many bytes more are too many."""
        if self._taken is None or self._taken + need > self.most:
            files = sorted(self._files())  # others may have removed some
            self._taken = sum(size for _, size, _ in files)
        else:
            files = []
        gone = 0
        if self._taken + need > self.most:
            for _, size, path in files:
                if self._taken + need <= self.most * LEFT:
                    break
                with suppress(FileNotFoundError):
                    path.unlink()
                self._taken -= size
                gone += 1
        self._taken += need
        return gone

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        for entry in os.scandir(self.directory):
            with suppress(FileNotFoundError):
                told = entry.stat()
                yield told.st_mtime_ns, _taken(told.st_size), Path(entry.path)


def _taken(size: int) -> int:
    """What a file of so many bytes takes."""
    return -(-size // BLOCK) * BLOCK


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def load(path: Path) -> Record:
    """The record that is parked in a file. Raises `OSError` or `ValueError`."""
    told = json.loads(path.read_bytes())
    try:
        payload = base64.b64decode(told["base64"]) if "base64" in told else told["payload"].encode()
        time = round(datetime.fromisoformat(told["time"]).timestamp() * 1000)
        return Record(
            int(told["kind"]), time, UUID(told["event"]).bytes, int(told["rows"]), payload
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no parked record") from error


def split(record: Record) -> list[Record]:
    """A record for each of its rows, with events that follow from its own; none where it has but one
    row, or is not understood.
    """
    try:
        if record.kind == PREDICTION:
            head, _, body = record.payload.partition(b"\n")
            parts = [head + b"\n" + one for one in _rows(json.loads(body))]
        elif record.kind == OUTCOME:
            told = json.loads(record.payload)
            parts = [_dumped(told | {"outcomes": [one]}) for one in told["outcomes"]]
        else:
            return []
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return []
    if len(parts) <= 1:
        return []
    return [
        Record(record.kind, record.time, uuid.uuid5(record.uuid, str(number)).bytes, 1, part)
        for number, part in enumerate(parts)
    ]


def _rows(body: list[Any]) -> Iterator[bytes]:
    """The body of a prediction of several rows as bodies of one each. Raises `ValueError`."""
    request, key, first, ms, rows, predictions, probabilities, references = body
    for row, (cells, prediction) in enumerate(zip(rows, predictions, strict=True)):
        shares = None if probabilities is None else [probabilities[row]]
        names = None if references is None else [references[row]]
        yield _dumped([request, key, first + row, ms, [cells], [prediction], shares, names])


def _dumped(value: Any) -> bytes:
    """As JSON, in ASCII: half a character stays one."""
    return json.dumps(value, separators=(",", ":")).encode()
