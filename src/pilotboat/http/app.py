"""The application: every route in one list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

import pilotboat
from pilotboat.errors import PilotboatError
from pilotboat.http import feedback, history, metrics, native, openapi, pages, probes, problems
from pilotboat.http.body import Limits
from pilotboat.http.door import Door
from pilotboat.http.keys import shown
from pilotboat.http.metrics import Page
from pilotboat.operations.access import Scope
from pilotboat.runtime.repository import Repository


def create_app(
    repository: Repository,
    limits: Limits,
    *,
    max_text: int,
    unknown_fields: str = "refuse",
    page: Page,
    on_start: Callable[[], None],
    on_stop: Callable[[], Awaitable[None]],
    keyed: bool = False,
    keep: feedback.Keep | None = None,
    find: history.Find | None = None,
) -> Door:
    """The application over `repository`. on_start opens it, before the first request is taken.

    page: of the metrics. keyed: whether requests need an API key. keep: keeps outcomes; None where
    predictions are not kept. find: reads predictions; None where nobody may.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        on_start()
        yield
        await on_stop()

    def document(request: Request) -> dict[str, Any]:
        names = shown(request, repository.names)
        live = [one.model for name in names for one in repository.versions(name)]
        usual = repository.default_name
        default = repository.versions(usual) if usual in names else []
        return openapi.document(
            live,
            default[0].model if default else None,
            pilotboat.__version__,
            max_rows=limits.rows,
            max_text=max_text,
            closed=unknown_fields == "refuse",
            keyed=keyed,
            keeps=keep is not None,
            reads=find is not None,
        )

    async def described(request: Request) -> Response:
        return Response(orjson.dumps(document(request)), media_type="application/json")

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
        *feedback.routes(repository, limits, keep),
        *history.routes(find, remembers=keep is not None, keyed=keyed),
        *metrics.routes(page),
        *pages.routes(),
        Route("/openapi.json", described, methods=["GET"]),
        Route("/", _home(keeps=keep is not None), methods=["GET"]),
    ]
    return Door(app, [native.finder(repository, limits)], lambda scope: _template(app, scope))


def _home(*, keeps: bool) -> Callable[[Request], Awaitable[Response]]:
    """What answers at /: the page for browsers, a word for programs."""

    async def home(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return await pages.home(request, keeps=keeps)
        alive = native.answered({"status": "alive"})
        alive.headers["vary"] = "Accept"
        return alive

    return home


def _template(app: FastAPI, scope: Scope) -> str | None:
    """The template of the path that a request is for."""
    for route in app.routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            return route.path_format
    return None
