"""What is read of a segment, whole or not, and what becomes a batch."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from pilotboat.operations import segments
from pilotboat.operations.segments import ALIGNED, HEADER, PREDICTION
from pilotboat.operations.spool import Spool
from pilotboat.operations.tail import BYTES, PIECES, RECORDS, ROWS, End, Tail, gather, judge
from tests.spooled import abandon, fill, prediction, requests

THREE = requests(0, 3)


def numbers(path: Path) -> tuple[list[int], list[End]]:
    """The numbers of the requests that are found in a segment nobody writes, and the ends that are met."""
    tail, found, ends = Tail(path), [], []
    while True:
        records, end, _ = segments.read(path, tail.offset)
        found += [int(one.payload.partition(b'"r-')[2].partition(b'"')[0]) for one in records]
        tail.store(end, 0)
        kind, reached = judge(tail)
        ends.append(kind)
        if kind is not End.DAMAGED:
            return found, ends
        tail.store(reached, 0)


def places(path: Path) -> list[int]:
    """Where its records begin, and where the last one ends."""
    made = [0]
    for record in segments.read(path)[0]:
        made.append(made[-1] + segments.size(len(record.payload)))
    return made


def test_a_whole_segment_ends_cleanly(tmp_path: Path) -> None:
    [sealed] = fill(tmp_path, THREE)
    assert numbers(sealed) == ([0, 1, 2], [End.CLEAN])
    assert numbers(abandon(tmp_path, THREE)) == ([0, 1, 2], [End.CLEAN])
    empty = tmp_path / "0-0.seg"
    empty.touch()
    assert numbers(empty) == ([], [End.CLEAN])


def test_cut_off_anywhere_the_last_record_is_none_and_the_others_are_there(tmp_path: Path) -> None:
    """T31"""
    [path] = fill(tmp_path, THREE)
    whole, begins = path.read_bytes(), places(path)[2]
    padded = len(whole.rstrip(b"\0"))
    for length in range(begins, padded):
        path.write_bytes(whole[:length])
        expected = End.TORN if any(whole[begins:length]) else End.CLEAN
        assert numbers(path) == ([0, 1], [expected]), length


def test_unfinished_anywhere_the_last_record_is_none_and_the_others_are_there(
    tmp_path: Path,
) -> None:
    """T31: the payload is written first, then the header, of it the checksum last."""
    path = abandon(tmp_path, THREE)
    whole, begins = path.read_bytes(), places(path)[2]
    body, end = begins + HEADER, len(whole.rstrip(b"\0"))
    for length in range(end - body):
        path.write_bytes(whole[:begins] + bytes(HEADER) + whole[body : body + length] + bytes(999))
        assert numbers(path) == ([0, 1], [End.TORN if length else End.CLEAN]), length
    for length in range(4, HEADER):
        header = bytes(4) + whole[begins + 4 : begins + length]
        path.write_bytes(whole[:begins] + header.ljust(HEADER, b"\0") + whole[body:])
        assert numbers(path) == ([0, 1], [End.TORN]), length


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_damaged_anywhere_a_record_takes_no_other_with_it(tmp_path: Path, damaged: int) -> None:
    path = abandon(tmp_path, THREE)
    whole, begin = path.read_bytes(), places(path)
    left = [number for number in range(3) if number != damaged]
    for at in range(begin[damaged], len(whole[: begin[damaged + 1]].rstrip(b"\0"))):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        ends = [End.TORN] if damaged == 2 else [End.DAMAGED, End.CLEAN]
        assert numbers(path) == (left, ends), at


def test_a_page_that_the_disk_never_got_takes_only_what_was_in_it(tmp_path: Path) -> None:
    path = abandon(tmp_path, requests(0, 100))
    whole, begin = path.read_bytes(), places(path)
    path.write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    hit = [n for n in range(100) if begin[n] < 12288 and begin[n + 1] > 8192]
    found, ends = numbers(path)
    assert found == [number for number in range(100) if number not in hit]
    assert ends == [End.DAMAGED, End.CLEAN]


def test_what_a_payload_holds_is_never_taken_for_a_record(tmp_path: Path) -> None:
    """After damage, records are looked for anywhere, and callers have their say in what is there."""
    [path] = fill(tmp_path / "whole", [THREE[0]])
    record = path.read_bytes()
    head, _, body = prediction("r-1", record.decode("latin-1")).partition(b"\n")
    for space in range(ALIGNED):  # one of them is where records begin
        payload = head + b" " * space + b"\n" + orjson.dumps(orjson.loads(body))
        [path] = fill(tmp_path, [payload, THREE[2]])
        whole = path.read_bytes()
        path.write_bytes(b"\xff" + whole[1:])
        assert numbers(path) == ([2], [End.DAMAGED, End.CLEAN])


def test_a_record_that_comes_late_is_seen(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2**24)
    spool.append(PREDICTION, 1, THREE[0])
    [path] = segments.names(tmp_path)
    tail = Tail(path)
    batch = gather([tail], 0)
    batch.stored()
    assert tail.is_dry
    spool.append(PREDICTION, 1, THREE[1])
    assert judge(tail) == (End.OPEN, tail.offset)
    spool.close()
    assert numbers(path)[0] == [0, 1]


def test_a_batch_has_a_bound_in_records_bytes_and_rows(tmp_path: Path) -> None:
    many = [Tail(path) for path in fill(tmp_path / "many", requests(0, RECORDS + 1))]
    assert len(gather(many, 0).records) == RECORDS
    large = [prediction("r", "x" * BYTES) for _ in range(3)]
    long = [Tail(path) for path in fill(tmp_path / "long", large)]
    assert len(gather(long, 0).records) == 1
    spool = Spool(tmp_path / "wide", 2**24)
    for _ in range(RECORDS):
        spool.append(PREDICTION, ROWS // 2, THREE[0])
    spool.close()
    wide = [Tail(path) for path in segments.names(tmp_path / "wide")]
    assert len(gather(wide, 0).records) == 2


def test_a_batch_after_the_other_has_everything_once(tmp_path: Path) -> None:
    tails = [Tail(path) for n in range(3) for path in fill(tmp_path, requests(900 * n, 900))]
    seen = []
    for turn in range(4):
        batch = gather(tails, turn)
        batch.stored()
        seen += [one.payload for one in batch.records]
    assert sorted(seen) == sorted(requests(0, 2700))
    assert not gather(tails, 4).records


def test_the_oldest_and_the_newest_are_in_every_batch_long_before_the_others(
    tmp_path: Path,
) -> None:
    """F36: rows of now need not wait until those of an outage are stored."""
    tails = []
    for number in range(20):
        [path] = fill(tmp_path, requests(number * 1000, 1000))
        path = path.rename(path.with_name(f"{number:013d}-0.seg"))
        tails.append(Tail(path))
    given = []
    for turn in range(8):
        batch = gather(tails, turn)
        given.append({tails.index(tail) for tail, rows in batch.counts.items() if rows})
        assert all(rows <= PIECES for rows in batch.counts.values())
    assert all(0 in one for one in given)
    assert set(range(12, 20)) <= set.union(*given)


def test_a_segment_that_cannot_be_read_keeps_none_from_it(tmp_path: Path) -> None:
    [path] = fill(tmp_path, THREE)
    broken = tmp_path / "0-0.seg"
    broken.mkdir()
    gone = tmp_path / "0-1.seg"
    tails = [Tail(broken), Tail(gone), Tail(path)]
    assert len(gather(tails, 0).records) == 3
    assert tails[0].fault == os.strerror(21)
    assert not tails[1].fault


def test_what_waits_is_counted(tmp_path: Path) -> None:
    [path] = fill(tmp_path, THREE)
    begin = places(path)
    tail = Tail(path)
    assert (tail.waiting, tail.oldest()) == (0, None)
    assert tail.look(1) == begin[1]
    assert (tail.rows, tail.waiting) == (1, begin[1])
    tail.look(2**20)
    assert (tail.rows, tail.waiting) == (3, begin[3])
    assert tail.oldest() == segments.read(path)[0][0].time
    tail.store(begin[1], 1)
    assert (tail.rows, tail.waiting) == (2, begin[3] - begin[1])
    assert tail.oldest() == segments.read(path, begin[1])[0][0].time
    tail.store(begin[3], 2)
    assert (tail.rows, tail.waiting, tail.oldest()) == (0, 0, None)
