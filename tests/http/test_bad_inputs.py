"""What a caller can do wrong, and the answer that each gets. One real server, one table."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.factories import RECORD, Server
from tests.http.conftest import Locked
from tests.http.wire import JSON, Reply, answer, connected, exchange, request

SECRET = "s3cret-value"  # noqa: S105
"""A value that must never come back."""
LIBRARIES = "sklearn scikit numpy pandas scipy starlette fastapi uvicorn orjson pydantic python"
LEAKS = re.compile(
    rf"{SECRET}|{LIBRARIES.replace(' ', '|')}|traceback|\.py\b|/tmp|/home|/usr", re.IGNORECASE
)

TITANIC = "/v1/models/titanic:predict"
HOUSE = "/v1/models/house:predict"
REVIEWS = "/v1/models/reviews:predict"
OVERFLOW = "/v1/models/overflow:predict"
BRITTLE = "/v1/models/brittle:predict"
HOME = {"area": 100.0, "rooms": 3, "garden": True}
RAW = json.dumps(RECORD).encode()
MEGABYTE = b"100000\r\n" + b" " * 0x100000 + b"\r\n"


@dataclass(frozen=True)
class Row:
    """A request and the problem that answers it. says: words of the document."""

    id: str
    status: int
    code: str
    body: Any = b""
    path: str = "/predict"
    pointers: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    answered: Mapping[str, str] = field(default_factory=dict)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in RECORD.items() if key != name}


def aged(literal: bytes) -> bytes:
    """The record with another literal for the age."""
    return RAW.replace(b"22.0", literal)


def many(*rows: Any, **more: Any) -> dict[str, Any]:
    return {"instances": list(rows), **more}


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def http() -> Iterator[Row]:
    big = {**JSON, "content-length": str(10 * 2**20 + 1)}
    limit = ('"limit":10485760', '"unit":"bytes"')
    yield Row("H16", 413, "body-too-large", headers=big, says=(*limit, '"actual":10485761'))
    big = {**JSON, "content-length": "999999999999999"}
    yield Row("H16 petabyte", 413, "body-too-large", headers=big, says=limit)
    chunked = {**JSON, "transfer-encoding": "chunked"}
    stream = MEGABYTE * 10 + b"1\r\n \r\n"  # one byte over the cap, and more seems to follow
    yield Row("H17", 413, "body-too-large", stream, headers=chunked, says=limit)
    refused: dict[str, tuple[str, str, str]] = {
        "H18 GET": ("GET", "/predict", "POST"),
        "H18 PUT": ("PUT", "/predict", "POST"),
        "H18 OPTIONS": ("OPTIONS", TITANIC, "POST"),
        "H18 GET named": ("GET", TITANIC, "POST"),
        "H18 GET version": ("GET", "/v1/models/titanic/versions/1:predict", "POST"),
        "H18 POST": ("POST", "/health", "GET, HEAD"),
        "H18 POST model": ("POST", "/v1/models/titanic", "GET, HEAD"),
        "H18 DELETE": ("DELETE", "/v1/models", "GET, HEAD"),
        "H18 POST page": ("POST", "/", "GET, HEAD"),
        "H19 TRACE": ("TRACE", "/predict", "POST"),
        "H19 CONNECT": ("CONNECT", "/predict", "POST"),
    }
    for name, (method, path, allow) in refused.items():
        allowed = {"allow": allow}
        yield Row(name, 405, "method-not-allowed", b"", path, method=method, answered=allowed)
    for path in (
        "/nothing",
        "/predict/",
        "/v1/models/",
        f"{TITANIC}/",
        "/livez/",
        "/v1",
        "/..",
        "/%C3%A9",
    ):
        yield Row(f"H20 {path}", 404, "not-found", RAW, path)
    for path in ("/health/", "/v1/models/titanic/", "/docs/", "/pages/../app.py"):
        yield Row(f"H20 GET {path}", 404, "not-found", b"", path, method="GET")


def negotiation() -> Iterator[Row]:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        headers, accepted = {"content-type": kind}, {"accept": "application/json"}
        says = ("application/json",)
        code = "unsupported-media-type"
        yield Row(f"H22 {kind}", 415, code, RAW, headers=headers, says=says, answered=accepted)
    for charset in ("utf-7", "latin-1", '"utf-16"'):
        headers = {"content-type": f"application/json; charset={charset}"}
        yield Row(
            f"H23 {charset}", 415, "unsupported-charset", RAW, headers=headers, says=("UTF-8",)
        )
    for accept in ("image/png", "text/html;q=0.9, application/json;q=0", "application/xml"):
        headers = {**JSON, "accept": accept}
        says = ('"accepted":"application/json"',)
        yield Row(f"H24 {accept}", 406, "not-acceptable", RAW, headers=headers, says=says)
    for coding in ("br", "gzip, gzip", "zstd", "compress", "identity, gzip"):
        headers = {**JSON, "content-encoding": coding}
        accepted = {"accept-encoding": "identity, gzip, deflate"}
        code, says = "unsupported-encoding", ('"accepted":"identity, gzip, deflate"',)
        yield Row(f"H25 {coding}", 415, code, RAW, headers=headers, says=says, answered=accepted)
    for value in ("", "soon", "0", "-5", "1.5", "10001", "9" * 400):
        headers, says = JSON | {"x-request-timeout-ms": value}, ("from 1 to 10000",)
        yield Row(f"H37 {value[:9]}", 400, "bad-deadline", RAW, headers=headers, says=says)
    headers = JSON | {"expect": "200-ok"}
    yield Row("H28", 417, "expectation-failed", RAW, headers=headers, says=("100-continue",))
    headers = {**JSON, "connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c"}
    yield Row("H29", 400, "upgrade-not-supported", RAW, headers=headers, says=("HTTP/1.1",))


def compressed() -> Iterator[Row]:
    packed = gzip.compress(RAW)
    bad = {
        "gzip plain": RAW,
        "gzip empty": b"",
        "gzip truncated": packed[:-3],
        "gzip trailing": packed + SECRET.encode(),
        "gzip twice": packed * 2,
        "gzip damaged": packed[:20] + b"\xff\xff" + packed[22:],
        "gzip is deflate": zlib.compress(RAW),
        "deflate is gzip": packed,
        "deflate truncated": zlib.compress(RAW)[:-3],
    }
    for name, body in bad.items():
        headers = {**JSON, "content-encoding": name.split()[0]}
        yield Row(f"H26 {name}", 400, "bad-encoding", body, headers=headers)
    limit = ('"limit":10485760', '"unit":"bytes"')
    spaces = b" " * 200_000_000
    for coding, bomb in {"gzip": gzip.compress(spaces), "deflate": zlib.compress(spaces)}.items():
        body, headers = bomb, {**JSON, "content-encoding": coding}
        name, code = f"H27 {coding}", "decompressed-too-large"
        yield Row(name, 413, code, body, headers=headers, says=limit)
    body = gzip.compress(b'{"sex":')
    headers = {**JSON, "content-encoding": "gzip"}
    yield Row("J02 gzip", 400, "invalid-json", body, headers=headers, says=('"line":1',))


def syntax() -> Iterator[Row]:
    for number, body in enumerate((b"", b" \r\n\t")):
        yield Row(f"J01.{number}", 400, "empty-body", body, says=("object",))
    bad = {
        "J02 truncated": b'{"age": 22',
        "J02 comma": b'{"age": 22,}',
        "J02 quotes": b"{'age': 22}",
        "J02 comment": b'{"age": 22 /* old */}',
        "J03 second": RAW + b" {}",
        "J03 rest": RAW + SECRET.encode(),
    }
    bad |= {f"J06 {one.decode()}": aged(one) for one in (b"01", b"+1", b".5", b"0x1F", b"1.", b"-")}
    for name, body in bad.items():
        yield Row(name, 400, "invalid-json", body, says=('"line":1', '"column":', "column"))
    for one in (b"NaN", b"Infinity", b"-Infinity"):
        yield Row(f"J04 {one.decode()}", 400, "invalid-json", aged(one), says=("send null",))
    for one in (b"1e400", b"-1e400", b"9" * 400, b"9" * 5000):
        name = f"J05 {one[:6].decode()} {len(one)}"
        yield Row(name, 400, "number-out-of-range", aged(one), says=("64-bit float",))
    twice = {
        "/fare": RAW.replace(b'"age"', b'"fare": 1, "age"'),
        "/age": RAW.replace(b'"age"', b'"age": 1, "\\u0061ge"'),
        "/instances/1/a~1~0b": b'{"instances": [{}, {"a/~b": 1, "a/~b": 2}]}',
        "/instances": b'{"instances": [], "instances": []}',
        "/" + "k" * 64: b'{"%s": 1, "%s": 2}' % (b"k" * 10_000, b"k" * 10_000),
    }
    for where, body in twice.items():
        said = f'"pointer":"{where}"'
        yield Row(f"J07 {where[:20]}", 400, "duplicate-key", body, says=(said,))


def encodings_and_depth() -> Iterator[Row]:
    yield Row("J08 value", 400, "invalid-unicode", aged(b'"\\ud800"'))
    yield Row("J08 key", 400, "invalid-unicode", b'{"\\udc00": 1}')
    encoded = {
        "bytes": RAW.replace(b"female", b"\xff\xfe"),
        "surrogate": RAW.replace(b"female", b"\xed\xa0\x80"),
        "UTF-8 with mark": b"\xef\xbb\xbf" + RAW,
    }
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"):
        encoded[name] = RAW.decode().encode(name)
    for name, body in encoded.items():
        yield Row(f"J09 {name}", 400, "invalid-encoding", body, says=("UTF-8 without",))
    for depth in (33, 100_000):
        yield Row(f"J10 {depth}", 400, "too-deep", nested(depth), says=('"limit":32',))
    yield Row("J10 objects", 400, "too-deep", b'{"a":' * 33 + b"1" + b"}" * 33)
    yield Row("J10 unclosed", 400, "too-deep", b"[" * 100_000)
    for text in (b"[]", b'"text"', b"1", b"null", b"true", nested(32)):
        for path in ("/predict", TITANIC):
            name = f"J11 {text[:6].decode()} {path}"
            yield Row(name, 422, "wrong-shape", text, path, ("",), ("an object",))


def keys_and_sizes() -> Iterator[Row]:
    body: Any
    near = {"__proto__": "inputs are", "__class__": "'pclass'", "Fare": "'fare'", "sx": "'sex'"}
    for key, says_near in near.items():
        body = RECORD | {key: SECRET}
        yield Row(
            f"J12 {key}", 422, "unknown-field", body, pointers=(f"/{key}",), says=(says_near,)
        )
    body = RECORD | {"k" * 10_000: SECRET}
    yield Row("J12 long", 422, "unknown-field", body, pointers=("/" + "k" * 64,))
    body = b'{"instances": [' + b"1," * 999_999 + b"1]}"
    yield Row("J13 elements", 413, "batch-too-large", body, TITANIC, says=('"actual":1000000',))
    body = RECORD | {f"k{number}": 1 for number in range(200_000)}
    listed = tuple(f"/k{number}" for number in range(20))
    says = ('"errors_total":200000',)
    yield Row("J13 keys", 422, "unknown-field", body, pointers=listed, says=says)
    listed = tuple(f"/k{number}" for number in range(20))
    body = many(RECORD) | {f"k{number}": 1 for number in range(200_000)}
    yield Row("J13 top keys", 422, "unknown-field", body, TITANIC, listed, says)
    where = ("/instances/0/text",)
    long = many("a" * 1_000_001)
    yield Row("J14", 422, "string-too-long", long, REVIEWS, where, ("1,000,000 characters",))
    yield Row("J15", 422, "control-character", many(f"{SECRET}\0"), REVIEWS, where, ("U+0000",))
    body = many(RECORD, params=SECRET)
    for path in ("/predict", TITANIC):
        says = ("instances",)
        yield Row(f"J16 {path}", 422, "unknown-field", body, path, ("/params",), says)
    wrong = {"instance": [RECORD]}
    both = ("/instances", "/instance")
    yield Row("J16 near", 422, "missing-field", wrong, TITANIC, both, ("did you mean 'instances'",))


def rows() -> Iterator[Row]:
    body: Any
    says: tuple[str, ...]
    where: tuple[str, ...]
    yield Row("V01", 422, "missing-field", {}, TITANIC, ("/instances",))
    for path in ("/predict", TITANIC):
        yield Row(f"V01 empty {path}", 422, "empty-batch", many(), path, ("/instances",))
    wrong: Any
    for name, wrong in {"null": None, "object": {}, "text": SECRET}.items():
        body = {"instances": wrong}
        yield Row(f"V01 {name}", 422, "wrong-shape", body, TITANIC, ("/instances",))
    every = tuple(f"/{name}" for name in RECORD)
    yield Row("V01 record", 422, "missing-field", {}, pointers=every)
    body = many(*[[]] * 10_001)
    says = ('"limit":10000', '"actual":10001', '"unit":"rows"', "several requests")
    yield Row("V02", 413, "batch-too-large", body, TITANIC, says=says)
    body = without("age")
    yield Row("V03", 422, "missing-field", body, pointers=("/age",), says=("number", "null"))
    where = ("/instances/1/sex",)
    yield Row("V03 row", 422, "missing-field", many(RECORD, without("sex")), TITANIC, where)
    body = many(RECORD | {"fear": SECRET})
    where = ("/instances/0/fear",)
    yield Row("V04", 422, "unknown-field", body, TITANIC, where, ("did you mean 'fare'",))
    says = ("3 values in this order: area, rooms, garden; got 2",)
    yield Row("V05", 422, "wrong-length", many([100.0, 3]), HOUSE, ("/instances/0",), says)
    body = many([100.0, 3, True], [100.0, 3], HOME, [1])
    yield Row("V06", 422, "wrong-length", body, HOUSE, ("/instances/1", "/instances/3"), says)
    body = many(HOME, SECRET, [1])
    where = ("/instances/1", "/instances/2")
    yield Row("V06 mixed", 422, "wrong-shape", body, HOUSE, where, ("an object",))


def cells() -> Iterator[Row]:
    body: Any
    says: tuple[str, ...]
    where: tuple[str, ...]
    got = {"text": SECRET, "true or false": True, "a list": [SECRET], "an object": {SECRET: 1}}
    for says_got, value in got.items():
        body = RECORD | {"age": value}
        says = (f"expected a number, got {says_got}",)
        yield Row(f"V07 {says_got}", 422, "wrong-type", body, pointers=("/age",), says=says)
    for name, value in {"V07 quoted": "22", "V07 flag": "true"}.items():
        body = many(HOME | {"garden": value})
        yield Row(name, 422, "wrong-type", body, HOUSE, ("/instances/0/garden",))
    yield Row("V07 category", 422, "wrong-type", RECORD | {"pclass": "1"}, pointers=("/pclass",))
    rooms = ("/instances/0/rooms",)
    for value in (1.5, SECRET, True):
        yield Row(f"V08 {value}", 422, "wrong-type", many(HOME | {"rooms": value}), HOUSE, rooms)
    for value in (2**63, 2**64, -(2**64), 1e300):
        name, body = f"V08 {value:.4g} {value}"[:24], many(HOME | {"rooms": value})
        yield Row(name, 422, "number-out-of-range", body, HOUSE, rooms, ("64 bits",))
    body = RECORD | {"sex": None}
    yield Row("V10", 422, "null-not-allowed", body, pointers=("/sex",), says=("without gaps",))
    yield Row("V10 x", 422, "null-not-allowed", many(1, None), OVERFLOW, ("/instances/1/x",))
    body = many(HOME, HOME | {"area": 3.5e38})
    where = ("/instances/1/area",)
    yield Row("V12", 422, "number-out-of-range", body, HOUSE, where, ("3.40282e+38",))
    body = RECORD | {"sex": SECRET}
    says = ("'female', 'male'",)
    yield Row("V13", 422, "unknown-category", body, pointers=("/sex",), says=says)
    body = RECORD | {"pclass": 7}
    yield Row("V13 7", 422, "unknown-category", body, pointers=("/pclass",), says=("1, 2, 3",))


def answers() -> Iterator[Row]:
    body: Any
    says: tuple[str, ...]
    where: tuple[str, ...]
    where = ("/instances/1",)
    code = "model-output-not-finite"
    yield Row("V16 infinite", 422, code, many({"x": 1}, {"x": 1e5}), OVERFLOW, where)
    yield Row("V16 NaN", 422, code, many({"x": 1}, {"x": 500}), BRITTLE, where)
    says = ('"model":"brittle"', '"version":"1"')
    yield Row("V17", 500, "model-failed", many({"x": 1}, {"x": -5}), BRITTLE, (), says)
    body = many({"x": 1}, {"x": 5}, {"x": 5000}, {"x": 6})
    yield Row("V17 refused", 422, "values-refused", body, BRITTLE, ("/instances/2",))
    bad = ["Titanic", ".hidden", "x" * 129, "a%2fb", "%00", "%ff", "../x", "..%2fx"]
    for name in ("nobody", *bad):
        path = f"/v1/models/{name}:predict"
        says = ('"models":[', "titanic")
        yield Row(f"V20 {name[:9]}", 404, "unknown-model", many(RECORD), path, (), says)
    yield Row("V18 model", 404, "unknown-model", b"", "/v1/models/nobody", method="GET")
    for number in ("9", "01", "latest", "x" * 200):
        path = f"/v1/models/titanic/versions/{number}:predict"
        says = ('"versions":["1"]',)
        yield Row(f"V18 {number[:9]}", 404, "unknown-version", many(RECORD), path, (), says)
    retry = {"retry-after": "1"}
    for path in ("/v1/models/broken:predict", "/v1/models/broken/versions/1:predict"):
        says = ('"model":"broken"',)
        yield Row(f"V19 {path}", 503, "model-not-ready", many(HOME), path, (), says, answered=retry)
    for path in ("/readyz", "/health", "/v1/models/broken"):
        name, code = f"V19 {path}", "model-not-ready"
        yield Row(name, 503, code, b"", path, (), ("broken",), method="GET", answered=retry)
    path = "/v1/models/brittle/versions/2:predict"
    yield Row("V19 version", 503, "model-not-ready", many({"x": 1}), path, answered=retry)


TABLE = [
    http,
    negotiation,
    compressed,
    syntax,
    encodings_and_depth,
    keys_and_sizes,
    rows,
    cells,
    answers,
]
ROWS = [row for part in TABLE for row in part()]
MAY_FAIL = {"V17", "V19"}
"""The only rows whose status may be 500 or more: the model's own failure."""


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert {row.id[:3] for row in ROWS if row.status >= 500} == MAY_FAIL


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_bad_input_gets_its_problem(fleet: Server, row: Row) -> None:
    reply = exchange(fleet.port, request(row.body, row.path, row.method, row.headers))
    check_problem(reply, row)
    said = reply.body.decode()
    for words in row.says:
        assert words in said
    assert not LEAKS.search(said), said
    for name, value in row.answered.items():
        assert set(reply.headers[name].split(", ")) == set(value.split(", "))


def credentials() -> Iterator[Row]:
    """What a server that wants keys says. A name in <> stands for that key."""
    wrong = {
        "none": {},
        "empty": {"x-api-key": ""},
        "bare scheme": {"authorization": "Bearer"},
        "empty bearer": {"authorization": "Bearer "},
        "no scheme": {"authorization": "<every>"},
        "another scheme": {"authorization": "Basic cGI6cGI="},
        "wrong": {"x-api-key": f"pb_every_{'0' * 64}"},
        "revoked": {"authorization": "Bearer <revoked>"},
        "unknown": {"x-api-key": SECRET},
        "the digest": {"x-api-key": "ab" * 32},
        "cut": {"x-api-key": "pb_every_"},
    }
    for name, headers in wrong.items():
        asked = {"www-authenticate": 'Bearer realm="pilotboat"'}
        yield Row(
            f"H30 {name}", 401, "unauthorized", RAW, headers={**JSON, **headers}, answered=asked
        )
    for name in ("pb_every_\xe9\xff", "\xff" * 64):
        headers = {**JSON, "authorization": f"Bearer {name}"}
        yield Row(f"H31 {name[:9]!a}", 401, "unauthorized", RAW, headers=headers)
    for header, long in {
        "x-api-key": "x" * 10_240,
        "authorization": f"Bearer {'x' * 1025}",
    }.items():
        headers = {**JSON, header: long}
        yield Row(f"H31 long {header}", 400, "bad-credentials", RAW, headers=headers)
    two = {"authorization": "Bearer <every>", "x-api-key": "<titanic>"}
    yield Row("H31 two keys", 400, "bad-credentials", RAW, headers={**JSON, **two})
    for who, path, scope in (
        ("titanic", HOUSE, "predict:house"),
        ("titanic", "/v1/models/nobody:predict", "predict:nobody"),
        ("house", "/predict", "predict:titanic"),
        ("metrics", TITANIC, "predict:titanic"),
        ("admin", TITANIC, "predict:titanic"),
        ("metrics", "/v1/models/x%2fy:predict", "predict"),
    ):
        says, headers = (f'"scope":"{scope}"',), {**JSON, "x-api-key": f"<{who}>"}
        yield Row(f"H32 {who} {path}", 403, "forbidden", RAW, path, headers=headers, says=says)
    for name in ("api_key", "apikey", "key", "X-API-Key", "access_token", "Token", "api%5Fkey"):
        headers = {**JSON, "x-api-key": "<every>"}
        path, code = f"/predict?a=1&{name}={SECRET}", "credentials-in-url"
        yield Row(f"H33 {name}", 400, code, RAW, path, headers=headers, says=("X-API-Key",))
    yield Row("H33 value", 400, "credentials-in-url", RAW, f"/predict?a=pb_ci_{'0' * 64}")


LOCKED = list(credentials())


@pytest.mark.parametrize("row", LOCKED, ids=lambda row: row.id)
def test_a_bad_credential_gets_its_problem(locked: Locked, row: Row) -> None:
    keys = {**locked.keys, "revoked": locked.revoked}
    headers = {
        name: re.sub("<(.+)>", lambda named: keys[named[1]], value)
        for name, value in row.headers.items()
    }
    reply = exchange(locked.port, request(row.body, row.path, row.method, headers))
    check_problem(reply, row)
    said = reply.body.decode()
    for words in row.says:
        assert words in said
    assert not LEAKS.search(said), said
    for name, value in row.answered.items():
        assert reply.headers[name] == value
    logged = locked.logged()
    assert not any(key in said or key in logged for key in keys.values())
    assert SECRET not in logged


def test_who_asks_too_often_is_told_when_to_come_back(locked: Locked) -> None:
    """H34"""
    sent = request(RAW, headers={**JSON, "x-api-key": locked.keys["slow"]})
    assert exchange(locked.port, sent).status == 200
    reply = exchange(locked.port, sent)
    check_problem(reply, Row("H34", 429, "rate-limited"))
    assert 990 <= int(reply.headers["retry-after"]) <= 1000
    assert (reply.document["limit"], reply.document["window"]) == (0.001, 1)


def check_problem(reply: Reply, row: Row) -> None:
    assert reply.status == row.status, reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    document = reply.document
    assert document["status"] == row.status
    assert document["code"] == row.code
    assert document["type"] == f"urn:pilotboat:problem:{row.code}"
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == f"urn:request:{reply.headers['x-request-id']}"
    faults = document.get("errors", [])
    assert tuple(fault["pointer"] for fault in faults) == row.pointers
    assert all(fault["code"] for fault in faults)
    assert all(fault["detail"] for fault in faults)
    assert document.get("errors_total", 0) >= len(faults)
    assert len(faults) <= 20
    if row.path.startswith("/v1/"):
        assert document["error"] == document["detail"]
    else:
        assert "error" not in document
    assert len(reply.body) < 10_000


FINE = {
    "H21 no content type": (RECORD, {}),
    "H22 a kind of JSON": (RECORD, {"content-type": "application/vnd.api+json"}),
    "H23 in capitals": (RECORD, {"content-type": 'Application/JSON; Charset="UTF-8"'}),
    "H24 nothing": (RECORD, JSON | {"accept": ""}),
    "H24 anything": (RECORD, JSON | {"accept": "image/png, */*;q=0.1"}),
    "H24 a browser": (RECORD, JSON | {"accept": "text/html, application/xml;q=0.9, */*;q=0.8"}),
    "H25 identity": (RECORD, JSON | {"content-encoding": "identity"}),
    "H25 gzip": (gzip.compress(RAW), JSON | {"content-encoding": "gzip"}),
    "H25 deflate": (zlib.compress(RAW), JSON | {"content-encoding": "Deflate"}),
    "H25 deflate, bare": (zlib.compress(RAW, wbits=-15), JSON | {"content-encoding": "deflate"}),
    "V05 a list": (many(list(RECORD.values())), JSON),
    "V09 an integer": (RECORD | {"age": 22}, JSON),
    "V09 above 2**53": (RECORD | {"age": 2**53 + 1}, JSON),
    "V09 above 2**64": (RECORD | {"age": 2**70}, JSON),
    "V09 integral": (RECORD | {"pclass": 1.0}, JSON),
    "V10 a gap": (RECORD | {"age": None}, JSON),
    "V11 outside of training": (RECORD | {"age": 1000.0}, JSON),
    "a column that no step reads": (RECORD | {"alive": "no"}, JSON),
}


@pytest.mark.parametrize(("body", "headers"), FINE.values(), ids=FINE)
def test_what_only_looks_bad_is_answered(fleet: Server, body: Any, headers: dict[str, str]) -> None:
    reply = exchange(fleet.port, request(body, headers=headers))
    assert reply.status == 200, reply.body


def test_an_integral_float_is_an_integer(fleet: Server) -> None:
    whole, fraction = (many(HOME | {"rooms": rooms}) for rooms in (3, 3.0))
    made = [exchange(fleet.port, request(body, HOUSE)).document for body in (whole, fraction)]
    assert made[0]["predictions"] == made[1]["predictions"]


@pytest.mark.parametrize("first", ["get /livez", "CONNECT host:80", "GET livez"])
def test_what_is_not_http_is_refused(fleet: Server, first: str) -> None:
    """H19, bad-http"""
    reply = exchange(fleet.port, f"{first} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert reply.status == 400
    assert not LEAKS.search(reply.body.decode())


def test_a_client_that_stops_in_the_middle_is_forgotten(fleet: Server) -> None:
    """H15"""
    with connected(fleet.port) as connection:
        connection.sendall(request(RAW[:20], headers={**JSON, "content-length": "1000"}))
    assert fleet.client.get("/livez").status_code == 200
    assert "ClientDisconnect" not in fleet.logged()


def test_a_websocket_is_not_opened(fleet: Server) -> None:
    """H29"""
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    reply = exchange(fleet.port, request(b"", "/livez", "GET", upgrade))
    assert reply.status == 200


def test_the_body_is_asked_for_and_then_read(fleet: Server) -> None:
    sent = request(RAW, headers={**JSON, "expect": "100-continue"})
    with connected(fleet.port) as connection:
        connection.sendall(sent.removesuffix(RAW))
        assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
        connection.sendall(RAW)
        assert answer(connection).status == 200


@pytest.mark.parametrize("fit", ["ok-1", "0192_a.b:c+d/e=f", "x" * 128])
def test_a_request_id_that_is_fit_is_kept(fleet: Server, fit: str) -> None:
    reply = exchange(fleet.port, request(b"", "/livez", "GET", {"x-request-id": fit}))
    assert reply.headers["x-request-id"] == fit


@pytest.mark.parametrize("unfit", ["", "a b", "a\tb", "x" * 129, "x" * 10_000, "ü", "<b>", "a,b"])
def test_a_request_id_that_is_not_is_replaced(fleet: Server, unfit: str) -> None:
    """H39"""
    reply = exchange(fleet.port, request(b"", "/nothing", "GET", {"x-request-id": unfit}))
    made = reply.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert reply.document["instance"] == f"urn:request:{made}"


def test_the_log_names_the_request_that_a_model_failed_on(fleet: Server) -> None:
    reply = exchange(fleet.port, request(many({"x": -1}), BRITTLE))
    assert f"request {reply.headers['x-request-id']}: The model 'brittle' failed" in fleet.logged()
