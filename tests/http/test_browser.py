"""The web pages in a real browser, over a real server."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

import pilotboat
from pilotboat.operations.ring import fresh, line
from tests.factories import Server
from tests.http.conftest import wait_for_store

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium (apt install chromium)"),
]

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
    """A real server of four models, one of them with hostile names, that keeps predictions."""
    pytest.importorskip("sqlalchemy", reason="needs the extra 'store'")
    state = str(tmp_path_factory.mktemp("state"))
    repository = tmp_path_factory.mktemp("harbour")
    for name in ("titanic", "house", "reviews"):
        (repository / name).symlink_to(models / name)
    pack_hostile(repository)
    with Server(repository, PILOTBOAT_PREDICTION_LOG="true", PILOTBOAT_STATE=state) as running:
        wait_for_store(running)
        yield running


@pytest.fixture
def seen(context: BrowserContext, harbour: Server) -> Watched:
    return Watched(context.new_page(), harbour.url)


def test_the_first_model_is_shown_and_the_others_are_links(seen: Watched) -> None:
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


def test_a_row_is_answered_with_bars_and_its_command(seen: Watched) -> None:
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


def test_an_answer_fades_when_the_row_changes_and_goes_on_reset(seen: Watched) -> None:
    page = seen.model("titanic")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer strong")).to_be_visible()
    page.get_by_label("sex", exact=True).select_option("male")
    expect(page.locator("#answer")).to_have_class("stale")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#answer")).to_have_text("Fill in the row and press Predict.")
    seen.clean()


def test_a_fault_is_shown_at_its_field_and_goes_when_it_is_mended(seen: Watched) -> None:
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


def test_a_boolean_is_a_boolean_and_text_is_text(seen: Watched) -> None:
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


def test_names_and_values_are_text_whatever_they_look_like(seen: Watched) -> None:
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


def test_a_fault_finds_a_field_whose_name_needs_escapes(seen: Watched) -> None:
    page = seen.model("hostile")
    field = page.get_by_label(COLUMN, exact=True)
    page.evaluate("document.querySelector('option').value = 'x'")
    field.select_option(index=0)
    page.get_by_role("button", name="Predict").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    seen.clean(refused=1)


def test_the_command_is_copied(seen: Watched) -> None:
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = seen.model("titanic")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#curl").inner_text()
    seen.clean()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone(browser: Browser, harbour: Server, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    seen = Watched(context.new_page(), harbour.url)
    for name in ("hostile", "titanic"):
        page = seen.model(name)
        page.get_by_role("button", name="Predict").click()
        expect(page.locator(".verdict")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    seen.clean()
    context.close()


def test_it_works_under_a_path_of_a_proxy(seen: Watched) -> None:
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


def test_an_unknown_model_is_said(seen: Watched) -> None:
    page = seen.open("/#/titanik")
    expect(page.get_by_role("heading", level=1)).to_have_text("Unknown model")
    expect(page.locator("#model")).to_be_hidden()
    seen.clean(refused=1)


def test_swagger_shows_and_tries_the_api(seen: Watched) -> None:
    page = seen.open("/docs")
    operation = page.locator(".opblock-post", has_text="/v1/models/titanic:predict")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response-col_status").nth(1)
    expect(answer).to_contain_text("200")
    seen.clean()


def test_swagger_says_that_it_has_nothing_to_show(seen: Watched) -> None:
    seen.page.route("**/openapi.json", lambda route: route.fulfill(status=500))
    page = seen.open("/docs")
    expect(page.get_by_role("main")).to_contain_text("cannot be shown: status 500")
    seen.clean(refused=1)


def test_a_server_that_is_gone_is_said(seen: Watched) -> None:
    page = seen.model("titanic")
    page.route("**/*:predict", lambda route: route.abort())
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".problem")).to_contain_text("cannot be reached")
    seen.clean(refused=1)


def test_no_model_yet(context: BrowserContext, tmp_path: Path) -> None:
    with Server(tmp_path, wait_for="/livez") as empty:
        seen = Watched(context.new_page(), empty.url)
        page = seen.open("/")
        expect(page.get_by_role("heading", name="No model here yet")).to_be_visible()
        expect(page.locator("#state pre")).to_contain_text("pilotboat pack")
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("button", name="Look again")).to_be_visible()
        seen.clean(refused=len(seen.errors))


def test_a_model_that_did_not_load(context: BrowserContext, fleet: Server) -> None:
    seen = Watched(context.new_page(), fleet.url)
    page = seen.open("/#/broken")
    expect(page.get_by_role("heading", name="broken is not ready")).to_be_visible()
    expect(page.locator("#state pre")).to_contain_text("--name broken")
    expect(page.locator("#notice")).to_contain_text("broken")
    seen.clean(refused=2)


def test_it_is_said_with_a_click_what_was_right(context: BrowserContext, harbour: Server) -> None:
    seen = Watched(context.new_page(), harbour.url)
    page = seen.model("titanic")
    expect(page.locator(".verdict")).to_have_count(0)
    page.get_by_role("button", name="Predict").click()
    choices = page.get_by_role("group", name="Was it right?").get_by_role("button")
    expect(choices).to_have_text(["no", "yes"])
    noted = page.locator(".verdict [role=status]")
    for label in ("no", "yes"):
        choices.get_by_text(label).click()
        expect(noted).to_have_text(f"Noted: it was {label}.")
        expect(page.locator(".verdict [aria-pressed=true]")).to_have_text([label])
    known = page.locator("#answer .id").inner_text()
    expected = {"id": known, "model": "titanic"}
    assert [json.loads(one) for one in seen.sent[1:]] == [
        expected | {"actual": "no"},
        expected | {"actual": "yes"},
    ]
    for _ in range(300):
        found = harbour.client.get("/v1/predictions", params={"id": known}).json()["predictions"]
        if found and found[0]["actual"] == "yes":
            break
        time.sleep(0.1)
    assert found[0]["actual"] == "yes"
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".verdict")).to_have_count(0)
    seen.clean()


def test_what_was_right_has_the_type_of_the_model(context: BrowserContext, harbour: Server) -> None:
    seen = Watched(context.new_page(), harbour.url)
    page = seen.model("house")
    page.get_by_role("button", name="Predict").click()
    note = page.get_by_role("button", name="Note it")
    note.click()
    noted = page.locator(".verdict [role=status]")
    expect(noted).to_have_text("Type a number.")
    page.get_by_label("What it really was").fill("250.5")
    page.get_by_label("What it really was").press("Enter")
    expect(noted).to_have_text("Noted: it was 250.5.")
    page.get_by_role("link", name="reviews").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("reviews")
    expect(page.locator(".verdict")).to_have_count(0)
    page.get_by_role("button", name="Predict").click()
    page.get_by_role("group", name="Was it right?").get_by_role("button", name="1").click()
    expect(noted).to_have_text("Noted: it was 1.")
    actual = [json.loads(one).get("actual") for one in seen.sent]
    assert actual == [None, 250.5, None, 1]
    seen.clean()


def test_what_was_not_noted_is_said(context: BrowserContext, harbour: Server) -> None:
    seen = Watched(context.new_page(), harbour.url)
    page = seen.model("titanic")
    page.get_by_role("button", name="Predict").click()
    full = json.dumps({"title": "Full", "detail": "There is no room."})
    page.route("**/v1/feedback", lambda route: route.fulfill(status=503, body=full))
    page.get_by_role("group", name="Was it right?").get_by_role("button", name="no").click()
    noted = page.locator(".verdict [role=status]")
    expect(noted).to_have_text("It was not noted: There is no room.")
    expect(page.locator(".verdict [aria-pressed=true]")).to_have_count(0)
    seen.clean(refused=1)


def test_a_server_that_keeps_nothing_asks_nothing(context: BrowserContext, fleet: Server) -> None:
    seen = Watched(context.new_page(), fleet.url)
    page = seen.model("titanic")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer strong")).to_be_visible()
    expect(page.locator(".verdict")).to_have_count(0)
    seen.clean(refused=1)  # one of its models is not ready


@pytest.fixture(scope="module")
def guarded(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server that wants a key, and one that it knows."""
    key, file = fresh("page"), tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(line(key, ["predict:titanic"]))
    file.chmod(0o600)
    with Server(models, wait_for="/livez", PILOTBOAT_API_KEYS_FILE=str(file)) as running:
        yield running, key


def test_the_page_asks_for_a_key_and_keeps_it_in_its_tab(
    context: BrowserContext, guarded: tuple[Server, str]
) -> None:
    server, key = guarded
    seen = Watched(context.new_page(), server.url)
    page = seen.open("/")
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    field = page.get_by_label("API key", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Type or paste a key.")
    field.fill("a b")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("letters, digits")
    field.fill("pb_page_wrong")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The server does not know this key.")
    field.fill(f" {key} ")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("titanic")
    expect(page.locator("#models")).to_be_hidden()  # one model: the key is for no other
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".prediction")).to_be_visible()
    command = page.locator("#curl").inner_text()
    assert 'X-API-Key: $PILOTBOAT_KEY"' in command
    assert key not in page.content()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("titanic")
    assert context.storage_state()["origins"] == []  # nothing outlives the tab
    page.get_by_role("button", name="Forget the API key").click()
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    seen.clean(refused=len(seen.errors))


def test_a_key_that_is_revoked_is_asked_for_anew(
    context: BrowserContext, guarded: tuple[Server, str]
) -> None:
    server, key = guarded
    seen = Watched(context.new_page(), server.url)
    page = seen.open("/")
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("titanic")
    page.route("**/*:predict", lambda route: route.fulfill(status=401, body="{}"))
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert")).to_have_text("The server does not know this key.")


def test_swagger_asks_for_a_key_and_sends_it(
    context: BrowserContext, guarded: tuple[Server, str]
) -> None:
    server, key = guarded
    seen = Watched(context.new_page(), server.url)
    page = seen.open("/docs")
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()
    operation = page.locator(".opblock-post", has_text="/v1/models/titanic:predict")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response-col_status").nth(1)
    expect(answer).to_contain_text("200")
    assert page.locator(".opblock-post", has_text="house").count() == 0
    seen.clean(refused=len(seen.errors))
