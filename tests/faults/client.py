"""An HTTP/1.1 connection of a client that notices everything that is wrong with an answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


class LostError(Exception):
    """A request that got no complete answer. how: in a word or two."""

    def __init__(self, how: str, detail: str) -> None:
        super().__init__(detail)
        self.how = how


@dataclass(frozen=True)
class Reply:
    """An answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server says that it takes no more on this connection."""
        return self.headers.get("connection", "").lower() == "close"


class Connection(asyncio.Protocol):
    """One connection, one request at a time. live: where it is listed while it waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, live: set[Connection]) -> None:
        self.loop, self.live = loop, live
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[Reply] | None = None
        self.received = b""
        self.answered = 0
        self.since = 0.0
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    async def exchange(self, request: bytes) -> Reply:
        """Send a request and wait for its answer. Raises `LostError`."""
        assert self.transport is not None
        self.received, self.since = b"", time.monotonic()
        self.waiter = self.loop.create_future()
        self.live.add(self)
        try:
            if self.gone:  # between two turns of the loop
                self._lose(None)
            self.transport.write(request)
            return await self.waiter
        finally:
            self.live.discard(self)
            self.waiter = None

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.waiter is None or self.waiter.done():
            self.gone = True  # nobody asked
            return
        try:
            reply = parse(self.received)
        except ValueError as error:
            self.waiter.set_exception(LostError("not HTTP", f"{error}: {self.received[:200]!r}"))
            self.close()
            return
        if reply is not None:
            self.answered += 1
            self.waiter.set_result(reply)

    def eof_received(self) -> None:
        self.gone = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._lose(exc)

    def _lose(self, exc: Exception | None) -> None:
        if self.waiter is None or self.waiter.done():
            return
        if self.received:
            how = "truncated"
        else:
            how = "reset on a reused connection" if self.answered else "reset on a new connection"
        detail = f"{exc or 'closed'} after {self.answered} answers, got {self.received[:100]!r}"
        self.waiter.set_exception(LostError(how, detail))

    def expire(self, before: float) -> None:
        """Give up the request if it was sent before that."""
        if self.since < before and self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(LostError("no answer in time", repr(self.received[:100])))
            self.close()

    def close(self) -> None:
        self.gone = True
        if self.transport is not None:
            self.transport.abort()


def parse(raw: bytes) -> Reply | None:
    """The answer that `raw` is; None while it is incomplete. Raises `ValueError` for anything else."""
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *fields = raw[:end].decode("latin-1").split("\r\n")
    version, status, _ = f"{first} ".split(" ", 2)
    if version != "HTTP/1.1" or len(status) != 3:
        raise ValueError("not an HTTP/1.1 answer")
    headers: dict[str, str] = {}
    for line in fields:
        name, colon, value = line.partition(":")
        if not colon or (name.lower() in ("content-length", "x-request-id") and name in headers):
            raise ValueError("a header that is not fit")
        headers[name.lower()] = value.strip()
    if "content-length" not in headers:
        raise ValueError("no length")
    body = raw[end + 4 :]
    length = int(headers["content-length"])
    if len(body) > length:
        raise ValueError("more than one answer")
    return Reply(int(status), headers, body) if len(body) == length else None
