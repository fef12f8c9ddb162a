"""Alive, ready, healthy: what orchestrators ask. None of them ever waits."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pilotboat.errors import LeavingError, ModelNotReadyError
from pilotboat.runtime.repository import Repository


def routes(repository: Repository) -> list[BaseRoute]:
    """The routes that state how the server is."""

    async def live(_request: Request) -> Response:
        return _said({"status": "alive"})

    async def ready(_request: Request) -> Response:
        check(repository)
        return _said({"status": "ready", "models": repository.names})

    async def health(_request: Request) -> Response:
        check(repository)
        return _said({"status": "healthy"})

    return [
        Route("/livez", live, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/health", health, methods=["GET"]),
    ]


def check(repository: Repository) -> None:
    """Raise `ModelNotReadyError` saying what is missing, unless every model can answer."""
    if repository.is_ready:
        return
    if repository.leaving:
        raise LeavingError("This server is about to stop.", hint="Ask another one.")
    if not repository.not_ready:
        raise ModelNotReadyError(
            "There is no model here yet.",
            code="no-models",
            hint="Pack one into the repository: pilotboat pack ARTIFACT.",
        )
    names = ", ".join(f"'{name}'" for name in sorted(repository.not_ready))
    raise ModelNotReadyError(
        f"No version can be served of: {names}.", hint="The server's log says why."
    )


def _said(value: dict[str, Any]) -> Response:
    return Response(
        orjson.dumps(value), media_type="application/json", headers={"cache-control": "no-store"}
    )
