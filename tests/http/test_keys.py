"""API keys against a real server: every route, every kind of credential."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pilotboat import serve
from pilotboat.errors import RequestError
from pilotboat.http.door import Door as BehindDoor
from pilotboat.http.keys import (
    Keys,
    check_url,
    credential,
    is_open,
    needed_at,
)
from pilotboat.operations.meter import Meter
from pilotboat.operations.quota import Quota
from pilotboat.operations.ring import fresh, line, parse
from pilotboat.operations.seat import Seat
from pilotboat.settings import read
from tests.factories import RECORD, Server
from tests.http.conftest import Locked
from tests.http.wire import JSON, Reply, exchange, request, routes
from tests.redis_server import Redis

RAW = json.dumps(RECORD).encode()
MANY = json.dumps({"instances": [RECORD]}).encode()
OUTCOME = json.dumps({"id": "a", "model": "titanic", "actual": "yes"}).encode()
BODIES = {"/predict": RAW, "/v1/feedback": OUTCOME}
STATUSES = {"/v1/feedback": 202}
LONG = "x" * 10_240
UNSEEN = "api_key=pb_ci_5ecret"
FILLED = {"{model}": "titanic", "{version}": "1", "{name}": "home.js"}
ROUTES = sorted({(method, path) for path, method in routes()})


def filled(path: str) -> str:
    return re.sub(r"{\w+}", lambda part: FILLED[part[0]], path)


def who_may(method: str, path: str) -> set[str]:
    """The keys of `locked` that open a route, in a table of its own: what the documentation says."""
    if path == "/metrics":
        return {"metrics"}
    if path == "/v1/predictions":
        return {"admin"}
    if path in ("/v1/models", "/openapi.json"):
        return {"every", "titanic", "house", "metrics", "admin"}
    return {"every", "titanic"}


CREDENTIALS: dict[str, Callable[[Locked], dict[str, str]]] = {
    "none": lambda _: {},
    "empty": lambda _: {"x-api-key": "", "authorization": "Bearer "},
    "wrong": lambda _: {"x-api-key": fresh("every")},
    "revoked": lambda locked: {"authorization": f"Bearer {locked.revoked}"},
    "non-ASCII": lambda _: {"x-api-key": "pb_every_\xe9\xff" + "\xfc" * 64},
    "10 KB": lambda _: {"x-api-key": LONG},
    "two keys": lambda locked: {
        "x-api-key": locked.keys["every"],
        "authorization": f"Bearer {locked.keys['admin']}",
    },
    "in the query": lambda locked: {"x-api-key": locked.keys["every"]},
    "both schemes": lambda locked: {
        "x-api-key": locked.keys["every"],
        "authorization": f"bearer {locked.keys['every']}",
    },
    "every": lambda locked: {"authorization": f"Bearer {locked.keys['every']}"},
    "titanic": lambda locked: {"x-api-key": locked.keys["titanic"]},
    "house": lambda locked: {"x-api-key": locked.keys["house"]},
    "metrics": lambda locked: {"Authorization": f"BEARER {locked.keys['metrics']}"},
    "admin": lambda locked: {"X-API-KEY": locked.keys["admin"]},
}
REFUSED = {
    "none": (401, "unauthorized"),
    "empty": (401, "unauthorized"),
    "wrong": (401, "unauthorized"),
    "revoked": (401, "unauthorized"),
    "non-ASCII": (401, "unauthorized"),
    "10 KB": (400, "bad-credentials"),
    "two keys": (400, "bad-credentials"),
    "in the query": (400, "credentials-in-url"),
}


def asked(locked: Locked, method: str, path: str, who: str) -> Reply:
    body = b"" if method == "GET" else BODIES.get(path, MANY)
    query = f"?{UNSEEN}" if who == "in the query" else ""
    headers = {**JSON, **CREDENTIALS[who](locked)}
    return exchange(locked.port, request(body, filled(path) + query, method, headers))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_the_right_key_opens_a_route(locked: Locked, method: str, path: str) -> None:
    texts = set()
    for who in CREDENTIALS:
        reply = asked(locked, method, path, who)
        said = reply.body.decode()
        assert reply.status < 500
        assert "5ecret" not in said
        may = who_may(method, path)
        if is_open(filled(path)):
            assert reply.status == 200, who
        elif who in REFUSED:
            assert (reply.status, reply.document["code"]) == REFUSED[who], who
            texts |= {reply.document["detail"]} if reply.status == 401 else set()
            assert (reply.status == 401) == ("www-authenticate" in reply.headers)
        elif who in may or (who == "both schemes" and "every" in may):
            assert reply.status == STATUSES.get(path, 200), (who, said)
        else:
            assert (reply.status, reply.document["code"]) == (403, "forbidden"), who
            assert reply.document["scope"] in said
            assert "scope" in reply.document["detail"]
    assert len(texts) == (0 if is_open(filled(path)) else 1)


def test_what_is_open_is_what_should_be() -> None:
    """A new route needs a key unless it is written here."""
    known = {"/", "/docs", "/livez", "/readyz", "/health", "/pages/{name}"}
    later = {"/ping", "/v2/health/live", "/v2/health/ready"}
    found = {path for path, _ in routes() if is_open(filled(path))}
    assert known <= found <= known | later


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "POST"])
@pytest.mark.parametrize(
    "path", ["/predict", "/v1/models", "/nothing", "/admin/x", "/openapi.json/"]
)
def test_any_method_of_any_path_needs_a_key(locked: Locked, method: str, path: str) -> None:
    assert exchange(locked.port, request(b"", path, method)).status == 401


@pytest.mark.parametrize(
    "path",
    [
        "//predict",
        "/v1//models",
        "/%6detrics",
        "/livez/../metrics",
        "/pages%2f..%2fmetrics",
        "/LIVEZ",
        "/livez/",
    ],
)
def test_a_path_written_in_another_way_opens_nothing(locked: Locked, path: str) -> None:
    assert exchange(locked.port, request(b"", path, "GET")).status in (401, 404)
    metrics = {"x-api-key": locked.keys["every"]}
    assert exchange(locked.port, request(b"", path, "GET", metrics)).status in (403, 404)


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("every", ["house", "reviews", "titanic"]),
        ("titanic", ["titanic"]),
        ("house", ["house"]),
        ("metrics", []),
    ],
)
def test_a_key_sees_its_models_alone(locked: Locked, who: str, names: list[str]) -> None:
    headers = {"X-API-Key": locked.keys[who]}
    assert locked.client.get("/v1/models", headers=headers).json() == {"models": names}
    document = locked.client.get("/openapi.json", headers=headers)
    for name in ("house", "reviews", "titanic"):
        assert (f"/v1/models/{name}:predict" in document.text) == (name in names)
        described = locked.client.get(f"/v1/models/{name}", headers=headers)
        assert described.status_code == (200 if name in names else 403)
        version = locked.client.get(f"/v1/models/{name}/versions/1", headers=headers)
        assert version.status_code == described.status_code
    assert ("/predict" in document.json()["paths"]) == ("titanic" in names)


def test_a_key_of_one_model_is_not_told_the_names_of_others(models: Path) -> None:
    key = fresh("titanic")
    with Server(models, PILOTBOAT_API_KEYS=line(key, ["predict:titanic"])) as server:
        answer = server.client.post("/predict", json=RECORD, headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["scope"]) == (403, "predict")
    assert "house" not in answer.text


def test_the_api_description_says_how_to_show_a_key(locked: Locked) -> None:
    headers = {"X-API-Key": locked.keys["every"]}
    document = locked.client.get("/openapi.json", headers=headers).json()
    assert document["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["ApiKey"]["name"] == "X-API-Key"
    assert document["security"] == [{"Bearer": []}, {"ApiKey": []}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            statuses = {"401", "403", "429"} & set(operation["responses"])
            assert len(statuses) == (0 if is_open(path) else 3), path
            assert ("security" in operation) == is_open(path)


def test_the_key_s_name_is_logged_and_nothing_of_the_key(models: Path, tmp_path: Path) -> None:
    key = fresh("shop")
    app = Server(models, PILOTBOAT_API_KEYS=line(key, ["predict:titanic"]))
    with app as server:
        headers = {"Authorization": f"Bearer {key}"}
        path = "/v1/models/titanic:predict"
        answers = [
            server.client.post(path, json={"instances": [RECORD]}, headers=headers),
            server.client.post(f"{path}?{UNSEEN}", json={}, headers=headers),
            server.client.get("/metrics", headers=headers),
        ]
        assert [one.status_code for one in answers] == [200, 400, 403]
        logged = server.stop()
    assert key not in logged
    assert "5ecret" not in logged


NOBODY: Any = None


class Endpoint:
    route, name = "/predict", None


class Door:
    """The application behind the keys: what it takes on it delivers when settled, as told."""

    def __init__(self, *, takes: bool = True, delivers: Any = (200, [], b"")) -> None:
        self.takes, self.delivers = takes, delivers

    def find(self, path: str) -> Endpoint | None:
        return Endpoint() if path == "/predict" else None

    def quick(self, *given: Any) -> Any:
        return (lambda: given[-1](self.delivers)) if self.takes else None


def layered(door: Any, rate: float = 0.0) -> tuple[Keys, str]:
    key = fresh("ci")
    return Keys(door, parse(line(key, ["predict"], rate)), Meter(Seat()), NOBODY), key


def counted(door: Any, rate: float, times: int) -> int:
    """How many of so many requests are taken on or handed on, rather than refused at once."""
    keys, key = layered(door, rate)
    headers, taken = [(b"x-api-key", key.encode())], 0
    for _ in range(times):
        settle = keys.quick("/predict", headers, b"", {}, lambda _: None)
        if settle is not None:
            taken += 1
            settle()
    return taken


def test_what_is_answered_counts() -> None:
    assert counted(Door(), 5, 8) == 5


def test_what_is_handed_on_late_is_counted_where_it_arrives() -> None:
    assert counted(Door(delivers=None), 5, 8) == 8


def test_what_is_handed_on_at_once_is_counted_where_it_arrives() -> None:
    keys, key = layered(Door(takes=False), 1)
    headers = [(b"x-api-key", key.encode())]
    for _ in range(3):
        assert keys.quick("/predict", headers, b"", {}, print) is None
    assert keys.meter.take(keys.ring.keys[b"ci"]) == 0


def test_what_is_counted_elsewhere_is_not_answered_at_once() -> None:
    key, free = fresh("ci"), fresh("free")
    ring = parse(f"{line(key, ['predict'], 1)}\n{line(free, ['predict'])}")
    meter = Meter(Seat())
    keys = Keys(Door(), ring, meter, NOBODY, Quota(NOBODY, meter))  # type: ignore[arg-type]
    for shown, is_taken in ((key, False), (free, True)):
        settle = keys.quick("/predict", [(b"x-api-key", shown.encode())], b"", {}, lambda _: None)
        assert (settle is not None) == is_taken
    assert meter.take(ring.keys[b"ci"]) == 0, "it has not been counted yet"


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("rate", "said"), [(0.5, "2"), (0.2, "5")])
def test_servers_share_a_limit_and_refuse_as_one_does(redis: Redis, rate: float, said: str) -> None:
    key = fresh("ci")
    keys = parse(line(key, ["predict"], rate))
    shared = pytest.importorskip("pilotboat.operations.shared", reason="needs redis, the package")

    async def asked() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        told: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        links = [shared.Link(redis.url), shared.Link(redis.url)]
        meters = [Meter(Seat()) for _ in links]
        servers = [
            Keys(Passing(), keys, meter, NOBODY, Quota(link, meter))  # type: ignore[arg-type]
            for link, meter in zip(links, meters, strict=True)
        ]
        alone = Keys(Passing(), keys, Meter(Seat()), NOBODY)  # type: ignore[arg-type]
        for link in links:
            link.start()
        while not all(link.is_up for link in links):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for number in range(4):
            told[0].append(await answered(servers[number % 2], key))
            told[1].append(await answered(alone, key))
        for link in links:
            await link.close()
        return told

    together, alone = asyncio.run(asked())
    assert [one["status"] for one in together] == [one["status"] for one in alone]
    assert together[-1] == alone[-1]
    assert together[-1]["status"] == 429
    assert [one.get("retry-after") for one in together] == [None, said, said, said]


class Passing(Door):
    """The application behind the keys, which answers whatever comes by."""

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def answered(keys: Keys, key: str) -> dict[str, Any]:
    """The status and the headers of the answer to a request."""
    told: dict[str, Any] = {}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told["status"] = message["status"]
            told.update((name.decode(), value.decode()) for name, value in message["headers"])

    scope: Any = {"type": "http", "path": "/v1/models", "headers": [(b"x-api-key", key.encode())]}
    scope["state"] = {"id": "1", "facts": {}}
    await keys(scope, NOBODY, send)
    return told


@pytest.mark.parametrize(
    "headers",
    [[], [(b"x-api-key", b"\xff" * 80)], [(b"x-api-key", b"a"), (b"authorization", b"Bearer b")]],
)
def test_what_is_refused_is_not_taken_on(headers: Any) -> None:
    keys, _ = layered(Door())
    facts: dict[str, Any] = {}
    assert keys.quick("/predict", headers, b"", facts, print) is None
    assert facts == {}


def test_the_quick_way_knows_who_asked() -> None:
    keys, key = layered(Door())
    facts: dict[str, Any] = {}
    assert keys.quick("/predict", [(b"authorization", f"Bearer {key}".encode())], b"", facts, print)
    assert facts == {"key": "ci"}
    assert keys.quick("/other", [(b"x-api-key", key.encode())], b"", {}, print) is None


def test_without_keys_there_is_no_layer(titanic: Path) -> None:
    key = fresh("ci")
    layers = {}
    for keys in ("", line(key, [])):
        app = serve.build(read(repository=str(titanic), api_keys=SecretStr(keys)))
        layers[bool(keys)] = type(getattr(app.inner, "__self__", None))
    assert layers == {False: BehindDoor, True: Keys}


def test_what_is_no_request_passes() -> None:
    async def door(scope: Any, receive: Any, send: Any) -> None:
        scope["seen"] = True

    keys, _ = layered(Door())
    keys.door = door  # type: ignore[assignment]
    scope: Any = {"type": "lifespan"}
    asyncio.run(keys(scope, NOBODY, NOBODY))
    assert scope["seen"]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(b"authorization", b"bEaReR  k ")], b"k"),
        ([(b"authorization", b"Basic k")], b""),
        ([(b"authorization", b"k")], b""),
        ([(b"authorization", b"Bearer k"), (b"x-api-key", b"")], b"k"),
        ([(b"x-api-key", b" k "), (b"authorization", b"Bearer k")], b"k"),
        ([(b"x-api-key", b"k"), (b"authorization", b"Basic other")], b"k"),
    ],
)
def test_a_credential_is_found_in_either_header(headers: Any, found: bytes) -> None:
    assert credential(headers) == found


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-api-key", b"a"), (b"x-api-key", b"b")],
        [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")],
        [(b"x-api-key", b"x" * 1025)],
    ],
)
def test_a_credential_is_one(headers: Any) -> None:
    with pytest.raises(RequestError) as caught:
        credential(headers)
    assert caught.value.code == "bad-credentials"


@pytest.mark.parametrize(
    "query", [b"", b"v=1", b"keys=a", b"keyword=key", b"a=key", b"\xff=%ff&&="]
)
def test_a_usual_query_is_fine(query: bytes) -> None:
    check_url(query)


@pytest.mark.parametrize("query", [b"key", b"a=1&API-KEY=x", b"auth_token=1;&token=", b"%6bey=1"])
def test_a_credential_in_the_query_is_refused(query: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        check_url(query)
    assert caught.value.code == "credentials-in-url"


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v1/models", None),
        ("/openapi.json", None),
        ("/v1/models/a", "predict:a"),
        ("/v1/models/a/versions/2", "predict:a"),
        ("/v2/models/a/ready", "predict:a"),
        ("/v1/models/<b>", "predict"),
        ("/metrics", "metrics"),
        ("/metrics/x", "metrics"),
        ("/metricsx", None),
        ("/admin", "admin"),
        ("/admin/reload", "admin"),
        ("/v2/repository/index", "admin"),
        ("/v1/predictions", "admin"),
        ("/v1/predictions/x", "admin"),
        ("/v1/feedback", "predict"),
        ("/v1/feedbacks", None),
    ],
)
def test_a_path_needs_its_scope(path: str, scope: str | None) -> None:
    assert needed_at(path) == scope
