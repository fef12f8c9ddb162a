"""An answer as it goes on the wire: head and body in one write, so that none is cut between them."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

SPECIAL = frozenset({b"connection", b"content-length", b"transfer-encoding"})

Headers = list[tuple[bytes, bytes]]


def whole(
    status: int, headers: Headers, body: bytes, *, default: Headers, keep_alive: bool
) -> bytes | None:
    """A whole answer; None for one that is not the usual."""
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


class Cycle(RequestResponseCycle):
    """uvicorn's request and answer, which writes the head of an answer together with its body."""

    head: Any = None
    connection: Any = None

    async def send(self, message: Any) -> None:
        if not self.response_started and message["type"] == "http.response.start":
            self.response_started = True
            self.head = message
            if self.connection.is_last():
                self.keep_alive = False
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
            self.connection.finish()
        self.on_response()
        return True
