from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest

from pilotboat.errors import RequestError
from pilotboat.http.admission import Admission, Room, timeout
from pilotboat.operations.access import Receive, Scope, Send

Message = MutableMapping[str, Any]


class Gate:
    """An `Admission` over an application that reads its body and waits until it may answer."""

    def __init__(self, room: Room, *, leaving: bool = False) -> None:
        self.go = asyncio.Event()
        self.leaving = leaving
        self.admission = Admission(
            self.app, room, route={"/predict": "/predict"}.get, is_leaving=lambda: self.leaving
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        while (await receive()).get("more_body"):
            pass
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(
        self, path: str = "/predict", body: tuple[bytes, ...] = (b"",), **headers: str
    ) -> tuple[int, Any]:
        """Status and document of an answer."""
        sent: list[Message] = []
        chunks = list(body)

        async def receive() -> Message:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message: Message) -> None:
            sent.append(message)

        named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        state = {"id": "id-1", "facts": {}}
        scope = {"type": "http", "path": path, "headers": named, "state": state}
        await self.admission(scope, receive, send)
        raw = b"".join(message.get("body", b"") for message in sent)
        self.sent = dict(sent[0]["headers"])
        return sent[0]["status"], orjson.loads(raw) if raw else None


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_more_requests_than_there_is_room_for_are_refused_at_once() -> None:
    async def run() -> None:
        gate = Gate(Room(requests=2))
        held = [asyncio.ensure_future(gate.ask()) for _ in range(2)]
        await settle()
        status, problem = await gate.ask()
        assert (status, problem["code"]) == (503, "overloaded")
        assert gate.sent[b"retry-after"] == b"1"
        assert gate.admission.pending == 2
        gate.go.set()
        assert await asyncio.gather(*held) == [(200, None)] * 2
        assert await gate.ask() == (200, None)
        assert (gate.admission.pending, gate.admission.held) == (0, 0)

    asyncio.run(run())


def test_bytes_that_are_declared_count_before_they_come() -> None:
    async def run() -> None:
        gate = Gate(Room(held=100))
        held = asyncio.ensure_future(gate.ask(content_length="60"))
        await settle()
        status, problem = await gate.ask(content_length="60")
        assert (status, problem["code"]) == (503, "overloaded")
        gate.go.set()
        await held
        assert await gate.ask(content_length="60") == (200, None)

    asyncio.run(run())


def test_bytes_that_are_not_declared_count_as_they_come() -> None:
    async def run() -> None:
        gate = Gate(Room(held=100))
        gate.go.set()
        assert await gate.ask(body=(b"x" * 50, b"x" * 50)) == (200, None)
        status, problem = await gate.ask(body=(b"x" * 50, b"x" * 51))
        assert (status, problem["code"]) == (503, "overloaded")
        assert gate.admission.held == 0

    asyncio.run(run())


def test_a_body_that_is_too_large_for_any_time_is_left_to_say_so() -> None:
    async def run() -> None:
        gate = Gate(Room(body=50, held=100))
        gate.go.set()
        assert await gate.ask(content_length="1000") == (200, None)

    asyncio.run(run())


def test_what_is_no_prediction_never_waits() -> None:
    async def run() -> None:
        gate = Gate(Room(requests=1))
        held = asyncio.ensure_future(gate.ask())
        await settle()
        probe = asyncio.ensure_future(gate.ask("/livez"))
        await settle()
        gate.go.set()
        assert await probe == await held == (200, None)

    asyncio.run(run())


def test_a_deadline_that_passes() -> None:
    async def run() -> None:
        gate = Gate(Room())
        status, problem = await gate.ask(x_request_timeout_ms="20")
        assert (status, problem["code"]) == (504, "deadline-exceeded")
        assert (problem["limit"], problem["unit"]) == (20, "milliseconds")
        assert problem["stage"] == "receiving the body"
        assert gate.admission.pending == 0

    asyncio.run(run())


def test_a_deadline_reaches_who_computes() -> None:
    async def run() -> None:
        gate = Gate(Room(timeout=5000))
        gate.go.set()
        await gate.ask(x_request_timeout_ms="3000")
        left = gate.scope["state"]["deadline"] - asyncio.get_running_loop().time()
        assert 0 < left <= 3

    asyncio.run(run())


def test_an_answer_that_has_begun_is_not_cut() -> None:
    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"1"})

    async def run() -> None:
        gate = Gate(Room())
        gate.admission.app = slow
        assert await gate.ask(x_request_timeout_ms="10") == (200, 1)

    asyncio.run(run())


@pytest.mark.parametrize("value", [b"", b"x", b"0", b"-1", b"1.5", b"10001", b"9" * 5000, b"\xb2"])
def test_a_deadline_that_is_none(value: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        timeout([(b"x-request-timeout-ms", value)], 10_000)
    assert (caught.value.code, caught.value.facts["limit"]) == ("bad-deadline", 10_000)


def test_what_is_cut_off_because_the_server_stops_says_so() -> None:
    async def run() -> None:
        for leaving in (True, False):
            gate = Gate(Room(), leaving=leaving)
            task = asyncio.ensure_future(gate.ask())
            await settle()
            task.cancel()
            if leaving:
                status, problem = await task
                assert (status, problem["code"]) == (503, "shutting-down")
            else:
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert gate.admission.pending == 0

    asyncio.run(run())
