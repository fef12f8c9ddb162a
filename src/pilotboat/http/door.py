"""The front door: predict routes are found by their path, and never meet the framework's router."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pilotboat.errors import PilotboatError
from pilotboat.http import problems
from pilotboat.operations.access import App, Deliver, Facts, Headers, Receive, Scope, Send, Settle

logger = logging.getLogger(__name__)


class Endpoint(Protocol):
    """A predict route. route: the template of its path; name: of the model, where it names one."""

    route: str
    name: str | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def quick(self, headers: Headers, raw: bytes, facts: Facts, deliver: Deliver) -> Settle | None:
        """Deliver the answer to a body that is there. See `Quick`; what is an error is not taken on."""
        ...


Find = Callable[[str], Endpoint | None]
"""A path -> what answers it, if it is a predict route of a dialect."""


class Door:
    """Hands a request to the dialect whose path it names, any other to the framework's `app`.

    template: that of the framework's route which a request is for; None: it is for none.
    """

    def __init__(
        self,
        app: App,
        finds: list[Find],
        template: Callable[[Scope], str | None] = lambda _: None,
    ) -> None:
        self.app = app
        self.template = template

        @lru_cache(maxsize=1024)
        def find(path: str) -> Endpoint | None:
            return next((found for find in finds if (found := find(path)) is not None), None)

        self.find = find

    def quick(
        self, path: str, headers: Headers, raw: bytes, facts: Facts, deliver: Deliver
    ) -> Settle | None:
        """Deliver the answer to a predict request. See `Quick`."""
        endpoint = self.find(path)
        if endpoint is None:
            return None
        facts["route"] = endpoint.route
        return endpoint.quick(headers, raw, facts, deliver)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.find(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None:
            await self.app(scope, receive, send)
            if scope["type"] == "http" and (template := self.template(scope)) is not None:
                scope["state"]["facts"]["route"] = template
            return
        scope["state"]["facts"]["route"] = endpoint.route
        try:
            if scope["method"] != "POST":
                raise HTTPException(problems.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
            await endpoint(scope, receive, send)
        except PilotboatError as error:
            await (await problems.of_error(Request(scope), error))(scope, receive, send)
        except HTTPException as error:
            await (await problems.of_http(Request(scope), error))(scope, receive, send)
        except Exception as error:
            logger.exception("a request failed")
            await (await problems.of_bug(Request(scope), error))(scope, receive, send)
