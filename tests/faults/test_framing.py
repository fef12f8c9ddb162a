"""Requests whose length two parsers may see differently, and others that are not quite HTTP.

Each goes to the server and to nginx, alone and with another request behind it on the same connection. No
request may ever get two answers, nor what hides in a body one of its own.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from tests.faults.client import Reply, parse
from tests.faults.fleet import Fleet
from tests.faults.stack import Proxy, Served
from tests.faults.verdict import Verdict, broken, hold

HOST = b"Host: localhost\r\n"
KIND = b"Content-Type: application/json\r\n"
POST = b"POST /predict HTTP/1.1\r\n" + HOST + KIND
HIDDEN = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: hidden\r\n\r\n"
SECOND = (
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: second\r\nConnection: close\r\n\r\n"
)
ROW = b'{"pclass": 1, "sex": "female", "age": 22.0, "fare": 80.5, "embarked": "C"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def length(count: int | bytes) -> bytes:
    return b"Content-Length: %b\r\n" % (count if isinstance(count, bytes) else b"%d" % count)


def chunk(body: bytes, size: bytes | None = None) -> bytes:
    return (size if size is not None else b"%x" % len(body)) + b"\r\n" + body + b"\r\n"


END = chunk(b"")
WHOLE = chunk(ROW) + END
GET = b"GET /livez HTTP/1.1\r\n"


@dataclass(frozen=True)
class Case:
    """Bytes, and what they are: good, a request that is answered with 200; cut, one whose end never
    comes; odd, one that may be answered or refused; else one that must be refused.
    """

    name: str
    raw: bytes
    kind: str = "bad"


GOOD = {
    "plain": POST + length(len(ROW)) + b"\r\n" + ROW,
    "chunked": POST + CHUNKED + b"\r\n" + WHOLE,
    "chunks of a byte": POST
    + CHUNKED
    + b"\r\n"
    + b"".join(chunk(b"%c" % one) for one in ROW)
    + END,
    "chunk size in capitals and zeros": POST + CHUNKED + b"\r\n" + chunk(ROW, b"004A") + END,
    "chunk extension": POST + CHUNKED + b"\r\n" + chunk(ROW, b"4a;a=b") + END,
    "trailer": POST + CHUNKED + b"\r\n" + chunk(ROW) + b"0\r\nX-Later: 1\r\n\r\n",
    "chunked in capitals": POST + b"Transfer-Encoding: CHUNKED\r\n\r\n" + WHOLE,
    "empty lines before": b"\r\n\r\n" + GET + HOST + b"\r\n",
    "absolute form": b"GET http://localhost/livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "empty value": GET + HOST + b"X-Empty:\r\n\r\n",
    "bytes above ASCII in a value": GET + HOST + b"X-Name: \xc3\xa9\r\n\r\n",
    # nginx adds five to them, and the server takes a hundred.
    "95 fields": GET + HOST + b"".join(b"X-%d: 1\r\n" % n for n in range(94)) + b"\r\n",
}
BODILESS = length(0) + b"\r\n"
LENGTHS = {
    "H07 two equal lengths": length(len(ROW)) * 2 + b"\r\n" + ROW,
    "H07 two lengths": length(0) + length(len(HIDDEN)) + b"\r\n" + HIDDEN,
    "H07 list of lengths": length(b"0, 0") + b"\r\n" + HIDDEN,
    "H08 both, length first": length(4) + CHUNKED + b"\r\n" + END + HIDDEN,
    "H08 both, chunked first": CHUNKED + length(4) + b"\r\n" + END + HIDDEN,
    "H08 both, length of all": CHUNKED + length(5 + len(HIDDEN)) + b"\r\n" + END + HIDDEN,
    "H09 plus": length(b"+3") + b"\r\n{}\n" + HIDDEN,
    "H09 minus": length(b"-1") + b"\r\n" + HIDDEN,
    "H09 hexadecimal": length(b"0x3") + b"\r\n{}\n" + HIDDEN,
    "H09 space": length(b"3 3") + b"\r\n{}\n" + HIDDEN,
    "H09 too large": length(b"1" + b"0" * 20) + b"\r\n" + HIDDEN,
    "H09 not a number": length(b"three") + b"\r\n" + HIDDEN,
    "H09 letters behind": length(b"3a") + b"\r\n{}\n" + HIDDEN,
    "H09 empty": length(b"") + b"\r\n" + HIDDEN,
    "H09 underscore": length(b"1_0") + b"\r\n" + HIDDEN,
}
ENCODINGS = {
    "H10 xchunked": b"Transfer-Encoding: xchunked\r\n\r\n" + END + HIDDEN,
    "H10 gzip, chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END + HIDDEN,
    "H10 chunked, identity": b"Transfer-Encoding: chunked, identity\r\n\r\n" + END + HIDDEN,
    "H10 chunked twice": CHUNKED * 2 + b"\r\n" + END + HIDDEN,
    "H10 space before the colon": b"Transfer-Encoding : chunked\r\n\r\n" + END + HIDDEN,
    "H10 vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n" + END + HIDDEN,
    "H10 quoted": b'Transfer-Encoding: "chunked"\r\n\r\n' + END + HIDDEN,
    "H10 folded": b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END + HIDDEN,
    "H10 hidden by a line feed": b"X: 1\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "H10 identity": b"Transfer-Encoding: identity\r\n\r\n" + HIDDEN,
}
CHUNKS = {
    "H11 size is no number": chunk(ROW, b"zz") + END,
    "H11 size with a sign": chunk(ROW, b"+4a") + END,
    "H11 size in 0x": chunk(ROW, b"0x4a") + END,
    "H11 size too large": chunk(ROW, b"f" * 17) + END,
    "H11 size with a space in front": chunk(ROW, b" 4a") + END,
    "H11 no size": chunk(ROW, b"") + END,
    "H11 too short": chunk(ROW, b"10") + END,
    "H11 too long": chunk(ROW, b"4c") + END,
    "H11 line feed in an extension": chunk(ROW, b"4a;a\nb") + END,
    "H11 line feed after the size": b"4a\n" + ROW + b"\r\n" + END,
    "H11 line feed after the data": b"4a\r\n" + ROW + b"\n" + END,
    "H11 carriage return alone": b"4a\r" + ROW + b"\r\n" + END,
    "H11 bad last chunk": chunk(ROW) + b"0\r\nX\r\n\r\n",
}
HEADS = {
    "H01 TLS": bytes.fromhex("16030100c8010000c40303") + bytes(60),
    "H01 random bytes": bytes(range(128, 256)) + b"\r\n\r\n",
    "H01 HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "H02 long target": b"GET /" + b"a" * 9216 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "H03 long head": GET + HOST + b"X-Long: " + b"a" * 17_000 + b"\r\n\r\n",
    "H03 a field of 5 MB": GET + HOST + b"X-Long: " + b"a" * 5_000_000 + b"\r\n\r\n",
    "H04 101 fields": GET + HOST + b"".join(b"X-%d: 1\r\n" % n for n in range(100)) + b"\r\n",
    "H05 no host": GET + b"\r\n",
    "H05 two hosts": GET + HOST * 2 + b"\r\n",
    "H05 host with a space": GET + b"Host: a b\r\n\r\n",
    "H06 another authority": b"GET http://elsewhere/livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "H12 NUL in a value": GET + HOST + b"X: a\0b\r\n\r\n",
    "H12 NUL in a name": GET + HOST + b"X\0Y: a\r\n\r\n",
    "H12 folded": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "H12 carriage return alone": GET + HOST + b"X: a\rY: b\r\n\r\n",
    "H12 no colon": GET + HOST + b"X\r\n\r\n",
    "H12 space in front": b"GET /livez HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "H12 name with a space": GET + HOST + b"X Y: a\r\n\r\n",
    "H12 no name": GET + HOST + b": a\r\n\r\n",
    "H12 HTTP/3.7": b"GET /livez HTTP/3.7\r\n" + HOST + b"\r\n",
    "H12 method in small letters": b"get /livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "H12 target with a space": b"GET /li vez HTTP/1.1\r\n" + HOST + b"\r\n",
}
ODD = {
    "H12 two spaces": b"GET  /livez  HTTP/1.1\r\n" + HOST + b"\r\n",
    "H12 HTTP/1.0": b"GET /livez HTTP/1.0\r\n\r\n",
}
CUT = {
    "H11 no last chunk": POST + CHUNKED + b"\r\n" + chunk(ROW),
    "H15 body ends early": POST + length(len(ROW)) + b"\r\n" + ROW[:20],
    "H15 head ends early": POST,
}
CASES = [
    *(Case(name, raw, "good") for name, raw in GOOD.items()),
    *(Case(name, POST + raw) for name, raw in (LENGTHS | ENCODINGS).items()),
    *(Case(name, POST + CHUNKED + b"\r\n" + raw) for name, raw in CHUNKS.items()),
    *(Case(name, raw) for name, raw in HEADS.items()),
    *(Case(name, raw, "odd") for name, raw in ODD.items()),
    *(Case(name, raw, "cut") for name, raw in CUT.items()),
]


def asked(port: int, raw: bytes, *, ends: bool) -> tuple[bytes, bool]:
    """All that comes back until the connection is closed, or is quiet; and whether it is closed.

    ends: this side says that it will send no more.
    """
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(raw)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                got += data
                connection.settimeout(0.3)
        except ConnectionError:  # the server has had enough of it
            return got, True
        except TimeoutError:
            return got, False
    return got, True


def replies(raw: bytes) -> list[Reply]:
    """The answers that `raw` consists of. Raises `ValueError` where it does not."""
    found = []
    while raw:
        head = raw.find(b"\r\n\r\n") + 4
        lines = raw[:head].lower().split(b"\r\n")
        sizes = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
        end = head + sum(sizes)
        reply = parse(raw[:end])
        if reply is None:
            raise ValueError(f"an answer that is cut off: {raw[:200]!r}")
        found.append(reply)
        raw = raw[end:]
    return found


def faults(case: Case, port: int, *, proxied: bool) -> list[str]:
    """What was wrong with the answers to one case."""
    told = []
    for followed in (False,) if case.kind == "cut" else (False, True):
        raw = case.raw + (SECOND if followed else b"")
        got, closed = asked(port, raw, ends=case.kind == "cut")
        where = f"{case.name}{' and another' if followed else ''}{' by nginx' if proxied else ''}"
        try:
            found = replies(got)
        except ValueError as error:
            told.append(f"{where}: {error}")
            continue
        statuses = [reply.status for reply in found]
        ids = {reply.headers.get("x-request-id") for reply in found}
        if not fits(case.kind, statuses, 1 + followed, closed=closed, proxied=proxied):
            told.append(f"{where}: {statuses}{'' if closed else ', and the connection stays open'}")
        if "hidden" in ids:
            told.append(f"{where}: what hides in the body is answered")
    return told


def fits(kind: str, statuses: list[int], sent: int, *, closed: bool, proxied: bool) -> bool:
    """Whether the answers to so many requests, of which the first is of that kind, are in order."""
    if kind == "good":
        return statuses == [200] * sent
    if kind == "cut":
        return len(statuses) <= 1 and all(400 <= status < 500 for status in statuses)
    if proxied or kind == "odd":  # nginx sees through some of them, and passes on what is right
        refused = all(status < 500 or status in (501, 505) for status in statuses)
        return refused and 0 < len(statuses) <= sent
    return len(statuses) == 1 and 400 <= statuses[0] < 500 and closed


def framed(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """Every case, directly and through nginx."""
    with Served(fleet, defect=defect) as served, Proxy(served.port, home) as proxy:
        before = served.serving()
        told = [
            one
            for case in CASES
            for port, proxied in ((served.port, False), (proxy.port, True))
            for one in faults(case, port, proxied=proxied)
        ]
        same = served.serving() == before
        logged = served.logged()
    return Verdict(
        "T24",
        f"{len(CASES)} requests on the border of HTTP",
        "directly and through nginx, alone and with another behind",
        4 * len(CASES),
        len(told),
        complaints=broken(
            (not told, "; ".join(told)),
            (same, "a worker ended"),
            ("Traceback" not in logged, f"the log has a traceback: {logged}"),
        ),
        defect=defect,
    )


def test_no_request_is_taken_for_two(quick: Fleet, nginx: None, tmp_path: Path) -> None:
    """T24"""
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    hold(framed(quick, tmp_path))
