from __future__ import annotations

import asyncio
import json
import re
from collections.abc import MutableMapping
from io import BytesIO
from typing import Any

import pytest

from pilotboat.operations import access as access_module
from pilotboat.operations.access import Access, Lines, Receive, Scope, Send

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

    scope = {"type": kind, "method": "GET", "path": "/", "headers": list(headers)}
    asyncio.run(Access(application)(scope, receive, send))
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


def logged(*, readable: bool, **scope: Any) -> list[bytes]:
    """What is written of three requests that come in one moment."""
    stream = Counting()
    access = Access(answering, Lines(stream, readable=readable))

    async def ask() -> None:
        asked = {"type": "http", "method": "POST", "path": "/predict", "headers": []} | scope
        await asyncio.gather(*(access(dict(asked), nothing, ignored) for _ in range(3)))
        await asyncio.sleep(2 * access_module.MOMENT)

    asyncio.run(ask())
    assert stream.writes == 1
    return stream.getvalue().splitlines()


class Counting(BytesIO):
    writes = 0

    def write(self, raw: Any) -> int:
        self.writes += 1
        return super().write(raw)


async def answering(scope: Scope, _receive: Receive, send: Send) -> None:
    scope["state"]["facts"]["rows"] = 2
    await send({"type": "http.response.start", "status": 422, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def nothing() -> Message:
    return {}


async def ignored(_message: Message) -> None:
    return


def test_a_line_a_request_as_json() -> None:
    lines = [json.loads(line) for line in logged(readable=False)]
    assert [(one["method"], one["path"], one["status"], one["rows"]) for one in lines] == [
        ("POST", "/predict", 422, 2)
    ] * 3
    assert len({one["id"] for one in lines}) == 3
    assert all(0 <= one["ms"] < 10_000 and one["time"].endswith("Z") for one in lines)


def test_a_line_a_request_in_words() -> None:
    line = logged(readable=True)[0].decode()
    assert re.search(
        r"^time=\S+ method=POST path=/predict status=422 ms=[0-9.]+ id=[0-9a-f]{32}", line
    )


@pytest.mark.parametrize("readable", [True, False])
def test_a_path_forges_no_line(readable: bool) -> None:
    lines = logged(readable=readable, path="/x\r\n{} status=200 \u2028" + "y" * 1000)
    assert len(lines) == 3
    assert all(len(line) < 600 for line in lines)


def test_a_closed_stream_stops_no_request() -> None:
    stream = BytesIO()
    stream.close()
    lines = Lines(stream, readable=False)
    lines._waiting.append({})
    lines.flush()
    assert not lines._waiting
