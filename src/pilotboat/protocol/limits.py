"""What a request's head may be. RFC 9112, sections 2.2, 3 and 6; RFC 9110, section 7.2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import httptools

from pilotboat.errors import (
    HeadTooLargeError,
    PilotboatError,
    RequestError,
    SlowError,
    TargetTooLongError,
)
from pilotboat.http.admission import HEADER as TIMEOUT

TARGET, HEAD, FIELDS = 8192, 16_384, 100
"""Bytes of a request's target, bytes of its head, and how many header fields it may have."""
HEAD_SECONDS = 10.0
BODY_SECONDS, BODY_PACE = 15.0, 65_536
"""A head may take so long; a body so long, and a second more for each so many bytes of it."""
LINGER_SECONDS = 1.0
"""So long a connection that is idle is kept when the server leaves: a request may be on its way."""
DISCARD_SECONDS = 2.0
"""So long what still arrives is thrown away after a refusal, so that the refusal can be read."""
HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%-]*(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
SEEN_TO = frozenset({b"host", b"content-length", b"transfer-encoding", TIMEOUT})
FRAMING = ("content-length", "transfer-encoding", "chunk", "trailer")
TLS = b"\x16\x03"


def check(
    version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], most: int
) -> tuple[int, bool]:
    """Refuse a head that breaks a rule. most: bytes that it has at most, as far as that is known.

    Returns the stated length of the body, or 0, and whether the caller has named a deadline. Raises
    `TargetTooLongError`, `HeadTooLargeError`, `RequestError`.
    """
    if len(target) > TARGET:
        raise too_long()
    if len(headers) > FIELDS:
        raise HeadTooLargeError(
            f"The request has more than {FIELDS} header fields.",
            code="too-many-headers",
            limit=FIELDS,
            actual=len(headers),
            unit="fields",
        )
    if most > HEAD and len(target) + sum(map(_size, headers)) > HEAD:
        raise too_large()
    hosts, host, length, hurries = 0, b"", 0, False
    for name, value in headers:
        if name not in SEEN_TO:
            continue
        if name == b"host":
            hosts, host = hosts + 1, value
        elif name == b"content-length":
            length = int(value)  # the parser has seen that it is a number
        elif name == TIMEOUT:
            hurries = True
        elif value.lower() != b"chunked":
            raise RequestError("The only transfer encoding here is chunked.", code="bad-framing")
    if (hosts != 1 and not (hosts == 0 and version == "1.0")) or not _is_host(host):
        raise RequestError(
            "The request needs exactly one valid Host header.",
            code="bad-host",
            hint="Send Host: NAME or Host: NAME:PORT.",
        )
    if not target.startswith(b"/"):
        _check_target(target, host)
    return length, hurries


def _size(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    return HOST.fullmatch(value) is not None


def _check_target(target: bytes, host: bytes) -> None:
    scheme, _, rest = target.partition(b"://")
    if scheme.lower() != b"http" or re.split(rb"[/?#]", rest, maxsplit=1)[0] != host:
        raise RequestError(
            "The request is addressed to another server, or to none.",
            code="bad-target",
            hint="Send the path alone, beginning with a slash.",
        )


def too_long() -> TargetTooLongError:
    """The target of a request is over its limit."""
    return TargetTooLongError(
        f"The address is longer than {TARGET:,} bytes.", limit=TARGET, unit="bytes"
    )


def too_large() -> HeadTooLargeError:
    """The head of a request is over its limit, in all or in one field."""
    return HeadTooLargeError(
        f"The headers are larger than {HEAD:,} bytes together.", limit=HEAD, unit="bytes"
    )


def unreadable(error: Exception, data: bytes) -> PilotboatError:
    """What is wrong with bytes that the parser refuses. data: those that it got last."""
    if isinstance(error, httptools.HttpParserCallbackError):
        cause = error.__cause__ or error.__context__
        return cause if isinstance(cause, PilotboatError) else PilotboatError("", code="bug")
    if data.startswith(TLS):
        return RequestError("This port speaks plain HTTP/1.1, not TLS.", code="bad-http")
    reason = str(error.args[0]) if error.args and isinstance(error.args[0], str) else ""
    if isinstance(error, httptools.HttpParserInvalidURLError):
        reason = "The target of the request is not one"
    told = f" {reason}." if reason else ""
    if any(word in reason.lower() for word in FRAMING):
        return RequestError(f"The length of the body is not clear.{told}", code="bad-framing")
    return RequestError(f"This is not HTTP/1.1.{told}", code="bad-http")


def slow(received: int, expected: int | None, seconds: float) -> SlowError:
    """A request that has not arrived in time. expected: bytes of its body; None: its head is missing."""
    if expected is None:
        return SlowError(
            f"The head of the request did not arrive within {seconds:g} seconds.",
            limit=seconds,
            unit="seconds",
        )
    of = f" of {expected:,}" if expected else ""
    return SlowError(
        f"Only {received:,}{of} bytes of the body arrived within {seconds:.0f} seconds.",
        limit=round(seconds),
        unit="seconds",
    )
