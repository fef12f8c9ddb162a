"""Compressed bodies: gzip and deflate, unpacked up to a limit and never beyond it."""

from __future__ import annotations

import asyncio
import zlib

from pilotboat.errors import BodyError, MediaTypeError, TooLargeError

GZIP, DEFLATE = b"gzip", b"deflate"
CODINGS = {b"": b"", b"identity": b"", GZIP: GZIP, b"x-gzip": GZIP, DEFLATE: DEFLATE}
ACCEPTED = "identity, gzip, deflate"
LARGE = 2**16
"""So many bytes are unpacked within a millisecond: what is more leaves the event loop."""


def named(value: bytes) -> bytes:
    """The coding of a Content-Encoding header; empty: none. Raises `MediaTypeError`."""
    try:
        return CODINGS[value.strip().lower()]
    except KeyError:
        raise MediaTypeError(
            "This content encoding is not understood.",
            code="unsupported-encoding",
            hint="Send the body as it is, or with Content-Encoding: gzip, once.",
            accepted=ACCEPTED,
        ) from None


async def unpacked(raw: bytes, coding: bytes, limit: int) -> bytes:
    """What is in a compressed body. Raises `TooLargeError` beyond `limit` bytes, and `BodyError`."""
    packed = zlib.decompressobj(_window(raw, coding))
    if len(raw) > LARGE:
        made = await asyncio.to_thread(_step, packed, raw, limit + 1)
    else:
        made = _step(packed, raw, min(LARGE, limit + 1))
        if len(made) == LARGE <= limit:
            rest = packed.unconsumed_tail
            made += await asyncio.to_thread(_step, packed, rest, limit + 1 - len(made))
    if len(made) > limit:
        raise TooLargeError(
            f"The body is larger than {limit:,} bytes when it is unpacked.",
            code="decompressed-too-large",
            hint="Send fewer rows at a time.",
            limit=limit,
            unit="bytes",
        )
    if not packed.eof:
        raise _bad("it ends too early")
    if packed.unused_data:
        raise _bad("something follows it")
    return made


def _step(packed: zlib._Decompress, raw: bytes, most: int) -> bytes:
    try:
        return packed.decompress(raw, most)
    except zlib.error:
        raise _bad("it is of another form or damaged") from None


def _window(raw: bytes, coding: bytes) -> int:
    """What zlib calls the form of the body. deflate comes in two: as the RFC has it, and bare."""
    if coding == GZIP:
        return 16 + zlib.MAX_WBITS
    wrapped = len(raw) > 1 and raw[0] & 15 == zlib.DEFLATED and (raw[0] << 8 | raw[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


def _bad(what: str) -> BodyError:
    return BodyError(
        f"The body is not what its Content-Encoding says: {what}.", code="bad-encoding"
    )
