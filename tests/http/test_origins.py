"""Pages of other origins, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotboat.http.origins import Origins
from pilotboat.operations.ring import fresh, line
from tests.factories import RECORD, Server

PAGE, DEV = "https://app.example.com", "http://localhost:5173"
KEY = fresh("page")
FOREIGN = [
    "null",
    "*",
    "",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://app.example.com:444",
    "http://app.example.com",
    "https://app.example.com/",
    "https://app.example.com evil",
    "https://APP.example.com",
    "https://xapp.example.com",
    "http://localhost",
    "http://localhost:51730",
]


@pytest.fixture(scope="module")
def server(titanic: Path) -> Iterator[Server]:
    """A server that two origins may call, with a key."""
    options = {"PILOTBOAT_CORS_ORIGINS": f"{PAGE}:443, {DEV}", "PILOTBOAT_API_KEYS": line(KEY, [])}
    with Server(titanic, **options) as running:
        yield running


def preflight(server: Server, origin: str, method: str = "POST") -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    headers["Access-Control-Request-Headers"] = "content-type,x-api-key"
    return server.client.options("/predict", headers=headers)


def predict(server: Server, *origins: str, key: str = KEY) -> httpx.Response:
    headers = [("X-API-Key", key), *(("Origin", one) for one in origins)]
    return server.client.post("/predict", json=RECORD, headers=headers)


def allowed(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if "access-control" in name}


@pytest.mark.parametrize("origin", [PAGE, DEV])
def test_a_page_of_an_origin_that_is_named_may_call(server: Server, origin: str) -> None:
    answer = preflight(server, origin)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    assert "POST" in answer.headers["access-control-allow-methods"]
    named = answer.headers["access-control-allow-headers"].lower()
    assert all(name in named for name in ("authorization", "content-type", "x-api-key"))
    assert "access-control-allow-credentials" not in answer.headers
    answer = predict(server, origin)
    assert answer.json()["prediction"] in ("no", "yes")
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_may_read_why_it_is_refused(server: Server) -> None:
    answer = predict(server, PAGE, key="wrong")
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("origin", FOREIGN)
def test_no_other_page_may(server: Server, origin: str) -> None:
    answer = preflight(server, origin)
    assert (answer.status_code, allowed(answer)) == (401, {})
    assert answer.headers["vary"] == "Origin"
    answer = predict(server, origin)
    assert (answer.status_code, allowed(answer)) == (200, {})
    assert answer.headers["vary"] == "Origin"


def test_two_origins_are_none(server: Server) -> None:
    assert allowed(predict(server, PAGE, DEV)) == {}


def test_who_is_no_page_is_told_nothing(server: Server) -> None:
    answer = predict(server)
    assert (answer.status_code, allowed(answer)) == (200, {})
    answer = server.client.options("/predict", headers={"Origin": PAGE, "X-API-Key": KEY})
    assert answer.status_code == 405  # no preflight without the method that is asked for


def test_probes_and_the_page_say_that_they_depend_on_the_origin(server: Server) -> None:
    assert server.client.get("/livez").headers["vary"] == "Origin"
    assert server.client.get("/").headers.get_list("vary") == ["Accept", "Origin"]


def test_a_star_is_any_origin_without_credentials(titanic: Path) -> None:
    with Server(titanic, PILOTBOAT_CORS_ORIGINS="*") as running:
        for origin in (PAGE, "null"):
            for answer in (preflight(running, origin), predict(running, origin)):
                assert answer.headers["access-control-allow-origin"] == "*"
                assert "access-control-allow-credentials" not in answer.headers


def test_without_origins_nothing_is_said(locked: Server) -> None:
    answer = locked.client.get("/livez", headers={"Origin": PAGE})
    assert allowed(answer) == {}
    assert "vary" not in answer.headers


def test_the_quick_way_is_for_who_is_no_page() -> None:
    async def nothing(*_: Any) -> None:
        raise AssertionError

    layer = Origins(nothing, lambda *_: lambda: None, (PAGE,))
    assert layer.quick("/predict", [(b"host", b"x")], b"", {}, print) is not None
    assert layer.quick("/predict", [(b"origin", PAGE.encode())], b"", {}, print) is None
