"""One image, one repository of models and one copy of the project for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import IMAGE, NAME, available, copy_of_project, run


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
