"""The application: every route in one list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import pilotboat
from pilotboat.errors import PilotboatError
from pilotboat.http import native, openapi, pages, probes, problems
from pilotboat.http.body import Limits
from pilotboat.http.door import Door
from pilotboat.runtime.repository import Repository


def create_app(
    repository: Repository,
    limits: Limits,
    *,
    max_text: int,
    unknown_fields: str = "refuse",
    on_start: Callable[[], None],
    on_stop: Callable[[], None],
) -> Door:
    """The application over `repository`. on_start opens it, before the first request is taken."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        on_start()
        yield
        on_stop()

    def document() -> dict[str, Any]:
        live = [one.model for name in repository.names for one in repository.versions(name)]
        default = repository.versions(repository.default_name or "")
        return openapi.document(
            live,
            default[0].model if default else None,
            pilotboat.__version__,
            max_rows=limits.rows,
            max_text=max_text,
            closed=unknown_fields == "refuse",
        )

    async def described(_request: Request) -> Response:
        return Response(orjson.dumps(document()), media_type="application/json")

    async def home(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return await pages.home(request)
        alive = native.answered({"status": "alive"})
        alive.headers["vary"] = "Accept"
        return alive

    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={
            PilotboatError: problems.of_error,
            HTTPException: problems.of_http,
            Exception: problems.of_bug,
        },
    )
    app.router.routes[:] = [
        *native.routes(repository),
        *probes.routes(repository),
        *pages.routes(),
        Route("/openapi.json", described, methods=["GET"]),
        Route("/", home, methods=["GET"]),
    ]
    return Door(app, [native.finder(repository, limits)])
