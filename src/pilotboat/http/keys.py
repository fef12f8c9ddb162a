"""Who may ask: every route but the probes and the pages needs an API key that opens it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.requests import Request

from pilotboat.bundle.manifest import NAME
from pilotboat.errors import (
    ForbiddenError,
    PilotboatError,
    RateLimitedError,
    RequestError,
    UnauthorizedError,
)
from pilotboat.http import problems
from pilotboat.http.door import Door
from pilotboat.operations.access import Deliver, Facts, Headers, Receive, Reply, Scope, Send, Settle
from pilotboat.operations.meter import Meter, whole_seconds
from pilotboat.operations.quota import Quota
from pilotboat.operations.ring import ADMIN, METRICS, PLAIN, PREDICT, Key, Ring
from pilotboat.runtime.repository import Repository

PROBES = {"/livez", "/readyz", "/health", "/ping", "/v2/health/live", "/v2/health/ready"}
OPEN = frozenset({"/", "/docs"} | PROBES)
ASSETS = "/pages/"
"""What needs no key: probes, and the pages with what they load. They ask for a key themselves."""
SPECIAL = (
    ("/metrics", METRICS),
    ("/admin", ADMIN),
    ("/v1/predictions", ADMIN),
    ("/v2/repository", ADMIN),
)
"""Paths, with all below them, and the scope they need. nginx does not pass on any of them."""
OF_ANY = frozenset({"/v1/feedback"})
"""Paths for a key that may use any model at all; of which models it may speak is seen to there."""
MODEL = re.compile(r"/v\d+/models/([^/:]+)")
LONGEST = 1024
"""Bytes of a credential; a key has at most 132."""
IN_URL = frozenset({"key", "apikey", "xapikey", "token", "accesstoken", "auth", "authorization"})
"""Names of query parameters that hold a credential, without - and _."""


class Keys:
    """Lets a request through to `door` when its key is known, opens the path and is within its rate.

    meter: counts the requests of keys that have a rate. quota: counts them in its place, for several
    servers; that takes waiting, so that such requests are not answered at once.
    """

    def __init__(
        self,
        door: Door,
        ring: Ring,
        meter: Meter,
        repository: Repository,
        quota: Quota | None = None,
    ) -> None:
        self.door = door
        self.find = door.find
        self.ring = ring
        self.meter = meter
        self.repository = repository
        self.quota = quota

    def quick(
        self, path: str, headers: Headers, body: bytes, facts: Facts, deliver: Deliver
    ) -> Settle | None:
        """Deliver the answer to a predict request. See `Quick`; what is refused is not taken on."""
        endpoint = self.find(path)
        if endpoint is None:  # so it is where there is a query, too
            return None
        try:
            key = self.ring.find(credential(headers))
        except RequestError:
            return None
        if key is None or not (PREDICT in key.scopes or key.may(self._model(endpoint.name))):
            return None
        facts["key"] = key.id
        if not key.rate:
            return self.door.quick(path, headers, body, facts, deliver)
        if self.quota is not None or self.meter.take(key):
            return None
        # What is handed on after all comes by again and is counted then.
        settle = self.door.quick(path, headers, body, facts, self._counted(key, deliver))
        if settle is None:
            self.meter.give_back(key)
        return settle

    def _counted(self, key: Key, deliver: Deliver) -> Deliver:
        def delivered(reply: Reply | None) -> None:
            if reply is None:
                self.meter.give_back(key)
            deliver(reply)

        return delivered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(scope["path"]):
            try:
                scope["state"]["key"] = await self._admitted(scope)
            except PilotboatError as error:
                await problems.send(scope, send, error)
                return
        await self.door(scope, receive, send)

    async def _admitted(self, scope: Scope) -> Key:
        """The key of a request that may go on; raises where it may not."""
        endpoint = self.find(scope["path"])
        facts = scope["state"]["facts"]
        if endpoint is not None:
            facts["route"] = endpoint.route
        check_url(scope.get("query_string", b""))
        key = self.ring.find(credential(scope["headers"]))
        if key is None:
            raise UnauthorizedError(
                "This needs an API key that the server knows.",
                hint="Send it as Authorization: Bearer KEY, or as X-API-Key: KEY.",
            )
        facts["key"] = key.id
        predicts = None if endpoint is None else needed(self._model(endpoint.name))
        scope_needed = predicts or needed_at(scope["path"])
        if not (scope_needed is None or key.opens(scope_needed) or _is_of_any(key, scope["path"])):
            raise ForbiddenError(
                f"This API key is not for that: it takes the scope {scope_needed}.",
                scope=scope_needed,
            )
        if key.rate:
            wait = self.meter.take(key) if self.quota is None else await self.quota.take(key)
            if wait:
                raise _too_often(key, wait)
        return key

    def _model(self, name: str | None) -> str | None:
        """The model that answers where `name` is asked for."""
        return self.repository.default_name if name is None else name


def _too_often(key: Key, wait: float) -> RateLimitedError:
    rate = int(key.rate) if key.rate.is_integer() else key.rate
    return RateLimitedError(
        f"This API key may send {rate:,} requests a second.",
        hint="Send again after the seconds that Retry-After says.",
        limit=rate,
        window=1,
        unit="requests a second",
        retry_after=whole_seconds(wait),
    )


def credential(headers: Headers) -> bytes:
    """The API key that a request shows, in one of two headers; empty where there is none."""
    found = b""
    for name, value in headers:
        if name == b"x-api-key":
            one = value.strip()
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            one = value[7:].strip()
        else:
            continue
        if len(one) > LONGEST:
            raise RequestError(
                "The API key is longer than any.",
                code="bad-credentials",
                limit=LONGEST,
                unit="bytes",
            )
        if found and one and one != found:
            raise RequestError(
                "The request shows two API keys.", code="bad-credentials", hint="Send one of them."
            )
        found = one or found
    return found


def check_url(query: bytes) -> None:
    """Refuse a credential in the URL: URLs are logged, kept and passed on by what lies between."""
    if not query:
        return
    text = query.decode("latin-1")
    names = (name for name, _ in parse_qsl(text, keep_blank_values=True))
    if PLAIN.search(text) or any(
        name.lower().replace("-", "").replace("_", "") in IN_URL for name in names
    ):
        raise RequestError(
            "The URL holds a credential.",
            code="credentials-in-url",
            hint="Send it as Authorization: Bearer KEY, or as X-API-Key: KEY; "
            "this one may have been seen: replace it.",
        )


def is_open(path: str) -> bool:
    """Whether a path needs no key."""
    return path in OPEN or path.startswith(ASSETS)


def needed(model: str | None) -> str:
    """The scope that a prediction by `model` needs."""
    return f"{PREDICT}:{model}" if model and NAME.fullmatch(model) else PREDICT


def needed_at(path: str) -> str | None:
    """The scope that a path needs which is no prediction; None: any key will do."""
    for above, scope in SPECIAL:
        if path == above or path.startswith(f"{above}/"):
            return scope
    named = MODEL.match(path)
    if named is None:
        return PREDICT if path in OF_ANY else None
    return needed(named[1])


def _is_of_any(key: Key, path: str) -> bool:
    """Whether a path is for keys of single models too, and the key is one."""
    return path in OF_ANY and any(scope.startswith(f"{PREDICT}:") for scope in key.scopes)


def shown(request: Request, names: Iterable[str]) -> list[str]:
    """Those of the models `names` that the request's key may use; without keys all of them."""
    key = request.scope.get("state", {}).get("key")
    return [name for name in names if key is None or key.may(name)]
