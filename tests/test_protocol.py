"""Real connections to a real server: what is answered at once, and what is handed over."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier

import pilotboat
from pilotboat.protocol import LARGE, whole
from tests.factories import RECORD, Server, fitted, passengers
from tests.http.wire import JSON, answer, connected, exchange, request

HEADERS = [(b"content-length", b"2")]


@pytest.fixture(scope="module", params=["at once", "by turns"])
def server(request: Any, titanic: Path, tmp_path_factory: Any) -> Iterator[Server]:
    """One whose model answers each row by itself, and one that answers those of a turn together."""
    repository = titanic
    if request.param == "by turns":
        repository = tmp_path_factory.mktemp("forest")
        head = RandomForestClassifier(60, max_depth=10, random_state=0)
        pilotboat.pack(fitted(head), passengers(), "survived", "titanic", repository, engine="plan")
    with Server(repository) as made:
        yield made


def test_a_whole_answer() -> None:
    raw = whole(200, HEADERS, b"{}", default=[(b"date", b"now")], keep_alive=True)
    assert raw == b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 2\r\n\r\n{}"
    closed = whole(422, HEADERS, b"{}", default=[], keep_alive=False)
    assert closed is not None
    assert closed.endswith(b"connection: close\r\n\r\n{}")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"3")],
        [*HEADERS, (b"connection", b"close")],
        [(b"transfer-encoding", b"chunked")],
        [*HEADERS, (b"x", b"a\r\nset-cookie: b")],
        [*HEADERS, (b"x", b"a\nb")],
    ],
    ids=str,
)
def test_what_is_not_usual_is_left_to_uvicorn(headers: Any) -> None:
    assert whole(200, headers, b"{}", default=[], keep_alive=True) is None


def test_one_connection_many_requests(server: Server) -> None:
    with connected(server.port) as connection:
        for _ in range(50):
            connection.sendall(request(RECORD))
            reply = answer(connection)
            assert (reply.status, reply.document["prediction"]) == (200, "yes")


def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    sent = [request(RECORD, headers=JSON | {"x-request-id": f"id-{i}"}) for i in range(20)]
    bad = request({"age": "x"})
    with connected(server.port) as connection:
        connection.sendall(b"".join([*sent[:10], bad, *sent[10:]]))
        statuses, ids = [], []
        with connection.makefile("rb") as file:
            for _ in range(21):
                status = int(file.readline().split()[1])
                length = 0
                while (line := file.readline()) != b"\r\n":
                    if line.startswith(b"content-length:"):
                        length = int(line.split()[1])
                body = json.loads(file.read(length))
                statuses.append(status)
                if status == 200:
                    ids.append(body["id"])
    assert statuses == [200] * 10 + [422] + [200] * 10
    assert ids == [f"id-{i}" for i in range(20)]


def test_a_request_in_pieces(server: Server) -> None:
    raw = request(RECORD)
    with connected(server.port) as connection:
        for start in range(0, len(raw), 7):
            connection.sendall(raw[start : start + 7])
            time.sleep(0.001)
        assert answer(connection).status == 200


def test_a_body_in_chunks(server: Server) -> None:
    body = json.dumps(RECORD).encode()
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(body[i : i + 9]), body[i : i + 9]) for i in range(0, len(body), 9)
    )
    head = request(
        b"", headers={"content-type": "application/json", "transfer-encoding": "chunked"}
    )
    reply = exchange(server.port, head + chunks + b"0\r\n\r\n")
    assert (reply.status, reply.document["prediction"]) == (200, "yes")


def test_a_large_body_is_handed_over(server: Server) -> None:
    rows = [RECORD] * (2 * LARGE // 60)
    reply = exchange(server.port, request({"instances": rows}, path="/v1/models/titanic:predict"))
    assert len(reply.document["predictions"]) == len(rows)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_connection_is_closed_when_asked(server: Server, version: str) -> None:
    raw = request(RECORD, headers={"content-type": "application/json", "connection": "close"})
    with connected(server.port) as connection:
        connection.sendall(raw.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        reply = answer(connection)
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert connection.recv(1) == b""


def test_it_waits_for_a_go_ahead(server: Server) -> None:
    raw = request(RECORD, headers={"content-type": "application/json", "expect": "100-continue"})
    head, _, body = raw.partition(b"\r\n\r\n")
    with connected(server.port) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert answer(connection).status == 200


def test_who_goes_away_half_way_harms_nobody(server: Server) -> None:
    raw = request(RECORD)
    for cut in (10, len(raw) - 5):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(raw[:cut])
    assert exchange(server.port, raw).status == 200


def test_the_same_answer_both_ways(server: Server) -> None:
    quick = exchange(server.port, request(RECORD)).document
    slow = exchange(server.port, request({"instances": [RECORD] * 2})).document
    assert quick["prediction"] == slow["predictions"][0]
    assert quick["probabilities"] == pytest.approx(slow["probabilities"][0], rel=1e-12)
    single = exchange(server.port, request({"instances": [RECORD]})).document
    assert single["probabilities"] == [quick["probabilities"]]


def test_a_request_under_way_is_answered_when_the_server_stops(titanic: Path) -> None:
    async def stop_in_between(server: Server) -> int:
        raw = request(RECORD)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(raw[:-5])
        await writer.drain()
        await asyncio.sleep(0.3)
        server.process.terminate()
        await asyncio.sleep(0.3)
        writer.write(raw[-5:])
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status

    with Server(titanic) as server:
        assert asyncio.run(stop_in_between(server)) == 200
