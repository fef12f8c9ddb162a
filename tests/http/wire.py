"""Requests as bytes, for what an HTTP client would not send, and without a server at all."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

import httpx
from starlette.routing import Route

from pilotboat import serve
from pilotboat.http.app import create_app
from pilotboat.http.body import Limits
from pilotboat.runtime.model import Model
from pilotboat.runtime.repository import Live, Repository
from pilotboat.settings import read

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What came back: header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def request(
    body: Any = b"",
    path: str = "/predict",
    method: str = "POST",
    headers: Mapping[str, str] = JSON,
) -> bytes:
    """A request's bytes. A body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"host": "localhost", **headers}
    if not {"content-length", "transfer-encoding"} & set(named):
        named["content-length"] = str(len(raw))
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + raw


def exchange(port: int, sent: bytes) -> Reply:
    """Send bytes and read the answer, while the connection stays open for more."""
    with connected(port) as connection:
        connection.sendall(sent)
        return answer(connection, sent.partition(b" ")[0].decode())


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        yield connection


def answer(connection: socket.socket, method: str = "POST") -> Reply:
    """Read one answer."""
    # CONNECT has a body here: nothing tunnels.
    with HTTPResponse(connection, method="GET" if method == "CONNECT" else method) as response:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, response.read())


@contextmanager
def inside(**settings: Any) -> Iterator[Callable[..., httpx.Response]]:
    """The application that `serve` puts together, in this process, and a way to ask it."""
    app: Any = serve.build(read(**settings))
    with asyncio.Runner() as runner:
        asked: asyncio.Queue[Any] = asyncio.Queue()
        said: asyncio.Queue[Any] = asyncio.Queue()

        async def tell(event: str) -> None:
            await asked.put({"type": f"lifespan.{event}"})
            message = await said.get()
            assert message["type"] == f"lifespan.{event}.complete", message

        async def start() -> asyncio.Task[None]:
            life = asyncio.create_task(app({"type": "lifespan"}, asked.get, said.put))
            await tell("startup")
            return life

        async def ask(method: str, path: str, **options: Any) -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://inside") as client:
                return await client.request(method, path, **options)

        life = runner.run(start())
        try:
            yield lambda *asked, **options: runner.run(ask(*asked, **options))
        finally:
            runner.run(tell("shutdown"))
            runner.run(asyncio.wait_for(life, 10))


def routes() -> set[tuple[str, str]]:
    """Every route of the application: its path, without the kinds of its parts, and its method."""
    nothing = Repository("nowhere", wrap=never)
    door = create_app(
        nothing,
        Limits(),
        max_text=1,
        page=lambda _: (b"", ""),
        on_start=print,
        on_stop=stopped,
    )
    app: Any = door.app
    hot = {
        ("/predict", "POST"),
        *((f"/v1/models/{{model}}{more}:predict", "POST") for more in ("", "/versions/{version}")),
    }
    assert all(door.find(path) for path, _ in hot)
    return hot | {
        (re.sub(r":\w+}", "}", route.path), method)
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }


async def stopped() -> None:
    """Nothing has to end."""


def never(_model: Model) -> Live:
    raise AssertionError
