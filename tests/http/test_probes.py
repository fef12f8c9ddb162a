from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import Server
from tests.http.wire import inside


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/livez", {"status": "alive"}),
        ("/readyz", {"status": "ready", "models": ["house", "reviews", "titanic"]}),
        ("/health", {"status": "healthy"}),
    ],
)
def test_a_server_whose_models_answer_is_ready(
    models: Path, path: str, answer: dict[str, object]
) -> None:
    with inside(repository=str(models)) as ask:
        response = ask("GET", path)
        assert response.status_code == 200
        assert response.json() == answer
        assert response.headers["cache-control"] == "no-store"
        assert ask("HEAD", path).status_code == 200


@pytest.mark.parametrize("path", ["/readyz", "/health"])
def test_a_model_that_did_not_load_is_named(fleet: Server, path: str) -> None:
    response = fleet.client.get(path)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert "'broken'" in response.json()["detail"]
    assert "'brittle'" not in response.json()["detail"]
    assert fleet.client.get("/livez").status_code == 200


def test_no_model_at_all_is_said(tmp_path: Path) -> None:
    with inside(repository=str(tmp_path)) as ask:
        assert ask("GET", "/livez").status_code == 200
        for path in ("/readyz", "/health"):
            response = ask("GET", path)
            assert response.status_code == 503
            assert response.json()["code"] == "no-models"
        asked = ask("POST", "/predict", json={})
        assert (asked.status_code, asked.json()["code"]) == (503, "model-not-ready")
        assert ask("GET", "/v1/models").json() == {"models": []}


def test_a_default_that_is_not_there_is_named(models: Path) -> None:
    with inside(repository=str(models), model="nobody") as ask:
        response = ask("GET", "/readyz")
        assert response.status_code == 503
        assert "'nobody'" in response.json()["detail"]
