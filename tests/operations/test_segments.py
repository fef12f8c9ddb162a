from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from pilotboat.operations import segments
from pilotboat.operations.segments import OUTCOME, PREDICTION, Record
from pilotboat.operations.spool import Spool

PAYLOADS = [b"", b"x", b"1234567", b"12345678", bytes(range(256)) * 20]


def written(directory: Path, *records: tuple[int, int, bytes]) -> Path:
    """A sealed segment with records of (kind, rows, payload)."""
    spool = Spool(directory, 2**24)
    for kind, rows, payload in records:
        spool.append(kind, rows, payload)
    spool.close()
    (path,) = segments.names(directory)
    return path


def everything(path: Path) -> tuple[list[Record], bool]:
    found, at, whole = segments.read(path, 0, 2**30)
    assert at <= path.stat().st_size
    return found, whole


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = written(tmp_path, *((PREDICTION, n, raw) for n, raw in enumerate(PAYLOADS)))
    found, whole = everything(path)
    assert whole
    assert [(one.kind, one.rows, one.payload) for one in found] == [
        (PREDICTION, n, raw) for n, raw in enumerate(PAYLOADS)
    ]
    assert len({one.event for one in found}) == len(PAYLOADS)
    assert {one.uuid.version for one in found} == {7}
    assert {one.uuid.variant for one in found} == {uuid.RFC_4122}


@pytest.mark.parametrize("most", [1, 41, 100, 5000, 2**20])
def test_a_segment_is_read_piece_by_piece(tmp_path: Path, most: int) -> None:
    path = written(tmp_path, *((PREDICTION, 1, raw) for raw in PAYLOADS))
    at, payloads = 0, []
    while True:
        found, at, whole = segments.read(path, at, most)
        assert whole
        if not found:
            break
        payloads += [one.payload for one in found]
    assert payloads == PAYLOADS
    assert at == path.stat().st_size


def test_a_live_segment_is_read_up_to_what_has_been_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2**24)
    spool.append(PREDICTION, 1, b"first")
    (path,) = segments.names(tmp_path)
    found, at, whole = segments.read(path)
    assert ([one.payload for one in found], whole) == ([b"first"], True)
    assert segments.read(path, at) == ([], at, True)
    spool.append(PREDICTION, 1, b"second")
    found, _, whole = segments.read(path, at)
    assert ([one.payload for one in found], whole) == ([b"second"], True)
    spool.close()


def test_so_many_are_read_as_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, *[(PREDICTION, 1, b"%d" % number) for number in range(5)])
    found, at, whole = segments.read(path, count=3)
    assert ([one.payload for one in found], whole) == ([b"0", b"1", b"2"], True)
    found, _, _ = segments.read(path, at, count=3)
    assert [one.payload for one in found] == [b"3", b"4"]


def test_a_record_may_be_larger_than_what_is_read_at_a_time(tmp_path: Path) -> None:
    large = b"x" * (2 * segments.CHUNK)
    path = written(tmp_path, (PREDICTION, 1, b"a"), (PREDICTION, 1, large), (PREDICTION, 1, b"b"))
    found, _, whole = segments.read(path)
    assert ([one.payload for one in found], whole) == ([b"a", large, b"b"], True)


def test_room_that_is_too_small_for_a_record_is_no_damage(tmp_path: Path) -> None:
    path = written(tmp_path, (PREDICTION, 1, b"last"))
    raw = path.read_bytes()
    path.write_bytes(raw + bytes(segments.HEADER - 1))
    found, at, whole = segments.read(path)
    assert (len(found), at, whole) == (1, len(raw), True)


def test_a_record_cut_off_anywhere_is_none_and_those_before_it_are_whole(tmp_path: Path) -> None:
    """The file may end, or be zeros, from any byte of the last record on."""
    path = written(tmp_path, (PREDICTION, 1, b"kept"), (PREDICTION, 1, b"the last one"))
    raw = path.read_bytes()
    first = segments.size(len(b"kept"))
    end = first + segments.HEADER + len(b"the last one")
    for cut in range(first, end):
        for torn in (raw[:cut], raw[:cut] + bytes(len(raw) - cut)):
            path.write_bytes(torn)
            found, at, whole = segments.read(path)
            assert [one.payload for one in found] == [b"kept"], cut
            assert at == first
            # Where no byte of it is there, nothing shows that there was a record.
            assert whole == (not any(torn[first:])), cut


def test_a_damaged_byte_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, (PREDICTION, 3, b"some payload"), (OUTCOME, 1, b"more"))
    raw = bytearray(path.read_bytes())
    for place in range(segments.HEADER + len(b"some payload")):
        raw[place] ^= 0x40
        path.write_bytes(raw)
        found, at, whole = segments.read(path)
        assert (found, at, whole) == ([], 0, False), place
        raw[place] ^= 0x40


def test_rows_are_counted_as_far_as_they_can_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, (PREDICTION, 3, b"a"), (OUTCOME, 7, b"b"), (PREDICTION, 5, b"c"))
    assert segments.rows(path) == 15
    path.write_bytes(path.read_bytes()[:-8])
    assert segments.rows(path) == 10


def test_names_are_in_the_order_of_their_making_and_nothing_else(tmp_path: Path) -> None:
    assert segments.names(tmp_path / "absent") == []
    for name in ("0000000000002-bb.seg", "0000000000001-aa.seg", "status.json", "lock"):
        (tmp_path / name).touch()
    assert [path.name[:15] for path in segments.names(tmp_path)] == [
        "0000000000001-a",
        "0000000000002-b",
    ]


def test_only_a_segment_that_nobody_writes_can_be_held(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2**24)
    spool.append(PREDICTION, 1, b"one")
    (path,) = segments.names(tmp_path)
    with segments.held(path) as ours:
        assert not ours
    spool.close()
    with segments.held(path) as ours:
        assert ours
        with segments.held(path) as twice:
            assert not twice
