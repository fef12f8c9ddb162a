from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pilotboat import serve
from pilotboat.operations import access as access_module
from pilotboat.operations.access import (
    Access,
    Deliver,
    Facts,
    Headers,
    Journal,
    Receive,
    Reply,
    Scope,
    Send,
    Settle,
)
from pilotboat.settings import read
from tests.factories import RECORD, Server
from tests.http import wire

Message = MutableMapping[str, Any]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()


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

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "state": {"mine": 1}}
    asyncio.run(Access(application)(scope, None, None))  # type: ignore[arg-type]


def noted(
    *headers: tuple[bytes, bytes],
    quick: bool = False,
    app: Any = None,
    traces: bool = False,
    **scope: Any,
) -> Facts:
    """What is known of a request in the end, on the one way or the other."""
    told: list[Facts] = []

    async def ask() -> None:
        access = Access(app or answering, Journal([told.extend]), swift, traces=traces)
        asked = {"type": "http", "method": "POST", "path": "/predict", "headers": list(headers)}
        asked |= scope
        if quick:
            path: Any = asked["path"]
            assert access.quick(path, headers, b"", replies.append) is settled
        else:
            with suppress(ZeroDivisionError):
                await access(asked, nothing, ignored)
        assert access.log is not None
        access.log.close()

    replies: list[Reply | None] = []
    asyncio.run(ask())
    if quick:
        assert replies[0] is not None
        assert replies[0][1] == [(b"x-request-id", told[0]["id"].encode())]
    assert len(told) == 1
    return told[0]


async def answering(scope: Scope, _receive: Receive, send: Send) -> None:
    scope["state"]["facts"]["rows"] = 2
    await send({"type": "http.response.start", "status": 422, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def swift(
    _path: str, _headers: Headers, _body: bytes, facts: Facts, deliver: Deliver
) -> Settle | None:
    facts["rows"] = 2
    deliver((422, [], b""))
    return settled


def settled() -> None:
    return


async def nothing() -> Message:
    return {}


async def ignored(_message: Message) -> None:
    return


@pytest.mark.parametrize("quick", [True, False])
def test_what_is_known_of_a_request(quick: bool) -> None:
    facts = noted(quick=quick)
    assert list(facts) == ["time", "method", "path", "status", "ms", "id", "rows"]
    assert (facts["method"], facts["path"], facts["status"]) == ("POST", "/predict", 422)
    assert 0 <= facts["ms"] < 10_000
    assert abs((datetime.now(UTC) - facts["time"]).total_seconds()) < 60


@pytest.mark.parametrize("quick", [True, False])
def test_a_path_is_bounded_and_has_no_query(quick: bool) -> None:
    assert noted(quick=quick, path="/x?password=1")["path"] == "/x"
    assert noted(quick=quick, path="/" + "x" * 1000)["path"] == "/" + "x" * 255


def test_a_method_is_bounded() -> None:
    assert noted(method="M" * 1000)["method"] == "M" * 16


def test_a_caller_that_leaves_is_told_from_a_fault() -> None:
    async def left(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return

    async def found_closed(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(scope, receive, send)
        scope["state"]["facts"]["code"] = "client-closed"

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    assert noted(app=left)["status"] == 499
    assert noted(app=found_closed)["status"] == 499
    assert noted(app=broken)["status"] == 500


def test_what_cannot_be_read_is_noted_too() -> None:
    told: list[Facts] = []

    def refused() -> Reply:
        access = Access(answering, Journal([told.extend]))
        made = access.refused("", "/x?y", "bad-host", lambda _id: (400, [], b""))
        assert access.log is not None
        access.log.close()
        return made

    async def within() -> Reply:
        return refused()

    reply = asyncio.run(within())
    assert reply[1] == [(b"x-request-id", told[0]["id"].encode())]
    assert (told[0]["status"], told[0]["code"], told[0]["path"]) == (400, "bad-host", "/x")


def test_a_trace_of_the_caller_is_noted_and_is_the_id_where_none_is_sent() -> None:
    facts = noted((b"traceparent", PARENT))
    assert (facts["id"], facts["trace"]) == (TRACE, TRACE)
    facts = noted((b"traceparent", PARENT), (b"x-request-id", b"mine"), quick=True)
    assert (facts["id"], facts["trace"]) == ("mine", TRACE)


@pytest.mark.parametrize(
    "more", [b"cc" + PARENT[2:], b"cc" + PARENT[2:] + b"-what-comes", b"00" + PARENT[2:-2] + b"ff"]
)
def test_a_trace_of_a_later_version_is_understood(more: bytes) -> None:
    assert noted((b"traceparent", more))["trace"] == TRACE


@pytest.mark.parametrize(
    "unfit",
    [
        b"",
        b"ff" + PARENT[2:],
        PARENT.upper(),
        PARENT + b"-more",
        PARENT + b".",
        PARENT[:-1],
        b"cc" + PARENT[2:] + b".more",
        PARENT.replace(TRACE.encode(), b"0" * 32),
        PARENT.replace(SPAN.encode(), b"0" * 16),
        PARENT.replace(b"-01", b"-0g"),
        PARENT + b"\n",
    ],
)
def test_what_is_no_trace_is_ignored(unfit: bytes) -> None:
    facts = noted((b"traceparent", unfit))
    assert "trace" not in facts
    assert re.fullmatch("[0-9a-f]{32}", facts["id"])


def test_two_traces_are_none() -> None:
    assert "trace" not in noted((b"traceparent", PARENT), (b"traceparent", PARENT))


def test_where_spans_are_made_every_request_has_a_trace() -> None:
    headers = [(b"traceparent", PARENT), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")]
    assert noted(*headers, traces=True)["parent"] == (SPAN.encode(), b"01", b"a=1,b=2")
    assert "parent" not in noted(*headers)
    facts = noted(traces=True)
    assert facts["trace"] == facts["id"]
    facts = noted((b"x-request-id", b"mine"), traces=True)
    assert re.fullmatch("[0-9a-f]{32}", facts["trace"])
    assert facts["id"] == "mine"


def test_many_ids_are_many() -> None:
    ids = access_module._ids()
    assert len({next(ids) for _ in range(1000)}) == 1000


def test_an_id_begins_with_when_it_was_made() -> None:
    before = time.time_ns() // 10**6
    made = int(next(access_module._ids())[:12], 16)
    assert before <= made <= time.time_ns() // 10**6


def gathered(count: int, *readers: Callable[[Any], None]) -> None:
    async def tell() -> None:
        journal = Journal(readers)
        for number in range(count):
            journal({"number": number})
        await asyncio.sleep(2 * access_module.MOMENT)

    asyncio.run(tell())


def test_facts_of_a_moment_are_handed_over_together() -> None:
    told: list[int] = []
    gathered(access_module.MOST + 3, lambda facts: told.append(len(facts)))
    assert told == [access_module.MOST, 3]


def test_a_reader_that_breaks_keeps_nothing_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def breaks(_facts: Any) -> None:
        raise ZeroDivisionError

    told: list[Facts] = []
    gathered(3, breaks, told.extend)
    assert len(told) == 3
    assert "the facts of 3 requests were not read" in caplog.text


def test_readers_are_ended_after_the_last_facts() -> None:
    told: list[Any] = []

    async def tell() -> None:
        journal = Journal([told.extend], [lambda: told.append("end")])
        journal({})
        journal.close()

    asyncio.run(tell())
    assert told == [{}, "end"]


INTO = "import os, sys; os.dup2(os.open(sys.argv[1], os.O_WRONLY), 1); os.execv(sys.argv[2], sys.argv[2:])"
"""Runs a command whose standard output is a file that is there."""


def told_to(path: Path, titanic: Path, **env: str) -> Server:
    server = Server(titanic, **env)
    server.command = [sys.executable, "-c", INTO, str(path), *server.command]
    return server


@pytest.fixture
def logged(titanic: Path, tmp_path: Path) -> Iterator[tuple[Server, Callable[[int], list[Any]]]]:
    """A server, and the lines that it has written of requests once they are so many."""
    path = tmp_path / "access.log"
    path.touch()

    def lines(count: int) -> list[Any]:
        for _ in range(100):
            raw = path.read_bytes()
            if raw.count(b"\n") >= before + count:
                break
            time.sleep(0.05)
        assert all(len(line) < 8192 for line in raw.splitlines())
        return [json.loads(line) for line in raw.decode().split("\n") if line][-count:]

    with told_to(path, titanic) as server:
        time.sleep(0.2)  # the lines of its start
        before = path.read_bytes().count(b"\n")
        yield server, lines


def test_every_answer_of_a_server_has_its_line(
    logged: tuple[Server, Callable[[int], list[Any]]],
) -> None:
    server, lines = logged
    client = server.client
    client.post("/predict?secret=1", json=RECORD)
    client.post("/predict", json=RECORD, headers={"traceparent": PARENT.decode()})
    client.post("/v1/models/titanic:predict", json={"instances": [RECORD] * 2})
    client.post("/predict", json=RECORD | {"sex": "x"})
    client.post("/predict", content=b"{")
    client.get("/predict")
    client.get("/nowhere")
    client.post("/v1/models/none:predict", json={"instances": [RECORD]})
    client.get("/v1/models/titanic")
    query, traced, many, wrong, broken, method, nowhere, unknown, described = lines(9)
    assert query["path"] == traced["path"] == query["route"] == "/predict"
    assert (traced["status"], traced["model"], traced["version"]) == (200, "titanic", "1")
    assert traced["rows"] == 1
    assert traced["id"] == traced["trace"] == TRACE
    assert 0 <= traced["model_ms"] <= traced["ms"]
    assert many["rows"] == 2
    assert many["read_ms"] + many["model_ms"] <= many["ms"]
    assert many["route"] == "/v1/models/{model}:predict"
    assert (wrong["status"], wrong["code"], wrong["model"]) == (422, "unknown-category", "titanic")
    assert (broken["status"], broken["code"]) == (400, "invalid-json")
    assert (method["status"], method["code"]) == (405, "method-not-allowed")
    assert (nowhere["status"], nowhere["code"]) == (404, "not-found")
    assert (unknown["status"], unknown["code"]) == (404, "unknown-model")
    assert (described["status"], described["route"]) == (200, "/v1/models/{model}")


def test_no_request_forges_a_line(logged: tuple[Server, Callable[[int], list[Any]]]) -> None:
    server, lines = logged
    hostile = [
        "%0d%0a{}",
        "%1b[2J",
        "%ff%fe",
        "%ed%a0%80",
        "%s{}",
        "%c2%9b0m",
        "%e2%80%ae",
        "y" * 4000,
    ]
    for text in hostile:
        wire.exchange(server.port, wire.request({}, path=f"/{text}"))
    ids = ["a b", "%s{}", "x" * 129, "\xff\xfe", "\x1b[2J"]
    for text in ids:
        with suppress(OSError):  # some are refused before all of it is sent
            wire.exchange(server.port, wire.request(RECORD, headers={"x-request-id": text}))
    with suppress(OSError):
        wire.exchange(server.port, wire.request(RECORD, headers={"x-request-id": "z" * 2**20}))
    written = lines(len(hostile) + len(ids) + 1)
    assert [one["status"] for one in written[: len(hostile)]] == [404] * len(hostile)
    assert all(len(one["path"]) <= 256 for one in written)
    assert all(re.fullmatch("[0-9a-f]{32}", one["id"]) for one in written)


def test_a_standard_output_that_nobody_takes_stops_no_request(titanic: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    with told_to(full, titanic) as server:
        for _ in range(3):
            assert server.client.post("/predict", json=RECORD).status_code == 200
            time.sleep(2 * access_module.MOMENT)
        assert server.client.post("/predict", json=RECORD).status_code == 200
        server.stop()
        assert server.process.returncode == 0


def test_a_caller_that_leaves_has_a_line(
    logged: tuple[Server, Callable[[int], list[Any]]],
) -> None:
    server, lines = logged
    head = wire.request(b"", headers={"content-length": "100000"})
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + b"{")
    for _ in range(100):
        line = lines(1)[0]
        if line["path"] == "/predict":
            break
        time.sleep(0.05)
    assert (line["status"], line["code"]) == (499, "client-closed")


@pytest.mark.parametrize(("level", "statuses"), [("warning", [500]), ("critical", [])])
def test_a_higher_level_keeps_what_failed(level: str, statuses: list[int]) -> None:
    made = serve._lines(read(log_level=level))
    assert [made.least] * len(statuses) == statuses if made else not statuses
