from __future__ import annotations

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any

import pytest

from pilotboat.operations.access import Access, Receive, Scope, Send

Message = MutableMapping[str, Any]


def asked(*headers: tuple[bytes, bytes], kind: str = "http") -> tuple[Scope, list[Message]]:
    """The scope that the application behind `Access` saw, and what was sent."""
    seen: list[Scope] = []
    sent: list[Message] = []

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(scope)
        start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
        await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Access(application)({"type": kind, "headers": list(headers)}, receive, send))
    return seen[0], sent


def test_every_answer_carries_the_id_that_the_application_sees() -> None:
    scope, sent = asked()
    made = scope["state"]["id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert sent[0]["headers"] == [(b"a", b"b"), (b"x-request-id", made.encode())]
    assert [message.get("headers") for message in sent[1:]] == [None, None]


def test_two_requests_have_two_ids() -> None:
    assert asked()[0]["state"]["id"] != asked()[0]["state"]["id"]


def test_a_fit_id_of_the_caller_is_kept() -> None:
    scope, sent = asked((b"host", b"x"), (b"x-request-id", b"abc-1"), (b"x-request-id", b"2"))
    assert scope["state"]["id"] == "abc-1"
    assert sent[0]["headers"][-1] == (b"x-request-id", b"abc-1")


@pytest.mark.parametrize("unfit", [b"", b"a b", b"a\r\nb", b"\xff", b"x" * 129, b"abc\n"])
def test_another_one_is_replaced(unfit: bytes) -> None:
    assert re.fullmatch("[0-9a-f]{32}", asked((b"x-request-id", unfit))[0]["state"]["id"])


def test_what_is_not_a_request_passes_untouched() -> None:
    scope, sent = asked(kind="lifespan")
    assert "state" not in scope
    assert sent[0]["headers"] == [(b"a", b"b")]


def test_state_of_the_server_is_kept() -> None:
    async def application(scope: Scope, _receive: Receive, _send: Send) -> None:
        assert scope["state"]["mine"] == 1
        assert scope["state"]["id"]

    scope = {"type": "http", "headers": [], "state": {"mine": 1}}
    asyncio.run(Access(application)(scope, None, None))  # type: ignore[arg-type]
