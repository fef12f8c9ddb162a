from __future__ import annotations

import httptools
import pytest

from pilotboat.errors import HeadTooLargeError, PilotboatError, RequestError, TargetTooLongError
from pilotboat.protocol.limits import FIELDS, HEAD, TARGET, check, slow, unreadable

HOST = (b"host", b"localhost:8000")
OTHERS = [(b"x-%d" % number, b"") for number in range(FIELDS - 1)]


def test_what_a_head_tells() -> None:
    headers = [HOST, (b"content-length", b"12"), (b"transfer-encoding", b"Chunked")]
    assert check("1.1", b"/predict", headers, HEAD + 1) == (12, False)
    assert check("1.0", b"/predict", [], HEAD + 1) == (0, False)
    assert check("1.1", b"/predict", [HOST, (b"x-request-timeout-ms", b"5")], HEAD + 1) == (0, True)
    assert check("1.1", b"http://localhost:8000/predict", [HOST], HEAD + 1) == (0, False)


@pytest.mark.parametrize("host", [b"a", b"a:80", b"[::1]", b"[::1]:80", b"a_b.example", b""])
def test_a_host(host: bytes) -> None:
    assert check("1.1", b"/", [(b"host", host)], HEAD + 1) == (0, False)


def test_the_limits_themselves_are_allowed() -> None:
    check("1.1", b"/" * TARGET, [HOST], HEAD + 1)
    check("1.1", b"/", [HOST, *OTHERS], HEAD + 1)
    rest = HEAD - len(b"/" + b"".join(HOST) + b"x")
    check("1.1", b"/", [HOST, (b"x", b"a" * rest)], HEAD + 1)


@pytest.mark.parametrize(
    ("target", "headers", "kind", "code"),
    [
        (b"/" * (TARGET + 1), [HOST], TargetTooLongError, "uri-too-long"),
        (b"/", [HOST, *OTHERS, (b"x", b"")], HeadTooLargeError, "too-many-headers"),
        (b"/", [HOST, (b"x", b"a" * HEAD)], HeadTooLargeError, "headers-too-large"),
        (b"/", [], RequestError, "bad-host"),
        (b"/", [HOST, HOST], RequestError, "bad-host"),
        (b"/", [(b"host", b"a b")], RequestError, "bad-host"),
        (b"/", [(b"host", b"a\xff")], RequestError, "bad-host"),
        (b"/", [(b"host", b"a/b")], RequestError, "bad-host"),
        (b"http://other/", [HOST], RequestError, "bad-target"),
        (b"https://localhost:8000/", [HOST], RequestError, "bad-target"),
        (b"*", [HOST], RequestError, "bad-target"),
        (b"localhost:8000", [HOST], RequestError, "bad-target"),
        (b"/", [HOST, (b"transfer-encoding", b"gzip, chunked")], RequestError, "bad-framing"),
    ],
)
def test_a_head_that_breaks_a_rule(
    target: bytes, headers: list[tuple[bytes, bytes]], kind: type[PilotboatError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        check("1.1", target, headers, HEAD + 1)
    assert caught.value.code == code


class Refuses:
    """What a parser calls, and which finds a fault of its own."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def on_headers_complete(self) -> None:
        raise self.error


def refusal(data: bytes, error: Exception | None = None) -> PilotboatError:
    """What is said of bytes that the real parser refuses."""
    parser = httptools.HttpRequestParser(object() if error is None else Refuses(error))
    with pytest.raises(httptools.HttpParserError) as caught:
        parser.feed_data(data)
    return unreadable(caught.value, data)


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "bad-http", "not TLS"),
        (b"\x00\x01", "bad-http", "method"),
        (b"GET / HTTP/1.1\nHost: a\n\n", "bad-http", "CRLF"),
        (b"GET / HTTP/3.7\r\n\r\n", "bad-http", "version"),
        (b"POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n", "bad-framing", "Content-Length"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            "bad-framing",
            "Transfer-Encoding",
        ),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad-framing", "chunk"),
    ],
)
def test_what_the_parser_refuses_is_told_with_its_rule(data: bytes, code: str, says: str) -> None:
    found = refusal(data)
    assert (found.code, says in found.detail) == (code, True)


def test_a_rule_of_ours_is_told_as_it_is() -> None:
    error = RequestError("No.", code="bad-host")
    assert refusal(b"GET / HTTP/1.1\r\n\r\n", error) is error


def test_a_defect_of_ours_is_no_fault_of_the_client() -> None:
    assert refusal(b"GET / HTTP/1.1\r\n\r\n", KeyError("x")).code == "bug"


def test_who_is_slow_hears_how_much_came() -> None:
    assert "head" in slow(0, None, 10).detail
    assert "1,000 of 2,000 bytes" in slow(1000, 2000, 15).detail
    assert "1,000 bytes" in slow(1000, 0, 15).detail
