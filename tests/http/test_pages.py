"""The web pages: what they are made of, how they are sent, and that they work in a browser."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from starlette import routing
from starlette.applications import Starlette

import pilotboat
from pilotboat.http import pages
from tests.factories import Server

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
    assert len(imported) == 3
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


needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="needs Chromium (apt install chromium)"
)
browser_test = [pytest.mark.browser, needs_chromium]

HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
COLUMN = "a/b~<i>c</i>"


def pack_hostile(repository: Path) -> None:
    """Column and category names that are markup, need escapes, or look like another type."""
    frame = pd.DataFrame(
        {
            COLUMN: [HOSTILE, "it's", "1", "true"] * 10,
            "level": [1, 2, 3, 2] * 10,
            "__proto__": ["x", "y", "y", "x"] * 10,
        }
    )
    target = pd.Series([HOSTILE, "fine"] * 20, name="label")
    model = make_pipeline(OneHotEncoder(handle_unknown="error"), LogisticRegression())
    pilotboat.pack(
        model.fit(frame, target),
        data=frame.assign(label=target),
        target="label",
        name="hostile",
        repository=repository,
    )


class Watched:
    """A page, and all that went wrong or went elsewhere in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.sent: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self.said)
        page.on("request", self.requested)

    def said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    def requested(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:")):
            self.elsewhere.append(request.url)
        if request.method == "POST":
            self.sent.append(request.post_data or "")

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def model(self, name: str) -> Page:
        self.open(f"/#/{name}")
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)
        return self.page

    def clean(self, *, refused: int = 0) -> None:
        """Nothing went wrong but `refused` answers, which the browser reports by itself."""
        statuses = [error for error in self.errors if "Failed to load resource" in error]
        assert len(statuses) == refused
        assert [error for error in self.errors if error not in statuses] == []
        assert self.elsewhere == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(30_000)
    yield made
    made.close()


@pytest.fixture(scope="module")
def harbour(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server of four models, one of them with hostile names."""
    repository = tmp_path_factory.mktemp("harbour")
    for name in ("titanic", "house", "reviews"):
        (repository / name).symlink_to(models / name)
    pack_hostile(repository)
    with Server(repository) as running:
        yield running


@pytest.fixture
def seen(context: BrowserContext, harbour: Server) -> Watched:
    return Watched(context.new_page(), harbour.url)


class TestInABrowser:
    pytestmark = browser_test

    def test_the_first_model_is_shown_and_the_others_are_links(self, seen: Watched) -> None:
        page = seen.open("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("hostile")
        names = page.get_by_role("navigation", name="Models").get_by_role("link")
        expect(names).to_have_text(["hostile", "house", "reviews", "titanic"])
        names.get_by_text("titanic").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("titanic")
        expect(page).to_have_title("titanic · Pilotboat")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("hostile")
        seen.clean()

    def test_a_row_is_answered_with_bars_and_its_command(self, seen: Watched) -> None:
        page = seen.model("titanic")
        page.get_by_label("pclass", exact=True).select_option("1")
        page.get_by_label("sex", exact=True).select_option("female")
        page.get_by_label("age: unknown (null)").check()
        expect(page.get_by_label("age", exact=True)).to_be_disabled()
        page.get_by_label("fare", exact=True).fill("80.50")
        page.get_by_label("embarked", exact=True).select_option("C")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#answer strong")).to_have_text("yes")
        bars = page.get_by_role("list", name="Probabilities").get_by_role("listitem")
        expect(bars).to_have_count(2)
        expect(bars.first).to_contain_text("%")
        expect(page.locator("#answer")).to_contain_text("version 1")
        expect(page.locator("#answer")).to_contain_text("ms")
        row = '{"pclass": 1, "sex": "female", "age": null, "fare": 80.50, "embarked": "C"}'
        assert seen.sent == [f'{{"instances": [{row}]}}']
        command = page.locator("#curl").inner_text()
        assert f"-d '{seen.sent[0]}'" in command
        assert f"'{seen.url}/v1/models/titanic:predict'" in command
        seen.clean()

    def test_an_answer_fades_when_the_row_changes_and_goes_on_reset(self, seen: Watched) -> None:
        page = seen.model("titanic")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#answer strong")).to_be_visible()
        page.get_by_label("sex", exact=True).select_option("male")
        expect(page.locator("#answer")).to_have_class("stale")
        page.get_by_role("button", name="Reset").click()
        expect(page.locator("#answer")).to_have_text("Fill in the row and press Predict.")
        seen.clean()

    def test_a_fault_is_shown_at_its_field_and_goes_when_it_is_mended(self, seen: Watched) -> None:
        page = seen.model("house")
        rooms = page.get_by_label("rooms", exact=True)
        rooms.fill("1.5")
        page.get_by_role("button", name="Predict").click()
        expect(rooms).to_have_attribute("aria-invalid", "true")
        expect(rooms).to_be_focused()
        expect(rooms).to_have_accessible_description(re.compile("expected an integer"))
        expect(page.locator(".problem")).to_contain_text("rooms: expected an integer")
        rooms.fill("2")
        expect(rooms).not_to_have_attribute("aria-invalid", "true")
        rooms.press("Enter")
        expect(page.locator("#answer strong")).to_have_text(re.compile(r"^\d"))
        seen.clean(refused=1)

    def test_a_boolean_is_a_boolean_and_text_is_text(self, seen: Watched) -> None:
        page = seen.model("house")
        page.get_by_label("area", exact=True).fill("22.0")
        page.get_by_label("rooms", exact=True).fill("3")
        page.get_by_label("garden", exact=True).select_option("true")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#answer strong")).to_be_visible()
        page.get_by_role("link", name="reviews").click()
        page.get_by_label("text", exact=True).fill("12\nit's <b>")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#answer strong")).to_be_visible()
        assert seen.sent[0] == '{"instances": [{"area": 22.0, "rooms": 3, "garden": true}]}'
        assert seen.sent[1] == r'{"instances": [{"text": "12\nit' + "'s <b>\"}]}"
        assert r"it'\''s <b>" in page.locator("#curl").inner_text()
        seen.clean()

    def test_names_and_values_are_text_whatever_they_look_like(self, seen: Watched) -> None:
        page = seen.model("hostile")
        field = page.get_by_label(COLUMN, exact=True)
        options = ['"1"', HOSTILE, "it's", '"true"']
        assert sorted(field.locator("option").all_inner_texts()) == sorted(options)
        field.select_option(label=HOSTILE)
        page.get_by_label("level", exact=True).select_option("2")
        page.get_by_label("__proto__", exact=True).select_option("x")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#answer strong")).to_be_visible()
        expect(page.locator("#answer")).to_contain_text(HOSTILE)
        assert '"level": 2, "__proto__": "x"' in seen.sent[0]
        assert page.locator("main img, main i, main b").count() == 0
        expect(page).to_have_title("hostile · Pilotboat")
        seen.clean()

    def test_a_fault_finds_a_field_whose_name_needs_escapes(self, seen: Watched) -> None:
        page = seen.model("hostile")
        field = page.get_by_label(COLUMN, exact=True)
        page.evaluate("document.querySelector('option').value = 'x'")
        field.select_option(index=0)
        page.get_by_role("button", name="Predict").click()
        expect(field).to_have_attribute("aria-invalid", "true")
        seen.clean(refused=1)

    def test_the_command_is_copied(self, seen: Watched) -> None:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = seen.model("titanic")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator("#curl").inner_text()
        seen.clean()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_fits_a_telephone(self, browser: Browser, harbour: Server, scheme: Any) -> None:
        context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        seen = Watched(context.new_page(), harbour.url)
        for name in ("hostile", "titanic"):
            page = seen.model(name)
            assert page.evaluate("document.documentElement.scrollWidth") == 390
        seen.clean()
        context.close()

    def test_it_works_under_a_path_of_a_proxy(self, seen: Watched) -> None:
        origin = seen.url
        seen.url = f"{origin}/under/here"

        def passed_on(route: Route) -> None:
            url = route.request.url.replace("/under/here/", "/")
            route.fulfill(response=route.fetch(url=url))

        seen.page.route(f"{seen.url}/**", passed_on)
        page = seen.model("titanic")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#answer strong")).to_be_visible()
        assert f"'{seen.url}/v1/models/titanic:predict'" in page.locator("#curl").inner_text()
        page.get_by_role("banner").get_by_role("link", name="API docs").click()
        expect(page.locator(".servers select")).to_have_value(f"{seen.url}/")
        operation = page.locator(".opblock-post", has_text="/v1/models/titanic:predict")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table .response-col_status").nth(1)
        expect(answer).to_contain_text("200")
        seen.clean()

    def test_an_unknown_model_is_said(self, seen: Watched) -> None:
        page = seen.open("/#/titanik")
        expect(page.get_by_role("heading", level=1)).to_have_text("Unknown model")
        expect(page.locator("#model")).to_be_hidden()
        seen.clean(refused=1)

    def test_swagger_shows_and_tries_the_api(self, seen: Watched) -> None:
        page = seen.open("/docs")
        operation = page.locator(".opblock-post", has_text="/v1/models/titanic:predict")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table .response-col_status").nth(1)
        expect(answer).to_contain_text("200")
        seen.clean()

    def test_swagger_says_that_it_has_nothing_to_show(self, seen: Watched) -> None:
        seen.page.route("**/openapi.json", lambda route: route.fulfill(status=500))
        page = seen.open("/docs")
        expect(page.get_by_role("main")).to_contain_text("cannot be shown: status 500")
        seen.clean(refused=1)

    def test_a_server_that_is_gone_is_said(self, seen: Watched) -> None:
        page = seen.model("titanic")
        page.route("**/*:predict", lambda route: route.abort())
        page.get_by_role("button", name="Predict").click()
        expect(page.locator(".problem")).to_contain_text("cannot be reached")
        seen.clean(refused=1)

    def test_no_model_yet(self, context: BrowserContext, tmp_path: Path) -> None:
        with Server(tmp_path, wait_for="/livez") as empty:
            seen = Watched(context.new_page(), empty.url)
            page = seen.open("/")
            expect(page.get_by_role("heading", name="No model here yet")).to_be_visible()
            expect(page.locator("#state pre")).to_contain_text("pilotboat pack")
            page.get_by_role("button", name="Look again").click()
            expect(page.get_by_role("button", name="Look again")).to_be_visible()
            seen.clean(refused=len(seen.errors))

    def test_a_model_that_did_not_load(self, context: BrowserContext, fleet: Server) -> None:
        seen = Watched(context.new_page(), fleet.url)
        page = seen.open("/#/broken")
        expect(page.get_by_role("heading", name="broken is not ready")).to_be_visible()
        expect(page.locator("#state pre")).to_contain_text("--name broken")
        expect(page.locator("#notice")).to_contain_text("broken")
        seen.clean(refused=2)
