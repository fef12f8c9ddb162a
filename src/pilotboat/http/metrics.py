"""What Prometheus asks for: `/metrics`. It never waits for a model."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

Page = Callable[[str], tuple[bytes, str]]
"""An Accept header -> the page of metrics and its content type."""


def routes(page: Page) -> list[BaseRoute]:
    """The route of the metrics."""

    async def metrics(request: Request) -> Response:
        raw, kind = page(",".join(request.headers.getlist("accept")))
        told = {"content-type": kind, "cache-control": "no-store", "vary": "Accept"}
        return Response(raw, headers=told)

    return [Route("/metrics", metrics, methods=["GET"])]
