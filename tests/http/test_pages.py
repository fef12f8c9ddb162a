"""The web pages: what they are made of, how they are sent, and that they work in a browser."""

from __future__ import annotations

import asyncio
import gzip
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from starlette import routing
from starlette.applications import Starlette

from pilotboat.http import pages

CHROMIUM = Path("/usr/bin/chromium")
SOURCE = files("pilotboat.http.pages")
OURS = sorted({file for file, _ in pages.ASSETS.values() if "/" not in file})
APP = Starlette(routes=[*pages.routes(), routing.Route("/", pages.home)])


def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer of an application that is nothing but the pages."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(APP)
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as client:
            client.headers.pop("accept-encoding")
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=named)

    return asyncio.run(asked())


def links(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(pages/[^"]+)"', html)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_is_html_that_may_load_only_its_own_server(path: str) -> None:
    answer = ask(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert {"script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_the_model_page_is_one_of_two_answers_at_its_address() -> None:
    assert ask("/").headers["vary"] == "Accept"


@pytest.mark.parametrize("path", ["/", "/docs", "/pages/home.js", "/pages/swagger-ui.css"])
def test_head_and_if_none_match_send_no_body(path: str) -> None:
    whole, head = ask(path), ask(path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers
    for known in (whole.headers["etag"], f'"other", W/{whole.headers["etag"]}', "*"):
        answer = ask(path, if_none_match=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == whole.headers["etag"]
        assert answer.headers["cache-control"] == whole.headers["cache-control"]
    assert ask(path, if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_link_to_an_asset_names_its_digest_and_is_kept(path: str) -> None:
    found = links(ask(path).text)
    assert len(found) >= 3
    for link in found:
        answer = ask(f"/{link}")
        assert answer.status_code == 200, link
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_modules_import_each_other_by_digest() -> None:
    imported = re.findall(r'from "\./([^"]+)"', ask("/pages/home.js").text)
    assert len(imported) == 5
    for name in imported:
        assert "immutable" in ask(f"/pages/{name}").headers["cache-control"]


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef"])
def test_an_asset_without_its_digest_is_asked_for_again(query: str) -> None:
    answer = ask(f"/pages/home.css{query}")
    assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"


def test_assets_have_their_media_types() -> None:
    types = {name: ask(f"/pages/{name}").headers["content-type"] for name in pages.ASSETS}
    assert types["home.js"] == types["swagger-ui-bundle.js"] == "text/javascript; charset=utf-8"
    assert types["home.css"] == types["swagger-ui.css"] == "text/css; charset=utf-8"
    assert types["icon.svg"] == "image/svg+xml"


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "deflate, GZIP ; q=1", "x-gzip"])
def test_swagger_is_sent_as_it_is_stored_to_who_takes_gzip(accepted: str) -> None:
    plain, packed = (
        ask("/pages/swagger-ui-bundle.js", accept_encoding=how) for how in ("", accepted)
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert int(packed.headers["content-length"]) < 500_000
    assert packed.content == plain.content


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0", "gzipped"])
def test_swagger_is_unpacked_for_who_does_not(accepted: str) -> None:
    answer = ask("/pages/swagger-ui.css", accept_encoding=accepted)
    assert "content-encoding" not in answer.headers
    assert answer.text.startswith(".swagger-ui{")


@pytest.mark.parametrize(
    "name", ["missing.js", "home.html", "__init__.py", "swagger", "..%2f__init__.py", "HOME.JS"]
)
def test_nothing_else_is_served(name: str) -> None:
    assert ask(f"/pages/{name}").status_code == 404


def test_other_methods_are_refused() -> None:
    assert ask("/docs", "POST").status_code == 405
    assert ask("/pages/home.js", "DELETE").status_code == 405


def test_the_vendored_files_are_upstreams() -> None:
    vendored = SOURCE / "swagger"
    assert re.fullmatch(r"5\.\d+\.\d+\n", (vendored / "VERSION").read_text())
    recorded = [line.split() for line in (vendored / "SHA256SUMS").read_text().splitlines()]
    kept = {file.name.removesuffix(".gz") for file in vendored.iterdir()}
    assert {name for _, name in recorded} == kept - {"VERSION", "SHA256SUMS"}
    for digest, name in recorded:
        packed = vendored / f"{name}.gz"
        raw = gzip.decompress(packed.read_bytes()) if packed.is_file() else b""
        assert sha256(raw or (vendored / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("name", [*OURS, "home.html", "docs.html"])
def test_our_own_files_name_no_other_host_and_write_no_markup(name: str) -> None:
    text = (SOURCE / name).read_text()
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", text)) <= {
        "http://www.w3.org/2000/svg"
    }
    for trap in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert trap not in text
    assert not re.search(r"\sstyle=|\son\w+=|<script>|<style", text)
