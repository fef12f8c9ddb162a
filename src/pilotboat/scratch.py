"""Where workers keep their heartbeats and what they show each other: in memory, where there is room."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pilotboat.errors import EnvironmentFault

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - heartbeats on a disk would stop with it
ROOM, EACH = 2**20, 2**18
"""Bytes that have to be free: always, and for each worker."""


def wanted(workers: int) -> int:
    """Bytes that `workers` want."""
    return ROOM + workers * EACH


def free(path: Path) -> int | None:
    """Bytes that may be written to a directory; None where it is not there, or not writable."""
    if not os.access(path, os.W_OK | os.X_OK):
        return None
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def temporary() -> Path | None:
    """The directory for temporary files; None where no directory is writable."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None


def places() -> list[Path]:
    """The directories that may serve, the best first."""
    usual = temporary()
    return [SHARED_MEMORY] if usual is None else [SHARED_MEMORY, usual]


def choose(workers: int, places: Iterable[Path]) -> Path:
    """The first directory with room for so many workers.

    Raises `EnvironmentFault` that names each with its bytes.
    """
    need, seen = wanted(workers), []
    for path in places:
        room = free(path)
        if room is not None and room >= need:
            return path
        seen.append(f"{path} {'is not writable' if room is None else f'has {room:,} bytes free'}")
    raise EnvironmentFault(
        f"There is no room for what {workers} worker{'s' if workers > 1 else ''} share, "
        f"{need:,} bytes: {', '.join(seen)}.",
        code="no-room",
        hint="Give /dev/shm more (docker run --shm-size 16m), or a writable /tmp (--tmpfs /tmp).",
    )
