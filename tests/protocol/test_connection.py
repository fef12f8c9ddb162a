"""Real connections to a real server: what is answered at once, and what is handed over."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier

import pilotboat
from pilotboat.protocol.connection import LARGE
from tests.factories import RECORD, Server, fitted, passengers
from tests.http.wire import JSON, answer, connected, exchange, request


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


LIVE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def until_closed(port: int, sent: bytes, seconds: float = 5) -> list[bytes]:
    """The answers to `sent`, until the server closes the connection."""
    with connected(port) as connection:
        connection.settimeout(seconds)
        connection.sendall(sent)
        got = b"".join(iter(lambda: connection.recv(65536), b""))
    return got.split(b"HTTP/1.1 ")[1:]


def test_a_refusal_comes_after_the_answers_before_it(server: Server) -> None:
    good, slow = request(RECORD), request({"instances": [RECORD] * 3})
    for before in ([good], [slow], [LIVE], [good, slow, LIVE]):
        answers = until_closed(server.port, b"".join(before) + b"\x00\x01nonsense\r\n\r\n")
        assert [one[:3] for one in answers] == [b"200"] * len(before) + [b"400"]
        assert b"connection: close" in answers[-1]
        assert b'"code":"bad-http"' in answers[-1]


def test_nothing_is_answered_after_a_refusal(server: Server) -> None:
    smuggled = (
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\n{}"
    )
    answers = until_closed(server.port, smuggled + LIVE)
    assert [one[:3] for one in answers] == [b"400"]


def test_a_refusal_is_logged_and_has_an_id(titanic: Path) -> None:
    with Server(titanic) as made, connected(made.port) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        reply = answer(connection)
        assert reply.document["instance"] == f"urn:request:{reply.headers['x-request-id']}"
        page = made.client.get("/metrics").text
    assert 'pilotboat_errors_total{code="bad-http"} 1.0' in page


def test_a_body_that_is_not_read_ends_the_connection(server: Server) -> None:
    head = request(b"", headers=JSON | {"content-length": "99999999"})
    (refused,) = until_closed(server.port, head + b"x" * 100_000)
    assert refused.startswith(b"413")


def test_a_body_that_has_come_does_not(server: Server) -> None:
    with connected(server.port) as connection:
        connection.sendall(request(b"x" * 60_000, path="/nowhere"))
        assert answer(connection).status == 404
        connection.sendall(request(RECORD))
        assert answer(connection).status == 200


def test_a_head_without_an_end_is_refused(server: Server) -> None:
    with connected(server.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for _ in range(4):
            time.sleep(0.05)
            connection.sendall(b"a" * 6000)
        assert answer(connection).status == 431


def test_who_sends_nothing_or_too_slowly_is_closed(titanic: Path) -> None:
    begun = time.monotonic()
    with Server(titanic) as made, ExitStack() as stack:
        silent, head, body = (stack.enter_context(connected(made.port)) for _ in range(3))
        head.sendall(b"GET / HT")
        body.sendall(request(RECORD)[:-3])
        for connection in (silent, head, body):
            connection.settimeout(30)
        assert silent.recv(1) == b""
        reply = answer(head)
        assert (reply.status, reply.document["code"]) == (408, "request-timeout")
        assert time.monotonic() - begun < 20
        reply = answer(body)
        assert (reply.status, reply.headers["connection"]) == (408, "close")


def test_what_is_on_its_way_when_the_server_leaves_is_answered(titanic: Path) -> None:
    with Server(titanic) as made, connected(made.port) as used, connected(made.port) as half:
        used.sendall(request(RECORD))
        assert answer(used).headers.get("connection") is None
        raw = request(RECORD)
        half.sendall(raw[:50])
        time.sleep(0.1)
        made.process.terminate()
        time.sleep(0.3)
        used.sendall(raw)
        half.sendall(raw[50:])
        for connection in (used, half):
            reply = answer(connection)
            assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert made.process.wait(10) == 0


def test_the_server_is_not_ready_once_it_leaves(titanic: Path) -> None:
    with Server(titanic) as made, connected(made.port) as connection:
        connection.sendall(LIVE)
        answer(connection)
        made.process.terminate()
        time.sleep(0.15)
        connection.sendall(LIVE.replace(b"livez", b"readyz"))
        reply = answer(connection)
        assert (reply.status, reply.document["code"]) == (503, "shutting-down")


def test_a_body_that_breaks_off_is_logged_once(titanic: Path, tmp_path: Path) -> None:
    head = request(b"", headers=JSON | {"transfer-encoding": "chunked"})
    log = tmp_path / "log"
    with log.open("w") as stdout, Server(titanic, stdout=stdout) as made:
        for pause in (0, 0.3):
            with connected(made.port) as connection:
                connection.sendall(head)
                time.sleep(pause)
                connection.sendall(b"zz\r\n")
                assert answer(connection).status == 400
        made.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [(one["status"], one.get("code")) for one in lines if one["path"] == "/predict"]
    assert told == [(400, "bad-framing")] * 2
