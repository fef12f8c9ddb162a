from __future__ import annotations

import asyncio
import gzip
import io
import os
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotboat.errors import BodyError, MediaTypeError, PilotboatError, TooLargeError
from pilotboat.http import body
from pilotboat.http.body import Limits
from pilotboat.http.coding import LARGE, named, unpacked

MEGABYTE = 2**20


def bare(raw: bytes) -> bytes:
    """deflate without zlib's frame, as some clients send it."""
    packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packed.compress(raw) + packed.flush()


def named_gzip(raw: bytes) -> bytes:
    """gzip with a file name and a time in its head."""
    file = io.BytesIO()
    with gzip.GzipFile("rows.json", "wb", fileobj=file) as packed:
        packed.write(raw)
    return file.getvalue()


PACKED: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gzip": (b"gzip", gzip.compress),
    "gzip with a name": (b"gzip", named_gzip),
    "deflate": (b"deflate", zlib.compress),
    "deflate, fast": (b"deflate", lambda raw: zlib.compress(raw, 1)),
    "deflate, bare": (b"deflate", bare),
}


def unpack(raw: bytes, coding: bytes, limit: int = MEGABYTE) -> bytes:
    return asyncio.run(unpacked(raw, coding, limit))


def refused(raw: bytes, coding: bytes, limit: int = MEGABYTE) -> PilotboatError:
    with pytest.raises(PilotboatError) as caught:
        unpack(raw, coding, limit)
    return caught.value


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1, 300_000])
@pytest.mark.parametrize("random", [True, False])
def test_what_is_packed_comes_back(form: str, size: int, random: bool) -> None:
    coding, pack = PACKED[form]
    raw = os.urandom(size) if random else b"[" * size
    assert unpack(pack(raw), coding) == raw


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("limit", [1024, LARGE - 1, LARGE, LARGE + 1, 200_000])
def test_the_limit_is_exact(form: str, limit: int) -> None:
    coding, pack = PACKED[form]
    assert len(unpack(pack(b"a" * limit), coding, limit)) == limit
    error = refused(pack(b"a" * (limit + 1)), coding, limit)
    assert isinstance(error, TooLargeError)
    assert error.code == "decompressed-too-large"
    assert error.facts == {"limit": limit, "unit": "bytes"}


def test_a_bomb_is_never_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (200 * MEGABYTE), 9)
    assert len(bomb) < 210_000
    tracemalloc.start()
    error = refused(bomb, b"gzip", 10 * MEGABYTE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.code == "decompressed-too-large"
    assert peak < 25 * MEGABYTE


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("size", [10, 200_000])
def test_what_is_damaged_is_refused(form: str, size: int) -> None:
    coding, pack = PACKED[form]
    packed = pack(os.urandom(size))
    bad = {"nothing": b"", "cut": packed[:-1], "half": packed[: len(packed) // 2]}
    bad |= {"more": packed + b"x", "twice": packed * 2, "plain": b'{"age": 22}' * 9}
    for name, raw in bad.items():
        error = refused(raw, coding)
        assert isinstance(error, BodyError), name
        assert error.code == "bad-encoding", name


@given(st.binary(max_size=300), st.sampled_from([b"gzip", b"deflate"]))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_unpacked_or_refused(raw: bytes, coding: bytes) -> None:
    with suppress(BodyError, TooLargeError):
        assert len(unpack(raw, coding, 2048)) <= 2048


@pytest.mark.parametrize(
    ("value", "coding"),
    [
        (b"", b""),
        (b"Identity", b""),
        (b" GZIP ", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"deflate", b"deflate"),
    ],
)
def test_codings_are_known_by_name(value: bytes, coding: bytes) -> None:
    assert named(value) == coding


@pytest.mark.parametrize("value", [b"br", b"zstd", b"gzip, gzip", b"gzip,deflate", b"gz\xff", b"*"])
def test_others_are_not(value: bytes) -> None:
    with pytest.raises(MediaTypeError) as caught:
        named(value)
    assert caught.value.facts == {"accepted": "identity, gzip, deflate"}


def received(raw: bytes, *headers: tuple[bytes, bytes], limit: int = MEGABYTE) -> bytes:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    return asyncio.run(body.read({"headers": headers}, receive, Limits(body=limit)))


def test_a_packed_body_is_read() -> None:
    assert received(gzip.compress(b"[1]"), (b"content-encoding", b"gzip")) == b"[1]"
    assert received(b"[1]", (b"content-encoding", b"identity")) == b"[1]"


def test_a_packed_body_counts_as_what_is_in_it() -> None:
    raw, counted = gzip.compress(b" " * 10_000), [0]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    scope = {"headers": [(b"content-encoding", b"gzip")], "state": {"hold": counted.append}}
    asyncio.run(body.read(scope, receive, Limits()))
    assert sum(counted) == 10_000 - len(raw)


def test_a_packed_body_is_limited_as_it_comes_too() -> None:
    with pytest.raises(TooLargeError) as caught:
        received(os.urandom(2000), (b"content-encoding", b"gzip"), limit=1024)
    assert caught.value.code == "body-too-large"


def test_two_headers_are_two_codings() -> None:
    with pytest.raises(MediaTypeError):
        received(b"", (b"content-encoding", b"gzip"), (b"content-encoding", b"gzip"))


def test_a_packed_body_is_not_taken_for_a_plain_one() -> None:
    with pytest.raises(BodyError):
        body.check([(b"content-encoding", b"gzip")], b"[]", Limits())


def test_unpacking_does_not_hold_up_the_event_loop() -> None:
    """Ten megabytes, from few bytes and from many."""
    few = gzip.compress(b" " * (10 * MEGABYTE))
    many = gzip.compress(os.urandom(10 * MEGABYTE - 10), 1)

    async def longest(raw: bytes) -> float:
        worst, done = 0.0, asyncio.Event()

        async def tick() -> None:
            nonlocal worst
            while not done.is_set():
                begun = time.perf_counter()
                await asyncio.sleep(0)
                worst = max(worst, time.perf_counter() - begun)

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        await unpacked(raw, b"gzip", 10 * MEGABYTE)
        done.set()
        await ticking
        return worst

    for raw in (few, many):
        assert min(asyncio.run(longest(raw)) for _ in range(5)) < 0.01
