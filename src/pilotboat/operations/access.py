"""The outermost layer of the server: every request gets an id and one line in the access log."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import UTC, datetime
from random import getrandbits
from typing import Any, BinaryIO

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Facts = dict[str, Any]
Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
"""An answer whole: status, headers, body."""
Headers = Sequence[tuple[bytes, bytes]]
Deliver = Callable[[Reply | None], None]
"""Takes an answer; None: the application has to answer the request, or to refuse it."""
Settle = Callable[[], None]
Quick = Callable[[str, Headers, bytes, Facts, Deliver], Settle | None]
"""A POST (path, headers, body; what is known of it) and what takes its answer, by the next turn of
the event loop. Returns a function after which the answer has been delivered; None: it is not taken on.
"""

HEADER = b"x-request-id"
ID = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
MOMENT, MOST = 0.02, 500
"""Seconds that a line waits for others, and how many go together at most."""
LONGEST = 256
"""Characters of a path that are logged."""


class Access:
    """Wraps the application. The id is the caller's `X-Request-Id` where that is fit, else new.

    inner: the way of `app` that takes no waiting. log: where the facts of each request go once it is
    answered; None: nothing is logged. What an inner layer knows of a request it puts into
    `scope["state"]["facts"]`.
    """

    def __init__(
        self,
        app: App,
        log: Lines | None = None,
        inner: Quick = lambda *_: None,
    ) -> None:
        self.app = app
        self.log = log
        self.inner = inner

    def quick(self, path: str, headers: Headers, body: bytes, deliver: Deliver) -> Settle | None:
        """The same for a POST whose body is there, without a task. See `Quick`."""
        begun = time.perf_counter()
        request_id = _id(headers)
        facts: Facts = {"id": request_id.decode()}

        def tagged(reply: Reply | None) -> None:
            if reply is not None:
                reply[1].append((HEADER, request_id))
                if self.log is not None:
                    self.log(_facts("POST", path, reply[0], time.perf_counter() - begun, facts))
            deliver(reply)

        return self.inner(path, headers, body, facts, tagged)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            if self.log is not None:
                self.log.flush()
            return
        begun = time.perf_counter()
        request_id = _id(scope["headers"])
        facts: Facts = {"id": request_id.decode()}
        state = scope.setdefault("state", {})
        state["id"], state["facts"] = facts["id"], facts
        status = 0

        async def tagged(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, request_id)]
            await send(message)

        try:
            await self.app(scope, receive, tagged)
        finally:
            if self.log is not None:
                seconds = time.perf_counter() - begun
                self.log(_facts(scope["method"], scope["path"], status, seconds, facts))


def _id(headers: Headers) -> bytes:
    for name, value in headers:
        if name == HEADER and ID.fullmatch(value):
            return value
        if name == HEADER:
            break
    return b"%032x" % getrandbits(128)


def _facts(method: str, path: str, status: int, seconds: float, facts: Facts) -> Facts:
    """What is logged of a request; nothing of its body. status 0: it was never answered."""
    return {
        "time": datetime.now(UTC),
        "method": method,
        "path": path[:LONGEST],
        "status": status,
        "ms": round(seconds * 1000, 3),
        **facts,
    }


class Lines:
    """Writes facts to a stream, those of a moment in one piece.

    readable: as `name=value` for people, else a JSON object a line.
    """

    def __init__(self, stream: BinaryIO, *, readable: bool) -> None:
        self.stream = stream
        self.form = _words if readable else _json
        self._waiting: list[Facts] = []

    def __call__(self, facts: Facts) -> None:
        self._waiting.append(facts)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(MOMENT, self.flush)
        elif len(self._waiting) == MOST:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting. Where nobody can read it, it is lost, and requests are not."""
        lines, self._waiting = self._waiting, []
        try:
            self.stream.write(b"".join(map(self.form, lines)))
            self.stream.flush()
        except (OSError, ValueError):
            pass


def _json(facts: Facts) -> bytes:
    return orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def _words(facts: Facts) -> bytes:
    """`time=12:00:00.123 method=POST …`; a text with anything but plain characters as JSON has it."""
    plain = facts | {"time": facts["time"].strftime("%H:%M:%S.%f")[:-3]}
    return " ".join(f"{name}={_word(value)}" for name, value in plain.items()).encode() + b"\n"


def _word(value: Any) -> str:
    text = str(value)
    return text if re.fullmatch(r"[\w./:+-]+", text, re.ASCII) else orjson.dumps(text).decode()
