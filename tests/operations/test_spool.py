from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotboat.errors import SpoolFullError
from pilotboat.operations import segments
from pilotboat.operations.segments import OUTCOME, PREDICTION
from pilotboat.operations.spool import PARTS, Full, Spool

MOST = 2**20
"""So a segment has 64 KiB."""
PAYLOAD = b"p" * 1000


def payloads(directory: Path) -> list[bytes]:
    return [
        one.payload
        for path in segments.names(directory)
        for one in segments.read(path, 0, 2**30)[0]
    ]


def fill(spool: Spool, records: int, start: int = 0) -> None:
    for number in range(start, start + records):
        spool.append(PREDICTION, 1, b"%08d" % number + PAYLOAD)


def test_the_directory_is_made_and_belongs_to_us_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "state" / "spool", MOST)
    fill(spool, 1)
    spool.close()
    (path,) = segments.names(tmp_path / "state" / "spool")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_segment_is_followed_by_another_and_nothing_is_missing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2**24)
    spool.length = 2**16
    fill(spool, 500)
    spool.close()
    assert len(segments.names(tmp_path)) > 5
    assert [int(raw[:8]) for raw in payloads(tmp_path)] == list(range(500))
    assert spool.rows == 500


def test_what_was_not_needed_is_given_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MOST)
    fill(spool, 1)
    (path,) = segments.names(tmp_path)
    assert path.stat().st_size == 2**16
    spool.close()
    assert path.stat().st_size == segments.size(len(PAYLOAD) + 8)


def test_a_spool_that_took_nothing_leaves_nothing(tmp_path: Path) -> None:
    Spool(tmp_path, MOST).close()
    assert segments.names(tmp_path) == []


def test_a_record_larger_than_a_segment_gets_one_that_holds_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MOST)
    fill(spool, 1)
    spool.append(PREDICTION, 1, b"x" * 200_000)
    fill(spool, 1)
    spool.close()
    assert [len(raw) for raw in payloads(tmp_path)] == [1008, 200_000, 1008]


def test_the_newest_is_dropped_and_counted_where_there_is_no_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path, MOST)
    with caplog.at_level(logging.ERROR):
        fill(spool, 3000)
    spool.close()
    kept = [int(raw[:8]) for raw in payloads(tmp_path)]
    assert kept == list(range(len(kept)))
    assert len(kept) == spool.rows
    assert spool.dropped == {"newest": 3000 - len(kept)}
    assert sum(path.stat().st_size for path in segments.names(tmp_path)) <= MOST
    assert len(caplog.messages) == 1
    assert "1,048,576 bytes" in caplog.text


def test_an_outcome_is_never_dropped_without_a_word(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MOST)
    fill(spool, 3000)
    before = spool.dropped["newest"]
    with pytest.raises(SpoolFullError):
        spool.append(OUTCOME, 1, PAYLOAD * 50)
    assert spool.dropped["newest"] == before
    spool.close()


def test_the_oldest_goes_and_is_counted_where_that_is_asked_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MOST, "drop_oldest")
    fill(spool, 3000)
    spool.close()
    kept = [int(raw[:8]) for raw in payloads(tmp_path)]
    assert kept == list(range(3000 - len(kept), 3000))
    assert spool.rows == 3000
    assert spool.dropped == {"oldest": 3000 - len(kept)}
    assert sum(path.stat().st_size for path in segments.names(tmp_path)) <= MOST


def test_a_segment_that_is_being_shipped_is_not_taken_away(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MOST, "drop_oldest")
    fill(spool, 200)
    oldest, *_ = segments.names(tmp_path)
    with segments.held(oldest) as ours:
        assert ours
        fill(spool, 3000, 200)
        assert oldest.exists()
    spool.close()
    assert spool.dropped["oldest"] > 0


def test_nothing_is_taken_that_cannot_be_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MOST, "reject_503")
    with pytest.raises(SpoolFullError):
        fill(spool, 3000)
    kept = len(payloads(tmp_path))
    assert kept == spool.rows
    assert not spool.dropped
    spool.close()


def test_room_that_comes_back_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotboat.operations.spool.AGAIN", 0.0)
    spool = Spool(tmp_path, MOST)
    fill(spool, 3000)
    before = spool.rows
    for path in segments.names(tmp_path)[:-1]:
        path.unlink()
    fill(spool, 10)
    assert spool.rows == before + 10
    spool.close()


@pytest.mark.parametrize(("full", "raises"), [("drop_newest", False), ("reject_503", True)])
def test_a_directory_that_cannot_be_made_is_said_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, full: Full, raises: bool
) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool", MOST, full)
    if raises:
        with pytest.raises(SpoolFullError):
            fill(spool, 1)
        assert not spool.dropped
    else:
        fill(spool, 3)
        assert spool.dropped == {"disk": 3}
        assert "Not a directory" in caplog.text
    spool.close()


def test_a_small_bound_leaves_room_for_several_workers(tmp_path: Path) -> None:
    spools = [Spool(tmp_path, MOST) for _ in range(PARTS)]
    for spool in spools:
        fill(spool, 1)
    assert [spool.rows for spool in spools] == [1] * PARTS
    for spool in spools:
        spool.close()


WRITER = """
import os, sys
from pathlib import Path
from pilotboat.operations.segments import PREDICTION
from pilotboat.operations.spool import Spool

spool, number = Spool(Path(sys.argv[1]), 2**26), 0
while True:
    spool.append(PREDICTION, 1, b"%08d" % number + b"p" * 1000)
    os.write(1, b"%08d" % number)  # acknowledged
    number += 1
"""


@pytest.mark.parametrize("after", [1, 100, 20_000])
def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path, after: int) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    acknowledged = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        while len(acknowledged) < after * 8:
            acknowledged += writer.stdout.read(8)
        writer.kill()
        acknowledged += writer.stdout.read()
    kept = [int(raw[:8]) for raw in payloads(tmp_path)]
    last = int(acknowledged[-8:])
    assert kept[: last + 1] == list(range(last + 1))
    assert len(kept) <= last + 2  # the one that was written and not acknowledged


def test_those_who_wait_for_the_disk_wait_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync = os.fsync

    def counted(file: int) -> None:
        calls.append(file)
        fsync(file)

    monkeypatch.setattr(os, "fsync", counted)

    async def run() -> None:
        spool = Spool(tmp_path, MOST, syncs=True)

        async def one(number: int) -> None:
            fill(spool, 1, number)
            await spool.synced()

        await asyncio.gather(*map(one, range(500)))
        spool.close()

    asyncio.run(run())
    assert len(payloads(tmp_path)) == 500
    assert 1 <= len(calls) < 100


@pytest.mark.parametrize(("full", "raises"), [("drop_newest", False), ("reject_503", True)])
def test_a_disk_that_fails_refuses_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: Full, raises: bool
) -> None:
    def broken(_file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)

    async def run() -> None:
        spool = Spool(tmp_path, MOST, full, syncs=True)
        fill(spool, 1)
        try:
            await spool.synced()
        finally:
            spool.close()

    if raises:
        with pytest.raises(SpoolFullError):
            asyncio.run(run())
    else:
        asyncio.run(run())
