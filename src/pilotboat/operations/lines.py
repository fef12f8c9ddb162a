"""The access log: a line a request, on a stream that may be closed, full or not read at all."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import select
import stat
from collections.abc import Callable, Iterable, Sequence
from os import fstat
from typing import Any, BinaryIO

import orjson

from pilotboat.operations.access import Facts

logger = logging.getLogger(__name__)

FORM = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
PLAIN = re.compile(r"[\w./:+{}-]+", re.ASCII)
WHOLE = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe which can be written to takes at once and whole, whoever else writes to it."""
PIECE, KEPT = 2**16, 2**20
"""Bytes of one write elsewhere, and of lines that wait for a slow reader; the rest is lost."""
AGAIN, LAST = 0.05, 500
"""Seconds until a slow reader is tried again, and milliseconds that it has at the end for a piece."""


class Lines:
    """Writes a line a request, as JSON or, readable, as `name=value` for people.

    A line holds nothing that would end it or that a terminal obeys. Requests never wait for who reads
    the lines: what is not taken is kept for a while, and then lost. least: of the statuses written.
    """

    def __init__(self, stream: BinaryIO, *, readable: bool, least: int = 0) -> None:
        self.form = _words if readable else _json
        self.least = least
        self._write = getattr(stream, "raw", stream).write
        self._takes, self._piece = _way(stream)
        self._kept = bytearray()
        self._lost = 0
        self._again: asyncio.TimerHandle | None = None

    def __call__(self, told: Sequence[Facts]) -> None:
        """Write them."""
        if self.least:
            told = [facts for facts in told if facts["status"] >= self.least]
        self._kept += self.form(told)
        self._put(0)
        if self._kept and self._again is None:
            self._again = asyncio.get_running_loop().call_later(AGAIN, self._retry)

    def close(self) -> None:
        """Write what is kept, as far as it is taken soon."""
        self._put(LAST)
        self._lost += self._kept.count(b"\n")
        self._kept.clear()
        self._say()

    def _retry(self) -> None:
        self._again = None
        self(())

    def _put(self, patience: int) -> None:
        """Write what is taken within so many milliseconds a piece. Where nobody is, it is lost."""
        kept, done = self._kept, 0
        try:
            while done < len(kept) and self._takes(patience):
                end = kept.rfind(b"\n", done, done + self._piece) + 1
                written = self._write(kept[done : end or kept.find(b"\n", done) + 1])
                if not written:
                    break
                done += written
        except (OSError, ValueError):
            done = len(kept)
        del kept[:done]
        if not kept:
            self._say()
        elif len(kept) > KEPT:
            end = kept.rfind(b"\n", 0, KEPT) + 1
            self._lost += kept.count(b"\n", end)
            del kept[end:]

    def _say(self) -> None:
        if self._lost:
            logger.warning("%d lines of the access log were lost: nobody read them", self._lost)
            self._lost = 0


def _way(stream: BinaryIO) -> tuple[Callable[[int], Any], int]:
    """What tells whether `stream` takes a piece within so many milliseconds, and a piece's size."""
    try:
        number = stream.fileno()
        piece = WHOLE if stat.S_ISFIFO(fstat(number).st_mode) else PIECE
    except (OSError, ValueError):  # it has no descriptor, or is closed
        return _always, PIECE
    if not hasattr(select, "poll"):  # pragma: no cover - Windows
        return _always, PIECE
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return poll.poll, piece


def _always(_patience: int) -> bool:
    return True


def _json(told: Iterable[Facts]) -> bytes | bytearray:
    # One buffer: a list of lines would hold what orjson reserves for each, and takes three times as long.
    lines = bytearray()
    try:
        for facts in told:
            lines += orjson.dumps(facts, option=FORM)
    except TypeError:  # half a character
        return b"".join(map(_escaped, told))
    if lines.isascii() and b"\x7f" not in lines:
        return lines
    return b"".join(map(_escaped, told))


def _escaped(facts: Facts) -> bytes:
    r"""The same, slower; where a text has what is not printed, all beyond ASCII is as `\u`."""
    plain = facts | {"time": facts["time"].isoformat().replace("+00:00", "Z")}
    return _quoted(plain).encode() + b"\n"


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isprintable() else json.dumps(value, separators=(",", ":"))


def _words(told: Iterable[Facts]) -> bytes:
    """`time=12:00:00.123 method=POST …`; a text with anything but plain characters as JSON has it."""
    lines = []
    for facts in told:
        plain = facts | {"time": facts["time"].strftime("%H:%M:%S.%f")[:-3]}
        lines.append(" ".join(f"{name}={_word(value)}" for name, value in plain.items()) + "\n")
    return "".join(lines).encode()


def _word(value: Any) -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text) else _quoted(text)
