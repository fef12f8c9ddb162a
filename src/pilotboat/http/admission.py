"""Before anything of a prediction is read: is there room for it, and how long may it take?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from pilotboat.errors import (
    DeadlineError,
    LeavingError,
    OverloadedError,
    PilotboatError,
    RequestError,
)
from pilotboat.http import problems
from pilotboat.operations.access import App, Headers, Receive, Scope, Send

HEADER = b"x-request-timeout-ms"
"""A request that has it is not answered at once: it is to be refused where it is not as it should be."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker takes on at once. requests: predictions. held: bytes of their bodies.

    body: the most of one, which is refused as too large, however much room there is. timeout:
    milliseconds that a prediction may take.
    """

    requests: int = 512
    body: int = 10 * 2**20
    held: int = 64 * 2**20
    timeout: int = 10_000


class Admission:
    """Wraps the application: what there is no room for is refused before its body is read.

    What is answered at once takes no room and no time, so there is nothing for it here.

    route: the template of a path that is one of a prediction; all others pass, and never wait.
    is_leaving: whether the server is about to stop.
    """

    def __init__(
        self,
        app: App,
        room: Room,
        *,
        route: Callable[[str], str | None],
        is_leaving: Callable[[], bool],
    ) -> None:
        self.app = app
        self.room = room
        self.route = route
        self.is_leaving = is_leaving
        self.pending = 0
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.route(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["state"]["facts"]["route"] = route
        try:
            await self._admitted(scope, receive, send)
        except PilotboatError as error:
            await problems.send(scope, send, error)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = timeout(scope["headers"], self.room.timeout)
        declared = _declared(scope["headers"])
        declared = 0 if declared > self.room.body else declared
        if self.pending >= self.room.requests or self.held + declared > self.room.held:
            raise OverloadedError(
                "There are more requests than this server takes on at once.", retry_after=1
            )
        held = _Held(self, receive, declared)
        scope["state"]["hold"] = held.hold
        scope["state"]["deadline"] = time.monotonic() + allowed / 1000
        started = False

        async def told(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if not started:
                started = True
                limit.reschedule(None)  # the answer is there: writing it takes as long as it takes
            await send(message)

        self.pending += 1
        try:
            async with asyncio.timeout(allowed / 1000) as limit:
                await self.app(scope, held, told)
        except TimeoutError:
            stage = scope["state"].get("stage", "receiving the body")
            raise DeadlineError(
                f"The answer was not there after {allowed:g} ms ({stage}).",
                limit=allowed,
                unit="milliseconds",
                stage=stage,
            ) from None
        except asyncio.CancelledError:
            # The server has waited for its requests as long as it may.
            if started or not self.is_leaving():
                raise
            raise LeavingError("This server stops.", hint="Ask another one.") from None
        finally:
            self.pending -= 1
            held.release()


class _Held:
    """A `Receive` that counts the bytes of a body: those declared at once, others as they come."""

    def __init__(self, gate: Admission, receive: Receive, declared: int) -> None:
        self.gate, self.receive, self.declared = gate, receive, declared
        self.came = 0
        gate.held += declared

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self.receive()
        self.came += len(message.get("body", b""))
        if self.came > self.declared:
            self.hold(self.came - self.declared)
        return message

    def hold(self, more: int) -> None:
        """So many bytes more are held: of a body that came in chunks, or that was packed."""
        if self.gate.held + more > self.gate.room.held:
            raise OverloadedError("The bodies of requests need more memory than there is.")
        self.gate.held += more
        self.declared += more

    def release(self) -> None:
        """The body is not needed any more."""
        self.gate.held -= self.declared
        self.declared = 0


def timeout(headers: Headers, most: int) -> float:
    """Milliseconds that the caller waits, at most `most`.

    Raises `RequestError` for what is no such number.
    """
    for name, value in headers:
        if name != HEADER:
            continue
        if not value.isdigit() or len(value) > 9 or not 0 < int(value) <= most:  # noqa: PLR2004
            raise RequestError(
                f"X-Request-Timeout-Ms is a whole number of milliseconds from 1 to {most}.",
                code="bad-deadline",
                limit=most,
                unit="milliseconds",
            )
        return int(value)
    return most


def _declared(headers: Headers) -> int:
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
