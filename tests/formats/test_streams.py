"""Bytes that come through limits."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable

import pytest

from pilotboat.errors import ArtifactError
from pilotboat.formats.limits import FREE_BYTES, MAX_BYTES, ceiling
from pilotboat.formats.streams import CHUNK, Stream, compression, fingerprint

TEXT = b"first\nsecond\n" + bytes(3 * CHUNK)


def plain() -> Stream:
    return Stream(io.BytesIO(TEXT), len(TEXT))


def zipped() -> Stream:
    data = zlib.compress(TEXT)
    return Stream(io.BytesIO(data), len(data), "zlib")


@pytest.mark.parametrize("make", [plain, zipped])
def test_lines_and_pieces_come_in_order(make: Callable[[], Stream]) -> None:
    stream = make()
    assert stream.readline() == b"first\n"
    assert stream.read(3) == b"sec"
    stream.skip(2 * CHUNK)
    assert len(stream.read(CHUNK + 1)) == CHUNK + 1
    assert stream.read(3) == bytes(3)


def test_a_plain_file_knows_what_remains() -> None:
    stream = plain()
    assert stream.remaining == len(TEXT)
    stream.skip(len(TEXT))
    assert (stream.remaining, stream.read(0), stream.readline()) == (0, b"", b"")
    with pytest.raises(ArtifactError, match="cut short"):
        stream.read(1)


@pytest.mark.parametrize("size", [-1, 2**62])
def test_a_length_is_not_believed(size: int) -> None:
    for stream, code in ((plain(), "artifact-unreadable"), (zipped(), "artifact-limits")):
        with pytest.raises(ArtifactError) as caught:
            stream.skip(size)
        assert caught.value.code == code


def test_a_compressed_file_that_ends_early() -> None:
    stream = zipped()
    with pytest.raises(ArtifactError, match="cut short"):
        stream.skip(4 * CHUNK)
    damaged = gzip.compress(TEXT)[:-200]
    stream = Stream(io.BytesIO(damaged), len(damaged), "gzip")
    with pytest.raises(ArtifactError, match="cut short"):
        stream.skip(len(TEXT))


def test_a_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotboat.formats.limits.FREE_BYTES", 1000)
    data = gzip.compress(bytes(10**6))
    stream = Stream(io.BytesIO(data), 10, "gzip")
    with pytest.raises(ArtifactError) as caught:
        stream.readline()
    assert caught.value.code == "artifact-limits"


def test_a_damaged_line() -> None:
    data = bytearray(gzip.compress(TEXT))
    data[12] ^= 0xFF
    with pytest.raises(ArtifactError, match="cut short"):
        Stream(io.BytesIO(bytes(data)), len(data), "gzip").readline()


def test_how_far_a_file_may_unfold() -> None:
    assert ceiling(1) == FREE_BYTES
    assert ceiling(FREE_BYTES) == MAX_BYTES
    assert FREE_BYTES < ceiling(10**7) == 5 * 10**8 < MAX_BYTES


def test_compressions_are_told_by_their_first_bytes() -> None:
    assert compression(zlib.compress(b"", 0)) == "zlib"
    assert compression(zlib.compress(b"", 9)) == "zlib"
    assert compression(b"x,y\n") is None
    assert compression(b"") is None


def test_a_fingerprint_leaves_the_file_at_its_beginning() -> None:
    file = io.BytesIO(b"abc")
    size, digest = fingerprint(file)
    assert (size, digest[:12], file.tell()) == (3, "ba7816bf8f01", 0)
