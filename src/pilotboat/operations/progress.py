"""What the shipper has done and where it is, in a file that outlives it and that workers read."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

STATUS = "status.json"


@dataclass(slots=True)
class Progress:
    """Counters go on over restarts; what the last second before a kill -9 added may be missing.

    stored_rows: rows that are in the store. parked_rows: rows that it refuses, in dead/. lost_rows: of
    those, what had to make room there, or had none. torn: records that nobody finished. damaged: places
    where records were, and cannot be read. waiting_rows, waiting_bytes: in the spool. lag_seconds: the
    age of the oldest of them. error: why nothing is stored at present. offsets: how far each segment is
    stored.
    """

    time: float = 0.0
    pid: int = 0
    stored_rows: int = 0
    parked_rows: int = 0
    lost_rows: int = 0
    torn: int = 0
    damaged: int = 0
    lag_seconds: float = 0.0
    waiting_rows: int = 0
    waiting_bytes: int = 0
    error: str = ""
    offsets: dict[str, int] = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        """Tell others, all at once. Raises `OSError`."""
        self.time, self.pid = time.time(), os.getpid()
        draft = directory / f".{STATUS}"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(directory / STATUS)


COUNTERS = ("stored_rows", "parked_rows", "lost_rows", "torn", "damaged")


def read(directory: Path) -> dict[str, Any]:
    """What was told last, of the spool in `directory`; nothing where nothing can be read."""
    try:
        told = json.loads((directory / STATUS).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def resumed(directory: Path) -> Progress:
    """The counters and offsets of the shipper before this one."""
    told = read(directory)
    offsets = told.get("offsets")
    made = Progress(
        offsets={k: v for k, v in offsets.items() if _is_count(v)}
        if isinstance(offsets, dict)
        else {}
    )
    for name in COUNTERS:
        if _is_count(told.get(name)):
            setattr(made, name, told[name])
    return made


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0
