"""The outermost layer of the server: every request gets an id, and what is known of it is gathered."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from datetime import UTC, datetime
from os import urandom
from time import perf_counter, time_ns
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Facts = dict[str, Any]
"""What is known of a request: time (when it ended), method, path, status, ms (until its answer was
written), id; and where they apply trace (of the caller), route (the path's template), model, version,
rows, read_ms (until the model was asked), model_ms, key, code (of an error).
"""
Reader = Callable[[Sequence[Facts]], None]
"""Takes the facts of the requests of a moment; the same dictionaries go to every reader."""
Parent = tuple[bytes, bytes, bytes]
"""The caller's span: its id and flags in hexadecimal, and what `tracestate` says."""
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

logger = logging.getLogger(__name__)

HEADER, PARENT, STATE = b"x-request-id", b"traceparent", b"tracestate"
NAMED = frozenset({HEADER, PARENT})
ID = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
TRACEPARENT = re.compile(
    rb"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
"""W3C Trace Context: version, trace, parent, flags. Only a version after 00 may have more."""
MADE = re.compile("(?!0{32})[0-9a-f]{32}")
MOMENT, MOST = 0.02, 500
"""Seconds that facts wait for those of others, and how many go together at most."""
LONGEST, METHOD = 256, 16
"""Characters of a path and of a method that are noted."""
GONE, BROKE = 499, 500
"""Statuses of a request without an answer: its caller had left (as nginx has it), or it broke."""


class Access:
    """Wraps the application. The id is the caller's `X-Request-Id` where that is fit, else the trace's
    in its `traceparent`, else new.

    inner: the way of `app` that takes no waiting. log: where the facts of each request go once it is
    answered; None: nowhere. What an inner layer knows of a request it puts into
    `scope["state"]["facts"]`. leave: called when the server is about to stop. traces: a reader makes
    spans: every request is of a trace, and there is a fact `parent` for it.
    """

    def __init__(
        self,
        app: App,
        log: Journal | None = None,
        inner: Quick = lambda *_: None,
        leave: Callable[[], None] = lambda: None,
        *,
        traces: bool = False,
    ) -> None:
        self.app = app
        self.log = log
        self.inner = inner
        self.leave = leave
        self.traces = traces
        self._ids = _ids()

    def quick(self, path: str, headers: Headers, body: bytes, deliver: Deliver) -> Settle | None:
        """The same for a POST whose body is there, without a task. See `Quick`."""
        begun = perf_counter()
        facts = self._begun("POST", path, headers)

        def tagged(reply: Reply | None) -> None:
            if reply is not None:
                reply[1].append((HEADER, facts["id"].encode()))
                if self.log is not None:
                    self.log(_ended(facts, reply[0], begun))
            deliver(reply)

        return self.inner(path, headers, body, facts, tagged)

    def refused(self, method: str, path: str, code: str, stated: Callable[[str], Reply]) -> Reply:
        """The answer to what cannot be read as a request. stated: makes it, given an id."""
        begun = perf_counter()
        facts = self._begun(method, path, ())
        facts["code"] = code
        reply = stated(facts["id"])
        reply[1].append((HEADER, facts["id"].encode()))
        if self.log is not None:
            self.log(_ended(facts, reply[0], begun))
        return reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            if self.log is not None:
                self.log.close()
            return
        state = scope.setdefault("state", {})
        if "refused" in state:  # by the connection, which has had it logged
            return
        begun = perf_counter()
        facts = self._begun(scope["method"], scope["path"], scope["headers"])
        state["id"], state["facts"], state["begun"] = facts["id"], facts, begun
        status = 0

        async def tagged(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, facts["id"].encode())]
            await send(message)

        try:
            await self.app(scope, receive, tagged)
        except Exception:
            status = status or BROKE
            raise
        finally:
            if self.log is not None:
                left = status == 0 or facts.get("code") == "client-closed"
                status = GONE if left else status
                if "refused" in state:  # by the connection, because of its body
                    status, facts["code"] = state["refused"]
                self.log(_ended(facts, status, begun))

    def _begun(self, method: str, path: str, headers: Headers) -> Facts:
        """What is known of a request from its head, in the order in which a line has it."""
        said = parent = None
        for name, value in headers:
            if name in NAMED:
                if name == HEADER:
                    said = value if said is None else said
                else:  # two of them are none
                    parent = value if parent is None else b""
        traced = None if parent is None else TRACEPARENT.fullmatch(parent)
        if said is not None and ID.fullmatch(said):
            request_id = said.decode()
        else:
            request_id = next(self._ids) if traced is None else traced[1].decode()
        facts: Facts = {
            "time": None,
            "method": method[:METHOD],
            "path": path[:LONGEST],
            "status": 0,
            "ms": 0.0,
            "id": request_id,
        }
        if "?" in path:
            facts["path"] = path.partition("?")[0][:LONGEST]
        if traced is not None:
            facts["trace"] = traced[1].decode()
        if self.traces:
            self._trace(facts, traced, headers)
        return facts

    def _trace(self, facts: Facts, traced: re.Match[bytes] | None, headers: Headers) -> None:
        """Note the span of the caller; or, where there is none, that a trace begins here."""
        if traced is not None:
            facts["parent"] = (traced[2], traced[3], _states(headers))
        else:
            made = MADE.fullmatch(facts["id"]) is not None
            facts["trace"] = facts["id"] if made else next(self._ids)


def _ended(facts: Facts, status: int, begun: float) -> Facts:
    facts["time"] = datetime.now(UTC)
    facts["status"] = status
    facts["ms"] = int((perf_counter() - begun) * 1e6) / 1000
    return facts


def _ids() -> Iterator[str]:
    """Ids of the form of a trace's: about when, in milliseconds of Unix time, and 80 bits of chance.

    In an index those of a time are neighbours: a database that keeps many stores them with a quarter less
    work. They are drawn many at a time, which is six times as quick.
    """
    while True:
        now, many = f"{time_ns() // 10**6:012x}", urandom(10 * 256).hex()
        for start in range(0, len(many), 20):
            yield now + many[start : start + 20]


def _states(headers: Headers) -> bytes:
    """What other tracing systems have noted of a trace: all headers of the name are one list."""
    return b",".join(value for name, value in headers if name == STATE)


class Journal:
    """Gathers the facts of requests, and hands those of a moment to every reader together.

    A reader may take as long as it needs for the whole of them: it costs the requests nothing alone.
    closing: called in the end, after the readers have had everything.
    """

    def __init__(
        self, readers: Sequence[Reader], closing: Sequence[Callable[[], None]] = ()
    ) -> None:
        self.readers = readers
        self.closing = closing
        self._waiting: list[Facts] = []

    def __call__(self, facts: Facts) -> None:
        waiting = self._waiting
        waiting.append(facts)
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(MOMENT, self.flush)
        elif len(waiting) == MOST:
            self.flush()

    def flush(self) -> None:
        """Hand over what has gathered. A reader that breaks is said to, and keeps it from no other."""
        told, self._waiting = self._waiting, []
        if not told:
            return
        for reader in self.readers:
            try:
                reader(told)
            except Exception:
                logger.exception("the facts of %d requests were not read", len(told))

    def close(self) -> None:
        """Hand over the last, and end the readers."""
        self.flush()
        for close in self.closing:
            close()
