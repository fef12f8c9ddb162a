"""What the shipper tells of itself, and takes up again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pilotboat.operations.progress import COUNTERS, STATUS, Progress, read, resumed


def test_counters_and_offsets_go_on(tmp_path: Path) -> None:
    told = Progress(stored_rows=7, parked_rows=3, lost_rows=1, torn=2, damaged=4)
    told.offsets, told.error, told.lag_seconds = {"1-a.seg": 64}, "gone", 9.0
    told.write(tmp_path)
    again = resumed(tmp_path)
    assert [getattr(again, name) for name in COUNTERS] == [7, 3, 1, 2, 4]
    assert again.offsets == {"1-a.seg": 64}
    assert (again.error, again.lag_seconds) == ("", 0.0)
    assert read(tmp_path)["pid"] == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == [STATUS]


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"stored_rows": "7", "offsets": [1]}', '{"stored_rows": -1}']
)
def test_what_cannot_be_read_is_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / STATUS).write_text(text)
    assert resumed(tmp_path) == Progress()


def test_offsets_are_taken_one_by_one(tmp_path: Path) -> None:
    offsets = {"1-a.seg": 64, "1-b.seg": "8", "1-c.seg": -8}
    (tmp_path / STATUS).write_text(json.dumps({"offsets": offsets}))
    assert resumed(tmp_path).offsets == {"1-a.seg": 64}
