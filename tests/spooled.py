"""Records for tests, and segments with them, written as workers write them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pilotboat.operations import segments
from pilotboat.operations.segments import PREDICTION
from pilotboat.operations.spool import Spool

MOST = 2**26
SMALL = 2**20
"""A bound under which segments are as small as they get, 64 KiB."""


def prediction(request: str, *values: Any, model: str = "titanic", row: int = 0) -> bytes:
    """The payload of rows with one input each, which begin with number `row` of their request."""
    head = {"model": model, "version": "1", "digest": "0" * 64, "operation": "predict"}
    head |= {"inputs": ["x"], "classes": ["no", "yes"]}  # type: ignore[dict-item]
    count = len(values)
    rows, shares = [[value] for value in values], [[0.25, 0.75]] * count
    body = [request, None, row, 0.125, rows, ["yes"] * count, shares, None]
    return json.dumps(head).encode() + b"\n" + json.dumps(body).encode()


def outcome(*items: dict[str, Any]) -> bytes:
    """The payload of outcomes; what they leave out is null."""
    empty = {"id": None, "row": 0, "reference": None, "model": None, "actual": None, "time": None}
    return json.dumps({"key": None, "outcomes": [empty | one for one in items]}).encode()


def fill(directory: Path, payloads: Iterable[bytes], *, most: int = MOST) -> list[Path]:
    """Segments with these predictions of one row each, whose writer is done."""
    before = set(segments.names(directory))
    spool = Spool(directory, most)
    for payload in payloads:
        spool.append(PREDICTION, 1, payload)
    spool.close()
    return [path for path in segments.names(directory) if path not in before]


def requests(first: int, count: int) -> list[bytes]:
    """Predictions of requests r-FIRST and so on."""
    return [prediction(f"r-{number}", number) for number in range(first, first + count)]


def abandon(directory: Path, payloads: Iterable[bytes], length: int = 2**16) -> Path:
    """A segment whose writer has died: it is as long as it was made."""
    [path] = fill(directory, payloads)
    with path.open("r+b") as file:
        file.truncate(length)
    return path


def copied(path: Path, number: int, content: bytes) -> Path:
    """Another segment beside `path`."""
    made = path.with_name(f"{number:013d}-{number:08x}{segments.SUFFIX}")
    shutil.copyfile(path, made)
    made.write_bytes(content)
    return made
