"""One server with models of every kind, for all tests of the HTTP interface."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pilotboat.operations.ring import fresh, line
from tests import factories
from tests.factories import Server


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of three models: mixed columns with gaps, a regression, a text."""
    repository = tmp_path_factory.mktemp("models")
    factories.pack_titanic(repository)
    factories.pack_house(repository)
    factories.pack_reviews(repository)
    return repository


@pytest.fixture(scope="session")
def fleet(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of those, of models that break on some rows, and of one that did not load."""
    repository = tmp_path_factory.mktemp("fleet")
    for name in ("titanic", "house", "reviews"):
        (repository / name).symlink_to(models / name)
    factories.pack_overflow(repository)
    brittle = factories.pack_brittle(repository)
    factories.damaged(models / "house" / "1", repository / "broken")
    factories.damaged(brittle.path, repository / "brittle" / "2")
    options = ["--trust", brittle.digest]
    with Server(repository, *options, wait_for="/livez", PILOTBOAT_MODEL="titanic") as running:
        yield running


class Locked(Server):
    """A server that wants an API key. keys: what each opens -> the key; revoked: one no longer known."""

    keys: dict[str, str]
    revoked: str


SCOPES = {
    "every": ["predict"],
    "titanic": ["predict:titanic"],
    "house": ["predict:house"],
    "metrics": ["metrics"],
    "admin": ["admin"],
    "slow": ["predict"],
}
"""name of a key -> its scopes"""


@pytest.fixture(scope="session")
def locked(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """A server of three models that wants an API key and keeps predictions.

    The key called slow may ask once in 1,000 s.
    """
    file = tmp_path_factory.mktemp("keys") / "keys"
    keys = {name: fresh(name) for name in SCOPES}
    rates = {"slow": 0.001}
    lines = [line(key, SCOPES[name], rates.get(name)) for name, key in keys.items()]
    file.write_text("\n".join(["# revoked keys have no line", *lines]) + "\n")
    file.chmod(0o600)
    made = Locked(
        models,
        PILOTBOAT_API_KEYS_FILE=str(file),
        PILOTBOAT_MODEL="titanic",
        PILOTBOAT_PREDICTION_LOG="true",
        PILOTBOAT_STATE=str(tmp_path_factory.mktemp("state")),
    )
    made.keys, made.revoked = keys, fresh("revoked")
    with made:
        wait_for_store(made, {"x-api-key": keys["admin"]})
        yield made


def wait_for_store(server: Server, headers: dict[str, str] | None = None) -> None:
    """Until the database of a server that keeps predictions is there."""
    for _ in range(300):
        if server.client.get("/v1/predictions", headers=headers).status_code == httpx.codes.OK:
            return
        time.sleep(0.1)
    raise AssertionError(server.logged())
