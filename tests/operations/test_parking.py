"""Records that the store refuses are kept in files, which are bounded and can be read again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from pilotboat.operations.parking import BLOCK, Parking, load, split
from pilotboat.operations.segments import OUTCOME, PREDICTION, Record
from tests.spooled import outcome, prediction

EVENT = UUID("01a22200-5621-7d28-9cc7-f0426bd4b518")
TIME = 1_795_866_777_121


def record(payload: bytes, kind: int = PREDICTION, rows: int = 1) -> Record:
    return Record(kind, TIME, EVENT.bytes, rows, payload)


def numbered(number: int, size: int = 10) -> Record:
    return Record(PREDICTION, TIME, UUID(int=number).bytes, 1, b"x" * size)


@pytest.mark.parametrize(
    "payload", [prediction("r", "\0\ud800"), "ü".encode(), b"\xff\x00 not UTF-8", b""]
)
def test_a_parked_record_can_be_read_again(tmp_path: Path, payload: bytes) -> None:
    parking = Parking(tmp_path / "dead")
    kept = record(payload, rows=3)
    assert parking.park(kept, "text has a NUL") == 0
    [path] = (tmp_path / "dead").iterdir()
    assert load(path) == kept
    assert json.loads(path.read_text())["reason"] == "text has a NUL"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert parking.holds(kept)
    assert not parking.holds(numbered(1))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"payload": 1}', '{"base64": "", "time": 1}']
)
def test_a_file_that_is_no_parked_record_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        load(path)


def test_what_came_first_makes_room(tmp_path: Path) -> None:
    parking = Parking(tmp_path, most=10 * BLOCK)
    gone = 0
    for number in range(25):
        gone += parking.park(numbered(number), "no")
        os.utime(tmp_path / f"{UUID(int=number)}.json", (number, number))
        assert len(list(tmp_path.iterdir())) <= 10
    left = sorted(load(path).uuid.int for path in tmp_path.iterdir())
    assert left == list(range(25 - len(left), 25))
    assert gone == 25 - len(left)
    again = Parking(tmp_path, most=10 * BLOCK)  # after a restart, it counts what is there
    again.park(numbered(99, 9 * BLOCK), "no")
    assert again.holds(numbered(99))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10 * BLOCK


def test_where_no_file_can_be_written_nothing_is_left(tmp_path: Path) -> None:
    parking = Parking(tmp_path / "dead")
    (tmp_path / "dead" / f"{EVENT}.json").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        parking.park(record(b"x"), "no")
    assert len(list((tmp_path / "dead").iterdir())) == 1


def test_a_record_of_several_predictions_is_split_into_its_rows() -> None:
    whole = record(prediction("r", 1, "\0", None, row=500), rows=3)
    parts = split(whole)
    assert [one.payload for one in parts] == [
        _compact(prediction("r", value, row=500 + row)) for row, value in enumerate([1, "\0", None])
    ]
    assert [one.uuid for one in parts] == [uuid5(EVENT, str(row)) for row in range(3)]
    assert {(one.kind, one.time, one.rows) for one in parts} == {(PREDICTION, TIME, 1)}


def _compact(payload: bytes) -> bytes:
    """The body without spaces, which the head keeps."""
    head, _, body = payload.partition(b"\n")
    return head + b"\n" + json.dumps(json.loads(body), separators=(",", ":")).encode()


def test_a_record_of_several_outcomes_is_split_into_them() -> None:
    items: list[dict[str, Any]] = [{"id": "a", "actual": 1}, {"id": "b", "actual": "\0"}]
    parts = split(record(outcome(*items), OUTCOME, rows=2))
    assert [json.loads(one.payload) for one in parts] == [
        json.loads(outcome(item)) for item in items
    ]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (PREDICTION, prediction("r", 1)),
        (PREDICTION, b""),
        (PREDICTION, b"{}\n[1,2"),
        (PREDICTION, b"{}\n{}"),
        (PREDICTION, b"{}\n[1]"),
        (PREDICTION, prediction("r", 1, 2).replace(b"[[1], [2]]", b"[[1]]")),
        (PREDICTION, b"{}\n" + b"[" * 100_000),
        (OUTCOME, outcome({"id": "a"})),
        (OUTCOME, b"[]"),
        (OUTCOME, b'{"outcomes": 3}'),
        (7, prediction("r", 1, 2)),
    ],
)
def test_what_has_one_row_or_is_not_understood_is_not_split(kind: int, payload: bytes) -> None:
    assert split(record(payload, kind)) == []
