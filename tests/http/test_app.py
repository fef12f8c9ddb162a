from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pilotboat.http.app import create_app
from pilotboat.http.body import Limits
from pilotboat.runtime.repository import Repository
from tests.http.wire import inside, routes

ROUTES = {
    ("/predict", "POST"),
    ("/v1/models", "GET"),
    ("/v1/models/{model}", "GET"),
    ("/v1/models/{model}:predict", "POST"),
    ("/v1/models/{model}/versions/{version}", "GET"),
    ("/v1/models/{model}/versions/{version}:predict", "POST"),
    ("/v1/feedback", "POST"),
    ("/v1/predictions", "GET"),
    ("/livez", "GET"),
    ("/metrics", "GET"),
    ("/readyz", "GET"),
    ("/health", "GET"),
    ("/docs", "GET"),
    ("/pages/{name}", "GET"),
    ("/openapi.json", "GET"),
    ("/", "GET"),
}


def test_every_route_is_in_the_list() -> None:
    assert routes() == ROUTES


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_the_root_tells_programs_that_it_is_alive(models: Path, accept: str) -> None:
    with inside(repository=str(models)) as ask:
        response = ask("GET", "/", headers={"accept": accept})
        assert response.json() == {"status": "alive"}
        assert response.headers["vary"] == "Accept"


def test_the_root_shows_people_a_page(models: Path) -> None:
    with inside(repository=str(models)) as ask:
        response = ask("GET", "/", headers={"accept": "text/html,*/*;q=0.8"})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")
        assert response.headers["vary"] == "Accept"


def test_the_repository_is_opened_first_and_all_is_closed_last(tmp_path: Path) -> None:
    seen: list[str] = []

    async def stop() -> None:
        seen.append("stop")

    repository = Repository(tmp_path, wrap=lambda _model: pytest.fail("there is no model"))
    door = create_app(
        repository,
        Limits(),
        max_text=1,
        page=lambda _accept: (b"", ""),
        on_start=lambda: seen.append("start"),
        on_stop=stop,
    )
    assert seen == []

    async def live() -> None:
        app: Any = door.app
        async with app.router.lifespan_context(app):
            seen.append("running")

    asyncio.run(live())
    assert seen == ["start", "running", "stop"]


def test_a_page_that_is_not_there_is_a_problem_too(tmp_path: Path) -> None:
    with inside(repository=str(tmp_path)) as ask:
        response = ask("GET", "/pages/nothing.js")
        assert response.status_code == 404
        assert response.json()["code"] == "not-found"
