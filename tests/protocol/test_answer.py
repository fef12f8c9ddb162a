from __future__ import annotations

from typing import Any

import pytest

from pilotboat.protocol.answer import whole

HEADERS = [(b"content-length", b"2")]


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
