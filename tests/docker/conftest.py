"""One image, one repository of models and one copy of the project for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import (
    IMAGE,
    NAME,
    Production,
    Stack,
    available,
    copy_of_project,
    run,
)
from tests.factories import free_port


@pytest.fixture(scope="session")
def engine() -> None:
    """An engine that answers."""
    if not available():
        pytest.skip("needs Docker")


@pytest.fixture(scope="session")
def image(engine: None) -> Iterator[str]:
    """The production image, built as `make build` does."""
    done = run("sh", "docker/build.sh", "--quiet", env={"IMAGE": NAME})
    assert done.returncode == 0, done.stderr
    yield IMAGE
    tags = run("docker", "images", "--format={{.Repository}}:{{.Tag}}", NAME).stdout.split()
    run("docker", "rmi", "--force", *tags)


@pytest.fixture(scope="session")
def models(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, packed in the image, as users of `make up` get them."""
    folder = tmp_path_factory.mktemp("models")
    folder.chmod(0o755)
    done = run("sh", "docker/examples.sh", image, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that tests may change, each what no other reads."""
    folder = tmp_path_factory.mktemp("project")
    folder.chmod(0o755)
    return copy_of_project(folder)


@pytest.fixture(scope="session")
def production(image: str, models: Path, project: Path) -> Iterator[Production]:
    """What `make up` starts from nothing; requests of a key are counted, so that Redis is asked."""
    (project / ".env").write_text("PILOTBOAT_RATE_LIMIT=100000\n", encoding="utf-8")
    http, https = free_port(), free_port()
    with Stack(project, models, HTTP_PORT=str(http), HTTPS_PORT=str(https)) as stack:
        done = stack.do("up")
        assert done.returncode == 0, done.stderr
        assert f"serving on https://localhost:{https}" in done.stdout
        assert "docker/keys: an API key called first" in done.stdout
        assert "-H @docker/keys/header " in done.stdout
        yield Production(stack, http, https)
