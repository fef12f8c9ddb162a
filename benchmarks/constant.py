"""A server that computes nothing: what any answer costs, as a bare ASGI application."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.answers import Answer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ID = "8b9e9a522a4b4a4e9d551f0f2f6d7f10"
"""a request id, as long as every other"""
BODY = os.environ.get("ANSWER", "").encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


def document(answer: Answer, model: str) -> str:
    """What Pilotboat says to one row."""
    told = {"prediction": answer.label, "probabilities": answer.shares}
    return json.dumps(told | {"model": model, "version": "1", "id": ID}, separators=(",", ":"))


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Read the body, send the answer."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


async def _live(receive: Receive, send: Send) -> None:
    event = ""
    while event != "lifespan.shutdown":
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
