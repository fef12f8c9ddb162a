"""Cross-origin resource sharing: which pages of other origins may read answers in a browser."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from pilotboat.operations.access import (
    App,
    Deliver,
    Facts,
    Headers,
    Quick,
    Receive,
    Scope,
    Send,
    Settle,
)

ANY = b"*"
ALLOWED: Headers = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Encoding, Content-Type, Traceparent, X-API-Key, X-Prediction-Reference, X-Request-Id, X-Request-Timeout-Ms",
    ),
    (b"access-control-max-age", b"600"),
)
EXPOSED = (b"access-control-expose-headers", b"Retry-After, X-Request-Id")
VARY = (b"vary", b"Origin")
FORM = re.compile(
    r"([a-z][a-z0-9+.-]*)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?"
)
USUAL_PORTS = {"http": "80", "https": "443"}
LAST_PORT = 65535


class Origins:
    """Lets pages of exactly these origins call `app`, and none with the browser's credentials.

    origins: as browsers write them, scheme://host[:port]; or * alone. inner: the way of `app` that
    takes no waiting.
    """

    def __init__(self, app: App, inner: Quick, origins: tuple[str, ...]) -> None:
        self.app = app
        self.inner = inner
        self.origins = frozenset(one.encode() for one in origins)

    def quick(
        self, path: str, headers: Headers, body: bytes, facts: Facts, deliver: Deliver
    ) -> Settle | None:
        """Deliver the answer to a request of no page. See `Quick`."""
        for name, _ in headers:
            if name == b"origin":
                return None
        return self.inner(path, headers, body, facts, deliver)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = [] if ANY in self.origins else [VARY]
        allowed = self.allowed(scope["headers"])
        if allowed is not None:
            told += [(b"access-control-allow-origin", allowed), EXPOSED]
            if is_preflight(scope):
                await send(
                    {
                        "type": "http.response.start",
                        "status": HTTPStatus.NO_CONTENT,
                        "headers": [*told, *ALLOWED],
                    }
                )
                await send({"type": "http.response.body", "body": b""})
                return

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *told]
            await send(message)

        await self.app(scope, receive, marked)

    def allowed(self, headers: Headers) -> bytes | None:
        """What is said to the origin of a request; None: nothing, so the browser keeps it out."""
        named = [value for name, value in headers if name == b"origin"]
        if len(named) != 1:
            return None
        if ANY in self.origins:
            return ANY
        return named[0] if named[0] in self.origins else None


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks before it sends a request."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


def origin(text: str) -> str:
    """An origin as a browser writes it: in lower case, without the port that its scheme has anyway.

    Raises `ValueError` for what is none, and for *, which stands alone or not at all.
    """
    found = FORM.fullmatch(text.lower())
    if text == "*":
        raise ValueError("expected * alone, or origins")
    if found is None or int(found[3] or 1) > LAST_PORT:
        raise ValueError(
            "expected origins like https://app.example.com:8443, without a path or a pattern; "
            "null is none, because every sandboxed page has it"
        )
    scheme, _, port = found.groups()
    usual = port is not None and port == USUAL_PORTS.get(scheme)
    return found[0].removesuffix(f":{port}") if usual else found[0]
