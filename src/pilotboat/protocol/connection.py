"""HTTP/1.1 on a connection: uvicorn's, with the usual request answered where it is parsed.

An application may have a method `quick` (see `operations.access.Quick`), which takes on what it can
answer by the next turn of the event loop: such a request needs no task, no events and one write. Any
other takes uvicorn's own way, once its body is there.

Relies on what uvicorn 0.54 keeps private: that `on_headers_complete` reads the request from the parser,
so that it may be called late; `_start_asgi_task`; `pipeline`; `flow`; that it calls `shutdown` of every
connection when it stops; and the attributes of `RequestResponseCycle`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pilotboat.errors import PilotboatError
from pilotboat.http import problems
from pilotboat.operations.access import HEADER
from pilotboat.protocol import limits
from pilotboat.protocol.answer import Cycle, Headers, whole

logger = logging.getLogger(__name__)

LARGE = 2**16
"""A body is waited for up to so many bytes; a larger one is read by the application as it comes."""
IDLE, HEAD, BODY = range(3)
"""What of a request is arriving. Idle: nothing, it is complete or has not begun."""

Reply = tuple[int, Headers, bytes]


class Connection(HttpToolsProtocol):
    """A connection.

    A POST is gathered until its body is there, and then offered to `quick`. Until its answer is
    delivered no other request of the connection is looked at.

    due: the loop's time at which `overdue` is to be called; None: nothing is waited for.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quick = getattr(self.app, "quick", None)
        self.state: Any = self.server_state
        self.due: float | None = None
        self.url, self.headers = b"", []
        self._phase = self._timed = IDLE
        self._since, self._came, self._length, self._most = 0.0, 0, 0, 0
        self._discards = False
        self._last: PilotboatError | None = None
        self._gathers = False
        self._body = b""
        self._settle: Callable[[], None] | None = None
        self._delivers = False
        self._keep_alive = True
        self._version = ""

    # What arrives

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        wait = limits.LINGER_SECONDS if self.state.leaving else limits.HEAD_SECONDS
        self.due = self.loop.time() + wait

    def data_received(self, data: bytes) -> None:
        if self._discards:
            return
        # What a head may have: all of this, and what of it has come before.
        self._most = len(data) if self._phase == IDLE else limits.HEAD + 1
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # What follows would be another protocol, and this server speaks none.
            self._discards = True
            if self.cycle is not None:
                self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            found = limits.unreadable(error, data)
            if found.code == "bug":
                logger.exception("a connection failed")
            self._refuse(found)
        else:
            if self._phase != IDLE:
                self._await_rest(len(data))

    def _await_rest(self, size: int) -> None:
        """Something of a request is missing: bound how long that may take, and how large a head is."""
        if self._timed != self._phase:
            self._timed, self._since, self._came = self._phase, self.loop.time(), 0
        else:
            self._came += size
        if self._phase == BODY:
            allowed = limits.BODY_SECONDS + max(self._length, self._came) / limits.BODY_PACE
            self.due = self._since + allowed
            return
        self.due = self._since + limits.HEAD_SECONDS
        if len(self.url) > limits.TARGET:
            self._refuse(limits.too_long())
        elif self._came > limits.HEAD:
            self._refuse(limits.too_large())

    def overdue(self) -> None:
        """What was waited for has not come."""
        if self._discards or self._phase == IDLE:
            self.due = None
            self.transport.close()
        elif self.flow.read_paused:  # it waits for us
            self.due = self.loop.time() + limits.BODY_SECONDS
        else:
            waited = self.loop.time() - self._since
            if self._phase == HEAD:
                self._refuse(limits.slow(0, None, limits.HEAD_SECONDS))
            else:
                self._refuse(limits.slow(self._came, self._length, waited))

    def on_message_begin(self) -> None:
        self._settled()
        self._phase, self._timed = HEAD, IDLE
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._version = self.parser.get_http_version()
        self._length, hurries = limits.check(self._version, self.url, self.headers, self._most)
        self._phase = BODY
        free = self.cycle is None or self.cycle.response_complete
        self._gathers = (
            free
            and self.quick is not None
            and self.parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and self._length <= LARGE
            and not hurries
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
        self._phase, self.due = IDLE, None
        if not self._gathers:
            super().on_message_complete()
            if self.cycle is not None and self.cycle.response_complete:
                self._rest()
            return
        self._delivers, self._settle = True, None
        # Asked now: the parser forgets it once the message is complete.
        self._keep_alive = self._version == "1.1" and self.parser.should_keep_alive()
        if not self.flow.write_paused and self.quick is not None:
            path = self.url.decode("latin-1")
            self._settle = self.quick(path, self.headers, self._body, self._deliver)
        if self._settle is None:
            self._deliver(None)

    # What is answered

    def shutdown(self) -> None:
        """The server leaves: what has begun is answered, and for what is on its way there is a moment.

        Every answer says that it is the last, because `state.leaving` is set.
        """
        self._settled()
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy and self._phase == IDLE and not self._gathers and not self._discards:
            self.due = self.loop.time() + limits.LINGER_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        self._gathers = self._delivers = False
        self.due = None
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
        state, keep_alive = self.state, self._keep_alive
        raw = None
        if reply is not None:
            keep_alive = keep_alive and not state.leaving
            raw = whole(*reply, default=state.default_headers, keep_alive=keep_alive)
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
        cycle.connection = self  # type: ignore[attr-defined]
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Turn to what comes next: in place of uvicorn's, which arms a timer for each answer."""
        self.state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._last is not None:
            self._say(self._last)
        elif self._phase == IDLE:
            self._rest()

    def _rest(self) -> None:
        """Nothing is under way: wait for the next request."""
        wait = limits.LINGER_SECONDS if self.state.leaving else self.timeout_keep_alive
        self.due = self.loop.time() + wait

    def is_last(self) -> bool:
        """Whether the answer that is about to be written is the last here."""
        return bool(self.state.leaving) or (
            self._phase == BODY and (not self._length or self._length - self._came > LARGE)
        )

    def finish(self) -> None:
        """Nothing more is answered. What still arrives is thrown away: a reset would lose the answer."""
        if self._phase == IDLE and not self._discards:
            self.transport.close()
            return
        self._discards = True
        self.due = self.loop.time() + limits.DISCARD_SECONDS
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    # What is refused

    def _refuse(self, error: PilotboatError) -> None:
        """Answer what came before, then state `error`, then end."""
        self._settled()
        self._discards, self.due = True, None
        cycle: Any = self.cycle
        begun = self._phase == BODY and not self._gathers and cycle is not None
        if begun and self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()  # nobody has seen it yet
            self._last = error
        elif begun and not cycle.response_complete:
            started, cycle.disconnected = cycle.response_started, True
            cycle.message_event.set()
            if started:
                self.transport.close()
            else:
                self._say(error, cycle.scope["state"])
        elif cycle is not None and not cycle.response_complete:
            self._last = error
        else:
            self._say(error)

    def _say(self, error: PilotboatError, state: Any = None) -> None:
        """State `error` to the client. state: of the request that it is about, where it has begun."""
        path = self.url.partition(b"?")[0].decode("latin-1")
        method = self.parser.get_method().decode("latin-1") if self._phase != IDLE else ""

        def stated(request_id: str) -> Reply:
            return problems.reply(error, path, request_id)

        if state is not None and "id" in state:
            reply = stated(state["id"])
            reply[1].append((HEADER, state["id"].encode()))
        else:
            refused = getattr(self.app, "refused", None)
            reply = stated("") if refused is None else refused(method, path, error.code, stated)
        if state is not None:
            state["refused"] = reply[0], error.code
        raw = whole(*reply, default=self.state.default_headers, keep_alive=False)
        self.transport.write(raw or b"")
        self._gathers = self._delivers = False
        self.finish()
