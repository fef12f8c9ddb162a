"""HTTP/1.1 on a connection: uvicorn's, with the usual request answered where it is parsed.

An application may have a method `quick` (see `operations.access.Quick`), which takes on what it can
answer by the next turn of the event loop: such a request needs no task, no events and one write. Any
other takes uvicorn's own way, once its body is there.

Relies on what uvicorn keeps private: that `on_headers_complete` reads the request from the parser, so
that it may be called late; `_start_asgi_task`; and the attributes of `RequestResponseCycle`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

LARGE = 2**16
"""A body is waited for up to so many bytes; a larger one is read by the application as it comes."""
SPECIAL = frozenset({b"connection", b"content-length", b"transfer-encoding"})

Headers = list[tuple[bytes, bytes]]
Reply = tuple[int, Headers, bytes]


class Protocol(HttpToolsProtocol):
    """A connection.

    A POST is gathered until its body is there, and then offered to `quick`. Until its answer is
    delivered no other request of the connection is looked at.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quick = getattr(self.app, "quick", None)
        self._gathers = False
        self._body = b""
        self._settle: Callable[[], None] | None = None
        self._delivers = False
        self._keep_alive = True

    def on_message_begin(self) -> None:
        self._settled()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        free = self.cycle is None or self.cycle.response_complete
        self._gathers = (
            free
            and self.quick is not None
            and self.parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and _stated(self.headers) <= LARGE
        )
        if self._gathers:
            self._body = b""
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._gathers:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > LARGE:
            self._hand_over()

    def on_message_complete(self) -> None:
        if not self._gathers:
            super().on_message_complete()
            return
        self._delivers, self._settle = True, None
        # Asked now: the parser forgets it once the message is complete.
        version = self.parser.get_http_version()
        self._keep_alive = version == "1.1" and self.parser.should_keep_alive()
        if not self.flow.write_paused and self.quick is not None:
            path = self.url.decode("latin-1")
            self._settle = self.quick(path, self.headers, self._body, self._deliver)
        if self._settle is None:
            self._deliver(None)

    def shutdown(self) -> None:
        self._settled()
        if self._gathers:  # it is on its way, and will be answered
            self._hand_over()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gathers = self._delivers = False
        super().connection_lost(exc)

    def _settled(self) -> None:
        """See to it that the request before has been answered."""
        if self._delivers and self._settle is not None:
            self._settle()

    def _deliver(self, reply: Reply | None) -> None:
        """Write an answer; or let uvicorn have the request where there is none."""
        if not self._delivers:  # nobody is there any more
            return
        self._gathers = self._delivers = False
        default, keep_alive = self.server_state.default_headers, self._keep_alive
        raw = None if reply is None else whole(*reply, default=default, keep_alive=keep_alive)
        if raw is None:
            self._hand_over()
            self.cycle.keep_alive = keep_alive
            super().on_message_complete()
            return
        self.transport.write(raw)
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _hand_over(self) -> None:
        """Let uvicorn have the request, as it would have had it from the start."""
        self._gathers = False
        super().on_headers_complete()
        if self._body:
            super().on_body(self._body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = Cycle
        super()._start_asgi_task(cycle, app)


class Cycle(RequestResponseCycle):
    """Writes the head of an answer together with its body."""

    head: Any = None

    async def send(self, message: Any) -> None:
        if not self.response_started and message["type"] == "http.response.start":
            self.response_started = True
            self.head = message
            return
        head, self.head = self.head, None
        if head is not None:
            self.response_started = False
            if not message.get("more_body", False) and self._reply(head, message.get("body", b"")):
                return
            await super().send(head)
        await super().send(message)

    def _reply(self, head: Any, body: bytes) -> bool:
        """Write a whole answer at once; False where it needs a closer look."""
        if self.flow.write_paused or self.disconnected or self.scope["method"] == "HEAD":
            return False
        raw = whole(
            head["status"],
            head["headers"],
            body,
            default=self.default_headers,
            keep_alive=self.keep_alive,
        )
        if raw is None:
            return False
        self.transport.write(raw)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True


def _stated(headers: Headers) -> int:
    """The stated length of the body, in bytes; 0 where none is."""
    for name, value in headers:
        if name == b"content-length":
            return int(value)  # the parser has seen that it is a number
    return 0


def whole(
    status: int, headers: Headers, body: bytes, *, default: Headers, keep_alive: bool
) -> bytes | None:
    """A whole answer as it goes on the wire; None for one that is not the usual."""
    lines, length, stated = [STATUS_LINE[status]], b"%d" % len(body), False
    for name, value in (*default, *headers):
        if name == b"content-length" and value == length:
            stated = True
        elif name in SPECIAL:
            return None
        lines += (name, b": ", value, b"\r\n")
    count = len(lines) // 4 + 2
    if not keep_alive:
        lines.append(b"connection: close\r\n")
        count += 1
    lines.append(b"\r\n")
    head = b"".join(lines)
    if not stated or head.count(b"\n") != count:  # a value with the end of a line in it
        return None
    return head + body
