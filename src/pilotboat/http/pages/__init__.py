"""The web pages: the model page, Swagger UI and what they are made of.

Everything is served from this package: nothing is asked of another host, so the pages work
offline and under a strict Content-Security-Policy. Links are relative, so they also work behind
a proxy that serves Pilotboat under a path of its own.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["home", "routes"]

ASSETS = {
    "docs.css": ("docs.css", "text/css"),
    "docs.js": ("docs.js", "text/javascript"),
    "dom.js": ("dom.js", "text/javascript"),
    "form.js": ("form.js", "text/javascript"),
    "home.css": ("home.css", "text/css"),
    "key.js": ("key.js", "text/javascript"),
    "home.js": ("home.js", "text/javascript"),
    "answer.js": ("answer.js", "text/javascript"),
    "verdict.js": ("verdict.js", "text/javascript"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "swagger-ui-bundle.js": ("swagger/swagger-ui-bundle.js.gz", "text/javascript"),
    "swagger-ui.css": ("swagger/swagger-ui.css.gz", "text/css"),
}
"""Name under `pages/` -> (file in this package, media type). Nothing else is ever read."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HTML_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}

FOREVER = "public, max-age=31536000, immutable"
CHECK_AGAIN = "public, max-age=0, must-revalidate"

_LINK = re.compile(r'(?<=")(?:pages/|\./)([\w-]+\.(?:css|js|svg))(?=")')


@dataclass(frozen=True)
class Asset:
    """A file of this package. Large ones are stored compressed, and sent so to who takes gzip."""

    media_type: str
    stored: bytes
    compressed: bool = False

    @cached_property
    def plain(self) -> bytes:
        return gzip.decompress(self.stored) if self.compressed else self.stored

    @cached_property
    def digest(self) -> str:
        return sha256(self.stored).hexdigest()[:16]

    def answer(self, request: Request, headers: dict[str, str]) -> Response:
        """The file with `headers`, or 304 for a client that has it already."""
        packed = self.compressed and _takes_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{self.digest}-gzip"' if packed else f'"{self.digest}"'
        headers = {**headers, "etag": tag}
        if self.compressed:
            headers["vary"] = "Accept-Encoding"
        if _knows(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["content-encoding"] = "gzip"
        body = self.stored if packed else self.plain
        return Response(body, headers=headers, media_type=self.media_type)


def routes() -> list[BaseRoute]:
    """`/docs` and what the pages load. The model page is `home`: who serves `/` calls it."""
    return [
        Route("/docs", docs, include_in_schema=False),
        Route("/pages/{name}", asset, include_in_schema=False),
    ]


async def home(request: Request, *, keeps: bool = False) -> Response:
    """The model page: the models, a form for each, and the answer.

    keeps: whether the server keeps predictions, so that it is of use to say what was right.
    """
    return _home(keeps=keeps).answer(request, {**HTML_HEADERS, "vary": "Accept"})


async def docs(request: Request) -> Response:
    """Swagger UI over `/openapi.json`."""
    return _page("docs.html").answer(request, HTML_HEADERS)


async def asset(request: Request) -> Response:
    """One file of `ASSETS`, kept for a year where the link names its digest."""
    name = request.path_params["name"]
    if name not in ASSETS:
        raise HTTPException(404)
    found = _asset(name)
    current = request.query_params.get("v") == found.digest
    headers = {
        "cache-control": FOREVER if current else CHECK_AGAIN,
        "x-content-type-options": "nosniff",
    }
    return found.answer(request, headers)


@cache
def _home(*, keeps: bool) -> Asset:
    page = _page("home.html").stored
    return Asset("text/html", page.replace(b"<body>", b"<body data-keeps>") if keeps else page)


@cache
def _page(file: str) -> Asset:
    return Asset("text/html", _linked(_read(file)))


@cache
def _asset(name: str) -> Asset:
    file, media_type = ASSETS[name]
    if file.endswith(".gz"):
        return Asset(media_type, _read(file), compressed=True)
    return Asset(media_type, _linked(_read(file)))


def _read(file: str) -> bytes:
    return files(__package__).joinpath(*file.split("/")).read_bytes()


def _linked(text: bytes) -> bytes:
    """`text` whose links to assets name their digests, so that a new release is a new link."""
    return _LINK.sub(_versioned, text.decode()).encode()


def _versioned(link: re.Match[str]) -> str:
    return f"{link[0]}?v={_asset(link[1]).digest}"


def _takes_gzip(accept_encoding: str) -> bool:
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.replace(" ", "").partition(";q=")
        if coding in {"gzip", "x-gzip"}:
            return weight.strip("0.") != "" or weight == ""
    return False


def _knows(if_none_match: str, tag: str) -> bool:
    tags = {item.strip().removeprefix("W/") for item in if_none_match.split(",")}
    return tag in tags or "*" in tags
