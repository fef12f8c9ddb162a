"""The same on a real engine."""

from __future__ import annotations

import functools
import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import PILOTBOAT

pytestmark = pytest.mark.docker

DOCKERFILE = """\
FROM scratch
COPY su /usr/bin/su
COPY again /again
COPY again /again
COPY --chmod=0666 .env /app/.env
ENV DB_PASSWORD=hunter2
ENTRYPOINT serve
"""


@functools.cache
def engine() -> bool:
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


@pytest.fixture(autouse=True)
def _engine() -> None:
    if not engine():
        pytest.skip("needs Docker")


@pytest.fixture
def tag(tmp_path: Path) -> Iterator[str]:
    """An image with much to say about, that needs no base."""
    (tmp_path / "su").write_bytes(b"x" * 1000)
    (tmp_path / "su").chmod(0o4755)
    (tmp_path / "again").write_bytes(b"x" * 9000)
    (tmp_path / ".env").write_text("PASSWORD=hunter2")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    name = f"pilotboat-test-image:{uuid.uuid4().hex[:12]}"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, str(tmp_path)],
        capture_output=True,
        check=True,
    )
    yield name
    subprocess.run(["docker", "rmi", "--force", name], capture_output=True, check=True)


def inspect(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PILOTBOAT, "image", "inspect", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_image_of_this_engine(tag: str) -> None:
    done = inspect("--json", tag)
    told = json.loads(done.stdout)
    assert done.returncode == told["failed"], done.stderr
    failed = {check["name"]: check["reason"] for check in told["checks"] if not check["passed"]}
    assert failed["user"] == "root: no USER is set"
    assert failed["environment"] == "DB_PASSWORD"
    assert failed["secret files"] == "/app/.env (by its name)"
    assert failed["setuid, setgid"] == "/usr/bin/su"
    assert failed["entry point"] == "shell form: /bin/sh -c serve"
    assert any(layer["made_by"] == "COPY su /usr/bin/su" for layer in told["layers"])
    assert "hunter2" not in done.stdout
    assert told["size"] >= 10_000


def test_an_image_that_is_not_there() -> None:
    done = inspect("pilotboat-test-image:absent")
    assert done.returncode == 4
    assert done.stderr.startswith(
        "pilotboat: There is no image 'pilotboat-test-image:absent' here."
    )
    assert done.stderr.count("\n") == 1
