from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, BinaryIO

import pytest

from pilotboat.operations.access import Facts
from pilotboat.operations.lines import KEPT, Lines

HOSTILE = [
    "/x\r\n{} status=200",
    "/\x1b[2J\x07",
    "/\x9b0m\x7f\x85",
    "/\u2028\u2029\u202e",
    "/\ud800",
    "/%s{}{0}%(x)s",
    '/"},{"',
    "/" + "\U0001f600" * 255,
    "/" + "\x00" * 255,
    "/" + "\udfff" * 255,
]


def facts(**more: Any) -> Facts:
    return {
        "time": datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC),
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "ms": 0.5,
        "id": "x" * 128,
    } | more


def written(*told: Facts, readable: bool = False, least: int = 0) -> bytes:
    stream = BytesIO()
    Lines(stream, readable=readable, least=least)(told)
    return stream.getvalue()


def test_a_line_a_request_as_json() -> None:
    raw = written(facts(rows=2), facts(model="모델"))
    first, second = raw.splitlines()
    assert first.startswith(b'{"time":"2026-01-02T03:04:05.678900Z","method":"POST",')
    assert json.loads(first)["rows"] == 2
    assert second.endswith('"model":"모델"}'.encode())
    assert list(json.loads(second))[:2] == ["time", "method"]


def test_a_line_a_request_in_words() -> None:
    line = written(facts(id="a", model="모델"), readable=True).decode()
    words = "time=03:04:05.678 method=POST path=/predict status=200 ms=0.5 id=a"
    assert line == f'{words} model="모델"\n'


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("path", HOSTILE)
def test_no_text_forges_a_line_or_commands_a_terminal(path: str, readable: bool) -> None:
    raw = written(facts(path=path), facts(), readable=readable)
    text = raw.decode()
    assert text.count("\n") == len(text.splitlines()) == 2
    assert text.replace("\n", "").isprintable()
    assert all(len(line) < 8192 for line in raw.splitlines())
    if not readable:
        assert json.loads(text.splitlines()[0])["path"] == path


def test_the_longest_line_is_bounded() -> None:
    longest = facts(path="\U000e0001" * 256, method="\x00" * 16, model="\x01" * 255, route="/" * 99)
    assert len(written(longest)) < 8192


def test_statuses_under_the_least_are_left_out() -> None:
    raw = written(facts(), facts(status=499), facts(status=503), least=500)
    assert [json.loads(line)["status"] for line in raw.splitlines()] == [503]


def test_a_closed_stream_stops_nothing() -> None:
    stream = BytesIO()
    stream.close()
    lines = Lines(stream, readable=False)
    lines([facts()])
    lines.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, BinaryIO]]:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        yield reading, stream
        with suppress(OSError):
            os.close(reading)


def test_a_pipe_that_nobody_reads_any_more_stops_nothing(pipe: tuple[int, BinaryIO]) -> None:
    reading, stream = pipe
    os.close(reading)
    lines = Lines(stream, readable=False)
    lines([facts()])
    lines.close()


def test_a_slow_reader_gets_whole_lines_later_and_nobody_waits(
    pipe: tuple[int, BinaryIO], caplog: pytest.LogCaptureFixture
) -> None:
    reading, stream = pipe
    os.set_blocking(reading, False)
    taken = bytearray()

    async def write() -> None:
        lines = Lines(stream, readable=False)
        for _ in range(20):  # nobody reads, and this returns
            lines([facts(number=number) for number in range(500)])
        assert len(lines._kept) <= KEPT
        for _ in range(200):
            with suppress(BlockingIOError):
                while True:
                    taken.extend(os.read(reading, 2**16))
            if not lines._kept:
                break
            await asyncio.sleep(0.02)
        lines.close()

    asyncio.run(write())
    numbers = [json.loads(line)["number"] for line in taken.splitlines()]
    assert numbers == [number % 500 for number in range(len(numbers))]
    lost = re.search(r"(\d+) lines of the access log were lost", caplog.text)
    assert lost is not None
    assert len(numbers) + int(lost[1]) == 20 * 500


def test_lines_that_are_never_read_are_counted_at_the_end(
    pipe: tuple[int, BinaryIO], caplog: pytest.LogCaptureFixture
) -> None:
    async def write() -> None:
        lines = Lines(pipe[1], readable=False)
        lines([facts()] * 1000)
        lines.close()

    asyncio.run(write())
    assert re.search(r"\d+ lines of the access log were lost", caplog.text)
